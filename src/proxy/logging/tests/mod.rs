//! Every request ends once, however it ends: spans, counters and permits.

mod faulty;
mod rig;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tollgate_store::SpanRow;

use faulty::{BUG, HOOKS};
use rig::{PATIENCE, Rig};

/// Requests of the mix.
const REQUESTS: usize = 320;
/// Of them at a time.
const AT_A_TIME: usize = 8;
const PATH: &str = "/v1/chat/completions";

/// How a request of the mix goes, and how it must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Story {
    Plain,
    Streamed,
    UnknownModel,
    BrokenJson,
    TooLong,
    UpstreamDown,
    UpstreamCut,
    Bug(&'static str),
    /// The caller leaves, or the task is dropped, here.
    Over(Phase, Leaving),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    BeforeTheBody,
    InTheBody,
    BeforeTheHead,
    MidStream,
    AfterTheEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    CallerGone,
    TaskDropped,
}

const PHASES: [Phase; 5] = [
    Phase::BeforeTheBody,
    Phase::InTheBody,
    Phase::BeforeTheHead,
    Phase::MidStream,
    Phase::AfterTheEnd,
];

impl Story {
    fn all() -> Vec<Self> {
        let mut all = vec![
            Self::Plain,
            Self::Streamed,
            Self::UnknownModel,
            Self::BrokenJson,
            Self::TooLong,
            Self::UpstreamDown,
            Self::UpstreamCut,
        ];
        all.extend(HOOKS.map(Self::Bug));
        for phase in PHASES {
            all.push(Self::Over(phase, Leaving::CallerGone));
            all.push(Self::Over(phase, Leaving::TaskDropped));
        }
        all
    }

    fn outcome(self) -> &'static str {
        match self {
            Self::Plain | Self::Streamed | Self::Over(Phase::AfterTheEnd, _) => "complete",
            Self::UnknownModel | Self::BrokenJson | Self::TooLong => "rejected",
            Self::UpstreamDown | Self::UpstreamCut | Self::Bug(_) => "upstream_failed",
            Self::Over(..) => "cancelled",
        }
    }

    fn body(self) -> String {
        let model = match self {
            Self::UnknownModel => "nobody-knows",
            Self::UpstreamDown => "down",
            Self::UpstreamCut => "cut",
            Self::Over(Phase::BeforeTheHead, _) => "mute",
            Self::Over(Phase::MidStream, _) => "stuck",
            _ => "good",
        };
        let text = if self == Self::TooLong { "x".repeat(8_000) } else { "hi".to_owned() };
        let stream = !matches!(self, Self::Plain | Self::UpstreamDown);
        let end = if self == Self::BrokenJson { "" } else { "}" };
        format!(
            r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"user","content":"{text}"}}]{end}"#
        )
    }
}

fn trace_id() -> String {
    format!("{:032x}", fastrand::u128(1..))
}

fn head(trace: &str, bug: Option<&str>, body_bytes: usize) -> String {
    let bug = bug.map(|hook| format!("{BUG}: {hook}\r\n")).unwrap_or_default();
    format!(
        "POST {PATH} HTTP/1.1\r\nhost: rig.test\r\ntraceparent: 00-{trace}-00f067aa0ba902b7-01\r\n\
         {bug}content-length: {body_bytes}\r\n\r\n"
    )
}

/// Makes the request and sees it end; the trace that it was of.
async fn play(rig: &Rig, story: Story) -> String {
    let (trace, body) = (trace_id(), story.body());
    let bug = if let Story::Bug(hook) = story { Some(hook) } else { None };
    let head = head(&trace, bug, body.len());
    let mut caller = rig.call().await;
    let upto = match story {
        Story::Over(Phase::BeforeTheBody, _) => 0,
        Story::Over(Phase::InTheBody, _) => body.len() / 2,
        _ => body.len(),
    };
    caller.send(&[head.as_bytes(), &body.as_bytes()[..upto]].concat()).await;
    let Story::Over(phase, leaving) = story else {
        caller.read_until("no answer has this").await;
        return trace;
    };
    match phase {
        Phase::BeforeTheBody | Phase::InTheBody => rig.begins(&trace).await,
        Phase::BeforeTheHead => reached_the_mock(rig, &trace).await,
        Phase::MidStream => assert!(caller.read_until("data:").await.contains("data:")),
        Phase::AfterTheEnd => {
            caller.read_until("no answer has this").await;
        }
    }
    if leaving == Leaving::TaskDropped {
        caller.abort().await;
        caller.read_until("no answer has this").await;
    }
    trace
}

async fn reached_the_mock(rig: &Rig, trace: &str) {
    let until = Instant::now() + PATIENCE;
    let there = || {
        let log = rig.mock.log();
        log.iter().any(|it| it.header("traceparent").is_some_and(|parent| parent.contains(trace)))
    };
    while !there() {
        assert!(Instant::now() < until, "the request reaches the upstream");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn attribute<'a>(span: &'a SpanRow, name: &str) -> Option<&'a str> {
    span.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// One HTTP span, one GenAI span with the story's outcome, and nothing else.
async fn told_once(rig: &Rig, story: Story, trace: &str) {
    let spans = rig.spans(trace, 2).await;
    assert_eq!(spans.len(), 2, "{story:?}: {spans:#?}");
    let http = spans.iter().filter(|span| span.name == format!("POST {PATH}")).count();
    assert_eq!(http, 1, "{story:?}: {spans:#?}");
    let genai = spans.iter().find(|span| attribute(span, "gateway.outcome").is_some());
    let genai = genai.unwrap_or_else(|| panic!("{story:?}: {spans:#?}"));
    assert_eq!(attribute(genai, "gateway.outcome"), Some(story.outcome()), "{story:?}: {genai:#?}");
    let class = attribute(genai, "gateway.error.class");
    assert_eq!(class == Some("panic"), matches!(story, Story::Bug(_)), "{story:?}: {genai:#?}");
}

async fn is_idle(rig: &Rig) {
    let until = Instant::now() + PATIENCE;
    while rig.shared.lasting.in_flight.count() > 0 {
        assert!(Instant::now() < until, "{} permits are out", rig.shared.lasting.in_flight.count());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(rig.metric("gateway_in_flight", ""), 0);
}

#[test]
fn a_hook_that_panics_ends_its_request_as_one_failure_of_ours() {
    let rig = Rig::new();
    for hook in HOOKS {
        let story = Story::Bug(hook);
        rig.block_on(async {
            let trace = play(&rig, story).await;
            told_once(&rig, story, &trace).await;
            is_idle(&rig).await;
        });
    }
    let failed = rig.metric("gateway_requests_finished_total", "upstream_failed");
    assert_eq!(failed, HOOKS.len() as u64);
    // The connection next door does not notice.
    rig.block_on(async {
        let trace = play(&rig, Story::Plain).await;
        told_once(&rig, Story::Plain, &trace).await;
    });
}

#[test]
fn a_task_that_is_dropped_ends_its_request_at_every_phase() {
    let rig = Rig::new();
    for phase in PHASES {
        for leaving in [Leaving::TaskDropped, Leaving::CallerGone] {
            let story = Story::Over(phase, leaving);
            rig.block_on(async {
                let trace = play(&rig, story).await;
                told_once(&rig, story, &trace).await;
                is_idle(&rig).await;
            });
        }
    }
}

#[test]
fn a_mix_of_all_endings_adds_up_and_leaves_no_permit_behind() {
    let rig = Arc::new(Rig::new());
    rig.mock.keep_log(10_000);
    let mut stories: Vec<_> = Story::all().into_iter().cycle().take(REQUESTS).collect();
    fastrand::Rng::with_seed(5).shuffle(&mut stories);
    let traces: Vec<_> = stories
        .chunks(AT_A_TIME)
        .flat_map(|stories| {
            rig.block_on(async {
                let played = stories.iter().map(|story| {
                    let (rig, story) = (Arc::clone(&rig), *story);
                    tokio::spawn(async move { (story, play(&rig, story).await) })
                });
                futures_util::future::join_all(played.collect::<Vec<_>>()).await
            })
        })
        .map(Result::unwrap)
        .collect();
    rig.block_on(async {
        is_idle(&rig).await;
        for (story, trace) in &traces {
            told_once(&rig, *story, trace).await;
        }
    });
    let finished = |part: &str| rig.metric("gateway_requests_finished_total", part);
    assert_eq!(finished(""), REQUESTS as u64, "requests sent");
    for outcome in ["complete", "rejected", "upstream_failed", "cancelled"] {
        let expected = stories.iter().filter(|story| story.outcome() == outcome).count();
        assert_eq!(finished(&format!("\"{outcome}\"")), expected as u64, "{outcome}");
    }
    // Each request is two spans here: all are model calls without tool calls.
    let stored = rig.metric("gateway_spans_stored_total", "");
    let dropped = rig.metric("gateway_spans_dropped_total", "");
    assert_eq!(stored + dropped, 2 * finished("gen_ai_operation_name"));
    assert_eq!(dropped, 0);
    assert_eq!(rig.metric("gateway_spans_queued", ""), 0);
    assert_eq!(rig.metric("gateway_target_in_flight", ""), 0);
}

#[test]
fn the_end_of_the_process_is_the_end_of_what_still_runs() {
    let rig = Rig::new();
    let story = Story::Over(Phase::BeforeTheHead, Leaving::TaskDropped);
    let traces: Vec<_> = (0..5).map(|_| trace_id()).collect();
    let body = story.body();
    rig.block_on(async {
        let mut callers = Vec::new();
        for trace in &traces {
            let mut caller = rig.call().await;
            let head = head(trace, None, body.len());
            caller.send(&[head.as_bytes(), body.as_bytes()].concat()).await;
            reached_the_mock(&rig, trace).await;
            callers.push(caller);
        }
        assert_eq!(rig.shared.lasting.in_flight.count(), traces.len());
        rig.drop_all_tasks();
        for trace in &traces {
            told_once(&rig, story, trace).await;
        }
        is_idle(&rig).await;
    });
}
