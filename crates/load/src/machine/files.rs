//! How many files, and so connections, a process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of open files as far as it may be raised without privileges: to the hard limit. It holds
/// for this process and for those that it starts. Returns the limit that holds now.
///
/// Shells give a thousand, for the sake of programs that use `select(2)`; a proxy needs two for each request.
pub fn raise_files_max() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    // Where even that is refused, what was allowed before still is.
    let holds = if raised.is_ok() { maximum } else { current };
    // None is without a limit.
    holds.unwrap_or(u64::MAX)
}
