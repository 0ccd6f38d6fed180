//! The head of a part: its name, and whether it is a file.

/// What a part's head says.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) name: String,
    pub(super) is_file: bool,
}

/// Parameters in order: names in lower case, values without their quotes.
type Parameters = Vec<(String, Vec<u8>)>;

// === impl Head ===

impl Head {
    /// Reads the header lines, the blank one included. The error says what is wrong.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, &'static str> {
        let (mut head, mut encoded) = (None, false);
        let lines = bytes.strip_suffix(b"\r\n\r\n").unwrap_or_default();
        if [b"\r\n ", b"\r\n\t"].iter().any(|fold| memchr::memmem::find(lines, *fold).is_some()) {
            return Err("has a folded line");
        }
        for line in Lines(Some(lines)).filter(|line| !line.is_empty()) {
            if line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
                return Err("has a line that does not end in CR LF");
            }
            let colon = memchr::memchr(b':', line).ok_or("has a line without a colon")?;
            let (name, value) = line.split_at(colon);
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            if name.eq_ignore_ascii_case(b"content-disposition") {
                if head.is_some() {
                    return Err("has two dispositions");
                }
                head = Some(Self::of_disposition(value)?);
            } else if name.eq_ignore_ascii_case(b"content-type") {
                if value.get(..10).is_some_and(|kind| kind.eq_ignore_ascii_case(b"multipart/")) {
                    return Err("announces a form within the form");
                }
            } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
                let plain = [&b"7bit"[..], b"8bit", b"binary"];
                encoded |= !plain.iter().any(|plain| value.eq_ignore_ascii_case(plain));
            }
        }
        let head = head.ok_or("has no disposition")?;
        if encoded && !head.is_file {
            return Err("announces an encoded value");
        }
        Ok(head)
    }

    fn of_disposition(value: &[u8]) -> Result<Self, &'static str> {
        let at = memchr::memchr(b';', value).unwrap_or(value.len());
        let (kind, rest) = value.split_at(at);
        if !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") {
            return Err("has a disposition that is not form-data");
        }
        let rest = rest.get(1..).unwrap_or_default();
        let (mut name, mut is_file) = (None, false);
        for (key, value) in parameters(rest).ok_or("has a disposition that cannot be read")? {
            match &*key {
                "name" if name.is_some() => return Err("has two names"),
                // Some readers take a backslash for itself, others for an escape.
                "name" if value.contains(&b'\\') => return Err("has a name with a backslash"),
                "name" => name = Some(value),
                "name*" => return Err("has an extended name, which RFC 7578 rules out"),
                "filename" | "filename*" => is_file = true,
                _ => {}
            }
        }
        let name = name.filter(|name| !name.is_empty()).ok_or("has no name")?;
        let name = String::from_utf8(name).map_err(|_| "has a name that is no UTF-8")?;
        Ok(Self { name, is_file })
    }
}

/// Lines without their CR LF.
struct Lines<'a>(Option<&'a [u8]>);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0?;
        let Some(at) = memchr::memmem::find(rest, b"\r\n") else { return self.0.take() };
        self.0 = rest.get(at + 2..);
        rest.get(..at)
    }
}

/// `a=b; c="d"`: tokens and quoted strings (RFC 2045, 5.1). A backslash takes the next character as
/// it is, but stays in the value, so that who minds can see it. `None`: no such list.
pub(super) fn parameters(text: &[u8]) -> Option<Parameters> {
    let mut found = Vec::new();
    let mut rest = text.trim_ascii_start();
    while !rest.is_empty() {
        let at = memchr::memchr(b'=', rest)?;
        let (name, value) = rest.split_at(at);
        if name.is_empty() || !name.iter().copied().all(is_token) {
            return None;
        }
        let value = value.get(1..)?;
        let (value, after) = if let Some(quoted) = value.strip_prefix(b"\"") {
            let end = quote(quoted)?;
            (quoted.get(..end)?, quoted.get(end + 1..)?)
        } else {
            let end = value.iter().position(|byte| !is_token(*byte)).unwrap_or(value.len());
            value.split_at_checked(end).filter(|(value, _)| !value.is_empty())?
        };
        found.push((String::from_utf8(name.to_ascii_lowercase()).ok()?, value.to_vec()));
        rest = after.trim_ascii_start();
        if !rest.is_empty() {
            rest = rest.strip_prefix(b";")?.trim_ascii_start();
        }
    }
    Some(found)
}

/// Where the closing quote is.
fn quote(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(
            byte,
            b'(' | b')'
                | b'<'
                | b'>'
                | b'@'
                | b','
                | b';'
                | b':'
                | b'\\'
                | b'"'
                | b'/'
                | b'['
                | b']'
                | b'?'
                | b'='
        )
}
