//! Traps of vocabularies, by their numbers in `docs/traps.md`.

use super::super::{Profile, apply};
use super::calls;
use crate::span::{Key, Span, Value};

/// What the registry of 1.41 has for spans.
const PINNED: &str = "agent.description agent.id agent.name agent.version conversation.id data_source.id \
    embeddings.dimension.count input.messages operation.name output.messages output.type provider.name \
    request.choice.count request.encoding_formats request.frequency_penalty request.max_tokens request.model \
    request.presence_penalty request.seed request.stop_sequences request.stream request.temperature request.top_k \
    request.top_p response.finish_reasons response.id response.model response.time_to_first_chunk retrieval.documents \
    retrieval.query.text system_instructions tool.call.arguments tool.call.id tool.call.result tool.definitions \
    tool.description tool.name tool.type usage.cache_creation.input_tokens usage.cache_read.input_tokens \
    usage.input_tokens usage.output_tokens usage.reasoning.output_tokens";
/// What of it is another name since.
const RENAMED: (&str, &str) =
    ("usage.cache_creation.input_tokens", "usage.cache_write.input_tokens");

/// Sets of profiles: each alone, and the two that go together.
fn sets() -> Vec<Vec<Profile>> {
    let mut sets: Vec<_> = Profile::ALL.iter().map(|profile| vec![*profile]).collect();
    sets.push(vec![Profile::To11, Profile::SemconvPinned]);
    sets
}

fn applied(profiles: &[Profile]) -> Vec<Span> {
    let spans = calls::all().into_iter().flat_map(|(_, genai)| calls::tree(genai));
    spans.filter_map(|span| Some(apply(profiles, &span)?.into_owned())).collect()
}

fn gen_ai(span: &Span) -> impl Iterator<Item = &(Key, Value)> {
    span.attributes.iter().filter(|(name, _)| name.starts_with("gen_ai."))
}

#[test]
fn trap_31_a_call_is_counted_once_as_only_its_span_names_the_model() {
    for profiles in sets() {
        let spans = applied(&profiles);
        let models = ["gen_ai.request.model", "gen_ai.response.model", "llm.model_name"];
        let tokens = ["gen_ai.usage.input_tokens", "llm.token_count.prompt"];
        for span in &spans {
            let is_call = span.span_id == crate::SpanId::new(0xb);
            let named = |names: &[&str]| names.iter().any(|name| span.attribute(name).is_some());
            let is_vector = span.attribute("embedding.model_name").is_some();
            assert_eq!(named(&models) || is_vector, is_call, "{profiles:?}: {span:#?}");
            assert!(is_call || !named(&tokens), "{profiles:?}: {span:#?}");
            if span.pipeline == crate::Pipeline::Application {
                assert_eq!(gen_ai(span).count(), 0, "an HTTP span is no call: {span:#?}");
            }
        }
        let calls = spans.iter().filter(|span| span.span_id == crate::SpanId::new(0xb)).count();
        assert_eq!(calls, calls::all().len(), "{profiles:?}");
    }
}

#[test]
fn trap_32_a_name_under_gen_ai_is_in_the_registry_of_the_profile() {
    for profile in [Profile::SemconvPinned, Profile::SemconvLatest] {
        let is_latest = profile == Profile::SemconvLatest;
        let known = |name: &str| {
            let (old, new) = RENAMED;
            PINNED.split_whitespace().any(|known| known == name && !(is_latest && name == old))
                || is_latest && name == new
        };
        for span in applied(&[profile]) {
            for (name, value) in gen_ai(&span) {
                assert!(known(&name["gen_ai.".len()..]), "{profile:?}: {name}");
                let is_list = name.ends_with("stop_sequences") || name.ends_with("finish_reasons");
                assert_eq!(matches!(value, Value::Strs(_)), is_list, "{profile:?}: {name}");
            }
        }
    }
    for span in applied(&[Profile::OpenInference]) {
        assert_eq!(gen_ai(&span).next(), None, "two vocabularies would be counted twice");
    }
}

#[test]
fn trap_33_time_to_the_first_chunk_stands_beside_the_time_to_the_first_token() {
    let (token, chunk) =
        ("gen_ai.server.time_to_first_token", "gen_ai.response.time_to_first_chunk");
    let span = calls::genai_span(calls::full());
    let both = apply(&[Profile::To11, Profile::SemconvPinned], &span).unwrap();
    assert_eq!(both.attribute(token), Some(&Value::Float(0.3)), "the first content");
    assert_eq!(both.attribute(chunk), Some(&Value::Float(0.2)), "the reasoning before it");
    for profile in [Profile::SemconvPinned, Profile::SemconvLatest] {
        let one = apply(&[profile], &span).unwrap();
        assert_eq!(one.attribute(token), None, "{profile:?}");
        assert_eq!(one.attribute(chunk), Some(&Value::Float(0.2)), "{profile:?}");
        let plain = calls::genai_span(calls::failed());
        assert_eq!(apply(&[profile], &plain).unwrap().attribute(chunk), None, "no stream");
    }
}

#[test]
fn a_tool_call_that_was_asked_for_is_never_a_tool_that_ran() {
    for profiles in sets() {
        for span in
            calls::tree(calls::full()).iter().filter(|span| span.name.starts_with("tool_call."))
        {
            let takes = profiles.contains(&Profile::To11);
            assert_eq!(apply(&profiles, span).is_some(), takes, "{profiles:?}");
            if let Some(applied) = apply(&profiles, span) {
                assert_eq!(applied.attribute("gen_ai.operation.name"), None);
                assert_eq!(applied.attributes, span.attributes, "of one vocabulary only");
            }
        }
    }
}

#[test]
fn of_two_vocabularies_the_first_has_the_value_of_a_name_that_both_write() {
    let span = calls::genai_span(calls::full());
    let provider = |profiles: &[Profile]| {
        apply(profiles, &span).unwrap().attribute("gen_ai.provider.name").unwrap().to_string()
    };
    assert_eq!(provider(&[Profile::To11, Profile::SemconvPinned]), "xai");
    assert_eq!(provider(&[Profile::SemconvPinned, Profile::To11]), "x_ai");
}

#[test]
fn a_cost_is_one_of_openinference_only_in_its_currency() {
    let mut genai = calls::full();
    let cost = |genai| {
        let span = calls::genai_span(genai);
        apply(&[Profile::OpenInference], &span).unwrap().attribute("llm.cost.total").cloned()
    };
    assert_eq!(cost(genai.clone()), Some(Value::Float(0.0125)));
    genai.response.cost.as_mut().unwrap().currency = "EUR".into();
    assert_eq!(cost(genai), None);
}

#[test]
fn reasoning_that_a_provider_counts_apart_is_a_part_of_the_output_where_it_has_to_be() {
    let count = |excludes, profile: Profile, name| {
        let mut genai = calls::full();
        genai.response.usage.as_mut().unwrap().output_excludes_reasoning = excludes;
        let span = calls::genai_span(genai);
        apply(&[profile], &span).unwrap().attribute(name).cloned()
    };
    let output = "gen_ai.usage.output_tokens";
    for (excludes, all, total) in [(false, 40, 140), (true, 56, 156)] {
        assert_eq!(count(excludes, Profile::To11, output), Some(Value::Int(40)), "as reported");
        for (profile, name, expected) in [
            (Profile::SemconvPinned, output, all),
            (Profile::SemconvLatest, output, all),
            (Profile::SemconvPinned, "gen_ai.usage.reasoning.output_tokens", 16),
            (Profile::OpenInference, "llm.token_count.completion", all),
            (Profile::OpenInference, "llm.token_count.total", total),
            (Profile::OpenInference, "llm.token_count.completion_details.reasoning", 16),
        ] {
            assert_eq!(count(excludes, profile, name), Some(Value::Int(expected)), "{name}");
        }
    }
}

#[test]
fn a_total_of_which_a_part_is_unknown_is_none() {
    let mut genai = calls::full();
    genai.response.usage.as_mut().unwrap().output = None;
    let span = calls::genai_span(genai);
    let applied = apply(&[Profile::OpenInference], &span).unwrap();
    assert_eq!(applied.attribute("llm.token_count.prompt"), Some(&Value::Int(100)));
    for name in ["llm.token_count.total", "llm.token_count.completion"] {
        assert_eq!(applied.attribute(name), None, "never zero for unknown");
    }
}
