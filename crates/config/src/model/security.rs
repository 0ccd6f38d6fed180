//! `security`.

use tollgate_filters::guard::{Action, Directions};
use tollgate_providers::SecretSource;

use crate::fields::{Entry, Fields, Located};

/// `security`.
#[derive(Debug, Default)]
pub(crate) struct SecurityEntry {
    pub(crate) enabled: bool,
    pub(crate) blocklist: Vec<Located<String>>,
    pub(crate) blocklist_action: Option<Action>,
    pub(crate) blocklist_directions: Option<Directions>,
    pub(crate) pii: DetectorEntry,
    pub(crate) secrets: DetectorEntry,
    pub(crate) webhooks: Vec<Entry<WebhookEntry>>,
}

/// `security.pii`, `security.secrets`.
#[derive(Debug, Default)]
pub(crate) struct DetectorEntry {
    pub(crate) action: Option<Turned>,
    pub(crate) directions: Option<Directions>,
    pub(crate) kinds: Option<Located<Vec<Located<String>>>>,
}

/// `security.webhooks.<name>`.
#[derive(Debug, Default)]
pub(crate) struct WebhookEntry {
    pub(crate) url: Option<Located<String>>,
    pub(crate) headers: Vec<Entry<Located<SecretSource>>>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) direction: Option<Located<Directions>>,
    pub(crate) only_flags: Option<bool>,
    pub(crate) fails_open: Option<bool>,
}

/// What a detector's findings lead to, if it looks at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    Off,
    On(Action),
}

/// The longest that a caller is made to wait for a webhook: one minute.
const WEBHOOK_TIMEOUT_MS_MAX: u64 = 60 * 1000;
/// Whether what a webhook blocks is only flagged.
const WEBHOOK_ACTIONS: [(&str, bool); 2] = [("block", false), ("flag", true)];
/// Whether a request goes on that a webhook gave no answer for.
const ON_ERROR: [(&str, bool); 2] = [("open", true), ("closed", false)];
const TURNED: [(&str, Turned); 4] = [
    ("flag", Turned::On(Action::Flag)),
    ("redact", Turned::On(Action::Redact)),
    ("block", Turned::On(Action::Block)),
    ("off", Turned::Off),
];

pub(super) fn security(fields: &mut Fields<'_, '_>) -> SecurityEntry {
    SecurityEntry {
        enabled: fields.flag("enabled").is_some_and(|flag| flag.value),
        blocklist: fields.texts("blocklist").map(|list| list.value).unwrap_or_default(),
        blocklist_action: fields.choice("blocklist_action", &Action::WORDS).map(|it| it.value),
        blocklist_directions: direction(fields, "blocklist_direction"),
        pii: super::section(fields, "pii", detector),
        secrets: super::section(fields, "secrets", detector),
        webhooks: fields.table("webhooks", webhook),
    }
}

fn detector(fields: &mut Fields<'_, '_>) -> DetectorEntry {
    DetectorEntry {
        action: fields.choice("action", &TURNED).map(|it| it.value),
        directions: direction(fields, "direction"),
        kinds: fields.texts("kinds"),
    }
}

fn webhook(fields: &mut Fields<'_, '_>) -> WebhookEntry {
    fields.require("url", "where it is asked, for example `https://guard.internal/check`");
    WebhookEntry {
        url: fields.text("url"),
        headers: fields.secrets("headers"),
        timeout_ms: fields
            .integer("timeout_ms", 1..=WEBHOOK_TIMEOUT_MS_MAX, "ms")
            .map(|ms| ms.value),
        direction: fields.choice("direction", &Directions::WORDS),
        only_flags: fields.choice("action", &WEBHOOK_ACTIONS).map(|it| it.value),
        fails_open: fields.choice("on_error", &ON_ERROR).map(|it| it.value),
    }
}

fn direction(fields: &mut Fields<'_, '_>, name: &'static str) -> Option<Directions> {
    fields.choice(name, &Directions::WORDS).map(|it| it.value)
}
