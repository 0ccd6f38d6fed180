//! The `tollgate` binary: arguments in, exit code out.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A request takes some hundred small blocks, and its spans are freed by other threads than made them,
/// which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    tollgate::cli::main()
}
