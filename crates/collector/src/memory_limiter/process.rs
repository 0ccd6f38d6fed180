//! What the process holds, as the system tells it.

use std::fs;

/// Unlike `statm`, which counts in pages of a size that nobody tells, this counts in KiB.
const STATUS: &str = "/proc/self/status";
const RESIDENT: &str = "VmRSS:";

/// Resident memory in bytes; `None` on systems that do not say. Reads no disk.
pub(super) fn resident_bytes() -> Option<usize> {
    let status = fs::read_to_string(STATUS).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(RESIDENT))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kib.checked_mul(1024)
}
