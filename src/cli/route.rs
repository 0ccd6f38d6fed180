//! `tollgate route MODEL`: explains a resolution.

use std::path::Path;

use clap::Args;
use tollgate_providers::endpoint::PROVIDER_HEADER;
use tollgate_routing::EndpointKind;

use super::{Failure, Outcome, load, print};

#[derive(Args, Debug)]
pub(super) struct Options {
    /// The model as a caller would name it, prefixes included.
    model: String,
    /// The endpoint's kind, as in a route.
    #[arg(long, default_value = "chat")]
    endpoint: String,
    /// A header that the caller would send; may be given several times.
    #[arg(long, value_name = "NAME:VALUE", value_parser = header)]
    header: Vec<(String, String)>,
}

pub(super) fn run(config: &Path, options: &Options) -> Outcome {
    let settings = load(config)?;
    let Some(kind) = EndpointKind::parse(&options.endpoint) else {
        return Err(Failure::Usage(format!("no endpoint kind is called `{}`", options.endpoint)));
    };
    let named = options.header.iter().find(|(name, _)| name == PROVIDER_HEADER);
    let provider = named.map(|(_, value)| value.as_str());
    let mut lines = settings.table.explain_at(&options.model, kind, provider);
    for (name, _) in options.header.iter().filter(|(name, _)| name != PROVIDER_HEADER) {
        lines.push(format!("header `{name}` does not decide to which layer or provider it goes"));
    }
    print(&(lines.join("\n") + "\n"))?;
    match settings.table.resolve_at(&options.model, kind, provider) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::failed(error)),
    }
}

/// `NAME:VALUE`, the name in lower case.
fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a header is written as NAME:VALUE")?;
    let name: http::HeaderName = name.trim().parse().map_err(|_| "not a header's name")?;
    Ok((name.as_str().to_owned(), value.trim().to_owned()))
}
