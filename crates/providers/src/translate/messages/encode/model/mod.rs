//! What a model's generation takes. The API is one, and what it refuses differs by model.

#[cfg(test)]
mod tests;

/// The generation of a Claude model: major and minor number, `None` for another maker's model that
/// speaks this API. Unnumbered Claude models (previews) count as the newest.
///
/// Names are `claude-opus-4-8`, `claude-sonnet-4-20250514`, `claude-3-7-sonnet-latest`,
/// `claude-4.7-opus`, with whatever a cloud puts before and behind them.
fn generation(model: &str) -> Option<(u32, u32)> {
    let (_, rest) = model.split_once("claude")?;
    let mut numbers = rest
        .split(|c: char| !c.is_ascii_alphanumeric())
        .skip_while(|piece| !is_number(piece))
        .take_while(|piece| is_number(piece))
        .filter_map(|piece| piece.parse().ok());
    let Some(major) = numbers.next() else { return Some((u32::MAX, 0)) };
    Some((major, numbers.next().unwrap_or(0)))
}

/// A part of a version; dates are longer.
fn is_number(piece: &str) -> bool {
    matches!(piece.len(), 1 | 2) && piece.bytes().all(|byte| byte.is_ascii_digit())
}

/// Thinks by `thinking.type: adaptive` and `effort`, and has no budget to set (Claude 4.6 takes
/// both and warns of the budget; later ones refuse it).
pub(super) fn thinks_adaptively(model: &str) -> bool {
    generation(model).is_some_and(|generation| generation >= (4, 6))
}

/// Refuses `temperature`, `top_p` and `top_k` with any value but their default.
pub(super) fn refuses_sampling(model: &str) -> bool {
    generation(model).is_some_and(|generation| generation >= (4, 7))
}

/// Refuses `temperature` and `top_p` together.
pub(super) fn samples_by_one(model: &str) -> bool {
    generation(model).is_some_and(|generation| generation >= (4, 1))
}
