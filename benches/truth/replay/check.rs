//! One stored call against the truth about it.

use std::time::Duration;

use tollgate_mock::Received;
use tollgate_store::{Pairs, SpanKind, SpanRow, StatusCode};

use super::client::Seen;
use super::dialect::{CANARY, Counts};
use super::score::{Claim, Score};
use super::script::{Attempt, CALLER_SPAN, Call, Tool, Usage};

/// Everything that is known of one call once it is over.
pub(crate) struct Case<'a> {
    pub(crate) call: &'a Call,
    /// What the caller saw.
    pub(crate) seen: &'a Result<Seen, String>,
    /// What the store has.
    pub(crate) rows: &'a [SpanRow],
    /// What reached the provider, in this order.
    pub(crate) received: &'a [&'a Received],
    /// Whether content is captured.
    pub(crate) capture: bool,
}

/// The spans of one call, each in its place.
struct Tree<'a> {
    http: &'a SpanRow,
    genai: Option<&'a SpanRow>,
    tools: Vec<&'a SpanRow>,
}

// === impl Case ===

impl Case<'_> {
    /// Makes every claim that the script allows.
    pub(crate) fn check(&self, score: &mut Score) {
        let tree = self.tree();
        let problem = tree.as_ref().err().cloned();
        let problem = problem.or_else(|| self.seen.as_ref().err().cloned());
        score.check(Claim::Spans, problem, || self.tell());
        let Ok(tree) = tree else { return };
        self.claim(score, Claim::Status, self.status(&tree));
        if !self.capture {
            let planted = format!("{:?}", self.rows);
            let found = planted.contains(CANARY).then(|| "content in a span".to_owned());
            self.claim(score, Claim::NoContent, found);
        }
        let Some(genai) = tree.genai else { return };
        let truth = &self.call.truth;
        self.claim(score, Claim::Outcome, differ(genai, "gateway.outcome", Some(truth.outcome)));
        self.claim_usage(score, genai);
        if let Some(tools) = &truth.tools {
            self.claim_tools(score, tools, &tree.tools);
        }
        self.claim(score, Claim::Routing, self.routing(genai));
        if truth.said.is_some() {
            self.claim(score, Claim::Answer, self.answer(genai));
        }
        let user = differ(genai, "gen_ai.user.id", truth.user.as_deref());
        let session = differ(genai, "gen_ai.session.id", truth.session.as_deref());
        self.claim(score, Claim::Callers, user.or(session));
        if truth.timed {
            self.claim_time(score, genai);
        }
        if let (true, Some(text)) =
            (self.capture, truth.said.as_ref().and_then(|s| s.text.as_ref()))
        {
            let kept = genai.attribute("gen_ai.output.messages").unwrap_or_default();
            let text = serde_json::Value::from(text.as_str()).to_string();
            let problem = (!kept.contains(&text)).then(|| format!("{text} is not in {kept}"));
            self.claim(score, Claim::Content, problem);
        }
    }

    fn claim(&self, score: &mut Score, claim: Claim, problem: Option<String>) {
        score.check(claim, problem, || self.tell());
    }

    fn tell(&self) -> String {
        let stored: Vec<_> = self.rows.iter().map(line).collect();
        let sent: Vec<_> = self.received.iter().map(|received| format!("{received:?}")).collect();
        format!(
            "  kind: {}\n  sent: POST {} {}\n  truth: {:?}\n  scenarios: {:?}\n  seen: {:?}\n  provider: {}\n  stored:\n    {}\n",
            self.call.kind,
            self.call.path,
            String::from_utf8_lossy(&self.call.body),
            self.call.truth,
            self.call.scenarios,
            self.seen,
            sent.join("\n    "),
            stored.join("\n    "),
        )
    }

    /// Exactly one HTTP span, one GenAI span under it if there is one at all, and nothing else but
    /// tool calls under that.
    fn tree(&self) -> Result<Tree<'_>, String> {
        let is_genai = |row: &&SpanRow| row.attribute("gateway.outcome").is_some();
        let is_tool = |row: &&SpanRow| row.name.starts_with("tool_call.");
        let https: Vec<_> = self.rows.iter().filter(|row| row.kind == SpanKind::Server).collect();
        let genais: Vec<_> = self.rows.iter().filter(is_genai).collect();
        let tools: Vec<_> = self.rows.iter().filter(is_tool).collect();
        let [http] = https[..] else { return Err(format!("{} HTTP spans", https.len())) };
        let genai = match (&genais[..], &self.call.truth.genai) {
            ([one], Some(_)) => Some(*one),
            ([], None) => None,
            (many, _) => return Err(format!("{} GenAI spans", many.len())),
        };
        if self.rows.len() != 1 + genais.len() + tools.len() {
            return Err("a span that is none of these".to_owned());
        }
        let mut ids: Vec<_> = self.rows.iter().map(|row| &*row.span_id).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() != self.rows.len() {
            return Err("two spans with one id".to_owned());
        }
        let under = |row: &SpanRow, parent: &str| row.parent_span_id == parent;
        let genai_id = genai.map_or("", |genai| &*genai.span_id);
        if !under(http, CALLER_SPAN)
            || genai.is_some_and(|genai| !under(genai, &http.span_id))
            || tools.iter().any(|tool| !under(tool, genai_id))
        {
            return Err("a span has the wrong parent".to_owned());
        }
        Ok(Tree { http, genai, tools })
    }

    fn status(&self, tree: &Tree<'_>) -> Option<String> {
        let truth = &self.call.truth;
        let status = self.seen.as_ref().ok().and_then(|seen| seen.status);
        if let Some(status) = status {
            let status = status.to_string();
            let differs = differ(tree.http, "http.response.status_code", Some(&status));
            if differs.is_some() {
                return differs;
            }
        }
        if truth.refusal.is_some() {
            let differs = differ(tree.http, "gateway.error.code", truth.refusal);
            if differs.is_some() {
                return differs;
            }
        }
        let genai = tree.genai?;
        let (operation, model) = truth.genai.as_ref()?;
        let failed = genai.status == StatusCode::Error;
        if failed != truth.error.is_some() {
            return Some(format!("the span's status is {:?}", genai.status));
        }
        let stream = if truth.stream { "true" } else { "false" };
        differ(genai, "error.type", truth.error)
            .or_else(|| differ(genai, "gen_ai.operation.name", Some(operation)))
            .or_else(|| differ(genai, "gen_ai.request.model", Some(model)))
            .or_else(|| differ(genai, "gen_ai.request.stream", Some(stream)))
    }

    fn claim_usage(&self, score: &mut Score, genai: &SpanRow) {
        let source = |name| differ(genai, "gateway.usage.source", Some(name));
        let output = genai.attribute("gen_ai.usage.output_tokens");
        match self.call.truth.usage {
            Usage::Open => {}
            Usage::Reported(counts) => {
                self.claim(score, Claim::UsageSource, source("reported"));
                self.claim(score, Claim::UsageExact, counts_differ(genai, &counts));
            }
            Usage::Estimated => {
                let none = output.and_then(|tokens| tokens.parse::<u64>().ok()).unwrap_or(0) == 0;
                let none = none.then(|| "nothing was estimated".to_owned());
                self.claim(score, Claim::UsageSource, source("estimated").or(none));
            }
            Usage::Unknown => {
                let said = output.map(|tokens| format!("{tokens} output tokens of unknown usage"));
                self.claim(score, Claim::UsageSource, source("unknown").or(said));
            }
        }
    }

    fn claim_tools(&self, score: &mut Score, tools: &[Tool], rows: &[&SpanRow]) {
        let told = |row: &&SpanRow| {
            let text = |name| row.attribute(name).unwrap_or_default().to_owned();
            (text("gen_ai.tool.call.id"), text("gen_ai.tool.name"), row.name.clone())
        };
        let mut stored: Vec<_> = rows.iter().map(told).collect();
        let true_name =
            |tool: &Tool| (tool.id.clone(), tool.name.clone(), format!("tool_call.{}", tool.name));
        let mut truth: Vec<_> = tools.iter().map(true_name).collect();
        stored.sort_unstable();
        truth.sort_unstable();
        let problem = (stored != truth).then(|| format!("{stored:?}, not {truth:?}"));
        self.claim(score, Claim::ToolCalls, problem);
        for tool in tools {
            let row =
                rows.iter().find(|row| row.attribute("gen_ai.tool.call.id") == Some(&tool.id));
            let Some(row) = row else { continue };
            let arguments = row.attribute("gen_ai.tool.call.arguments");
            let right = if self.capture {
                same_arguments(&tool.arguments, arguments.unwrap_or_default())
            } else {
                arguments.is_none()
            };
            let problem = (!right).then(|| format!("{arguments:?}, not {}", tool.arguments));
            self.claim(score, Claim::ToolArguments, problem);
        }
    }

    fn routing(&self, genai: &SpanRow) -> Option<String> {
        let mut attempts = self.call.truth.attempts.clone();
        let asked: Vec<&str> =
            self.received.iter().map(|it| provider(&it.path_and_query)).collect();
        if self.call.truth.by_chance {
            attempts = asked.iter().map(|name| by_chance(name)).collect();
        }
        let expected: Vec<&str> = attempts.iter().map(|attempt| &*attempt.provider).collect();
        if asked != expected {
            return Some(format!("{asked:?} were asked, not {expected:?}"));
        }
        let last = attempts.last()?;
        let failed: Vec<_> = genai.events.iter().filter(|e| e.name == "gateway.attempt").collect();
        let of = |name: &str, event: &tollgate_store::EventRow| {
            let found = event.attributes.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        };
        let told: Vec<_> = failed
            .iter()
            .map(|event| {
                (of("gateway.attempt.provider", event), of("gateway.attempt.target", event))
            })
            .collect();
        let before = attempts.iter().take(attempts.len() - 1);
        let before: Vec<_> =
            before.map(|it| (Some(it.provider.clone()), it.target.clone())).collect();
        if told != before {
            return Some(format!("{told:?} are said to have failed, not {before:?}"));
        }
        let path = if last.target.is_some() { "managed" } else { "passthrough" };
        let number = attempts.len().to_string();
        let number = last.target.as_ref().map(|_| &*number);
        differ(genai, "gen_ai.provider.name", Some(&last.provider))
            .or_else(|| differ(genai, "gateway.routing.path", Some(path)))
            .or_else(|| differ(genai, "gateway.routing.target", last.target.as_deref()))
            .or_else(|| differ(genai, "gateway.routing.attempt", number))
    }

    fn answer(&self, genai: &SpanRow) -> Option<String> {
        let said = self.call.truth.said.as_ref()?;
        let open = |name, value: &Option<String>| {
            value.as_deref().and_then(|value| differ(genai, name, Some(value)))
        };
        let finish = said.finish.as_ref().map(|word| format!("[\"{word}\"]"));
        open("gen_ai.response.id", &said.id)
            .or_else(|| open("gen_ai.response.model", &said.model))
            .or_else(|| differ(genai, "gen_ai.response.finish_reasons", finish.as_deref()))
    }

    /// Both times count from the same attempt's request: as it was sent, and as it arrived.
    fn claim_time(&self, score: &mut Score, genai: &SpanRow) {
        let stored = genai.attribute("gateway.stream.first_content_seconds");
        let stored = stored.and_then(|seconds| seconds.parse::<f64>().ok());
        let last = self.received.last();
        let sent = last.and_then(|it| Some(it.response.first_content?.duration_since(it.at)));
        let (Some(stored), Some(sent)) = (stored, sent) else {
            let problem = format!("stored {stored:?}, sent after {sent:?}");
            return self.claim(score, Claim::FirstContent, Some(problem));
        };
        self.claim(score, Claim::FirstContent, None);
        score.first_content(Duration::from_secs_f64((stored - sent.as_secs_f64()).abs()));
    }
}

/// A span in one line.
fn line(row: &SpanRow) -> String {
    let texts = |all: &Pairs| {
        all.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
    };
    let events = row.events.iter().map(|it| format!("{}[{}]", it.name, texts(&it.attributes)));
    let events = events.collect::<Vec<_>>().join(" ");
    let (attributes, ms) = (texts(&row.attributes), row.duration_ns / 1_000_000);
    format!("{} {ms} ms {:?} {}: {attributes} {events}", row.name, row.status, row.status_message)
}

/// What is wrong with an attribute, if anything is.
fn differ(row: &SpanRow, name: &str, expected: Option<&str>) -> Option<String> {
    let stored = row.attribute(name);
    (stored != expected).then(|| format!("{name} is {stored:?}, not {expected:?}"))
}

fn counts_differ(row: &SpanRow, counts: &Counts) -> Option<String> {
    let text = |count: Option<u64>| count.map(|count| count.to_string());
    let main = differ(row, "gen_ai.usage.input_tokens", text(counts.input).as_deref())
        .or_else(|| differ(row, "gen_ai.usage.output_tokens", text(counts.output).as_deref()));
    let parts = [
        ("gen_ai.usage.cache_read.input_tokens", counts.cache_read),
        ("gen_ai.usage.cache_creation.input_tokens", counts.cache_creation),
        ("gen_ai.usage.reasoning_tokens", counts.reasoning),
    ];
    // A part that was reported as nothing may be left out.
    let part = |(name, count): (&str, u64)| match (row.attribute(name), count) {
        (None | Some("0"), 0) => None,
        _ => differ(row, name, Some(&count.to_string())),
    };
    main.or_else(|| parts.into_iter().find_map(part))
}

/// Equal as text or as JSON; nothing at all is as good as an empty object.
fn same_arguments(said: &str, stored: &str) -> bool {
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    said == stored || (said.is_empty() && stored == "{}") || {
        let said = json(said);
        said.is_some() && said == json(stored)
    }
}

/// The provider's name, which the provider's own log has in the path.
fn provider(path: &str) -> &str {
    path.strip_prefix("/@").and_then(|rest| rest.split('/').next()).unwrap_or_default()
}

fn by_chance(provider: &str) -> Attempt {
    // The targets of these routes are named like their providers.
    let name = provider.to_owned();
    Attempt { provider: name.clone(), target: Some(name) }
}
