//! What a request says is still said when it is written and read again.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{decode, written};
use crate::event::Opaque;
use crate::translate::request::{
    Content, Format, Message, Part, Reasoning, ReasoningBudget, Request, Role, Sampling, Source,
    Tool, ToolCall, ToolChoice, ToolResult,
};
use crate::translate::sealed::Sealed;

/// Text that says something: the API takes no other.
fn text() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 \"\\\\äß\n]{0,8}[a-z]"
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9_-]{0,8}"
}

fn source(media_type: &'static str) -> impl Strategy<Value = Source> {
    prop_oneof![
        "[a-z]{1,5}".prop_map(|path| Source::Url(format!("https://h/{path}"))),
        "[a-zA-Z0-9]{4}".prop_map(move |data| Source::Data { media_type: media_type.into(), data }),
    ]
}

fn media() -> impl Strategy<Value = Content> {
    let document = prop_oneof![source("application/pdf"), text().prop_map(Source::Text)];
    prop_oneof![
        text().prop_map(Content::Text),
        source("image/png").prop_map(|source| Content::Image { source, detail: None }),
        (document, option::of(text())).prop_map(|(source, name)| Content::File { source, name }),
    ]
}

fn marked(content: impl Strategy<Value = Content>) -> impl Strategy<Value = Part> {
    let cache = option::weighted(0.2, Just(json!({ "type": "ephemeral" })));
    (content, cache).prop_map(|(content, cache)| Part { content, cache })
}

fn thought() -> impl Strategy<Value = Part> {
    (text(), name(), any::<bool>()).prop_map(|(text, data, signs)| {
        let text = if signs { text } else { String::new() };
        let (format, id) = (Opaque::ANTHROPIC.to_owned(), String::new());
        let sealed = Some(Sealed { format, signs, id, data });
        Part::new(Content::Reasoning(Reasoning { text, sealed }))
    })
}

/// A turn of the assistant's with a thought in front, and the results of its calls.
fn exchange() -> impl Strategy<Value = Vec<Message>> {
    let call = (name(), name(), vec((name(), text()), 0..3));
    let calls = vec((call, vec(marked(media()), 0..3), any::<bool>()), 1..4);
    let said = vec(marked(text().prop_map(Content::Text)), 0..3);
    (vec(thought(), 1..3), said, calls, vec(marked(media()), 0..2)).prop_map(
        |(thoughts, said, calls, more)| {
            let mut answer = thoughts;
            answer.extend(said);
            let mut results = Vec::new();
            for ((id, name, members), parts, is_error) in calls {
                let arguments: serde_json::Map<_, _> =
                    members.into_iter().map(|(name, text)| (name, Value::String(text))).collect();
                let arguments = Value::Object(arguments).to_string();
                let call = ToolCall { id: id.clone(), name, arguments, custom: false };
                answer.push(Part::new(Content::ToolCall(call)));
                let result = ToolResult { id, parts, is_error, custom: false };
                results.push(Part::new(Content::ToolResult(result)));
            }
            results.extend(more);
            vec![
                Message { role: Role::Assistant, parts: answer },
                Message { role: Role::User, parts: results },
            ]
        },
    )
}

fn conversation() -> impl Strategy<Value = Vec<Message>> {
    let system = vec(marked(text().prop_map(Content::Text)), 0..3);
    (system, vec(marked(media()), 1..4), vec(exchange(), 0..3)).prop_map(
        |(system, first, exchanges)| {
            let mut messages = Vec::new();
            if !system.is_empty() {
                messages.push(Message { role: Role::System, parts: system });
            }
            messages.push(Message { role: Role::User, parts: first });
            messages.extend(exchanges.into_iter().flatten());
            messages
        },
    )
}

fn tool() -> impl Strategy<Value = Tool> {
    (name(), option::of(text()), any::<bool>(), any::<bool>()).prop_map(
        |(name, description, strict, cached)| Tool::Function {
            name,
            description,
            parameters: Some(json!({ "type": "object", "properties": {} })),
            strict: strict.then_some(true),
            cache: cached.then(|| json!({ "type": "ephemeral" })),
        },
    )
}

fn choice() -> impl Strategy<Value = Option<ToolChoice>> {
    option::of(prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        name().prop_map(ToolChoice::Named),
    ])
}

fn reasoning() -> impl Strategy<Value = Option<ReasoningBudget>> {
    let enabled = |tokens| ReasoningBudget {
        tokens: Some(tokens),
        summary: Some("auto".into()),
        ..ReasoningBudget::default()
    };
    option::of(prop_oneof![
        (1024_u64..50_000).prop_map(enabled),
        Just(ReasoningBudget { tokens: Some(0), ..ReasoningBudget::default() }),
        (option::of("low|high|xhigh"), any::<bool>()).prop_map(|(effort, shown)| {
            let summary = shown.then(|| "auto".to_owned());
            ReasoningBudget { effort, adaptive: true, summary, ..ReasoningBudget::default() }
        }),
    ])
}

fn request() -> impl Strategy<Value = Request> {
    let format = option::of(Just(Format::JsonSchema {
        name: None,
        description: None,
        schema: json!({ "type": "object" }),
        strict: Some(true),
    }));
    let stop = vec(text(), 0..3);
    let sampling = (stop, 1_u64..100_000, option::of(0_u8..=10), option::of(1_u64..9));
    let rest = (format, option::of(name()), any::<bool>(), reasoning());
    (conversation(), vec(tool(), 0..3), choice(), any::<bool>(), sampling, rest).prop_map(
        |(messages, tools, tool_choice, one, sampling, (format, user, stream, reasoning))| {
            let (stop, max_tokens, temperature, top_k) = sampling;
            let tool_choice = tool_choice.filter(|_| !tools.is_empty());
            // Said with a choice, and pointless where no tool may be called.
            let one = one && tool_choice.as_ref().is_some_and(|c| *c != ToolChoice::None);
            let sampling = Sampling {
                max_tokens: Some(max_tokens),
                temperature: temperature.map(|tenths| f64::from(tenths) / 10.0),
                top_k,
                stop,
                ..Sampling::default()
            };
            Request {
                messages,
                tools,
                tool_choice,
                parallel_tool_calls: one.then_some(false),
                format,
                sampling,
                reasoning,
                stream,
                user,
                ..Request::default()
            }
        },
    )
}

proptest! {
    /// But for what the header of dropped parameters names.
    #[test]
    fn what_is_written_and_not_reported_is_read_again(request in request()) {
        let (body, dropped) = written(request.clone()).unwrap();
        let mut again = decode(body).unwrap();
        let mut told = request;
        for name in dropped {
            match name.as_str() {
                "temperature" => told.sampling.temperature = None,
                "top_k" => told.sampling.top_k = None,
                "reasoning" => told.reasoning = None,
                other => prop_assert!(false, "{} was dropped", other),
            }
        }
        let told_max = told.sampling.max_tokens;
        // Thinking fits into `max_tokens`; a temperature of 1 is the default and goes unsaid.
        if let (Some(told), Some(again)) = (&mut told.reasoning, &again.reasoning)
            && told.tokens > again.tokens
        {
            prop_assert_eq!(again.tokens.map(|tokens| tokens + 1), told_max);
            told.tokens = again.tokens;
        }
        if again.sampling.temperature.is_none() && told.sampling.temperature == Some(1.0) {
            again.sampling.temperature = Some(1.0);
        }
        prop_assert_eq!(again, told);
    }
}

#[test]
fn a_number_in_a_call_keeps_all_its_digits() {
    let exact = "{\"lat\":31.245270191439438,\"id\":18446744073709551615}";
    let input: serde_json::Value = serde_json::from_str(exact).unwrap();
    assert_eq!(input.to_string(), exact);
}
