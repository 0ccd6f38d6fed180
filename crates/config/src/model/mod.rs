//! Second phase: the file as its author wrote it, with types. Nothing is looked up or filled in.

mod auth;
mod capture;
mod collector;
mod limits;
mod providers;
mod routing;
mod security;
mod server;
mod storage;
mod telemetry;

pub(crate) use auth::{AuthEntry, IssuerEntry, KeysEntry};
pub(crate) use capture::CaptureEntry;
pub(crate) use collector::CollectorEntry;
pub(crate) use limits::{LimitsEntry, RuleEntry};
pub(crate) use providers::{AuthType, ModelOverride, ProviderEntry};
pub(crate) use routing::{
    FunctionEntry, HealthEntry, RetryEntry, RouteEntry, RoutingEntry, StepEntry, TargetEntry,
    VariantEntry,
};
pub(crate) use security::{DetectorEntry, SecurityEntry, Turned, WebhookEntry};
pub(crate) use server::{CacheEntry, ControlEntry, RedisEntry, ServerEntry};
pub(crate) use storage::{PriceEntry, StoreEntry, StoreKind, TablesEntry};
pub(crate) use telemetry::{GenAiEntry, OtlpEntry, OtlpTlsEntry, Profiles, TelemetryEntry};

use crate::error::{Place, Problem};
use crate::fields::{Entry, Fields, Located};
use crate::load::{Node, Value};

/// The longest time that can be configured, in milliseconds: one day.
pub(crate) const TIMEOUT_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// The sections about requests and what is told of them: without a gateway nobody needs them.
const OF_REQUESTS: [&str; 13] = [
    "cache",
    "defaults",
    "functions",
    "genai_telemetry",
    "limits",
    "models",
    "pricing",
    "providers",
    "routes",
    "routing",
    "security",
    "targets",
    "telemetry",
];

/// The whole file.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) server: ServerEntry,
    pub(crate) control: ControlEntry,
    pub(crate) provider_timeout_ms: Option<u64>,
    pub(crate) providers: Vec<Entry<ProviderEntry>>,
    pub(crate) models: Vec<Entry<ModelOverride>>,
    pub(crate) targets: Vec<Entry<TargetEntry>>,
    pub(crate) routes: Vec<Entry<RouteEntry>>,
    pub(crate) functions: Vec<Entry<FunctionEntry>>,
    pub(crate) routing: RoutingEntry,
    pub(crate) security: SecurityEntry,
    pub(crate) cache: CacheEntry,
    pub(crate) redis: Option<RedisEntry>,
    pub(crate) keys: KeysEntry,
    pub(crate) limits: LimitsEntry,
    pub(crate) telemetry: TelemetryEntry,
    pub(crate) genai: GenAiEntry,
    pub(crate) collector: Option<CollectorEntry>,
    pub(crate) store: StoreEntry,
    pub(crate) pricing: Vec<Entry<PriceEntry>>,
}

/// How much of the file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// All but [`OF_REQUESTS`].
    WithoutRequests,
}

/// Reads the document, reporting whatever has the wrong shape.
pub(crate) fn read(root: &mut Node, part: Part, problems: &mut Vec<Problem>) -> Document {
    if let (Part::WithoutRequests, Value::Map(sections)) = (part, &mut root.value) {
        sections.retain(|(key, _)| !OF_REQUESTS.contains(&key.name.as_str()));
    }
    let place = Place::new("", root.position);
    let Some(mut fields) = Fields::of(root, &place, problems) else {
        return Document::default();
    };
    let document = Document {
        server: section(&mut fields, "server", server::server),
        control: section(&mut fields, "control", server::control),
        provider_timeout_ms: providers::defaults(&mut fields),
        providers: fields.table("providers", providers::provider),
        models: fields.table("models", providers::model),
        targets: fields.table("targets", routing::target),
        routes: fields.table("routes", routing::route),
        functions: fields.table("functions", routing::function),
        routing: routing::defaults(&mut fields),
        security: section(&mut fields, "security", security::security),
        cache: section(&mut fields, "cache", server::cache),
        redis: fields.section("redis", server::redis).map(|section| section.value),
        keys: section(&mut fields, "keys", auth::keys),
        limits: section(&mut fields, "limits", limits::limits),
        telemetry: section(&mut fields, "telemetry", telemetry::telemetry),
        genai: section(&mut fields, "genai_telemetry", telemetry::genai),
        collector: fields.section("collector", collector::collector).map(|section| section.value),
        store: section(&mut fields, "store", storage::store),
        pricing: fields.table("pricing", storage::price),
    };
    if part == Part::Whole {
        fields.require("providers", "name at least one provider and its models");
    }
    fields.finish();
    document
}

fn section<T: Default>(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
    read: impl FnOnce(&mut Fields<'_, '_>) -> T,
) -> T {
    fields.section(name, read).map(|section| section.value).unwrap_or_default()
}

/// A time in milliseconds.
fn timeout_ms(fields: &mut Fields<'_, '_>, name: &'static str) -> Option<u64> {
    fields.integer(name, 1..=TIMEOUT_MS_MAX, "ms").map(|ms| ms.value)
}

/// A TCP port.
fn port(fields: &mut Fields<'_, '_>, name: &'static str) -> Option<Located<u16>> {
    let port = fields.integer(name, 1..=u64::from(u16::MAX), "")?;
    Some(Located::new(u16::try_from(port.value).ok()?, port.place))
}

/// A whole number that fits 32 bits.
fn small(fields: &mut Fields<'_, '_>, name: &'static str, max: u32) -> Option<Located<u32>> {
    let number = fields.integer(name, 0..=u64::from(max), "")?;
    Some(Located::new(u32::try_from(number.value).ok()?, number.place))
}

/// A number of bytes or of things that is at least one.
fn count(fields: &mut Fields<'_, '_>, name: &'static str, max: u64, unit: &str) -> Option<usize> {
    let number = fields.integer(name, 1..=max, unit)?;
    usize::try_from(number.value).ok()
}
