//! What is told, and how.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing::{Level, debug, error, info, trace, warn};

use super::{Format, panicked, subscriber, wanted};

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<u8>>>);

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that `tell` comes to.
fn lines(format: Format, rust_log: Option<&str>, tell: impl FnOnce()) -> Vec<String> {
    let told = Told::default();
    let (writer, wanted) = (told.clone(), wanted(rust_log, Level::INFO).unwrap());
    let subscriber = subscriber(format, false, wanted, move || writer.clone());
    tracing::subscriber::with_default(subscriber, tell);
    let bytes = told.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn no_setting_makes_other_crates_tell_of_requests() {
    let tell = || {
        trace!(target: "tollgate::proxy", "ours");
        warn!(target: "h2::codec", "foreign warning");
        info!(target: "h2::codec", "canary");
        trace!(target: "hyper::proto::h1::io", "canary");
        debug!(target: "a_crate_nobody_thought_of", "canary");
        warn!(target: "pingora_proxy::proxy_h1", "canary");
        error!(target: "pingora_core::connectors::http", "canary");
    };
    let insistent = "trace,hyper=trace,h2::codec=trace,pingora_core::connectors=trace,\
                     pingora_proxy::proxy_h1=trace,a_crate_nobody_thought_of=debug";
    for rust_log in ["trace", insistent] {
        let lines = lines(Format::Text, Some(rust_log), tell);
        assert_eq!(lines.len(), 2, "{lines:#?}");
        assert!(lines[0].contains("ours") && lines[1].contains("foreign warning"), "{lines:#?}");
    }
}

#[test]
fn the_variable_overrides_the_level_and_without_it_the_level_holds() {
    let tell = || {
        info!(target: "tollgate::a", "at info");
        debug!(target: "tollgate::access", "at debug");
    };
    assert_eq!(lines(Format::Text, None, tell).len(), 1);
    assert_eq!(lines(Format::Text, Some("  "), tell).len(), 1, "blank is not set");
    assert_eq!(lines(Format::Text, Some("error"), tell).len(), 0);
    let access = lines(Format::Text, Some("info,tollgate::access=debug"), tell);
    assert_eq!(access.len(), 2);
    assert!(wanted(Some("tollgate=loud"), Level::INFO).is_err());
}

#[test]
fn json_is_one_object_a_line_whatever_a_message_holds() {
    let lines = lines(Format::Json, None, || {
        info!(target: "tollgate::a", request_id = "r-1", status = 200_u16, "two\nlines \"quoted\" \u{1b}[2J");
    });
    assert_eq!(lines.len(), 1, "{lines:#?}");
    for part in [
        "{\"timestamp\":\"2",
        "\"level\":\"INFO\"",
        "\"message\":\"two\\nlines \\\"quoted\\\" \\u001b[2J\"",
        "\"request_id\":\"r-1\"",
        "\"status\":200",
        "\"target\":\"tollgate::a\"}",
    ] {
        assert!(lines[0].contains(part), "{part} in {}", lines[0]);
    }
}

#[test]
fn a_panic_is_a_line_without_what_was_put_into_its_message() {
    let lines = lines(Format::Json, None, || {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(panicked));
        let content = String::from("canary");
        let put_together = std::panic::catch_unwind(|| panic!("cannot take {content}"));
        let written = std::panic::catch_unwind(|| panic!("as it stands in the code"));
        std::panic::set_hook(before);
        assert!(put_together.is_err() && written.is_err());
    });
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(!lines[0].contains("canary") && lines[0].contains("not shown"), "{}", lines[0]);
    assert!(lines[1].contains("as it stands in the code"), "{}", lines[1]);
    assert!(lines[1].contains("log/tests.rs:"), "{}", lines[1]);
}
