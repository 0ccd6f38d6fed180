//! Forms, read as simply as can be: the gateway's own reader is not to check itself.

use http::{HeaderMap, header};

/// One field of a form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) name: String,
    pub(crate) file_name: Option<String>,
    pub(crate) content: &'a [u8],
}

/// The fields of a multipart body; `None` if it is none.
pub(crate) fn fields<'a>(headers: &HeaderMap, body: &'a [u8]) -> Option<Vec<Field<'a>>> {
    let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let boundary = parameter(content_type.strip_prefix("multipart/form-data")?, "boundary")?;
    let mut rest = body.strip_prefix(format!("--{boundary}").as_bytes())?;
    let delimiter = format!("\r\n--{boundary}");
    let mut fields = Vec::new();
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let head = find(part, b"\r\n\r\n")?;
        let content = part.get(head + 4..)?;
        let end = find(content, delimiter.as_bytes())?;
        let head = String::from_utf8_lossy(part.get(..head)?).into_owned();
        let named = head.lines().find_map(|line| line.split_once(": form-data"))?.1;
        fields.push(Field {
            name: parameter(named, "name")?,
            file_name: parameter(named, "filename"),
            content: content.get(..end)?,
        });
        rest = content.get(end + delimiter.len()..)?;
    }
    rest.starts_with(b"--").then_some(fields)
}

fn parameter(text: &str, name: &str) -> Option<String> {
    let value =
        text.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))?;
    Some(value.trim_matches('"').to_owned())
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
