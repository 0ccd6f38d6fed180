//! Which scenario answers: the trace's script, script, name in the path, header, model name, default, in this order.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;

use crate::reading::{Ask, Target};
use crate::scenario::{Fault, Piece, Scenario};

mod arguments;
#[cfg(test)]
mod tests;

/// The header that names a scenario, or is one in JSON.
pub const SCENARIO_HEADER: &str = "x-mock-scenario";
/// What begins the name of a model that is itself a built-in scenario.
pub(crate) const MODEL_PREFIX: &str = "mock-";
/// The names of the built-in scenarios, but for `status-<code>`.
pub(crate) const BUILT_IN: [&str; 8] =
    ["default", "echo", "tools", "reasoning", "slow", "load", "cut", "hang"];

/// The scenarios that a provider knows.
#[derive(Debug, Default)]
pub(crate) struct Scenarios {
    script: Mutex<VecDeque<(String, Arc<Scenario>)>>,
    named: Mutex<HashMap<String, Arc<Scenario>>>,
    /// Scripts of single traces, by the hexadecimal digits of the trace's id.
    traces: Mutex<HashMap<String, VecDeque<Arc<Scenario>>>>,
}

/// A scenario and how it was found.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) scenario: Arc<Scenario>,
    /// `trace`, `script`, `@name`, `header`, `model:...` or `default`.
    pub(crate) label: String,
}

// === impl Scenarios ===

impl Scenarios {
    pub(crate) fn push(&self, path_prefix: &str, scenario: Scenario) {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        script.push_back((path_prefix.to_owned(), Arc::new(scenario)));
    }

    pub(crate) fn set(&self, name: &str, scenario: Scenario) {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.insert(name.to_owned(), Arc::new(scenario));
    }

    pub(crate) fn push_trace(&self, trace_id: &str, scenario: Scenario) {
        let mut traces = self.traces.lock().unwrap_or_else(PoisonError::into_inner);
        traces.entry(trace_id.to_owned()).or_default().push_back(Arc::new(scenario));
    }

    /// Scripted scenarios not served yet.
    pub(crate) fn scripted(&self) -> usize {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The error is what the caller is told: the header makes no sense.
    pub(crate) fn choose(
        &self,
        path: &str,
        target: &Target,
        headers: &HeaderMap,
        ask: &Ask,
    ) -> Result<Chosen, String> {
        if let Some(scenario) = self.take_traced(headers) {
            return Ok(Chosen { scenario, label: "trace".to_owned() });
        }
        if let Some(scenario) = self.take_scripted(path) {
            return Ok(Chosen { scenario, label: "script".to_owned() });
        }
        if let Some(name) = &target.name
            && let Some(scenario) = self.named(name, ask)
        {
            return Ok(Chosen { scenario, label: format!("@{name}") });
        }
        if let Some(value) = headers.get(SCENARIO_HEADER) {
            let value = value.to_str().map_err(|_| format!("{SCENARIO_HEADER} is not ASCII"))?;
            let scenario = self.written(value, ask)?;
            return Ok(Chosen { scenario, label: "header".to_owned() });
        }
        let model = ask.model.as_deref().unwrap_or_default();
        if let Some(name) = model.strip_prefix(MODEL_PREFIX)
            && let Some(scenario) = self.named(name, ask)
        {
            return Ok(Chosen { scenario, label: format!("model:{model}") });
        }
        Ok(Chosen { scenario: Arc::new(default_answer(ask)), label: "default".to_owned() })
    }

    fn take_traced(&self, headers: &HeaderMap) -> Option<Arc<Scenario>> {
        let trace_id = headers.get("traceparent")?.to_str().ok()?.split('-').nth(1)?;
        let mut traces = self.traces.lock().unwrap_or_else(PoisonError::into_inner);
        let script = traces.get_mut(trace_id)?;
        let scenario = script.pop_front();
        if script.is_empty() {
            traces.remove(trace_id);
        }
        scenario
    }

    fn take_scripted(&self, path: &str) -> Option<Arc<Scenario>> {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        let at = script.iter().position(|(prefix, _)| path.starts_with(prefix.as_str()))?;
        script.remove(at).map(|(_, scenario)| scenario)
    }

    fn named(&self, name: &str, ask: &Ask) -> Option<Arc<Scenario>> {
        let named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        let registered = named.get(name).cloned();
        registered.or_else(|| built_in(name, ask).map(Arc::new))
    }

    fn written(&self, value: &str, ask: &Ask) -> Result<Arc<Scenario>, String> {
        if !value.starts_with('{') {
            return self
                .named(value, ask)
                .ok_or_else(|| format!("{SCENARIO_HEADER}: no scenario is named {value:?}"));
        }
        serde_json::from_str(value)
            .map(Arc::new)
            .map_err(|problem| format!("{SCENARIO_HEADER}: {problem}"))
    }
}

/// The caller's tools are called if there are any and none has answered yet.
fn default_answer(ask: &Ask) -> Scenario {
    if ask.tools.is_empty() || ask.user_text.is_none() {
        return Scenario::default();
    }
    tool_calls(ask)
}

fn built_in(name: &str, ask: &Ask) -> Option<Scenario> {
    if let Some(code) = name.strip_prefix("status-") {
        let code = code.parse().ok().filter(|code| (400..600).contains(code))?;
        return Some(Scenario::status(code));
    }
    Some(match name {
        "default" => Scenario::default(),
        "echo" => Scenario::text(ask.user_text.as_deref().unwrap_or_default()),
        "tools" => tool_calls(ask),
        "reasoning" => Scenario {
            content: vec![
                Piece::reasoning("The question is simple, so the answer can be short."),
                Piece::text("The answer is 42."),
            ],
            ..Scenario::default()
        },
        "slow" => Scenario { first_delay_ms: 300, gap_ms: 50, ..Scenario::default() },
        "load" => Scenario::load(200, 200, 10),
        "cut" => Scenario::fault(Fault::CutAfterEvents(4)),
        "hang" => Scenario::fault(Fault::HangHead),
        _ => return None,
    })
}

/// Two parallel calls: of the caller's first two tools, of its only one twice, or of made-up ones.
fn tool_calls(ask: &Ask) -> Scenario {
    let call = |n: usize| {
        let (name, schema) = ask.tools.get(n).or_else(|| ask.tools.first())?;
        Some((name.clone(), arguments::matching(schema, n)))
    };
    let calls = [
        call(0).unwrap_or_else(|| ("get_weather".to_owned(), r#"{"city":"Paris"}"#.to_owned())),
        call(1).unwrap_or_else(|| ("get_time".to_owned(), r#"{"zone":"Europe/Paris"}"#.to_owned())),
    ];
    Scenario {
        content: calls.iter().map(|(name, arguments)| Piece::tool(name, arguments)).collect(),
        gap_ms: 2,
        ..Scenario::default()
    }
}
