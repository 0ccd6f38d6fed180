//! Rules that limit nothing, or nobody; budgets that nothing is counted against.

use tollgate_limits::{PATTERN_BYTES_MAX, Scope};

use super::Findings;
use super::pricing::currency;
use crate::error::Problem;
use crate::model::Document;

pub(super) fn run(document: &Document, findings: &mut Findings) {
    let problems = &mut findings.problems;
    for rule in &document.limits.rules {
        let entry = &rule.value;
        if !entry.limits_any {
            let hint = "say how much: `requests_per_minute`, `tokens_per_minute`, `concurrency_max` or `budget`";
            problems.push(Problem::new(&rule.place, "the rule limits nothing").hint(hint));
        }
        let scope = entry.per.as_ref().map(|per| per.value);
        if let Some(names) = &entry.matching {
            if scope == Some(Scope::All) {
                let problem = Problem::new(&names.place, "`per: all` has no names to match");
                problems
                    .push(problem.hint("remove `match`, or count by key, user, model or target"));
            }
            super::not_empty(names, problems);
            for name in names.value.iter().filter(|it| it.value.len() > PATTERN_BYTES_MAX) {
                let message = format!("longer than {PATTERN_BYTES_MAX} bytes");
                problems.push(Problem::new(&name.place, message));
            }
        }
        if let Some(budget) = &entry.budget {
            problems.extend(budget.value.currency.as_ref().and_then(currency));
            if document.pricing.is_empty() {
                let problem = Problem::new(&budget.place, "no model has a price");
                let hint = "a budget counts what `pricing` says that tokens cost";
                findings.warnings.push(problem.hint(hint));
            }
        }
    }
    let shared = document.limits.shared.as_ref().filter(|shared| shared.value);
    if let Some(shared) = shared.filter(|_| document.redis.is_none()) {
        let problem = Problem::new(&shared.place, "there is no Redis to share limits through");
        problems.push(problem.hint("add it: `redis: { url: \"redis://localhost:6379\" }`"));
    }
}
