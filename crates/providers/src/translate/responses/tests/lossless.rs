//! Requests that the API can say come back from it as they were.

use proptest::prelude::*;
use serde_json::json;

use super::{read, written};
use crate::event::Opaque;
use crate::translate::request::{
    Content, Format, Message, Part, Reasoning, ReasoningBudget, Request, Role, Sampling, Source,
    Tool, ToolCall, ToolChoice, ToolResult,
};
use crate::translate::sealed::Sealed;

fn text() -> impl Strategy<Value = String> {
    "[a-z \"\\\\\n\u{e9}\u{1f600}]{1,12}"
}

fn name() -> impl Strategy<Value = String> {
    "[a-z_]{1,8}"
}

fn source() -> impl Strategy<Value = Source> {
    prop_oneof![
        name().prop_map(|name| Source::Url(format!("https://example.org/{name}"))),
        "[A-Za-z0-9+/]{4,8}"
            .prop_map(|data| Source::Data { media_type: "image/png".to_owned(), data }),
        name().prop_map(|name| Source::Id(format!("file_{name}"))),
    ]
}

fn seen() -> impl Strategy<Value = Content> {
    prop_oneof![
        text().prop_map(Content::Text),
        (source(), prop_oneof!["low", "high", "auto"])
            .prop_map(|(source, detail)| Content::Image { source, detail: Some(detail) }),
        (source(), name()).prop_map(|(source, name)| {
            // Only what is sent along has a name.
            let name = matches!(source, Source::Data { .. }).then_some(name);
            Content::File { source, name }
        }),
    ]
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    prop::collection::vec(seen().prop_map(Part::new), 1..4)
}

fn spoken() -> impl Strategy<Value = Content> {
    prop_oneof![
        text().prop_map(Content::Text),
        text().prop_map(Content::Refusal),
        (prop::option::of(text()), name(), text()).prop_map(|(text, id, data)| {
            let format = Opaque::RESPONSES.to_owned();
            let sealed = Some(Sealed { format, signs: true, id, data });
            Content::Reasoning(Reasoning { text: text.unwrap_or_default(), sealed })
        }),
        (name(), name(), text(), any::<bool>()).prop_map(|(id, name, text, custom)| {
            // An id says what kind of call it is of: results follow it.
            let id = format!("{}_{id}", if custom { "custom" } else { "call" });
            let arguments = if custom { text } else { json!({ "a": text }).to_string() };
            Content::ToolCall(ToolCall { id, name, arguments, custom })
        }),
    ]
}

fn result() -> impl Strategy<Value = Content> {
    (name(), parts(), any::<bool>()).prop_map(|(id, parts, custom)| {
        let id = format!("{}_{id}", if custom { "custom" } else { "call" });
        Content::ToolResult(ToolResult { id, parts, is_error: false, custom })
    })
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        parts().prop_map(|parts| Message { role: Role::User, parts }),
        parts().prop_map(|parts| Message { role: Role::System, parts }),
        prop::collection::vec(prop_oneof![result(), seen()].prop_map(Part::new), 1..4)
            .prop_map(|parts| Message { role: Role::User, parts }),
        prop::collection::vec(spoken().prop_map(Part::new), 1..5)
            .prop_map(|parts| Message { role: Role::Assistant, parts }),
    ]
}

fn tools() -> impl Strategy<Value = (Vec<Tool>, Option<ToolChoice>)> {
    let tool = prop_oneof![
        (name(), prop::option::of(text()), any::<bool>()).prop_map(
            |(name, description, strict)| {
                let parameters =
                    Some(json!({ "type": "object", "properties": { "z": {}, "a": {} } }));
                Tool::Function { name, description, parameters, strict: Some(strict), cache: None }
            }
        ),
        (name(), prop::option::of(text())).prop_map(|(name, description)| {
            let inner = json!({ "syntax": "regex", "definition": "a+" });
            let format = Some(json!({ "type": "grammar", "grammar": inner }));
            Tool::Custom { name, description, format }
        }),
    ];
    let choice = prop_oneof![
        Just(ToolChoice::Auto),
        Just(ToolChoice::None),
        Just(ToolChoice::Required),
        name().prop_map(ToolChoice::Named),
    ];
    (prop::collection::vec(tool, 1..3), prop::option::of(choice))
}

fn format() -> impl Strategy<Value = Format> {
    prop_oneof![
        Just(Format::JsonObject),
        (name(), prop::option::of(text()), prop::option::of(any::<bool>())).prop_map(
            |(name, description, strict)| Format::JsonSchema {
                name: Some(name),
                description,
                schema: json!({ "type": "object" }),
                strict,
            }
        ),
    ]
}

fn budget() -> impl Strategy<Value = ReasoningBudget> {
    (prop_oneof!["none", "low", "xhigh"], prop::option::of(prop_oneof!["auto", "detailed"]))
        .prop_map(|(effort, summary)| ReasoningBudget {
            effort: Some(effort),
            summary,
            ..ReasoningBudget::default()
        })
}

prop_compose! {
    fn request()(
        messages in prop::collection::vec(message(), 0..5),
        (tools, tool_choice) in tools(),
        parallel_tool_calls in prop::option::of(any::<bool>()),
        format in prop::option::of(format()),
        reasoning in prop::option::of(budget()),
        max_tokens in prop::option::of(16_u64..100_000),
        temperature in prop::option::of(0.0..2.0),
        user in prop::option::of(name()),
        verbosity in prop::option::of(name()),
        stream in any::<bool>(),
    ) -> Request {
        let extra = verbosity.into_iter().map(|said| ("verbosity".to_owned(), said.into()));
        Request {
            messages, tools, tool_choice, parallel_tool_calls, format, reasoning, stream, user,
            sampling: Sampling { max_tokens, temperature, ..Sampling::default() },
            extra: extra.collect(),
            ..Request::default()
        }
    }
}

/// What is said by whom, however it is spread over turns: the API has no turns, only items.
fn spread(request: &mut Request) -> Vec<(Role, Part)> {
    let messages = std::mem::take(&mut request.messages);
    messages.into_iter().flat_map(|m| m.parts.into_iter().map(move |part| (m.role, part))).collect()
}

proptest! {
    #[test]
    fn a_request_comes_back_as_it_was(mut asked in request()) {
        let (body, dropped) = written(asked.clone());
        prop_assert!(dropped.is_empty(), "{dropped:?}");
        let mut back = read(body);
        prop_assert_eq!(spread(&mut back), spread(&mut asked));
        prop_assert_eq!(back, asked);
    }
}
