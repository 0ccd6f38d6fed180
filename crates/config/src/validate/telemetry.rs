//! Rules for exporters: URLs, headers, certificates, resources, vocabularies.

use http::HeaderName;
use tollgate_telemetry::Profile;

use super::Findings;
use super::providers::{readable, url};
use crate::error::{Place, Problem};
use crate::fields::Located;
use crate::model::{Document, OtlpEntry, OtlpTlsEntry, Profiles};
use crate::suggest;
use crate::variables::Variables;

/// The resource attribute that has a field of its own.
const SERVICE_NAME: &str = "service.name";

pub(super) fn run(document: &Document, findings: &mut Findings) {
    let problems = &mut findings.problems;
    for otlp in document.exporters() {
        exporter(otlp, problems);
    }
    let named = document.genai.exporters.iter().map(|exporter| &exporter.value.profiles);
    for list in [&document.genai.profiles].into_iter().chain(named).flatten() {
        profiles(list, problems);
    }
}

/// Warns of a section that is switched on without anything to export to.
pub(crate) fn without_endpoint(
    document: &Document,
    variables: &Variables,
    findings: &mut Findings,
) {
    let Some(enabled) = document.telemetry.enabled.as_ref().filter(|it| it.value) else { return };
    if document.telemetry.otlp.endpoint.is_none() && variables.traces.endpoint.is_none() {
        let warning = Problem::new(&enabled.place, "is on, but there is no `otlp_endpoint`");
        let hint = "add one, for example `http://localhost:4317`";
        findings.warnings.push(warning.hint(hint));
    }
}

fn exporter(otlp: &OtlpEntry, problems: &mut Vec<Problem>) {
    if let Some(endpoint) = &otlp.endpoint {
        url(endpoint, problems);
    }
    for header in &otlp.headers {
        if header.name.parse::<HeaderName>().is_err() {
            problems.push(Problem::new(&header.place, "not a header name"));
        }
    }
    if let Some(tls) = &otlp.tls {
        certificates(tls, otlp.endpoint.as_ref(), problems);
    }
    for attribute in &otlp.resource {
        if attribute.name.trim().is_empty() {
            problems.push(Problem::new(&attribute.place, "not a name for an attribute"));
        }
        if attribute.name == SERVICE_NAME {
            let problem = Problem::new(&attribute.place, "has a field of its own");
            problems.push(problem.hint("write `service_name: NAME` beside `resource`"));
        }
    }
}

fn certificates(
    tls: &Located<OtlpTlsEntry>,
    endpoint: Option<&Located<String>>,
    problems: &mut Vec<Problem>,
) {
    let OtlpTlsEntry { ca_file, cert_file, key_file } = &tls.value;
    for file in [ca_file, cert_file, key_file].into_iter().flatten() {
        readable(file, problems);
    }
    if endpoint.is_some_and(|endpoint| endpoint.value.starts_with("http://")) {
        let problem = Problem::new(&tls.place, "is for an `https` endpoint");
        problems.push(problem.hint("remove it, or write `https://` into `otlp_endpoint`"));
    }
}

fn profiles(list: &Profiles, problems: &mut Vec<Problem>) {
    super::distinct(&list.value, "profile", problems);
    super::not_empty(list, problems);
    for Located { value, place } in &list.value {
        if Profile::named(value).is_none() {
            problems.push(unknown_profile(value, place));
        }
    }
}

fn unknown_profile(written: &str, place: &Place) -> Problem {
    let words = Profile::ALL.into_iter().map(Profile::name);
    let problem = Problem::new(place, format!("no profile is called `{written}`"));
    problem.maybe_hint(suggest::hint(written, words))
}
