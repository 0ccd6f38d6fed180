//! Keys in messages: providers quote the one that they refuse.

/// How the keys of the providers begin.
const PREFIXES: [&str; 23] = [
    "sk-",
    "sk_",
    "pk-",
    "xai-",
    "gsk_",
    "AIza",
    "AQ.Ab",
    "ya29.",
    "hf_",
    "nvapi-",
    "AKIA",
    "ASIA",
    "ABSK",
    "bedrock-api-key-",
    "eyJ",
    "pplx-",
    "fw_",
    "fpk_",
    "csk-",
    "tgp_v1_",
    "r8_",
    "rpa_",
    "v1.CmM",
];
/// Shortest run of characters that is taken for a key, in bytes.
const KEY_BYTES_MIN: usize = 8;
/// What stands in a key's place.
const MASK: &str = "***";

/// The text with everything that looks like a key replaced by `***`.
pub(super) fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut announced = false;
    while let Some(first) = rest.chars().next() {
        let is_token = in_token(first);
        let end = rest.find(|c| in_token(c) != is_token).unwrap_or(rest.len());
        let (run, later) = rest.split_at(end);
        rest = later;
        if is_token {
            let core = run.trim_end_matches('.');
            if is_key(core) || (announced && is_opaque(core)) {
                out.push_str(MASK);
                out.push_str(run.get(core.len()..).unwrap_or_default());
            } else {
                out.push_str(run);
            }
            announced = false;
        } else {
            out.push_str(run);
        }
        announced |= announces(&out);
    }
    out
}

/// Whether the word begins as a provider's keys do and goes on for long enough.
pub(super) fn is_key(word: &str) -> bool {
    word.len() >= KEY_BYTES_MIN
        && PREFIXES.iter().any(|prefix| word.starts_with(prefix))
        // Words of the language and of the APIs go on with letters alone.
        && is_opaque(word)
}

/// Whether no word of a language looks like that.
fn is_opaque(word: &str) -> bool {
    // Half of a key behind asterisks is shorter than a key.
    word.contains("**")
        || (word.len() >= KEY_BYTES_MIN && word.contains(|c: char| c.is_ascii_digit()))
}

/// Whether the text so far says that a key comes next.
fn announces(so_far: &str) -> bool {
    let said = so_far.trim_end_matches([' ', '"', '\'', '`', '(', '[']);
    let tail = said.get(said.floor_char_boundary(said.len().saturating_sub(16))..);
    let tail = tail.unwrap_or_default().to_ascii_lowercase();
    ["key:", "key=", "key provided:", "token:", "token=", "bearer", "secret:", "secret="]
        .iter()
        .any(|word| tail.ends_with(word))
}

/// What keys are made of. `*` is part of keys that a provider masked by half.
const fn in_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '*' | '+' | '/' | '~')
}
