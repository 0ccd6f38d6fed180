//! The machine that is measured on, and whether anything else runs there.

mod files;
mod pinned;

use std::fs;
use std::time::Instant;

use crate::process::{ProcessTree, Used};

pub use files::raise_files_max;
pub use pinned::{pinned, processors};

#[cfg(test)]
mod tests;

/// The share of the machine's CPU time that others may take before a run counts for nothing.
const OTHERS_MAX: f64 = 0.10;
/// The kernel's unit of time in `/proc/stat`: a hundredth of a second on every Linux there is.
const TICK_NS: u64 = 10_000_000;

/// The machine, watched from a moment on.
#[derive(Debug)]
pub struct Machine {
    busy_ns: u64,
    since: Instant,
    own: Vec<(ProcessTree, Used)>,
}

// === impl Machine ===

impl Machine {
    /// What it is, in one line: processors, their model, the system's release.
    pub fn describe() -> String {
        let cpu = read("/proc/cpuinfo");
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
        let model =
            model.map_or("unknown processor", |line| line.trim_start_matches([' ', '\t', ':']));
        let release = read("/proc/sys/kernel/osrelease");
        format!("{} x {model}, Linux {}", parallelism(), release.trim())
    }

    /// Watches from now on what others do; `own` are the processes of the measurement itself.
    pub fn watch(own: impl IntoIterator<Item = ProcessTree>) -> Self {
        let own = own.into_iter().map(|tree| {
            let used = tree.used();
            (tree, used)
        });
        Self { own: own.collect(), busy_ns: busy_ns(&read("/proc/stat")), since: Instant::now() }
    }

    /// The share of all CPU time since [`Machine::watch`] that others took, from 0 to 1.
    pub fn taken_by_others(&self) -> f64 {
        let stat = read("/proc/stat");
        let busy = busy_ns(&stat).saturating_sub(self.busy_ns);
        let own: u64 = self.own.iter().map(|(tree, before)| tree.used().cpu_ns_since(before)).sum();
        let all = self.since.elapsed().as_secs_f64() * 1e9 * processors_of(&stat) as f64;
        if all > 0.0 { busy.saturating_sub(own) as f64 / all } else { 0.0 }
    }

    /// Whether so much was taken by others that figures say little.
    pub fn is_busy(others: f64) -> bool {
        others > OTHERS_MAX
    }
}

fn parallelism() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// How many processors `/proc/stat` tells of, whichever of them this thread is pinned to.
fn processors_of(stat: &str) -> usize {
    let digit = |line: &&str| line.as_bytes().get(3).is_some_and(u8::is_ascii_digit);
    stat.lines().filter(|line| line.starts_with("cpu")).filter(digit).count()
}

/// What all processors have done so far, without idling and waiting for disks. Time that a
/// hypervisor gave to others counts: it was taken, too.
fn busy_ns(stat: &str) -> u64 {
    let Some(line) = stat.lines().next().and_then(|line| line.strip_prefix("cpu ")) else {
        return 0;
    };
    let ticks: Vec<u64> = line.split_whitespace().filter_map(|it| it.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal
    [0, 1, 2, 5, 6, 7].iter().filter_map(|at| ticks.get(*at)).sum::<u64>() * TICK_NS
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
