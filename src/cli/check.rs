//! `tollgate check FILE`: offline, every problem at once, then the routing table.

use std::path::Path;

use super::{Outcome, load, print};

pub(super) fn run(file: &Path) -> Outcome {
    let settings = load(file)?;
    print(&tollgate_config::report(&settings))
}
