//! Which processors run what, so that a gateway and its load do not take time from each other.

#[cfg(target_os = "linux")]
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The processors that this thread may run on; none where the system does not say.
#[cfg(target_os = "linux")]
pub fn processors() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|processor| set.is_set(*processor)).collect()
}

/// Runs `work` on these processors alone. Threads and processes that it starts stay there when it has ended;
/// this thread goes back to where it was.
///
/// # Errors
/// What the system said: the processors are not there, or not this process's. `work` has not run then.
#[cfg(target_os = "linux")]
pub fn pinned<T>(processors: &[usize], work: impl FnOnce() -> T) -> std::io::Result<T> {
    let before = sched_getaffinity(None)?;
    let mut set = CpuSet::new();
    processors.iter().filter(|it| **it < CpuSet::MAX_CPU).for_each(|it| set.set(*it));
    sched_setaffinity(None, &set)?;
    let done = work();
    sched_setaffinity(None, &before)?;
    Ok(done)
}

/// The processors that this thread may run on; none where the system does not say.
#[cfg(not(target_os = "linux"))]
pub fn processors() -> Vec<usize> {
    Vec::new()
}

/// Runs `work` on these processors alone.
///
/// # Errors
/// Always: this system keeps no process on a processor.
#[cfg(not(target_os = "linux"))]
pub fn pinned<T>(_processors: &[usize], _work: impl FnOnce() -> T) -> std::io::Result<T> {
    Err(std::io::ErrorKind::Unsupported.into())
}
