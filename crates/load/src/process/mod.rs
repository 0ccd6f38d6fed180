//! What a gateway's processes use, as the system counts it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

#[cfg(test)]
mod tests;

/// A process and all that it has started.
#[derive(Clone, Debug)]
pub struct ProcessTree {
    root: u32,
}

/// What a tree has used since it was started. Take one before and one after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// CPU time in nanoseconds, by the names of the threads that run now.
    pub cpu_ns: BTreeMap<String, u64>,
    /// Memory in use now, in bytes, pages that several processes share counted in each.
    pub rss_bytes: u64,
    /// The most that each process has had in use so far, added up, in bytes.
    pub rss_bytes_max: u64,
}

// === impl ProcessTree ===

impl ProcessTree {
    /// Of the process `root`.
    pub const fn new(root: u32) -> Self {
        Self { root }
    }

    /// Of this process.
    pub fn own() -> Self {
        Self::new(std::process::id())
    }

    /// What it has used so far. Empty for a process that is gone, and where there is no `/proc`.
    pub fn used(&self) -> Used {
        let mut used = Used::default();
        let mut waiting = vec![self.root];
        while let Some(process) = waiting.pop() {
            let folder = PathBuf::from(format!("/proc/{process}"));
            let status = read(folder.join("status"));
            used.rss_bytes += bytes(&status, "VmRSS:");
            used.rss_bytes_max += bytes(&status, "VmHWM:");
            let Ok(tasks) = fs::read_dir(folder.join("task")) else { continue };
            for task in tasks.flatten() {
                let task = task.path();
                let name = read(task.join("comm")).trim().to_owned();
                // The first number is the time on a CPU, in nanoseconds.
                let ns = read(task.join("schedstat"));
                let ns = ns.split(' ').next().and_then(|ns| ns.parse::<u64>().ok());
                *used.cpu_ns.entry(name).or_default() += ns.unwrap_or_default();
                let children = read(task.join("children"));
                waiting.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
            }
        }
        used
    }
}

// === impl Used ===

impl Used {
    /// CPU time since `before`, in nanoseconds, by thread's name.
    pub fn since(&self, before: &Self) -> BTreeMap<String, u64> {
        let spent = |name: &String, ns: &u64| {
            ns.saturating_sub(before.cpu_ns.get(name).copied().unwrap_or_default())
        };
        self.cpu_ns.iter().map(|(name, ns)| (name.clone(), spent(name, ns))).collect()
    }

    /// The same for all threads together.
    pub fn cpu_ns_since(&self, before: &Self) -> u64 {
        self.since(before).values().sum()
    }
}

/// What cannot be read is empty: a thread may end while it is looked at.
fn read(path: PathBuf) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn bytes(status: &str, field: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}
