//! The files under `conf/`: those that must load, and those that must say why not.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use tollgate_providers::Dialect;
use tollgate_routing::{Credential, EndpointKind, Layer, RoutingPath, Strategy, Target};
use tollgate_telemetry::Profile;

use crate::{
    CAPTURE_CONTENT_VARIABLE, Log, LogFormat, LogLevel, Problems, Settings, StoreSettings, Warning,
    load_str,
};

/// The secret that every variable holds; no message may show it.
const CANARY: &str = "canary-in-the-environment";

fn conf(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conf").join(path)
}

/// Every variable is set, but for those that say they aren't.
fn environment(name: &str) -> Option<String> {
    let ours = name == CAPTURE_CONTENT_VARIABLE || name.starts_with("OTEL_");
    let unset = name.contains("UNSET") || ours;
    (!unset).then(|| CANARY.to_owned())
}

fn load(path: &str) -> (Settings, Vec<Warning>) {
    let text = std::fs::read_to_string(conf(path)).unwrap();
    crate::load_str(&format!("conf/{path}"), &text, environment).unwrap_or_else(|p| panic!("{p}"))
}

fn load_text(text: &str) -> Result<(Settings, Vec<Warning>), Problems> {
    crate::load_str("test.yaml", text, environment)
}

pub(crate) fn loaded(text: &str) -> Settings {
    load_text(text).unwrap_or_else(|problems| panic!("{problems}")).0
}

fn warned(text: &str) -> String {
    let (_, warnings) = load_text(text).unwrap_or_else(|problems| panic!("{problems}"));
    warnings.iter().map(|warning| format!("{warning}\n")).collect()
}

fn refused(text: &str) -> String {
    load_text(text).map(|_| ()).unwrap_err().to_string()
}

fn yaml_files(folder: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(conf(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    names.sort();
    names
}

pub(crate) fn targets(settings: &Settings, model: &str) -> Vec<std::sync::Arc<Target>> {
    let plan = settings.table.resolve(model, EndpointKind::Chat).unwrap();
    plan.targets().into_iter().cloned().collect()
}

#[test]
fn no_example_shows_a_secret() {
    for name in yaml_files("examples") {
        let (settings, _) = load(&name);
        assert!(!crate::report(&settings).contains(CANARY), "{name}");
        assert!(!format!("{settings:?}").contains(CANARY), "{name}");
    }
}

#[test]
fn every_invalid_file_says_exactly_what_is_written_beside_it() {
    let names = yaml_files("invalid");
    let rules = std::fs::read_to_string(conf("invalid/README.md")).unwrap();
    let bless = std::env::var_os("TOLLGATE_BLESS").is_some();
    for name in names {
        let text = std::fs::read_to_string(conf(&name)).unwrap();
        let environment = |name: &str| environment(name).filter(|_| name != "ANTHROPIC_API_KEY");
        let problems = crate::load_str(&format!("conf/{name}"), &text, environment);
        let said = match problems {
            Ok(_) => panic!("{name} loads"),
            Err(problems) => format!("{problems}\n"),
        };
        assert!(!said.contains("canary"), "{name} shows a secret:\n{said}");
        let listed = name.replace("invalid/", "`") + "`";
        assert!(rules.contains(&listed), "{name} is beside no rule of the README");
        let golden = conf(&name).with_extension("txt");
        if bless {
            std::fs::write(&golden, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        assert!(said == expected, "{name} says:\n{said}\nand should say:\n{expected}");
    }
}

#[test]
fn log_lines_are_text_at_info_unless_the_file_says_otherwise() {
    let base = "providers: { a: { base_url: 'http://localhost/v1', models: [m] } }\n";
    let log = |server: &str| {
        load_str("f", &format!("{base}{server}"), |_| None).map(|it| it.0.server.log)
    };
    assert_eq!(log("").unwrap(), Log { format: LogFormat::Text, level: LogLevel::Info });
    let set = log("server: { log: { format: json, level: debug } }").unwrap();
    assert_eq!(set, Log { format: LogFormat::Json, level: LogLevel::Debug });
    let problems = log("server: { log: { format: jsom, level: loud } }").unwrap_err().to_string();
    assert!(problems.contains("server.log.format") && problems.contains("`json`?"), "{problems}");
    assert!(problems.contains("server.log.level"), "{problems}");
}

#[test]
fn the_default_file_is_loaded_whole() {
    let (settings, warnings) = load("tollgate.yaml");
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(settings.server.addr, SocketAddr::from(([127, 0, 0, 1], 4000)));
    assert_eq!(settings.control.addr, SocketAddr::from(([127, 0, 0, 1], 4500)));
    let collector = settings.collector.as_ref().unwrap();
    assert_eq!((collector.grpc_addr.port(), collector.http_addr.port()), (4317, 4318));
    assert_eq!(collector.memory_bytes_max, 512 << 20);
    assert_eq!(collector.memory_soft_bytes, (512 << 20) - (512 << 20) / 5);
    assert_eq!((collector.limits, collector.batch), Default::default());
    assert_eq!(settings.limits.body_bytes_max, 32 << 20);
    assert_eq!(settings.limits.in_flight_max, 4096);
}

#[test]
fn the_sections_of_the_default_file_arrive() {
    let (settings, _) = load("tollgate.yaml");
    assert_eq!(settings.security.guard.blocklist, ["internal only"]);
    let cache = &settings.cache.as_ref().unwrap().settings;
    assert_eq!(cache.version, settings.version, "answers under another file are not found");
    assert_eq!((cache.ttl, cache.bytes_max), (Duration::from_secs(600), 256 << 20));
    assert_eq!(settings.pricing["gpt-4o"].cache_read, Some(1.25));
    assert!(!settings.genai.capture_content && settings.genai.enabled);
    assert_eq!(settings.genai.profiles, [Profile::To11]);
    assert_eq!(settings.genai.otlp.as_ref().unwrap().traces.endpoint, "http://localhost:4319");
    assert_eq!(settings.telemetry.as_ref().unwrap().service_name, "tollgate");
    let Some(StoreSettings::Sqlite { path, retention_days, bytes_max }) = &settings.store else {
        panic!()
    };
    assert_eq!((path.to_str(), *retention_days), (Some("data/tollgate.db"), 90));
    assert_eq!(*bytes_max, None);
    let base = "providers: { a: { base_url: 'http://localhost/v1', models: [m] } }\n";
    let store = |bytes: u64| format!("{base}store: {{ bytes_max: {bytes} }}\n");
    let bound = |bytes| match crate::load_str("t.yaml", &store(bytes), |_| None) {
        Ok((Settings { store: Some(StoreSettings::Sqlite { bytes_max, .. }), .. }, _)) => bytes_max,
        _ => None,
    };
    assert_eq!(
        [(16 << 20) - 1, 16 << 20, 1 << 50, (1 << 50) + 1].map(bound),
        [None, Some(16 << 20), Some(1 << 50), None]
    );
}

#[test]
fn the_default_file_routes_as_it_reads() {
    let (settings, _) = load("tollgate.yaml");
    let plan = settings.table.resolve("gpt-4o", EndpointKind::Chat).unwrap();
    assert_eq!((plan.layer, plan.path), (Layer::Route, RoutingPath::Managed));
    assert_eq!((plan.strategy, plan.retry.max_retries), (Strategy::Fallback, 1));
    assert_eq!(plan.retry.backoff_base, Duration::from_millis(500), "inherited from `routing`");
    let [primary, secondary] = &targets(&settings, "gpt-4o")[..] else { panic!() };
    assert_eq!(primary.deadlines.first_token, Some(Duration::from_secs(8)));
    assert_eq!((primary.weight, secondary.weight), (70, 30));
    assert_eq!(secondary.provider.dialect, Dialect::Messages);
    let Credential::Managed(secret) = &secondary.credential else { panic!() };
    assert_eq!(secret.expose(), CANARY);
    assert_eq!(settings.credential_sources["secondary"], "env::ANTHROPIC_API_KEY");

    let plan = settings.table.resolve("summarize", EndpointKind::Chat).unwrap();
    assert_eq!((plan.layer, plan.strategy), (Layer::Function, Strategy::Experiment));
    let fast = plan.steps[0].choices[0].variant.as_ref().unwrap();
    assert_eq!((fast.weight, fast.total_variants), (50, 2));
    assert_eq!((fast.params.temperature, fast.params.max_tokens), (Some(0.2), Some(500)));
    let mini = settings.table.resolve("gpt-4o-mini", EndpointKind::Chat).unwrap();
    assert_eq!(mini.path, RoutingPath::Passthrough);
}

#[test]
fn the_file_of_the_demo_needs_no_variable() {
    let text = std::fs::read_to_string(conf("demo.yaml")).unwrap();
    let (settings, _) = crate::load_str("demo.yaml", &text, |_| None).unwrap();
    assert!(settings.genai.capture_content);
    assert_eq!(targets(&settings, "gpt-4o").len(), 2);
    assert!(matches!(targets(&settings, "gpt-4o")[0].credential, Credential::None));
}

#[test]
fn what_loads_but_is_hardly_meant_is_a_warning() {
    let text = "
control: { host: 0.0.0.0 }
providers:
  one: { base_url: 'http://localhost/v1', models: [a, f] }
  two: { base_url: 'http://localhost/v1', models: [a] }
targets: { t: { model: a }, z: { model: a, weight: 0 }, lone: { model: a } }
routes:
  first: { models: [a, b], strategy: weighted, targets: [t, z] }
  hidden: { models: [b, a], strategy: single, targets: [t] }
  half: { models: [b, c, 'one::d'], strategy: single, targets: [t] }
functions: { f: { strategy: single, targets: [t] } }
";
    let expected = "\
test.yaml:2:18: warning: control.host: `control` can be reached from other machines
  hint: it asks for no password: keep it behind a firewall or on 127.0.0.1
test.yaml:5:52: warning: providers.two.models[0]: `one` also lists `a`, and comes first
  hint: a target picks by `provider: two`, a caller by `two::a`
test.yaml:6:57: warning: targets.lone: is in no route, and route `first` already answers to `a`
  hint: name it in a route, or ask for `route::lone`
test.yaml:8:61: warning: routes.first.targets[1]: target `z` has weight 0 and is never drawn
test.yaml:9:3: warning: routes.hidden: can only be reached by its name: earlier routes have all its models
  hint: callers can ask for `route::hidden`
test.yaml:10:20: warning: routes.half.models[0]: route `first` already answers to `b`
test.yaml:10:26: warning: routes.half.models[2]: cannot be asked for: `one::` is read as a prefix
test.yaml:11:14: warning: functions.f: hides the model of the same name that provider `one` has
  hint: give the function a name that no model has
";
    assert_eq!(warned(text), expected);
}

#[test]
fn what_no_request_can_come_to_is_a_warning() {
    let text = "
providers:
  one: { base_url: 'http://localhost/v1', models: [a, 'two::x', 'route::y', 'fine::z'] }
  two: { base_url: 'http://localhost/v1', models: [b] }
targets: { s: { model: a }, t: { model: b }, z: { model: b, weight: 0 }, twin: { model: b } }
routes:
  twin: { models: [m], strategy: single, targets: [s] }
  chain:
    models: [n]
    steps:
      - { strategy: weighted, targets: [s, z] }
      - { strategy: fallback, targets: [t, s, z] }
functions:
  f: { steps: [{ strategy: single, targets: [t] }, { strategy: single, targets: [t] }] }
";
    let expected = "\
test.yaml:3:55: warning: providers.one.models[1]: `two::` is read as a prefix
  hint: callers can ask for `one::two::x`
test.yaml:3:65: warning: providers.one.models[2]: `route::` is read as a prefix
  hint: callers can ask for `one::route::y`
test.yaml:5:74: warning: targets.twin: is in no route, and `route::twin` is another one
  hint: name it in a route, or give it a name that no route has
test.yaml:11:44: warning: routes.chain.steps[0].targets[1]: target `z` has weight 0 and is never drawn
test.yaml:12:44: warning: routes.chain.steps[1].targets[1]: target `s` is never tried here
  hint: step 1 has tried it and left it by then
test.yaml:14:82: warning: functions.f.steps[1].targets[0]: target `t` is never tried here
  hint: step 1 has tried it and left it by then
";
    assert_eq!(warned(text), expected);
}

#[test]
fn a_target_that_cannot_serve_its_route_is_a_warning() {
    let text = "
providers:
  talks: { base_url: 'http://localhost/v1', models: [c], dialect: messages }
  hears: { base_url: 'http://localhost/v1', models: [w] }
targets: { t: { model: c }, w: { model: w } }
routes:
  chat: { models: [a], strategy: single, targets: [t] }
  order: { endpoint: rerank, models: [a], strategy: single, targets: [t] }
  hear: { endpoint: audio_transcription, models: [a], strategy: fallback, targets: [w, t] }
functions:
  draw: { endpoint: image_generation, strategy: experiment, variants: { v: { model: c }, x: { model: w } } }
  vector: { endpoint: embeddings, strategy: single, models: [c] }
";
    let hint = "\n  hint: requests pass it over; the last one to be tried refuses them\n";
    let expected = [
        "test.yaml:9:88: warning: routes.hear.targets[1]: provider `talks` does not serve audio_transcription",
        "test.yaml:11:73: warning: functions.draw.variants.v: provider `talks` does not serve image_generation",
        "test.yaml:12:62: warning: functions.vector.models[0]: provider `talks` does not serve embeddings",
        "",
    ];
    assert_eq!(warned(text), expected.join(hint));
}

#[test]
fn text_that_is_not_utf8_has_its_line() {
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), b"providers:\n  x: \xff\n").unwrap();
    let problems = crate::load_file(path.path(), environment).map(|_| ()).unwrap_err();
    assert!(problems.to_string().contains(":2:1: not UTF-8"), "{problems}");
    let missing = crate::load_file(Path::new("/nonexistent.yaml"), environment).map(|_| ());
    assert!(missing.unwrap_err().to_string().starts_with("/nonexistent.yaml: cannot be read: "));
}

#[test]
fn limits_hold_at_their_ends() {
    let text = |limits| format!("providers: {{ openai: {{ models: [m] }} }}\nlimits: {limits}");
    for good in
        ["{ body_bytes_max: 1 }", "{ body_bytes_max: 1073741824 }", "{ json_depth_max: 127 }"]
    {
        loaded(&text(good));
    }
    for bad in
        ["{ body_bytes_max: 0 }", "{ body_bytes_max: 1073741825 }", "{ json_depth_max: 128 }"]
    {
        assert!(refused(&text(bad)).contains("must be from 1 to "), "{bad}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        crate::fuzz_load(&bytes);
    }

    #[test]
    fn no_damage_to_a_good_file_panics_shows_a_secret_or_leads_nowhere(
        at in any::<prop::sample::Index>(),
        length in 0_usize..40,
        instead in r#"[ \t\n:{}\[\],"'&*!|>%@#?-]{0,4}|[a-z]{1,3}|[0-9.e+-]{1,6}"#,
    ) {
        let mut text = std::fs::read_to_string(conf("tollgate.yaml")).unwrap();
        let mut start = at.index(text.len());
        while !text.is_char_boundary(start) { start -= 1; }
        let mut end = (start + length).min(text.len());
        while !text.is_char_boundary(end) { end -= 1; }
        text.replace_range(start..end.max(start), &instead);
        let shown = match load_text(&text) {
            Ok((settings, warnings)) => {
                let rows = settings.table.rows();
                let lost = rows.iter().find(|row| row.plan.targets().is_empty());
                prop_assert!(lost.is_none(), "leads nowhere: {lost:?}");
                format!("{}{settings:?}{warnings:?}", crate::report(&settings))
            }
            Err(problems) => problems.to_string(),
        };
        prop_assert!(!shown.contains(CANARY));
    }
}

#[test]
fn the_fingerprint_tells_the_text_and_the_secrets_apart() {
    let text = "providers: { acme: { base_url: 'http://localhost/v1', models: [m], credential: 'env::ACME' } }\ntargets: { t: { model: m } }\n";
    let with = |text: &str, secret: &str| {
        let environment = |name: &str| (name == "ACME").then(|| secret.to_owned());
        crate::load_str("f", text, environment).unwrap().0.fingerprint
    };
    let (base, again) = (with(text, "one"), with(text, "one"));
    assert_eq!(base, again);
    let rotated = with(text, "two");
    assert_eq!(base.text, rotated.text);
    assert_ne!(base.environment, rotated.environment);
    let written = with(&format!("{text}# a remark\n"), "one");
    assert_ne!(base.text, written.text);
    assert_eq!(base.environment, written.environment);
    assert_eq!(base.text, crate::fingerprint(text.as_bytes()), "as of the file's bytes");
}

#[test]
fn a_price_of_a_model_that_nobody_lists_is_warned_of() {
    let text = "
providers: { local: { base_url: 'http://localhost/v1', models: [gpt-4o, mini-2024-07-18] } }
pricing:
  gpt-4o: { input: 1 }
  gpt-4o-2024-08-06: { input: 1 }
  mini: { input: 1 }
  gpt-4: { input: 1 }
";
    let said = warned(text);
    assert!(said.contains("no provider lists the model `gpt-4`"), "{said}");
    assert_eq!(said.matches("no provider lists").count(), 1, "{said}");
}

#[test]
fn a_mode_of_a_cache_that_is_off_is_warned_of() {
    let text = "
providers: { local: { base_url: 'http://localhost/v1', models: [m] } }
targets: { t: { model: m } }
routes: { r: { models: [a], strategy: single, targets: [t], cache: force } }
";
    let expected = "\
test.yaml:4:11: warning: routes.r: `cache` says nothing here: the response cache is off
  hint: turn it on: `cache: { enabled: true }`
";
    assert_eq!(warned(text), expected);
    assert_eq!(warned(&format!("{text}cache: {{ enabled: true }}\n")), "");
}
