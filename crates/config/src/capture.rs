//! Whose prompts and answers are kept, and what is taken out of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tollgate_filters::detect::Kind;
use tollgate_filters::request::HeaderAttributes;
use tollgate_routing::Layer;

use crate::fields::Entry;
use crate::model::{CaptureEntry, Document};

/// `genai_telemetry.redact`, `genai_telemetry.header_attributes`, and `capture_content` of targets,
/// routes and functions.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    /// What is taken out of content before anything is stored; nothing by default.
    pub redact: Vec<Kind>,
    /// Headers that become attributes; none by default.
    pub header_attributes: HeaderAttributes,
    everywhere: bool,
    targets: Switches,
    routes: Switches,
    functions: Switches,
}

type Switches = BTreeMap<Arc<str>, bool>;

// === impl Capture ===

impl Capture {
    /// `variable` is [`crate::CAPTURE_CONTENT_VARIABLE`]. When it says no, it is no everywhere.
    pub(crate) fn of(document: &Document, everywhere: bool, variable: Option<bool>) -> Self {
        let CaptureEntry { redact, header_attributes } = &document.genai.capture;
        let named = redact.iter().flat_map(|redact| &redact.value);
        let pair = |entry: &Entry<crate::fields::Located<String>>| {
            Some((entry.name.parse().ok()?, entry.value.value.as_str().into()))
        };
        let switches = |all: &mut dyn Iterator<Item = (&String, Option<bool>)>| {
            all.filter_map(|(name, written)| {
                Some((name.as_str().into(), written.filter(|_| variable != Some(false))?))
            })
            .collect()
        };
        let (targets, routes) = (&document.targets, &document.routes);
        let functions = &document.functions;
        Self {
            redact: named.flat_map(|name| Kind::named(&name.value)).collect(),
            header_attributes: header_attributes.iter().filter_map(pair).collect(),
            everywhere,
            targets: switches(&mut targets.iter().map(|it| (&it.name, it.value.capture_content))),
            routes: switches(&mut routes.iter().map(|it| (&it.name, it.value.capture_content))),
            functions: switches(
                &mut functions.iter().map(|it| (&it.name, it.value.capture_content)),
            ),
        }
    }

    /// Whether content is kept of a call that `target` answered by way of the route or function of
    /// this name. Where either says `false`, it is not; where one says `true`, it is; else what is
    /// said for all counts.
    pub fn captures(&self, layer: Layer, name: Option<&str>, target: &str) -> bool {
        let way = name.and_then(|name| match layer {
            Layer::Route => self.routes.get(name),
            Layer::Function => self.functions.get(name),
            _ => None,
        });
        match (way, self.targets.get(target)) {
            (Some(false), _) | (_, Some(false)) => false,
            (Some(true), _) | (_, Some(true)) => true,
            (None, None) => self.everywhere,
        }
    }
}
