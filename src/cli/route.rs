//! `tollgate route MODEL`: explains a resolution.

use std::path::Path;

use clap::Args;
use tollgate_routing::EndpointKind;

use super::{Failure, Outcome, load, print};

#[derive(Args, Debug)]
pub(super) struct Options {
    /// The model as a caller would name it, prefixes included.
    model: String,
    /// The endpoint's kind, as in a route.
    #[arg(long, default_value = "chat")]
    endpoint: String,
}

pub(super) fn run(config: &Path, options: &Options) -> Outcome {
    let settings = load(config)?;
    let Some(kind) = EndpointKind::parse(&options.endpoint) else {
        return Err(Failure::Usage(format!("no endpoint kind is called `{}`", options.endpoint)));
    };
    let lines = settings.table.explain(&options.model, kind);
    print(&(lines.join("\n") + "\n"))?;
    match settings.table.resolve(&options.model, kind) {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::failed(error)),
    }
}
