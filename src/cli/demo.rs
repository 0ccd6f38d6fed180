//! To be filled in.
use clap::Args;
#[derive(Args, Debug)]
pub(super) struct Options {}
