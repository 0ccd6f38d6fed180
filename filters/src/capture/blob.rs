//! Pictures, sound and files in base64: not kept, but said to have been there.

/// Shorter ones are kept: a mark would not save much.
const BLOB_BYTES_MIN: usize = 64;
/// Where a data URL says that its data begin, at the latest.
const DATA_URL_HEAD_BYTES_MAX: usize = 256;
/// Fields that hold bare base64.
const KEYS: [&str; 4] = ["data", "file_data", "b64_json", "bytes"];
/// What the first bytes of common formats become in base64.
const BEGINNINGS: [(&str, &str); 9] = [
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("JVBERi0", "application/pdf"),
    ("SUQz", "audio/mpeg"),
    ("//u", "audio/mpeg"),
    ("T2dnUw", "audio/ogg"),
    ("ZkxhQ", "audio/flac"),
    ("UEsDB", "application/zip"),
];
/// `RIFF`, four bytes of length, and then what it is.
const RIFF: &str = "UklGR";
const UNKNOWN: &str = "application/octet-stream";

/// `[image/png, 12345 bytes]` for the text of a string that is a data URL, or that stands under a
/// key for base64 and is nothing else. `None` for any other.
pub(super) fn mark(key: &str, text: &str) -> Option<String> {
    if text.len() < BLOB_BYTES_MIN {
        return None;
    }
    let (media, data) = match text.strip_prefix("data:") {
        Some(url) => {
            let head = url.get(..url.floor_char_boundary(DATA_URL_HEAD_BYTES_MAX))?;
            let comma = head.find(',')?;
            let media = head.get(..comma)?.strip_suffix(";base64")?;
            (media.split(';').next().unwrap_or_default(), url.get(comma + 1..)?)
        }
        None if KEYS.contains(&key) && is_base64(text) => (format_of(text), text),
        None => return None,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/+.-".contains(&byte);
    let media = if !media.is_empty() && media.bytes().all(plain) { media } else { UNKNOWN };
    let digits = data.bytes().filter(|byte| byte.is_ascii_alphanumeric() || is_sign(*byte)).count();
    Some(format!("[{media}, {} bytes]", digits * 3 / 4))
}

const fn is_sign(byte: u8) -> bool {
    matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Both alphabets; a slash and line ends may be escaped.
pub(crate) fn is_base64(text: &str) -> bool {
    let text = text.trim_end_matches('=');
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_sign(byte) || byte == b'\\')
}

fn format_of(data: &str) -> &'static str {
    if data.starts_with(RIFF) {
        // What begins at the ninth byte shows from the twelfth digit on.
        return match data.get(11..16) {
            Some("XQVZF") => "audio/wav",
            Some("XRUJQ") => "image/webp",
            _ => UNKNOWN,
        };
    }
    let plain = data.get(..data.floor_char_boundary(16)).unwrap_or_default().replace("\\/", "/");
    let known = BEGINNINGS.iter().find(|(beginning, _)| plain.starts_with(beginning));
    known.map_or(UNKNOWN, |(_, media)| media)
}
