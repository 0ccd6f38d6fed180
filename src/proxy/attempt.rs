//! The beginning of an attempt: the body that its target gets, in the dialect that it speaks.

use tollgate_providers::rewrite::{Rewrite, rewrite};
use tollgate_providers::translate::{Target, Untranslatable, translate_request};
use tollgate_providers::{Dialect, Endpoint, Peek};
use tollgate_routing::{Attempt, Flight};

use crate::proxy::ctx::{Current, Routed};
use crate::proxy::started::Started;

/// Makes `attempt` the running one.
///
/// # Errors
/// What its target cannot express. The attempt is the running one nevertheless.
pub(crate) fn begin(
    routed: &mut Routed,
    attempt: Attempt,
    endpoint: &Endpoint,
) -> Result<(), Untranslatable> {
    let spoken = spoken(&attempt, endpoint);
    let translated = spoken.clone().ok().filter(|upstream| Some(*upstream) != endpoint.dialect());
    // An attempt that begins again after a stale connection is still the same one.
    let before = routed.current.take().filter(|it| it.attempt.number == attempt.number);
    let flight = before.and_then(|mut current| current.flight.take());
    let mut current = Current {
        started: Started::now(),
        body: routed.body.clone(),
        swallow_usage: false,
        translated: translated.filter(|_| endpoint.is_translated()),
        dropped: Vec::new(),
        responding: None,
        error: None,
        refusal: None,
        flight,
        attempt,
    };
    let written = spoken.and_then(|_| write(routed, &mut current, endpoint));
    // The target's time begins here: what writing a long body took is ours.
    current.started = Started::now();
    let probe = routed.attempts.take_probe();
    if written.is_ok() && current.flight.is_none() {
        let now = current.started.at.into_std();
        current.flight = Flight::begin(&current.attempt.target, probe, now);
    }
    routed.current = Some(current);
    written
}

/// The dialect in which the request goes up.
fn spoken(attempt: &Attempt, endpoint: &Endpoint) -> Result<Dialect, Untranslatable> {
    let provider = &attempt.target.provider;
    match endpoint.dialect() {
        Some(caller) if endpoint.is_translated() => Ok(provider.dialect_for(caller)),
        _ if endpoint.is_served_by(provider.dialect) => Ok(provider.dialect),
        _ => Err(Untranslatable {
            field: "model".to_owned(),
            reason: format!("no target of this model serves {}", endpoint.route()),
        }),
    }
}

fn write(
    routed: &Routed,
    current: &mut Current,
    endpoint: &Endpoint,
) -> Result<(), Untranslatable> {
    let caller = endpoint.dialect();
    let Current { attempt, body, translated, dropped, swallow_usage, .. } = current;
    let provider = &attempt.target.provider;
    let params = attempt.variant.as_ref().map(|variant| variant.params).unwrap_or_default();
    if let (Some(caller), Some(upstream)) = (caller, *translated) {
        let target = Target {
            model: &attempt.target.model,
            capabilities: provider.capabilities,
            temperature: params.temperature,
            max_tokens: params.max_tokens,
        };
        let request = translate_request(caller, upstream, &routed.body, &target)?;
        (*body, *dropped) = (request.body, request.dropped);
        return Ok(());
    }
    let model = Some(&*attempt.target.model).filter(|model| **model != *routed.facts.model);
    if let Some(form) = &routed.facts.form {
        *body = model.map_or_else(|| routed.body.clone(), |m| form.with_model(&routed.body, m));
        return Ok(());
    }
    *swallow_usage = caller == Some(Dialect::Chat)
        && routed.facts.stream
        && !routed.facts.include_usage
        && provider.capabilities.stream_options;
    // What a variant says of sampling is meant for chat.
    let chat = caller.is_some();
    let change = Rewrite {
        model,
        include_usage: *swallow_usage,
        temperature: params.temperature.filter(|_| chat),
        max_tokens: params.max_tokens.filter(|_| chat),
        newer_limit: *endpoint == Endpoint::ChatCompletions
            && provider.capabilities.max_completion_tokens,
    };
    // A body that stays as it is need not be read a second time.
    if change.changes()
        && endpoint.names_model()
        && let Ok(peek) = Peek::of(&routed.body)
    {
        *body = rewrite(&routed.body, &peek, change);
    }
    Ok(())
}
