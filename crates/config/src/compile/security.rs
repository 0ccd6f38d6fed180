//! `security` as what the guardrails run by.

use std::time::Duration;

use tollgate_filters::detect::{Detector, Kind};
use tollgate_filters::guard::{self, Action, DetectorSettings};
use tollgate_providers::SecretSource;

use crate::fields::{Entry, Located};
use crate::model::{DetectorEntry, SecurityEntry, Turned, WebhookEntry};
use crate::settings::{Security, WebhookSettings};
use crate::vault::Vault;

const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) fn security(entry: &SecurityEntry, vault: &Vault) -> Security {
    let blocklist: Vec<String> = entry.blocklist.iter().map(|it| it.value.clone()).collect();
    let phrases = DetectorEntry {
        action: Some(Turned::On(entry.blocklist_action.unwrap_or(Action::Block))),
        directions: entry.blocklist_directions,
        kinds: None,
    };
    let detectors = [
        (Detector::Blocklist, &phrases),
        (Detector::Pii, &entry.pii),
        (Detector::Secrets, &entry.secrets),
    ];
    Security {
        enabled: entry.enabled,
        guard: guard::Settings {
            blocklist,
            detectors: detectors.into_iter().filter_map(|(of, it)| detector(of, it)).collect(),
        },
        webhooks: entry.webhooks.iter().filter_map(|it| webhook(it, vault)).collect(),
    }
}

fn webhook(entry: &Entry<WebhookEntry>, vault: &Vault) -> Option<WebhookSettings> {
    let WebhookEntry { url, headers, timeout_ms, only_flags, fails_open, .. } = &entry.value;
    let header = |it: &Entry<Located<SecretSource>>| {
        Some((it.name.parse().ok()?, vault.get(&it.value.value)?))
    };
    Some(WebhookSettings {
        name: entry.name.as_str().into(),
        url: url.as_ref()?.value.parse().ok()?,
        headers: headers.iter().filter_map(header).collect(),
        timeout: timeout_ms.map_or(WEBHOOK_TIMEOUT, Duration::from_millis),
        only_flags: only_flags.unwrap_or(false),
        fails_open: fails_open.unwrap_or(false),
    })
}

fn detector(detector: Detector, entry: &DetectorEntry) -> Option<DetectorSettings> {
    let Turned::On(action) = entry.action.unwrap_or(Turned::On(Action::Flag)) else { return None };
    let kinds = match &entry.kinds {
        Some(names) => names.value.iter().flat_map(|name| Kind::named(&name.value)).collect(),
        None => Kind::named(detector.name()),
    };
    Some(DetectorSettings { kinds, action, directions: entry.directions.unwrap_or_default() })
}
