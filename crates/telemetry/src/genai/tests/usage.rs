//! Token counts on the GenAI span.

use std::time::Duration;

use tollgate_providers::Usage;

use super::super::{GenAi, Response, StreamTiming};
use super::{complete, named, text, tree};

#[test]
fn anthropics_input_is_the_total_and_its_parts_stay_as_reported() {
    let usage = Usage {
        input: Some(100),
        output: Some(5),
        cache_read: Some(40),
        cache_creation: Some(30),
        cache_creation_5m: Some(10),
        cache_creation_1h: Some(20),
        input_excludes_cache: true,
        ..Usage::default()
    };
    let spans = tree(GenAi {
        response: Response { usage: Some(usage), ..Response::default() },
        ..complete()
    });
    let genai = named(&spans, "chat gpt-4o");
    for (name, value) in [
        ("gen_ai.usage.input_tokens", "170"),
        ("gen_ai.usage.cache_read.input_tokens", "40"),
        ("gen_ai.usage.cache_creation.input_tokens", "30"),
        ("gen_ai.usage.cache_creation_5m.input_tokens", "10"),
        ("gen_ai.usage.cache_creation_1h.input_tokens", "20"),
    ] {
        assert_eq!(text(genai, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(text(genai, "gen_ai.usage.reasoning_tokens"), None);
}

#[test]
fn reasoning_outside_the_output_counts_once_and_only_in_throughput() {
    for (output_excludes_reasoning, rate) in [(true, "50"), (false, "20")] {
        let usage = Usage {
            output: Some(40),
            reasoning: Some(60),
            output_excludes_reasoning,
            ..Usage::default()
        };
        let duration = Duration::from_secs(2);
        let spans = tree(GenAi {
            stream: true,
            response: Response { usage: Some(usage), ..Response::default() },
            timing: Some(StreamTiming { duration, ..StreamTiming::default() }),
            ..complete()
        });
        let genai = named(&spans, "chat gpt-4o");
        for (name, value) in [
            ("gen_ai.server.output_tokens_per_second", Some(rate)),
            ("gen_ai.usage.output_tokens", Some("40")),
            ("gen_ai.usage.reasoning_tokens", Some("60")),
            ("gen_ai.server.time_to_first_token", None),
            ("gateway.stream.stalls", None),
        ] {
            assert_eq!(text(genai, name).as_deref(), value, "{name}");
        }
    }
}
