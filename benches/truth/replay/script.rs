//! One scripted call and what is true of it; which kinds there are, and how often.

use fastrand::Rng;
use serde_json::Value;
use tollgate_mock::Scenario;

use super::client::Leave;
use super::dialect::{CANARY, Counts};
use super::{answers, faults, media};

/// The caller's own span, parent of all that is stored of its call.
pub(crate) const CALLER_SPAN: &str = "00f067aa0ba902b7";
/// One call in so many says who it is.
const IDENTIFIED_EVERY: usize = 3;

/// A call to make, what the provider will answer, and what is true of it then.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) kind: &'static str,
    pub(crate) trace_id: String,
    pub(crate) path: &'static str,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
    /// For the requests of this call that reach the provider, in this order.
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) leave: Option<Leave>,
    /// Answered by the provider that keeps no connection open: on a kept one that breaks before an
    /// answer, the gateway asks once more for free.
    pub(crate) frail: bool,
    pub(crate) truth: Truth,
}

/// What is true of a call, as far as the script knows. What it leaves open is not compared.
#[derive(Clone, Debug, Default)]
pub(crate) struct Truth {
    /// Operation and model of the GenAI span; `None` where there is none.
    pub(crate) genai: Option<(&'static str, String)>,
    pub(crate) stream: bool,
    pub(crate) outcome: &'static str,
    /// Where there is an error; `None`: there must be none.
    pub(crate) error: Option<&'static str>,
    /// `gateway.error.code` of the HTTP span of what is refused here.
    pub(crate) refusal: Option<&'static str>,
    pub(crate) usage: Usage,
    /// Names of the targets in the order asked (providers, where it is passed through); the last
    /// one is the one that counts.
    pub(crate) attempts: Vec<Attempt>,
    /// Which of them it is, where chance decides; the provider's log knows.
    pub(crate) by_chance: bool,
    pub(crate) said: Option<Said>,
    pub(crate) tools: Option<Vec<Tool>>,
    pub(crate) user: Option<String>,
    pub(crate) session: Option<String>,
    /// Whether the time of the first content is to be compared.
    pub(crate) timed: bool,
}

/// Who was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) provider: String,
    /// `None` where the caller's request was passed through.
    pub(crate) target: Option<String>,
}

/// What the spans should say of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Usage {
    Reported(Counts),
    /// Estimated, and more than nothing.
    Estimated,
    Unknown,
    /// Several answers would be right.
    #[default]
    Open,
}

/// What a whole answer said.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) id: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) finish: Option<String>,
    /// Its text, to be found where content is kept.
    pub(crate) text: Option<String>,
}

/// A tool call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tool {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
}

/// A maker of calls, and how many of a hundred calls are its.
type Kind = (&'static str, u32, fn(&mut Rng) -> Call);

/// Every kind of call.
const KINDS: [Kind; 22] = [
    ("text", 14, answers::text),
    ("translated text", 8, answers::translated),
    ("tool calls", 12, answers::tools),
    ("odd arguments", 3, answers::odd_arguments),
    ("reasoning", 5, answers::reasoning),
    ("other ends", 4, answers::other_ends),
    ("refusals", 2, answers::refusal),
    ("missing usage", 5, answers::missing_usage),
    ("usage elsewhere", 3, answers::usage_elsewhere),
    ("no end mark", 2, answers::no_end_mark),
    ("cut in two", 3, answers::split),
    ("no answer", 3, faults::no_answer),
    ("broken before content", 3, faults::before_content),
    ("broken after content", 5, faults::after_content),
    ("error status", 4, faults::status),
    ("timeouts", 1, faults::timeout),
    ("aborts in a stream", 6, faults::abort),
    ("aborts before it", 1, faults::abort_early),
    ("retries", 4, faults::retry),
    ("fail-overs", 6, faults::fail_over),
    ("refused", 3, media::refused),
    ("embeddings and media", 3, media::media),
];

/// So many calls; the same seed makes the same ones.
pub(crate) fn script(seed: u64, calls: usize) -> Vec<Call> {
    let mut rng = Rng::with_seed(seed);
    (0..calls).map(|_| call(&mut rng)).collect()
}

fn call(rng: &mut Rng) -> Call {
    let mut draw = rng.u32(0..KINDS.iter().map(|(_, share, _)| share).sum());
    for (kind, share, make) in KINDS {
        if draw < share {
            let mut call = make(rng);
            call.kind = kind;
            call.trace_id = format!("{:032x}", rng.u128(1..));
            identify(rng, &mut call);
            return call;
        }
        draw -= share;
    }
    unreachable!("the draw is below the sum of the shares")
}

/// Some callers say who they are, in a header or, less strongly, in the body.
fn identify(rng: &mut Rng, call: &mut Call) {
    let readable = call.truth.refusal != Some("bad_request");
    if rng.usize(..IDENTIFIED_EVERY) != 0 || !readable {
        return;
    }
    let user = format!("user-{}", rng.u16(..));
    let session = format!("session-{}", rng.u16(..));
    call.headers.push(format!("x-to11-session-id: {session}"));
    call.truth.session = Some(session);
    if let (true, Ok(Value::Object(mut body))) =
        (call.path.ends_with("/completions"), serde_json::from_slice(&call.body))
    {
        body.insert("user".to_owned(), Value::from(&*user));
        call.body = Value::Object(body).to_string().into_bytes();
        call.truth.user = Some(user.clone());
    }
    if rng.bool() {
        call.headers.push(format!("x-to11-user-id: head-{user}"));
        call.truth.user = Some(format!("head-{user}"));
    }
}

// === impl Call ===

impl Call {
    /// One that posts JSON.
    pub(crate) fn post(path: &'static str, body: &Value, truth: Truth) -> Self {
        Self {
            kind: "",
            trace_id: String::new(),
            path,
            headers: vec!["content-type: application/json".to_owned()],
            body: body.to_string().into_bytes(),
            scenarios: Vec::new(),
            leave: None,
            frail: false,
            truth,
        }
    }

    /// The request's bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = format!(
            "POST {} HTTP/1.1\r\nhost: gateway.test\r\ntraceparent: 00-{}-{CALLER_SPAN}-01\r\n",
            self.path, self.trace_id
        );
        for header in &self.headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", self.body.len()));
        [head.as_bytes(), &self.body].concat()
    }
}

/// Words in pieces as a model would make them, now and then cut in odd places.
pub(crate) fn pieces(rng: &mut Rng, words_min: usize) -> Vec<String> {
    const WORDS: [&str; 12] = [
        " the",
        " naïve",
        " 天気",
        " 🌦",
        " \"quoted\"",
        " back\\slash",
        " line\n",
        " <tag>",
        " {brace}",
        " data:",
        " end.",
        "…",
    ];
    let count = words_min + rng.usize(..24);
    let mut pieces = vec![CANARY.to_owned()];
    pieces.extend((1..count.max(2)).map(|_| WORDS[rng.usize(..WORDS.len())].to_owned()));
    pieces
}
