//! Pearson's test: do counts follow the expected shares?

/// The probability that a fair draw is refused: the seeds are fixed, so that a test that passes
/// once passes always.
const ALPHA_Z: f64 = 3.090;
/// Cells that expect fewer are pooled: below it the statistic isn't chi-squared.
const EXPECTED_MIN: f64 = 5.0;

/// Whether `counts` follow `shares`, at a significance of 0.1 %. What has no share must not have been
/// counted at all.
pub(crate) fn follows(counts: &[u64], shares: &[f64]) -> Result<(), String> {
    assert_eq!(counts.len(), shares.len(), "a share for each count");
    let (drawn, whole) = (counts.iter().sum::<u64>() as f64, shares.iter().sum::<f64>());
    let mut cells: Vec<(f64, f64)> = Vec::new();
    for (at, (count, share)) in counts.iter().zip(shares).enumerate() {
        if *share <= 0.0 && *count > 0 {
            return Err(format!("number {at} has no share and was drawn {count} times"));
        }
        if *share > 0.0 {
            cells.push((*count as f64, drawn * share / whole));
        }
    }
    cells.sort_by(|one, other| one.1.total_cmp(&other.1));
    while let [first, second, ..] = cells[..]
        && first.1 < EXPECTED_MIN
    {
        cells.splice(0..2, [(first.0 + second.0, first.1 + second.1)]);
        cells.sort_by(|one, other| one.1.total_cmp(&other.1));
    }
    let statistic: f64 = cells.iter().map(|(count, mean)| (count - mean).powi(2) / mean).sum();
    let limit = critical(cells.len().saturating_sub(1));
    if statistic <= limit {
        return Ok(());
    }
    Err(format!("chi-squared is {statistic:.1}, above {limit:.1}: counted and expected {cells:?}"))
}

/// The value that chi-squared passes with the probability 0.001, after Wilson and Hilferty; 3 %
/// too high at one degree of freedom, and closer at more.
fn critical(degrees: usize) -> f64 {
    let k = degrees as f64;
    if degrees == 0 {
        return 1e-9;
    }
    let spread = 2.0 / (9.0 * k);
    k * (1.0 - spread + ALPHA_Z * spread.sqrt()).powi(3)
}
