//! Keys of our own at work: tokens for the collector, and who issues them.
//!
//! `router` is what the control plane serves of it; `auth` is what the collector asks.

mod callers;
mod fetch;
mod rate_limit;
mod readers;
mod router;

use std::fmt::Write;
use std::sync::Arc;

use tollgate_collector::{Auth, AuthMode, IssuerSettings};
use tollgate_config as config;
use tollgate_keys::token::Rules;
use tollgate_keys::{Exchange, KeyRing};

pub(crate) use callers::KnownCallers;
pub(crate) use readers::query_keys;
pub(crate) use router::{Desk, router};

/// What the collector asks about senders. Reads key sets that are in files.
///
/// # Errors
/// An issuer that could never be asked.
pub(crate) fn auth(settings: &config::CollectorAuth, exchange: &Exchange) -> Result<Auth, String> {
    let mode = match settings.mode {
        config::AuthMode::Required => AuthMode::Required,
        config::AuthMode::Optional => AuthMode::Optional,
        config::AuthMode::Off => AuthMode::Off,
    };
    let mut issuers = Vec::new();
    for issuer in &settings.issuers {
        let rules = Rules {
            issuer: issuer.issuer.clone(),
            audience: issuer.audience.clone(),
            life_s_max: issuer.token_life_max.as_secs(),
            scope: None,
        };
        let fetch = fetch::key_set(&issuer.jwks)
            .map_err(|error| format!("collector.issuers.{}: {error}", issuer.name))?;
        issuers.push(IssuerSettings { name: issuer.name.clone(), rules, fetch });
    }
    Ok(Auth::new(mode, Some(exchange.clone()), issuers))
}

/// The exchange that `settings` ask for.
pub(crate) fn exchange(settings: &config::Keys) -> Exchange {
    Exchange::new(settings.issuer.clone(), Arc::new(KeyRing::new(&settings.path)))
}

/// Counters for `/metrics`, in Prometheus' text format.
pub(crate) fn metrics(desk: &Desk, callers: Option<&KnownCallers>, auth: Option<&Auth>) -> String {
    let mut text = String::new();
    let mut family = |name: &str, help: &str, label: &str, rows: &[(&str, u64)]| {
        // `write!` to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
        for (value, count) in rows {
            let _ = writeln!(text, "{name}{{{label}=\"{value}\"}} {count}");
        }
    };
    family(
        "gateway_ingest_token_exchanges_total",
        "Keys brought to the token exchange, by what came of it",
        "result",
        &desk.results(),
    );
    if let Some(callers) = callers {
        family(
            "gateway_caller_auth_total",
            "Requests by what was found of their caller's key",
            "result",
            &callers.results(),
        );
    }
    if let Some(auth) = auth {
        let mut rows = vec![("accepted", auth.accepted())];
        rows.extend(auth.refusals());
        family(
            "gateway_collector_auth_total",
            "Exports whose sender was looked at, by what was found",
            "result",
            &rows,
        );
    }
    text
}
