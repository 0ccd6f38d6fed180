//! Which generation a model is of: parameters of thinking depend on it.

/// The first generation that thinks by level, not by tokens, and wants thoughts signed.
const BY_LEVEL: u32 = 3;
/// The fewest tokens that 2.5 Pro thinks with: there, thinking cannot be turned off.
const PRO_TOKENS_MIN: u64 = 128;

/// Whether thinking is asked for by level, and calls have to carry signatures. Names without a
/// number (`gemini-flash-latest`) stand for the newest.
pub(super) fn thinks_by_level(model: &str) -> bool {
    let Some((_, rest)) = model.rsplit_once("gemini-") else { return false };
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.is_empty() || digits.parse().is_ok_and(|generation: u32| generation >= BY_LEVEL)
}

/// The fewest tokens to think with that the model takes.
pub(super) fn thinking_tokens_min(model: &str) -> u64 {
    if model.contains("gemini-2.5-pro") { PRO_TOKENS_MIN } else { 0 }
}
