//! Forms in every order and split; and all that two readers could read differently.

use bytes::Bytes;
use proptest::prelude::*;

use super::{
    Form, FormError, FormScanner, HEAD_BYTES_MAX, PADDING_BYTES_MAX, PARTS_MAX, Part,
    VALUE_BYTES_MAX,
};

const TYPE: &str = "multipart/form-data; boundary=b0undary";

fn field(name: &str, value: &str) -> String {
    format!("--b0undary\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

fn file(content: &[u8]) -> Vec<u8> {
    let head = "--b0undary\r\ncontent-disposition: form-data; name=file; filename=\"a b.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n";
    [head.as_bytes(), content, b"\r\n"].concat()
}

fn closed(parts: &[&[u8]]) -> Vec<u8> {
    [&parts.concat()[..], b"--b0undary--\r\n"].concat()
}

fn scan<'a>(
    content_type: &str,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<Part>, FormError> {
    let mut scanner = FormScanner::new(content_type)?;
    for piece in pieces {
        scanner.feed(piece)?;
    }
    scanner.finish()
}

/// The refusal, which is the same at once and byte by byte.
fn refused(body: &[u8]) -> FormError {
    let error = scan(TYPE, [body]).and_then(Form::of).unwrap_err();
    assert_eq!(scan(TYPE, body.chunks(1)).and_then(Form::of).unwrap_err(), error);
    error
}

#[test]
fn the_model_is_found_before_and_after_the_file() {
    let content = b"\x00\xff\r\n--b0undarx\r\n-\r--\n";
    let (model, stream) = (field("model", "whisper-1"), field("stream", "TRUE"));
    let tail = field("temperature", "0.2");
    let (model, stream, tail) = (model.as_bytes(), stream.as_bytes(), tail.as_bytes());
    for parts in [
        [model, stream, &file(content), tail],
        [&file(content), stream, tail, model],
        [stream, model, tail, &file(content)],
    ] {
        let body = closed(&parts);
        let form = Form::read(TYPE, &body).unwrap();
        assert_eq!((form.model(), form.stream()), ("whisper-1", true));
        assert_eq!((form.text("temperature"), form.text("file")), (Some("0.2"), None));
        let found = scan(TYPE, [&body[..]]).unwrap();
        let upload = found.iter().find(|part| part.is_file).unwrap();
        assert_eq!(&body[upload.place.clone()], content, "in its place");
        assert_eq!(upload.value, None, "and not copied");
    }
}

#[test]
fn only_the_model_changes() {
    let body = closed(&[
        &file(b"x\r\n\r\ny"),
        field("model", "a").as_bytes(),
        b"--b0undary\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n",
    ]);
    let form = Form::read(TYPE, &body).unwrap();
    let changed = form.with_model(&Bytes::from(body.clone()), "whisper-large-v3");
    let text = String::from_utf8(body).unwrap();
    assert_eq!(changed, text.replace("\r\n\r\na\r\n", "\r\n\r\nwhisper-large-v3\r\n").as_bytes());
    let again = Form::read(TYPE, &changed).unwrap();
    assert_eq!((again.model(), again.text("empty")), ("whisper-large-v3", Some("")));
}

#[test]
fn what_the_standard_allows_around_the_parts_is_allowed() {
    let model = field("model", "m");
    for body in [
        format!("{model}--b0undary--"),
        format!("{model}--b0undary--  \t"),
        format!("{model}--b0undary--\r\n an epilogue\r\n--b0undar"),
        format!("a preamble --b0undary\r\n{model}--b0undary--\r\n"),
        format!("\r\n{model}--b0undary--\r\n"),
        model.replace("b0undary\r\n", "b0undary \t \r\n") + "--b0undary--",
        format!("{}--b0undary--", model.replace("\r\n\r\n", "\r\nX-Other: a:b\r\n\r\n")),
        format!("{}--b0undary--", model.replace("name=\"model\"", "name=model; x=\"a;\\\"b\"")),
        format!(
            "{}--b0undary--",
            model.replace("Content-", "CONTENT-").replace("form-data;", "Form-Data ;")
        ),
        format!(
            "{}--b0undary--",
            model.replace("\r\n\r\n", "\r\ncontent-transfer-encoding: 8BIT\r\n\r\n")
        ),
    ] {
        for size in [1, 2, 7, body.len()] {
            let parts = scan(TYPE, body.as_bytes().chunks(size)).unwrap();
            assert_eq!(Form::of(parts).unwrap().model(), "m", "{body:?} in pieces of {size}");
        }
    }
}

#[test]
fn the_content_type_must_name_one_good_boundary() {
    let longest = "x".repeat(70);
    for (content_type, expected) in [
        ("application/json", Some(FormError::NotForm)),
        ("", Some(FormError::NotForm)),
        ("multipart/mixed; boundary=x", Some(FormError::NotForm)),
        ("multipart/form-data", Some(FormError::NoBoundary)),
        ("multipart/form-data;", Some(FormError::NoBoundary)),
        ("multipart/form-data; charset=utf-8", Some(FormError::NoBoundary)),
        ("multipart/form-data; boundary=a; boundary=b", Some(FormError::NoBoundary)),
        ("multipart/form-data; boundary=a, b", Some(FormError::NoBoundary)),
        ("multipart/form-data; boundary=\"a", Some(FormError::NoBoundary)),
        ("multipart/form-data; boundary=\"\"", Some(FormError::BadBoundary)),
        ("multipart/form-data; boundary=\"a \"", Some(FormError::BadBoundary)),
        ("multipart/form-data; boundary=\"a\\b\"", Some(FormError::BadBoundary)),
        (&format!("multipart/form-data; boundary={longest}x"), Some(FormError::BadBoundary)),
        (&format!("multipart/form-data; boundary={longest}"), None),
        ("multipart/form-data; boundary=\"a b:c?d=(e)/'f'\"", None),
        ("Multipart/Form-Data ;charset=utf-8;BOUNDARY=----WebKitFormBoundaryAbC123", None),
    ] {
        assert_eq!(FormScanner::new(content_type).err(), expected, "{content_type}");
    }
}

#[test]
fn what_two_readers_could_take_differently_is_refused() {
    let model = field("model", "m");
    let end = "--b0undary--\r\n";
    let head = |head: &str| format!("--b0undary\r\n{head}\r\n\r\nm\r\n{end}");
    let what = |body: String| match refused(body.as_bytes()) {
        FormError::Head { what, .. } => what,
        other => panic!("{other}"),
    };
    for (text, expected) in [
        ("Content-Type: text/plain", "has no disposition"),
        ("Content-Disposition: form-data", "has no name"),
        ("Content-Disposition: form-data; name=\"\"", "has no name"),
        ("Content-Disposition: attachment; name=model", "has a disposition that is not form-data"),
        ("Content-Disposition: form-data; name=model; name=x", "has two names"),
        (
            "Content-Disposition: form-data; name=\"model\"x",
            "has a disposition that cannot be read",
        ),
        ("Content-Disposition: form-data; name=\"mo\\del\"", "has a name with a backslash"),
        (
            "Content-Disposition: form-data; name*=utf-8''model",
            "has an extended name, which RFC 7578 rules out",
        ),
        (
            "Content-Disposition: form-data; name=x\r\nContent-Disposition: form-data; name=model",
            "has two dispositions",
        ),
        ("Content-Disposition: form-data;\r\n name=model", "has a folded line"),
        ("Content-Disposition form-data", "has a line without a colon"),
        ("Content-Disposition: form-data; name=x\nA: b", "has a line that does not end in CR LF"),
        (
            "Content-Disposition: form-data; name=x\r\nContent-Type: Multipart/mixed; boundary=i",
            "announces a form within the form",
        ),
        (
            "Content-Disposition: form-data; name=model\r\nContent-Transfer-Encoding: base64",
            "announces an encoded value",
        ),
    ] {
        assert_eq!(what(head(text)), expected, "{text}");
    }
    let no_content = model.replace("m\r\n", "").replace("\r\n\r\n", "\r\n\r\n--b0undary\r\n");
    assert_eq!(what(no_content + &model + end), "is followed by no content");
    let twice = refused(format!("{model}{model}{end}").as_bytes());
    assert!(matches!(twice, FormError::Twice { field: "model", .. }), "{twice}");
    let streams = format!("{model}{0}{0}{end}", field("stream", "true"));
    assert!(matches!(refused(streams.as_bytes()), FormError::Twice { field: "stream", .. }));
    assert_eq!(refused(end.as_bytes()), FormError::NoModel);
    assert_eq!(refused(format!("{}{end}", field("model", "")).as_bytes()), FormError::NoModel);
    assert_eq!(refused(format!("{}{end}", field("Model", "m")).as_bytes()), FormError::NoModel);
    for text in ["a\r\nb", "a\u{0}", "a\nb"] {
        let error = refused(format!("{}{end}", field("model", text)).as_bytes());
        assert!(matches!(error, FormError::NotText { field: "model", .. }), "{error}");
    }
    let as_file = model.replace("name=\"model\"", "name=\"model\"; filename=\"m\"");
    let error = refused(format!("{as_file}{end}").as_bytes());
    assert!(matches!(error, FormError::NotText { field: "model", .. }), "{error}");
}

#[test]
fn broken_framing_is_refused_where_it_breaks() {
    let model = field("model", "m");
    for body in ["", "no form", "--b0undary", "--b0undary-", "--b0undary\r\n", &model, &model[..40]]
    {
        assert_eq!(refused(body.as_bytes()), FormError::Unterminated, "{body:?}");
    }
    assert_eq!(refused(format!("{model}--b0undary").as_bytes()), FormError::Unterminated);
    assert_eq!(refused(format!("{model}--b0undary--\r").as_bytes()), FormError::Unterminated);
    let bare = format!("{}--b0undary--", model.replace("m\r\n", "m\n"));
    assert_eq!(refused(bare.as_bytes()), FormError::BareLineFeed { position: bare.len() - 2 });
    for tail in
        ["--b0undary--x", "--b0undaryx\r\n", "--b0undary \n", "--b0undary-x", "--b0undary\rx"]
    {
        let error = refused(format!("{model}{tail}").as_bytes());
        assert!(matches!(error, FormError::BoundaryLine { .. }), "{tail}: {error}");
    }
    for tail in ["--b0undary\r\n", "x\r\n--b0undary--\r\n", &model] {
        let error = refused(format!("{model}--b0undary--\r\n{tail}").as_bytes());
        assert!(matches!(error, FormError::AfterEnd { .. }), "{tail}: {error}");
    }
}

#[test]
fn each_limit_holds_at_its_number_and_not_beyond() {
    let end = "--b0undary--\r\n";
    let of = |body: String| scan(TYPE, [body.as_bytes()]).and_then(Form::of).map(|form| form.texts);
    let model = field("model", "m");
    // The head with its blank line.
    let padded = |bytes: usize| {
        let head = "Content-Disposition: form-data; name=a\r\nX: \r\n\r\n";
        let padding = "y".repeat(bytes - head.len());
        format!("{model}--b0undary\r\n{}v\r\n{end}", head.replace("X: ", &format!("X: {padding}")))
    };
    assert!(of(padded(HEAD_BYTES_MAX)).is_ok());
    assert_eq!(of(padded(HEAD_BYTES_MAX + 1)), Err(FormError::LongHead));
    let long = |bytes: usize| format!("{model}{}{end}", field("prompt", &"p".repeat(bytes)));
    assert_eq!(of(long(VALUE_BYTES_MAX)).unwrap()[0].1.len(), VALUE_BYTES_MAX);
    assert_eq!(of(long(VALUE_BYTES_MAX + 1)), Ok(Vec::new()), "passed on, but not kept");
    let many = |parts: usize| format!("{}{model}{end}", field("a[]", "v").repeat(parts - 1));
    assert!(of(many(PARTS_MAX)).is_ok());
    assert_eq!(of(many(PARTS_MAX + 1)), Err(FormError::ManyParts));
    for (line, good) in [("--b0undary", true), ("--b0undary--", false)] {
        let padding = |bytes: usize| {
            let padded = format!("{line}{}\r\n", " ".repeat(bytes));
            let rest = model.strip_prefix("--b0undary\r\n").unwrap();
            if good { format!("{padded}{rest}{end}") } else { format!("{model}{padded}") }
        };
        assert!(of(padding(PADDING_BYTES_MAX)).is_ok(), "{line}");
        let error = of(padding(PADDING_BYTES_MAX + 1)).unwrap_err();
        assert!(matches!(error, FormError::BoundaryLine { .. }), "{line}: {error}");
    }
}

/// Content that is full of what a boundary is made of.
fn content() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b"\r\n--b0undar".to_vec()),
        Just(b"--b0undary".to_vec()),
        Just(b"\r\r\n-".to_vec()),
        Just(b"\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn has_boundary(content: &[u8]) -> bool {
    let found = memchr::memmem::find_iter(content, b"\n--b0undary").next();
    found.is_some() || content.starts_with(b"--b0undary") || content.starts_with(b"\n--b0undary")
}

proptest! {
    #[test]
    fn any_split_of_any_form_gives_the_same_parts(
        contents in prop::collection::vec(content(), 1..4),
        model_at in 0..4usize,
        cuts in prop::collection::vec(1..40usize, 1..12),
        name in "[ -~]{1,12}",
    ) {
        prop_assume!(!contents.iter().any(|content| has_boundary(content)));
        let mut parts: Vec<Vec<u8>> = contents.iter().map(|content| file(content)).collect();
        parts.insert(model_at.min(contents.len()), field("model", &name).into_bytes());
        let body = closed(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let at_once = scan(TYPE, [&body[..]]).unwrap();
        let files: Vec<&[u8]> = at_once
            .iter()
            .filter(|part| part.is_file)
            .map(|part| &body[part.place.clone()])
            .collect();
        prop_assert_eq!(files, contents.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let (mut scanner, mut rest) = (FormScanner::new(TYPE).unwrap(), &body[..]);
        for size in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            scanner.feed(piece).unwrap();
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(&scanner.finish().unwrap(), &at_once);
        let form = Form::of(at_once).unwrap();
        prop_assert_eq!(form.model(), &name);
        let body = Bytes::from(body);
        let changed = form.with_model(&body, "another");
        let back = Form::read(TYPE, &changed).unwrap();
        prop_assert_eq!(back.model(), "another");
        prop_assert_eq!(back.with_model(&changed, &name), body, "and back again");
    }

    #[test]
    fn any_bytes_in_any_split_are_judged_alike(
        pieces in prop::collection::vec(
            prop_oneof![
                content(),
                Just(b"\r\n--b0undary\r\n".to_vec()),
                Just(b"\r\n--b0undary--\r\n".to_vec()),
                Just(b"Content-Disposition: form-data; name=\"model\"\r\n\r\n".to_vec()),
            ],
            0..8,
        ),
        size in 1..20usize,
    ) {
        let body = pieces.concat();
        prop_assert_eq!(scan(TYPE, [&body[..]]), scan(TYPE, body.chunks(size)));
    }
}
