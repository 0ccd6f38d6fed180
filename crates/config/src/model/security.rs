//! `security`.

use tollgate_filters::guard::{Action, Directions};

use crate::fields::{Fields, Located};

/// `security`.
#[derive(Debug, Default)]
pub(crate) struct SecurityEntry {
    pub(crate) enabled: bool,
    pub(crate) blocklist: Vec<Located<String>>,
    pub(crate) blocklist_action: Option<Action>,
    pub(crate) blocklist_directions: Option<Directions>,
    pub(crate) pii: DetectorEntry,
    pub(crate) secrets: DetectorEntry,
}

/// `security.pii`, `security.secrets`.
#[derive(Debug, Default)]
pub(crate) struct DetectorEntry {
    pub(crate) action: Option<Turned>,
    pub(crate) directions: Option<Directions>,
    pub(crate) kinds: Option<Located<Vec<Located<String>>>>,
}

/// What a detector's findings lead to, if it looks at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    Off,
    On(Action),
}

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
    }
}

fn detector(fields: &mut Fields<'_, '_>) -> DetectorEntry {
    DetectorEntry {
        action: fields.choice("action", &TURNED).map(|it| it.value),
        directions: direction(fields, "direction"),
        kinds: fields.texts("kinds"),
    }
}

fn direction(fields: &mut Fields<'_, '_>, name: &'static str) -> Option<Directions> {
    fields.choice(name, &Directions::WORDS).map(|it| it.value)
}
