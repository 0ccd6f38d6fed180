//! `tollgate route MODEL`: explains a resolution.

use std::path::Path;

use clap::Args;
use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_filters::request::Context;
use tollgate_providers::endpoint::PROVIDER_HEADER;
use tollgate_routing::{Attempts, EndpointKind, Plan, StickyBy};

use super::{Failure, Outcome, load, print};
use crate::proxy::subject;

#[derive(Args, Debug)]
pub(super) struct Options {
    /// The model as a caller would name it, prefixes included.
    model: String,
    /// The endpoint's kind, as in a route.
    #[arg(long, default_value = "chat")]
    endpoint: String,
    /// A header that the caller would send; may be given several times.
    #[arg(long, value_name = "NAME:VALUE", value_parser = header)]
    header: Vec<(HeaderName, HeaderValue)>,
}

pub(super) fn run(config: &Path, options: &Options) -> Outcome {
    let settings = load(config)?;
    let Some(kind) = EndpointKind::parse(&options.endpoint) else {
        return Err(Failure::Usage(format!("no endpoint kind is called `{}`", options.endpoint)));
    };
    let headers: HeaderMap = options.header.iter().cloned().collect();
    let provider = headers.get(PROVIDER_HEADER).and_then(|value| value.to_str().ok());
    let mut lines = settings.table.explain_at(&options.model, kind, provider);
    let found = settings.table.resolve_at(&options.model, kind, provider);
    lines.extend(found.as_ref().ok().and_then(|plan| arm(plan, &headers)));
    for name in headers.keys().filter(|name| *name != PROVIDER_HEADER) {
        lines.push(format!("header `{name}` does not decide to which layer or provider it goes"));
    }
    print(&(lines.join("\n") + "\n"))?;
    match found {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::failed(error)),
    }
}

/// To which arm the headers' subject sticks at first, where the plan has subjects.
fn arm(plan: &Plan, headers: &HeaderMap) -> Option<String> {
    let by = plan.steps.first()?.sticky_by.as_ref()?;
    let context = Context::read(headers, &[]);
    let subject = |by: &StickyBy| subject::of(by, headers, None, &context);
    if subject(by).is_none() {
        return Some(format!("   sticky: no header tells the {by}, so each request is drawn"));
    }
    let first = Attempts::new(plan.clone()).with_subjects(subject).next(0.0)?;
    let name = first.variant.as_ref().map_or(&first.target.name, |variant| &variant.name);
    Some(format!("   sticky: these headers lead to `{name}`, every time"))
}

/// `NAME:VALUE`.
fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("a header is written as NAME:VALUE")?;
    let name = name.trim().parse().map_err(|_| "not a header's name")?;
    let value = value.trim().parse().map_err(|_| "not a header's value")?;
    Ok((name, value))
}
