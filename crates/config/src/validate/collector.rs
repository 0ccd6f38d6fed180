//! Rules for how much the collector takes.

use super::Findings;
use crate::collector::memory_mib;
use crate::error::Problem;
use crate::model::Document;

pub(super) fn run(document: &Document, findings: &mut Findings) {
    let Some(collector) = &document.collector else { return };
    let hard = memory_mib(Some(collector));
    let Some(soft) = &collector.memory_soft_limit_mib else { return };
    if soft.value > hard {
        let message = format!("must be at most `memory_limit_mib`, which is {hard} MiB");
        findings.problems.push(Problem::new(&soft.place, message));
    }
}
