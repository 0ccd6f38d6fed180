//! What a new key's calls may use, as the command line says it.

use clap::Args;
use tollgate_keys::Grants;
use tollgate_limits::{PATTERN_BYTES_MAX, nanos_of};

/// The longest value of metadata, in characters.
const VALUE_CHARS_MAX: usize = 256;
/// The longest name in metadata, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// The most money that a budget can be, in units of its currency.
const BUDGET_MAX: f64 = 1_000_000_000.0;
/// The highest number a minute.
const PER_MINUTE_MAX: u64 = 1_000_000_000;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// What its calls may ask for: names of models, routes and functions, `*` for any text; all by default.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = pattern)]
    models: Vec<String>,
    /// Requests a minute.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=PER_MINUTE_MAX))]
    rpm: Option<u64>,
    /// Input and output tokens a minute.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=PER_MINUTE_MAX))]
    tpm: Option<u64>,
    /// Requests at a time.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=PER_MINUTE_MAX))]
    concurrency: Option<u64>,
    /// Money a day (UTC), for example 2.50.
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    budget_day: Option<u64>,
    /// Money a month (UTC).
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    budget_month: Option<u64>,
    /// The currency of budgets, as ISO 4217 has it.
    #[arg(long, value_name = "CODE", default_value = "USD", value_parser = currency)]
    currency: String,
    /// What spans of its calls say besides; may be given several times.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
}

// === impl Options ===

impl Options {
    /// Whether anything is said of calls.
    pub(super) const fn is_empty(&self) -> bool {
        let Self { models, rpm, tpm, concurrency, budget_day, budget_month, metadata, .. } = self;
        models.is_empty()
            && rpm.is_none()
            && tpm.is_none()
            && concurrency.is_none()
            && budget_day.is_none()
            && budget_month.is_none()
            && metadata.is_empty()
    }

    pub(super) fn grants(&self) -> Grants {
        Grants {
            models: self.models.clone(),
            requests_per_minute: self.rpm,
            tokens_per_minute: self.tpm,
            concurrency_max: self.concurrency,
            budget_day_nanos: self.budget_day,
            budget_month_nanos: self.budget_month,
            currency: self.currency.clone(),
            metadata: self.metadata.clone(),
        }
    }
}

/// What a key may use, in one cell of a table.
pub(super) fn shown(grants: &Grants) -> String {
    let mut parts = Vec::new();
    let mut part = |name: &str, value: Option<u64>| {
        parts.extend(value.map(|value| format!("{name}={value}")));
    };
    part("rpm", grants.requests_per_minute);
    part("tpm", grants.tokens_per_minute);
    part("concurrency", grants.concurrency_max);
    let mut money = |name: &str, nanos: Option<u64>| {
        let amount = nanos.map(|nanos| nanos as f64 / 1e9);
        parts.extend(amount.map(|amount| format!("{amount}{}/{name}", grants.currency)));
    };
    money("day", grants.budget_day_nanos);
    money("month", grants.budget_month_nanos);
    if parts.is_empty() { "-".to_owned() } else { parts.join(",") }
}

/// The models a key may ask for, in one cell of a table.
pub(super) fn models(grants: &Grants) -> String {
    if grants.models.is_empty() { "(all)".to_owned() } else { grants.models.join(",") }
}

/// The metadata of a key, in one cell of a table.
pub(super) fn metadata(grants: &Grants) -> String {
    let pairs = grants.metadata.iter().map(|(name, value)| format!("{name}={value}"));
    let text = pairs.collect::<Vec<_>>().join(",");
    if text.is_empty() { "-".to_owned() } else { text }
}

fn pattern(written: &str) -> Result<String, String> {
    let written = written.trim();
    let is_bad = written.is_empty()
        || written.len() > PATTERN_BYTES_MAX
        || written.contains(char::is_control);
    if is_bad { Err(format!("1 to {PATTERN_BYTES_MAX} bytes")) } else { Ok(written.to_owned()) }
}

fn amount(written: &str) -> Result<u64, String> {
    match written.parse::<f64>() {
        Ok(amount) if (0.0..=BUDGET_MAX).contains(&amount) => Ok(nanos_of(amount)),
        _ => Err("write an amount of money, for example 2.50".to_owned()),
    }
}

fn currency(written: &str) -> Result<String, String> {
    let is_code = written.len() == 3 && written.bytes().all(|byte| byte.is_ascii_uppercase());
    if is_code { Ok(written.to_owned()) } else { Err("three capital letters".to_owned()) }
}

fn pair(written: &str) -> Result<(String, String), String> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    match written.split_once('=') {
        Some((name, value))
            if (1..=NAME_BYTES_MAX).contains(&name.len())
                && name.bytes().all(legal)
                && !value.is_empty()
                && value.chars().count() <= VALUE_CHARS_MAX
                && !value.contains(char::is_control) =>
        {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => {
            Err("write a name of letters, digits, `-`, `_`, `.`, and a value: team=search"
                .to_owned())
        }
    }
}
