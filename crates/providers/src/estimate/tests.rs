//! Estimates against what the families' tokenizers say, and texts that are cut, escaped or no text.

use proptest::prelude::*;

use super::{Family, TextCount, request_text};

/// In the order of the counts below.
const FAMILIES: [Family; 6] = [
    Family::OpenAi,
    Family::OpenAiOlder,
    Family::Claude,
    Family::Gemini,
    Family::Mistral,
    Family::Llama,
];

/// Texts that the weights were not fitted to, and their tokens by each family's own tokenizer.
const SAMPLES: [(&str, [u64; 6]); 7] = [
    (
        r"The gateway stands between an application and the providers of language models. It counts what was said, measures when it was said, and writes down how every call ended, even if the caller hung up in the middle of a sentence.
",
        [46, 46, 47, 47, 48, 46],
    ),
    (
        r"fn total(parts: &[u64]) -> Option<u64> {
    let mut sum = 0_u64;
    for part in parts.iter().filter(|part| **part > 0) {
        sum = sum.checked_add(*part)?;
    }
    Some(sum)
}
",
        [58, 58, 68, 75, 76, 58],
    ),
    (
        r#"{"city": "Lisbon", "days": 3, "units": "metric", "include": ["wind", "rain"], "from": "2026-03-01", "alerts": true}
"#,
        [44, 45, 46, 49, 52, 45],
    ),
    (
        r"Wer eine Schnittstelle betreibt, möchte wissen, was ein Aufruf gekostet hat und warum er so lange gedauert hat. Dafür zählt das Tor die Wörter, die es durchlässt, und schreibt auf, wann das erste davon angekommen ist.
",
        [52, 64, 78, 53, 73, 64],
    ),
    (
        r"网关位于应用程序和语言模型之间。它记录每一次调用的开始和结束，统计输入和输出的长度，并且在连接中断时仍然给出可靠的数字。
",
        [42, 54, 49, 37, 64, 42],
    ),
    (
        r"ゲートウェイはアプリケーションと言語モデルの間に立ち、すべての呼び出しを記録します。接続が途中で切れても、それまでに届いた文章の長さから使用量を見積もります。
",
        [57, 85, 88, 41, 85, 57],
    ),
    (
        r"Шлюз стоит между приложением и языковой моделью. Он записывает начало и конец каждого вызова, считает слова и сообщает, сколько времени прошло до первого ответа.
",
        [35, 65, 78, 37, 61, 42],
    ),
];
/// How far an estimate of one such text may be off, in percent.
const ERROR_PERCENT_MAX: u64 = 35;

fn counted(text: &str) -> TextCount {
    let mut count = TextCount::default();
    count.add(text);
    count
}

#[test]
fn estimates_are_near_what_the_tokenizers_count() {
    let mut errors = 0;
    for (text, tokens) in SAMPLES {
        for (family, tokens) in FAMILIES.into_iter().zip(tokens) {
            let estimated = counted(text).tokens(family);
            let error = estimated.abs_diff(tokens) * 100 / tokens;
            assert!(
                error <= ERROR_PERCENT_MAX,
                "{family:?} {estimated} for {tokens}: {error} % off: {text}"
            );
            errors += error;
        }
    }
    let mean = errors / (SAMPLES.len() * FAMILIES.len()) as u64;
    assert!(mean <= 12, "{mean} % off on average");
}

#[test]
fn no_text_is_no_token_and_any_text_at_least_one() {
    for family in FAMILIES {
        assert_eq!(counted("").tokens(family), 0);
        for text in ["a", ".", "\n\n", "  ", "é", "😀"] {
            assert!(counted(text).tokens(family) >= 1, "{family:?} {text:?}");
        }
    }
    assert!(counted("").is_empty() && !counted("a").is_empty());
}

#[test]
fn a_model_is_of_a_family_by_its_name_with_or_without_a_vendor() {
    for (model, family) in [
        ("gpt-4o-mini", Family::OpenAi),
        ("gpt-4.1", Family::OpenAi),
        ("gpt-5.6", Family::OpenAi),
        ("o3-mini", Family::OpenAi),
        ("openai/gpt-oss-120b", Family::OpenAi),
        ("gpt-4-turbo", Family::OpenAiOlder),
        ("gpt-3.5-turbo", Family::OpenAiOlder),
        ("text-embedding-3-small", Family::OpenAiOlder),
        ("claude-sonnet-4-6", Family::Claude),
        ("anthropic.claude-sonnet-4-6-v1:0", Family::Claude),
        ("eu.anthropic.claude-sonnet-4-6-v1:0", Family::Claude),
        ("Anthropic/Claude-Opus", Family::Claude),
        ("models/gemini-2.5-flash", Family::Gemini),
        ("google/gemma-3-27b", Family::Gemini),
        ("mistral-large-2411", Family::Mistral),
        ("mistral-nemo", Family::Llama),
        ("meta-llama/Llama-3.3-70B", Family::Llama),
        ("deepseek-chat", Family::Llama),
        ("", Family::Llama),
    ] {
        assert_eq!(Family::of(model), family, "{model}");
    }
}

#[test]
fn the_text_of_a_request_is_what_a_model_reads_of_it() {
    let text = |json: &str| request_text(json.as_bytes());
    let plain = text(r#"[{"role":"user","content":"How warm is it in Lisbon?"}]"#);
    let blocks = text(
        r#"[{"content":[{"type":"text","text":"How warm is it in Lisbon?"}],"role" : "user"}]"#,
    );
    for family in FAMILIES {
        let (plain, blocks) = (plain.tokens(family), blocks.tokens(family));
        assert!(plain.abs_diff(blocks) <= 1 && (7..=14).contains(&plain), "{plain} {blocks}");
    }
    let base64 = "iVBORw0KGgoAAAANSUhEUg".repeat(1000);
    for picture in [
        format!(r#"{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{base64}"}}}}"#),
        format!(r#"{{"type":"input_image","image_url":"https://example.com/{base64}"}}"#),
        format!(r#"{{"type":"image","source":{{"type":"base64","data":"{base64}"}}}}"#),
        format!(r#"{{"type":"input_file","file_data":"{base64}"}}"#),
        format!(r#"{{"type":"any","anything":"data:application/pdf;base64,{base64}"}}"#),
        format!(r#"{{"type":"thinking","thinking":"","signature":"{base64}"}}"#),
    ] {
        let content = format!(
            r#"[{{"role":"user","content":[{{"type":"text","text":"How warm is it in Lisbon?"}},{picture}]}}]"#
        );
        let tokens = text(&content).tokens(Family::OpenAi);
        assert!(tokens < 20, "{tokens} tokens with {}", &picture[..60]);
    }
    assert_eq!(text(r#""How warm""#), counted("How warm"), "a prompt may be a mere string");
    assert!(text(r#"[{"content":"cut"#).is_empty());
}

proptest! {
    #[test]
    fn any_cut_and_any_escape_counts_alike(text in "[a-zA-Zé日ё😀 0-9\n\t\"\\\\.]{0,40}", at in 0_usize..41) {
        let at = text.floor_char_boundary(at);
        let whole = counted(&text);
        let mut cut = TextCount::default();
        cut.add(&text[..at]);
        cut.add(&text[at..]);
        prop_assert_eq!(cut, whole);
        let quoted = serde_json::to_string(&text).unwrap();
        let mut escaped = TextCount::default();
        escaped.add_escaped(&quoted.as_bytes()[1..quoted.len() - 1]);
        prop_assert_eq!(escaped, whole);
    }

    #[test]
    fn characters_count_alike_together_and_one_by_one(
        text in "([ -~\n\r\t]{0,60}|[a-z 0-9é日]{0,3}|[ \n]{1,4}){0,12}",
    ) {
        let mut single = TextCount::default();
        for (at, ch) in text.char_indices() {
            single.add(&text[at..at + ch.len_utf8()]);
        }
        prop_assert_eq!(single, counted(&text));
    }

    #[test]
    fn more_text_is_never_fewer_tokens(text in "\\PC{0,40}", more in "\\PC{0,10}") {
        for family in FAMILIES {
            let (mut count, before) = (counted(&text), counted(&text).tokens(family));
            count.add(&more);
            prop_assert!(count.tokens(family) >= before);
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _counted = request_text(&bytes);
        let mut count = TextCount::default();
        count.add_escaped(&bytes);
    }
}
