//! What guardrails found, as facts of the call's span and as lines of the log. Never the text.

use std::borrow::Cow;
use std::sync::Arc;

use tollgate_filters::guard::{Direction, Findings, Policy, Told, What};
use tollgate_filters::request::Rejection;
use tollgate_telemetry::genai::{CallError, GenAi, Outcome, Violation};
use tracing::{info, warn};

use super::content;
use crate::proxy::ctx::Ctx;

/// For `RUST_LOG`, whatever this module is called.
const TARGET: &str = "tollgate::guard";

/// What was found in the request; told once.
pub(super) fn found(ctx: &Ctx) -> Findings {
    ctx.told.as_ref().map(Told::take).unwrap_or_default()
}

/// Adds findings to a call.
pub(super) fn tell(genai: &mut GenAi, findings: &Findings) {
    genai.violations.extend(findings.iter().map(|finding| Violation {
        detector: finding.detector(),
        direction: finding.direction.name(),
        kind: match &finding.what {
            What::Shape(kind) => Cow::Borrowed(kind.name()),
            What::Webhook(name) => Cow::Owned(name.to_string()),
        },
        action: finding.action.name(),
        count: u64::from(finding.count),
    }));
    let unanswered = findings.unanswered().iter();
    genai.unanswered.extend(unanswered.map(|it| (Arc::clone(&it.webhook), it.why.name())));
}

/// Takes out of what is kept of an answer what the caller did not get of it either.
pub(super) fn redact(genai: &mut GenAi, findings: &Findings, policy: Option<&Policy>) {
    let rules = policy.and_then(|policy| policy.rules(Direction::Output));
    if let Some(rules) = rules.filter(|_| findings.touched(Direction::Output)) {
        content::redact_response(genai, rules.unseen());
    }
}

/// How a call ended whose answer a guardrail kept back: the provider did its part, we refused ours.
pub(super) fn judge(rejection: Option<&Rejection>) -> Option<(Outcome, Option<CallError>)> {
    let rejection = rejection.filter(|it| matches!(it, Rejection::Guardrail(_)))?;
    let error = CallError {
        kind: "request_error",
        class: Some(rejection.code().into()),
        message: rejection.to_string(),
    };
    Some((Outcome::Rejected, Some(error)))
}

/// The same where a request is no model call, and so has no span to tell it.
pub(super) fn log_apart(findings: &Findings, request_id: &str) {
    let mut genai = GenAi::default();
    tell(&mut genai, findings);
    log(&genai, request_id);
}

/// One line for each kind of finding.
pub(super) fn log(genai: &GenAi, request_id: &str) {
    for Violation { detector, direction, kind, action, count } in &genai.violations {
        info!(
            target: TARGET,
            request_id,
            detector,
            direction,
            kind = &**kind,
            action,
            count,
            "a guardrail found something"
        );
    }
    for (webhook, reason) in &genai.unanswered {
        warn!(target: TARGET, request_id, webhook = &**webhook, reason, "a guardrail did not answer");
    }
}
