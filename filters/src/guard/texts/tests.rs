//! What counts as a text, and what does not.

use super::*;

fn read(json: &str) -> Vec<String> {
    of_json(json).into_iter().map(|it| it.text.into_owned()).collect()
}

#[test]
fn every_string_is_a_text_but_for_names_and_base64() {
    let json = r#"{"model":"m","messages":[{"role":"user","content":"a"},
        {"role":"user","content":[{"type":"text","text":"b"},{"type":"new_kind","whatever":"c"}]},
        {"role":"tool","tool_call_id":"call_1","content":"d"}],"stop":["e","f"],"user":"g",
        "tools":[{"type":"function","function":{"name":"h","description":"i"}}],"prediction":{"content":"j"}}"#;
    assert_eq!(read(json), ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
}

#[test]
fn texts_are_read_without_their_escapes_and_stand_where_they_stood() {
    let json = r#"{"content" : "\u0069nternal \ud83d\ude00 \ud800!" , "input":"x\"y"}"#;
    let found = of_json(json);
    assert_eq!(found[0].text, "internal 😀 \u{fffd}!");
    assert_eq!(&json[found[0].place.clone()], r#""\u0069nternal \ud83d\ude00 \ud800!""#);
    assert_eq!(found[1].text, "x\"y");
}

#[test]
fn json_of_the_application_is_one_text_with_its_keys_and_numbers() {
    let json = r#"{"content":[{"type":"tool_use","id":"t","input":{"id":"]}\"","model":[1]}}],
        "input":[{"type":"message","content":"a"}],"metadata":{"type":"b"}}"#;
    let found = of_json(json);
    let told: Vec<_> = found.iter().map(|it| (it.form, &*it.text)).collect();
    let expected = [
        (Form::Json, r#"{"id":"]}\"","model":[1]}"#),
        (Form::String, "a"),
        (Form::Json, r#"{"type":"b"}"#),
    ];
    assert_eq!(told, expected);
    // What stands behind an object in a list is none of its members.
    assert_eq!(read(r#"{"content":[{"id":"x"},"a"],"id":"y"}"#), ["a"]);
    // A key that hides behind an escape is the same key.
    assert_eq!(read(r#"{"inpu\u0074":{"id":"x"}}"#), [r#"{"id":"x"}"#]);
}

#[test]
fn base64_is_left_out_where_it_is_nothing_else_and_long() {
    let data = "QUJD".repeat(BLOB_BYTES_MIN / 4);
    let short = &data[..BLOB_BYTES_MIN - 1];
    assert_eq!(read(&format!(r#"{{"data":"{data}"}}"#)), [""; 0]);
    assert_eq!(read(&format!(r#"{{"data":"{short}"}}"#)), [short]);
    assert_eq!(read(&format!(r#"{{"text":"{data}"}}"#)), [&*data]);
    let spoken = format!("{data} and words");
    assert_eq!(read(&format!(r#"{{"data":"{spoken}"}}"#)), [&*spoken]);
    let url = format!("data:image/png;base64,{data}");
    assert_eq!(read(&format!(r#"{{"url":"{url}"}}"#)), [""; 0]);
    let hidden = format!("data:image/png;base64,{data} internal only");
    assert_eq!(read(&format!(r#"{{"url":"{hidden}"}}"#)), [&*hidden]);
}

#[test]
fn pieces_that_repeat_a_text_are_known_as_such() {
    let found = r#"{"logprobs":{"content":[{"token":"a"}]},"x":[{"logprobs":[{"token":"a"}]}]}"#;
    let forms: Vec<_> = of_json(found).into_iter().map(|it| it.form).collect();
    assert_eq!(forms, [Form::Repeats(false), Form::Repeats(true)]);
}

#[test]
fn half_a_body_ends_the_walk_and_nothing_else() {
    let json = r#"{"content":"a","more":["b",{"input":{"c":"d"}},"e\\"]}"#;
    for cut in 0..json.len() {
        assert!(of_json(&json[..cut]).len() <= 4);
    }
}
