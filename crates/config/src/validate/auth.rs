//! Rules for `keys` and for who may send to the collector.

use super::Findings;
use super::providers::{readable, url};
use crate::auth::{AuthMode, own_issuer};
use crate::error::{Place, Problem};
use crate::fields::{Entry, Located};
use crate::model::{Document, IssuerEntry};

/// The longest `iss` and `aud`, in characters.
const TEXT_CHARS_MAX: usize = 512;
const PLAIN: &str = "http://";
const LOCAL: [&str; 3] = ["http://localhost", "http://127.0.0.1", "http://[::1]"];

pub(super) fn run(document: &Document, findings: &mut Findings) {
    if let Some(issuer) = &document.keys.issuer {
        url(issuer, &mut findings.problems);
    }
    let Some(collector) = &document.collector else { return };
    let auth = &collector.auth;
    for entry in &auth.issuers {
        key_set(entry, findings);
        let IssuerEntry { issuer, audience, .. } = &entry.value;
        for text in [issuer, audience].into_iter().flatten() {
            if text.value.chars().count() > TEXT_CHARS_MAX {
                let message = format!("must be at most {TEXT_CHARS_MAX} characters");
                findings.problems.push(Problem::new(&text.place, message));
            }
        }
    }
    distinct_issuers(document, &auth.issuers, &mut findings.problems);
    if let Some(mode) = &auth.mode
        && mode.value == AuthMode::Off
        && !auth.issuers.is_empty()
    {
        let warning =
            Problem::new(&mode.place, "nobody looks at tokens, so `issuers` are not asked");
        findings.warnings.push(warning.hint("`auth: optional`, or `auth: required`"));
    }
}

/// Two rules for the tokens of one issuer would contradict each other.
fn distinct_issuers(
    document: &Document,
    issuers: &[Entry<IssuerEntry>],
    problems: &mut Vec<Problem>,
) {
    let own = own_issuer(document);
    let written: Vec<Located<String>> =
        issuers.iter().filter_map(|entry| entry.value.issuer.clone()).collect();
    super::distinct(&written, "issuer", problems);
    for issuer in written.iter().filter(|issuer| issuer.value == own) {
        let problem = Problem::new(&issuer.place, "is the issuer of tollgate's own tokens");
        problems.push(problem.hint("remove it: those are good anyway"));
    }
}

fn key_set(entry: &Entry<IssuerEntry>, findings: &mut Findings) {
    let problems = &mut findings.problems;
    match (&entry.value.jwks_file, &entry.value.jwks_url) {
        (None, None) => {
            let problem = Problem::new(&entry.place, "`jwks_file` or `jwks_url` is missing");
            problems.push(problem.hint("the issuer's key set, for example from its `jwks_uri`"));
        }
        (Some(_), Some(url)) => {
            let problem = Problem::new(&url.place, "excludes `jwks_file`");
            problems.push(problem.hint("remove one of the two"));
        }
        (Some(file), None) => readable(file, problems),
        (None, Some(written)) => {
            url(written, problems);
            unprotected(&written.value, &written.place, findings);
        }
    }
}

/// Whoever can change the key set on its way can issue tokens.
fn unprotected(url: &str, place: &Place, findings: &mut Findings) {
    let is_local = LOCAL.iter().any(|local| {
        let rest = url.strip_prefix(local);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    if url.starts_with(PLAIN) && !is_local {
        let warning = Problem::new(place, "the key set can be changed on its way");
        findings.warnings.push(warning.hint("use `https://`"));
    }
}
