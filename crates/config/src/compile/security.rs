//! `security` as what the guardrails run by.

use tollgate_filters::detect::{Detector, Kind};
use tollgate_filters::guard::{self, Action, DetectorSettings};

use crate::model::{DetectorEntry, SecurityEntry, Turned};
use crate::settings::Security;

pub(super) fn security(entry: &SecurityEntry) -> Security {
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
    }
}

fn detector(detector: Detector, entry: &DetectorEntry) -> Option<DetectorSettings> {
    let Turned::On(action) = entry.action.unwrap_or(Turned::On(Action::Flag)) else { return None };
    let kinds = match &entry.kinds {
        Some(names) => names.value.iter().flat_map(|name| Kind::named(&name.value)).collect(),
        None => Kind::named(detector.name()),
    };
    Some(DetectorSettings { kinds, action, directions: entry.directions.unwrap_or_default() })
}
