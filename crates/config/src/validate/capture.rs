//! Rules for what is kept of calls: detectors that exist, headers that may be told of.

use http::HeaderName;
use tollgate_filters::detect::{Detector, Kind};

use super::Findings;
use crate::error::Problem;
use crate::fields::{Entry, Located};
use crate::model::Document;
use crate::suggest;

/// The most headers that become attributes.
const HEADER_ATTRIBUTES_MAX: usize = 32;
/// The longest name of an attribute, in characters.
const ATTRIBUTE_CHARS_MAX: usize = 128;
/// What attributes of our own begin with.
const OURS: [&str; 13] = [
    "gen_ai",
    "gateway",
    "server",
    "error",
    "http",
    "url",
    "client",
    "user_agent",
    "network",
    "service",
    "telemetry",
    "deployment",
    "otel",
];
/// Headers that hold credentials, whatever they are called otherwise.
const CREDENTIALS: [&str; 8] =
    ["authorization", "cookie", "key", "token", "secret", "password", "credential", "credentials"];

pub(super) fn run(document: &Document, findings: &mut Findings) {
    redact(document, &mut findings.problems);
    header_attributes(document, &mut findings.problems);
}

fn redact(document: &Document, problems: &mut Vec<Problem>) {
    let Some(redact) = &document.genai.capture.redact else { return };
    super::distinct(&redact.value, "detector", problems);
    for Located { value, place } in &redact.value {
        let kinds = Kind::named(value);
        if kinds.is_empty() {
            let names = Detector::ALL.map(Detector::name).into_iter();
            let names: Vec<&str> =
                names.chain(Kind::ALL.map(Kind::name).into_iter().skip(1)).collect();
            let problem = Problem::new(place, format!("no detector is called `{value}`"));
            problems.push(problem.maybe_hint(suggest::hint(value, names)));
        }
        if kinds.contains(&Kind::Blocklist) && document.security.blocklist.is_empty() {
            let problem = Problem::new(place, "there is no blocklist");
            problems.push(problem.hint("list the phrases: `security: { blocklist: [...] }`"));
        }
    }
}

fn header_attributes(document: &Document, problems: &mut Vec<Problem>) {
    let entries = &document.genai.capture.header_attributes;
    if let Some(one) = entries.get(HEADER_ATTRIBUTES_MAX) {
        let message = format!("more than {HEADER_ATTRIBUTES_MAX} headers");
        problems.push(Problem::new(&one.place, message).hint("keep those that someone looks at"));
    }
    for Entry { name, place, value } in entries {
        match name.parse::<HeaderName>() {
            Err(_) => problems.push(Problem::new(place, "not a header name")),
            Ok(header) if holds_credentials(&header, document) => {
                let problem = Problem::new(place, format!("`{header}` holds a credential"));
                problems.push(problem.hint("credentials never become attributes"));
            }
            Ok(_) => {}
        }
        if let Some((message, hint)) = wrong_attribute(&value.value) {
            problems.push(Problem::new(&value.place, message).hint(hint));
        }
    }
    let attributes: Vec<_> = entries.iter().map(|entry| entry.value.clone()).collect();
    super::distinct(&attributes, "attribute", problems);
}

fn holds_credentials(header: &HeaderName, document: &Document) -> bool {
    let words = header.as_str().split(['-', '_']);
    let known = words.into_iter().any(|word| {
        let word = word.strip_prefix("api").unwrap_or(word);
        CREDENTIALS.contains(&word)
    });
    let configured = document.providers.iter().filter_map(|it| it.value.auth_header_name.as_ref());
    known || configured.into_iter().any(|name| name.value.eq_ignore_ascii_case(header.as_str()))
}

fn wrong_attribute(name: &str) -> Option<(String, String)> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.len() > ATTRIBUTE_CHARS_MAX || !name.chars().all(legal) {
        let hint = format!("1 to {ATTRIBUTE_CHARS_MAX} letters, digits, `-`, `_` and `.`");
        return Some(("not a name for an attribute".to_owned(), hint));
    }
    let first = name.split('.').next().unwrap_or_default();
    OURS.contains(&first).then(|| {
        let hint = "begin with a word of your own: `app.team`".to_owned();
        (format!("attributes under `{first}` are the gateway's own"), hint)
    })
}
