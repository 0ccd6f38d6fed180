//! Prices of models that nobody serves, and currencies that are none.

use tollgate_providers::is_snapshot_of;

use super::Findings;
use crate::error::Problem;
use crate::fields::Located;
use crate::model::Document;
use crate::registry::Registry;

pub(super) fn run(document: &Document, findings: &mut Findings) {
    let registry = Registry::new(&document.providers);
    for price in &document.pricing {
        findings.problems.extend(price.value.currency.as_ref().and_then(currency));
        let name = price.name.as_str();
        // A provider may name the snapshot that answers, or be asked for one.
        let means = |model: &str| {
            model == name || is_snapshot_of(model, name) || is_snapshot_of(name, model)
        };
        if !registry.models().any(means) {
            let message = format!("no provider lists the model `{name}`");
            let hint = "the price is used only if an answer names this model";
            findings.warnings.push(Problem::new(&price.place, message).hint(hint));
        }
    }
}

/// What is wrong with a currency, if anything is.
pub(super) fn currency(written: &Located<String>) -> Option<Problem> {
    let is_code =
        written.value.len() == 3 && written.value.bytes().all(|byte| byte.is_ascii_uppercase());
    let problem = || {
        let message = format!("`{}` is no currency", written.value);
        let hint = "three capital letters, as ISO 4217 has them: `USD`, `EUR`";
        Problem::new(&written.place, message).hint(hint)
    };
    (!is_code).then(problem)
}
