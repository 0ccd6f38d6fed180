//! Did you mean?

/// Names that other tools use, and ours.
const ALIASES: [(&str, &str); 8] = [
    ("api_key", "credential"),
    ("key", "credential"),
    ("secret", "credential"),
    ("token", "credential"),
    ("url", "base_url"),
    ("endpoint", "otlp_endpoint"),
    ("address", "host"),
    ("bind", "host"),
];

/// The candidate that was most likely meant by `written`, if one is close.
pub(crate) fn closest<'c>(
    written: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let ours = ALIASES.iter().find(|(theirs, _)| *theirs == written).map(|(_, ours)| *ours);
    // One slip in a short word, two in a longer one, three from twelve letters on.
    let slips_max = 1 + (written.chars().count() / 6).min(2);
    let slips = |candidate: &str| match ours {
        Some(ours) if ours == candidate => 0,
        _ => strsim::osa_distance(written, candidate),
    };
    candidates
        .into_iter()
        .map(|candidate| (slips(candidate), candidate))
        .filter(|(slips, candidate)| *slips <= slips_max && *slips < candidate.chars().count())
        .min()
        .map(|(_, candidate)| candidate)
}

/// ``did you mean `x`?``, or the whole list where nothing is close and the list is short.
pub(crate) fn hint<'c>(
    written: &str,
    candidates: impl IntoIterator<Item = &'c str> + Clone,
) -> Option<String> {
    /// Longer lists help nobody.
    const SHOWN_MAX: usize = 12;
    if let Some(closest) = closest(written, candidates.clone()) {
        return Some(format!("did you mean `{closest}`?"));
    }
    let all: Vec<String> = candidates.into_iter().map(|it| format!("`{it}`")).collect();
    (!all.is_empty() && all.len() <= SHOWN_MAX).then(|| format!("there is {}", all.join(", ")))
}
