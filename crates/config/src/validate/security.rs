//! Rules for guardrails: kinds that exist and belong to their detector.

use http::HeaderName;
use tollgate_filters::detect::{Detector, Kind};
use tollgate_filters::guard::Directions;
use tollgate_providers::BaseUrl;
use tollgate_providers::provider::BaseUrlError;

use super::Findings;
use crate::error::Problem;
use crate::fields::Located;
use crate::model::{DetectorEntry, Document, WebhookEntry};
use crate::suggest;

/// The most phrases of a blocklist.
const PHRASES_MAX: usize = 10_000;
/// The longest phrase, in bytes: as much of a stream is held back while it may still become one.
const PHRASE_BYTES_MAX: usize = 1024;
/// The most webhooks, which are asked one after the other.
const WEBHOOKS_MAX: usize = 8;

pub(super) fn run(document: &Document, findings: &mut Findings) {
    let security = &document.security;
    let problems = &mut findings.problems;
    super::distinct(&security.blocklist, "phrase", problems);
    if let Some(one) = security.blocklist.get(PHRASES_MAX) {
        problems.push(Problem::new(&one.place, format!("more than {PHRASES_MAX} phrases")));
    }
    for phrase in security.blocklist.iter().filter(|it| it.value.len() > PHRASE_BYTES_MAX) {
        let message = format!("must be at most {PHRASE_BYTES_MAX} bytes");
        problems.push(Problem::new(&phrase.place, message));
    }
    kinds(&security.pii, Detector::Pii, problems);
    kinds(&security.secrets, Detector::Secrets, problems);
    if let Some(one) = security.webhooks.get(WEBHOOKS_MAX) {
        let message = format!("more than {WEBHOOKS_MAX} webhooks");
        problems.push(Problem::new(&one.place, message).hint("each is asked before every call"));
    }
    for webhook in &security.webhooks {
        self::webhook(&webhook.value, problems);
    }
}

fn webhook(entry: &WebhookEntry, problems: &mut Vec<Problem>) {
    if let Some(url) = &entry.url
        && let Err(error) = url.value.parse::<BaseUrl>()
    {
        let hint = match error {
            BaseUrlError::Extra => "secrets belong into `headers`",
            _ => "for example `https://guard.internal/check`",
        };
        problems.push(Problem::new(&url.place, error.to_string()).hint(hint));
    }
    for header in &entry.headers {
        if header.name.parse::<HeaderName>().is_err() {
            problems.push(Problem::new(&header.place, "not a header name"));
        }
    }
    // A policy that cannot be applied to streams is none.
    if let Some(direction) = entry.direction.as_ref().filter(|it| it.value != Directions::Input) {
        let problem = Problem::new(&direction.place, "webhooks are asked of requests only");
        problems.push(problem.hint("write `direction: input`, or leave it out"));
    }
}

fn kinds(entry: &DetectorEntry, detector: Detector, problems: &mut Vec<Problem>) {
    let Some(names) = &entry.kinds else { return };
    super::not_empty(names, problems);
    super::distinct(&names.value, "kind", problems);
    for Located { value, place } in &names.value {
        let all = Kind::ALL.into_iter().filter(|kind| kind.detector() == detector);
        let all: Vec<&str> = all.map(Kind::name).collect();
        if !all.contains(&value.as_str()) {
            let message = format!("`{}` finds nothing called `{value}`", detector.name());
            let problem = Problem::new(place, message);
            problems.push(problem.maybe_hint(suggest::hint(value, all)));
        }
    }
}
