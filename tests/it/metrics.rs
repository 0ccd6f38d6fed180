//! `/metrics` as a whole: what Prometheus's own judge says of it, and how large it can get.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use tollgate_mock::{Fault, Scenario};

use crate::client::{connect, leave_after, post, read, request};
use crate::faults::{counter, in_parallel};
use crate::harness::{PATIENCE, World, helper_is_installed, sdk_folder, until};

/// The most series that one instrument may have.
const SERIES_MAX: usize = 2_000;
/// Models that an attacker makes up: half of them reach an upstream.
const NAMES: usize = 10_000;
const CONNECTIONS: usize = 8;
const PATH: &str = "/v1/chat/completions";

fn body(model: &str, stream: bool) -> String {
    format!(
        r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#
    )
}

/// Some of everything that is counted.
fn traffic(world: &World) {
    for stream in [true, false] {
        assert_eq!(post(world.gateway, PATH, &[], &body("gpt-4o-mini", stream)).status, 200);
        assert_eq!(post(world.gateway, PATH, &[], &body("nobody-knows", stream)).status, 404);
        world.mock.set("first", Scenario::status(503));
        assert_eq!(post(world.gateway, PATH, &[], &body("gpt-4o", stream)).status, 200);
    }
    assert_eq!(post(world.gateway, PATH, &[], "{").status, 400);
    assert_eq!(post(world.gateway, "/no/such/path", &[], "{}").status, 404);
    world.mock.push(PATH, Scenario::fault(Fault::CutAfterEvents(3)));
    post(world.gateway, PATH, &[], &body("gpt-4o-mini", true));
    world.mock.push(PATH, Scenario::load(500, 80, 10));
    let left = request("POST", PATH, &[], body("gpt-4o-mini", true).as_bytes());
    leave_after(world.gateway, &left, 5);
    world.running().reload();
    world.until_idle();
    world.running().flush(PATIENCE);
}

#[test]
fn promtool_finds_nothing_to_say() {
    let promtool = sdk_folder().join("promtool");
    if !helper_is_installed(&promtool) {
        return;
    }
    let world = World::usual();
    traffic(&world);
    let metrics = world.running().metrics();
    for name in ["gateway_stream_gap_seconds_count", "gen_ai_server_time_per_output_token_seconds"]
    {
        assert!(metrics.contains(name), "{name} in\n{metrics}");
    }
    let mut judge = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    judge.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let said = judge.wait_with_output().unwrap();
    let all = [said.stdout, said.stderr].concat();
    let all = String::from_utf8_lossy(&all);
    assert!(said.status.success() && all.is_empty(), "{all}\nof\n{metrics}");
}

#[test]
fn every_instrument_says_what_it_is_and_is_of_one_type() {
    let world = World::usual();
    traffic(&world);
    let metrics = world.running().metrics();
    let types: Vec<_> = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert!(types.len() > 20, "{metrics}");
    let distinct: BTreeSet<_> = types.iter().map(|line| line.split(' ').next()).collect();
    assert_eq!(distinct.len(), types.len());
    for line in types {
        let name = line.split(' ').next().unwrap();
        let help = format!("# HELP {name} ");
        let help = metrics.lines().find_map(|line| line.strip_prefix(&help));
        assert!(help.is_some_and(|help| help.len() > 10), "{name}");
    }
}

/// How many series each instrument has; the bounds of a histogram make none.
fn series(metrics: &str) -> BTreeMap<&str, usize> {
    let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let (name, labels) = line.split_once('{').unwrap_or((line, ""));
        if !name.ends_with("_bucket") {
            all.entry(name).or_default().insert(labels.rsplit_once('}').map_or("", |it| it.0));
        }
    }
    all.into_iter().map(|(name, labels)| (name, labels.len())).collect()
}

#[test]
fn ten_thousand_model_names_and_odd_headers_make_few_series() {
    // A provider that lists no models takes any.
    let world = World::new(
        r#"
providers:
  openai: { base_url: "{mock}/v1" }
  ours:   { base_url: "{mock}/v1", models: [gpt-4o-mini], auth_type: none }
"#,
    );
    let shares: Vec<_> = (0..CONNECTIONS).collect();
    in_parallel(&shares, |share| {
        let mut stream = connect(world.gateway);
        for at in (*share..NAMES).step_by(CONNECTIONS) {
            let known = at % 2 == 0;
            let prefix = if known { "openai::" } else { "" };
            let body = body(&format!("{prefix}made-up-{at}"), at % 10 == 0);
            let odd = [
                format!("x-to11-user-id: user-{at}"),
                format!("x-to11-session-id: session-{at}"),
                format!("x-to11-env: env-{at}"),
                format!("x-to11-operation-name: operation-{at}"),
                format!("x-to11-context-operation: {}-{at}", "execute_tool"),
                format!("x-to11-context-tool-name: tool-{at}"),
                format!("user-agent: agent-{at}"),
                format!("x-request-id: {at}"),
                "authorization: Bearer sk-caller".to_owned(),
            ];
            let headers: Vec<_> = odd.iter().map(String::as_str).collect();
            // A connection is closed after a thousand requests.
            if at / CONNECTIONS % 500 == 499 {
                stream = connect(world.gateway);
            }
            stream.write_all(&request("POST", PATH, &headers, body.as_bytes())).unwrap();
            let status = read(&mut stream, usize::MAX).unwrap().status;
            assert_eq!(status, if known { 200 } else { 404 }, "{body}");
        }
    });
    assert_eq!(post(world.gateway, PATH, &[], &body("gpt-4o-mini", true)).status, 200);
    let finished = || counter(&world, "gateway_requests_finished_total", "");
    until("the last is counted", || finished() > NAMES as u64);
    let metrics = world.running().metrics();
    let series = series(&metrics);
    for (name, count) in &series {
        // Far fewer than may be: the bound of names is at work, not the limit behind it.
        assert!(*count <= SERIES_MAX / 4, "{name}: {count}");
    }
    assert!(!metrics.contains("otel_metric_overflow"), "nothing overflowed");
    assert!(metrics.lines().count() < 20 * SERIES_MAX, "{}", metrics.lines().count());
    let other = "gen_ai_request_model=\"other\"";
    let name = "gen_ai_client_operation_duration_seconds_count";
    assert!(counter(&world, name, other) > 9_000, "most of them are others");
    assert_eq!(counter(&world, name, "gen_ai_request_model=\"gpt-4o-mini\""), 1, "ours by name");
    assert_eq!(counter(&world, name, ""), NAMES as u64 + 1, "and none is lost");
    assert_eq!(finished(), NAMES as u64 + 1);
    for odd in ["user-1", "session-1", "env-1", "agent-1", "tool-1", "operation-1"] {
        assert!(!metrics.contains(odd), "{odd}");
    }
}
