//! The configuration changes while requests run.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tollgate::reload::Reload;
use tollgate_mock::Scenario;

use crate::client::{Answer, post};
use crate::harness::{USUAL, World, until};

/// Swaps of the file under load, and the time between two of them.
const SWAPS: usize = 102;
const SWAP_EVERY: Duration = Duration::from_millis(100);
const CLIENTS: usize = 6;

/// The usual sections, with a route of this name for the model `which`.
fn named(route: &str) -> String {
    let routes = format!(
        "routes:\n  {route}: {{ models: [which], strategy: single, targets: [secondary] }}\n"
    );
    let server =
        "server: { port: {gateway}, threads: 2, work_stealing: true, route_header: true }\n";
    format!("{}{server}", USUAL.replace("routes:\n", &routes))
}

fn ask(world: &World, stream: bool) -> Answer {
    let body = format!(
        r#"{{"model":"which","stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#
    );
    post(world.gateway, "/v1/chat/completions", &[], &body)
}

/// The name of the route that is in force.
fn in_force(world: &World) -> String {
    let answer = ask(world, false);
    let header = answer.header("x-to11-route").unwrap_or_else(|| panic!("{}", answer.text()));
    let name = header.split(';').next().and_then(|field| field.strip_prefix("route="));
    name.unwrap_or_else(|| panic!("{header}")).to_owned()
}

fn count(world: &World, result: &str) -> u64 {
    let line = format!("gateway_config_reloads_total{{result=\"{result}\"");
    let metrics = world.running().metrics();
    let found = metrics.lines().find(|text| text.starts_with(&line));
    let value = found.and_then(|text| text.rsplit(' ').next());
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{line} in\n{metrics}"))
}

fn gauge(world: &World, name: &str) -> u64 {
    let metrics = world.running().metrics();
    let found = metrics.lines().find(|text| text.starts_with(name));
    let value = found.and_then(|text| text.rsplit(' ').next());
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} in\n{metrics}"))
}

/// As editors do it: a new file takes the old one's name.
fn replace(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::rename(&beside, path).unwrap();
}

#[test]
fn no_request_fails_while_good_bad_and_truncated_files_come_and_go() {
    let world = World::new(&named("first"));
    world.mock.set("default", Scenario::load(8, 40, 4));
    let path = world.config();
    let (stop, asked, failed) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let [mut applied, mut refused] = [0, 0];
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (world, stop, asked, failed) = (&world, &stop, &asked, &failed);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let stream = client % 2 == 0;
                    let answer = ask(world, stream);
                    let ended = !stream || answer.text().contains("data: [DONE]");
                    if answer.status != 200 || !answer.complete || !ended {
                        failed.fetch_add(1, Ordering::Relaxed);
                        eprintln!("{}: {}", answer.status, answer.text());
                    }
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for swap in 0..SWAPS {
            let sound = world.whole(&named(&format!("swap-{swap}")));
            match swap % 3 {
                0 => replace(&path, &sound),
                1 => replace(&path, &sound.replace("targets: [secondary]", "targets: [nobody]")),
                _ => fs::write(&path, &sound[..sound.find("targets:").unwrap() + 3]).unwrap(),
            }
            match world.running().reload() {
                Some(Reload::Applied | Reload::Unchanged) if swap % 3 == 0 => applied += 1,
                Some(Reload::Refused) if swap % 3 != 0 => refused += 1,
                other => panic!("swap {swap}: {other:?}"),
            }
            std::thread::sleep(SWAP_EVERY);
        }
        until("there was load", || asked.load(Ordering::Relaxed) > SWAPS * 2);
        stop.store(true, Ordering::Relaxed);
    });
    let asked = asked.into_inner();
    assert_eq!(failed.into_inner(), 0, "of {asked}");
    assert_eq!((applied, refused), (SWAPS / 3, SWAPS - SWAPS / 3));
    assert_eq!(in_force(&world), format!("swap-{}", SWAPS - 3), "the last one that was sound");
    // The file is watched as well, which may have been there first.
    let counted = count(&world, "refused");
    assert!(counted >= refused as u64, "{counted}");
    until("all are counted", || count(&world, "applied") >= applied as u64);
    assert_eq!(count(&world, "applied"), applied as u64, "each of them once");
    assert_eq!(gauge(&world, "gateway_config_last_reload_successful"), 0);
    until("every request gives its place back", || world.running().in_flight() == 0);
}

#[test]
fn a_changed_file_is_noticed_however_it_is_changed() {
    let world = World::new(&named("first"));
    let path = world.config();
    let whole = |name: &str| world.whole(&named(name));
    let becomes = |name: &str| until(name, || in_force(&world) == name);
    assert_eq!(in_force(&world), "first");

    fs::write(&path, whole("in-place")).unwrap();
    becomes("in-place");
    replace(&path, &whole("renamed"));
    becomes("renamed");
    fs::remove_file(&path).unwrap();
    fs::write(&path, whole("removed-and-written")).unwrap();
    becomes("removed-and-written");

    // As Kubernetes mounts a ConfigMap: file -> ..data/file, ..data -> a folder, swapped by rename.
    let folder = path.parent().unwrap();
    for version in ["v1", "v2", "v3"] {
        fs::create_dir(folder.join(version)).unwrap();
        fs::write(folder.join(version).join("test.yaml"), whole(version)).unwrap();
        symlink(version, folder.join("..data_tmp")).unwrap();
        fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
        if version == "v1" {
            symlink("..data/test.yaml", folder.join("link")).unwrap();
            fs::rename(folder.join("link"), &path).unwrap();
        }
        becomes(version);
    }
    // What is in force already is counted in a moment.
    until("all are counted", || count(&world, "applied") >= 6);
    assert_eq!((count(&world, "refused"), count(&world, "applied")), (0, 6));
}

#[test]
fn a_bad_file_is_refused_once_and_the_next_good_one_is_taken() {
    let world = World::new(&named("first"));
    let since = gauge(&world, "gateway_config_in_force_since_timestamp_seconds");
    assert!(since > 1_700_000_000);
    fs::write(world.config(), "providers: {").unwrap();
    until("refused", || count(&world, "refused") == 1);
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(count(&world, "refused"), 1, "it is not read again while it stays as it is");
    assert_eq!(in_force(&world), "first");
    until("it is told", || gauge(&world, "gateway_config_last_reload_successful") == 0);
    replace(&world.config(), &world.whole(&named("mended")));
    until("mended", || in_force(&world) == "mended");
    until("it is counted", || gauge(&world, "gateway_config_last_reload_successful") == 1);
    assert_eq!((count(&world, "refused"), count(&world, "applied")), (1, 1));
}

#[test]
fn a_running_stream_ends_as_it_began_whatever_is_loaded_meanwhile() {
    let world = World::new(&named("first"));
    world.mock.push("/v1/chat/completions", Scenario::load(20, 30, 400));
    std::thread::scope(|scope| {
        let running = scope.spawn(|| ask(&world, true));
        until("the stream runs", || world.running().in_flight() == 1);
        // The route, its target and its provider are gone.
        let other = "
providers: { lone: { base_url: \"{mock}/v1\", models: [other], auth_type: none } }
targets: { lone: { model: other } }
routes: { second: { models: [which], strategy: single, targets: [lone] } }
server: { port: {gateway}, threads: 2, work_stealing: true, route_header: true }
";
        fs::write(world.config(), world.whole(other)).unwrap();
        assert_eq!(world.running().reload(), Some(Reload::Applied));
        assert_eq!(world.running().in_flight(), 1, "it is still counted");
        assert_eq!(in_force(&world), "second");
        let answer = running.join().unwrap();
        assert_eq!(answer.status, 200);
        assert!(answer.complete && answer.text().contains("data: [DONE]"), "{}", answer.text());
        let route = "route=first;layer=route;target=secondary;attempt=1";
        assert_eq!(answer.header("x-to11-route"), Some(route));
    });
}

#[test]
fn a_changed_secret_is_a_change_and_goes_upstream() {
    let key = tempfile::NamedTempFile::new().unwrap();
    fs::write(key.path(), "sk-canary-old\n").unwrap();
    let source = format!("file::{}", key.path().display());
    let world = World::new(&named("first").replace("env::OPENAI_KEY", &source));
    assert_eq!(world.running().reload(), Some(Reload::Unchanged));
    let sent = |world: &World| {
        assert_eq!(ask(world, false).status, 200);
        let log = world.upstream();
        let received = log.last().unwrap();
        format!("{:?}", received.headers)
    };
    assert!(sent(&world).contains("sk-canary-old"));
    fs::write(key.path(), "sk-canary-new\n").unwrap();
    assert_eq!(world.running().reload(), Some(Reload::Applied));
    assert!(sent(&world).contains("sk-canary-new"));
    fs::write(key.path(), "").unwrap();
    assert_eq!(world.running().reload(), Some(Reload::Refused), "an empty secret is none");
    assert!(sent(&world).contains("sk-canary-new"));
}

#[test]
fn a_certificate_authority_that_is_none_is_refused() {
    let authority = tempfile::NamedTempFile::new().unwrap();
    let world = World::new(&named("first"));
    let file = authority.path().display();
    let text = named("second").replace(
        "models: [gpt-4o, gpt-4o-mini],",
        &format!("models: [gpt-4o, gpt-4o-mini], ca_file: '{file}',"),
    );
    fs::write(world.config(), world.whole(&text)).unwrap();
    assert_eq!(world.running().reload(), Some(Reload::Refused), "no certificate in it");
    assert_eq!(in_force(&world), "first");
}

#[test]
fn what_can_only_be_read_once_is_left_alone() {
    let world = World::new(&named("first"));
    fs::remove_file(world.config()).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(world.config()).status().unwrap();
    assert!(pipe.success());
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(count(&world, "refused"), 0, "it is not watched");
    assert_eq!(world.running().reload(), Some(Reload::Refused), "and says so when asked");
    assert_eq!(in_force(&world), "first");
}

#[test]
fn what_needs_a_restart_stays_and_the_rest_is_taken() {
    let world = World::new(&named("first"));
    let text = world.whole(&named("second"));
    let moved = text.replace(&format!("port: {}", world.gateway.port()), "port: 1");
    assert_ne!(text, moved);
    fs::write(world.config(), moved.replace("threads: 2", "threads: 1")).unwrap();
    assert_eq!(world.running().reload(), Some(Reload::Applied));
    assert_eq!(in_force(&world), "second", "answered where it listened before");
}

#[test]
fn what_is_known_of_targets_outlives_a_configuration() {
    let text = r#"
providers:
  first: { base_url: "{mock}/@first/v1", models: [which], auth_type: none }
  spare: { base_url: "{mock}/v1", models: [which], auth_type: none }
routing: { health: { eject_after: 1, eject_ms: 60000 }, retry: { max_retries: 0 } }
targets: { one: { model: which, provider: first }, two: { model: which, provider: spare } }
routes: { pair: { models: [which], strategy: fallback, targets: [one, two] } }
server: { port: {gateway}, threads: 2, work_stealing: true, route_header: true }
"#;
    let world = World::new(text);
    let asked = || world.upstream().iter().filter(|it| it.path_and_query.contains("first")).count();
    world.mock.set("first", Scenario::status(500));
    assert_eq!(ask(&world, false).status, 200);
    assert_eq!(asked(), 1, "its fault ejects it");
    world.mock.set("first", Scenario::text("well again"));
    let changed = text.replace("pair:", "renamed:");
    for (text, result) in [
        (changed.as_str(), Reload::Applied),
        ("providers: [", Reload::Refused),
        (changed.as_str(), Reload::Unchanged),
        (text, Reload::Applied),
    ] {
        fs::write(world.config(), world.whole(text)).unwrap();
        let got = world.running().reload();
        assert!(got == Some(result) || got == Some(Reload::Unchanged), "{got:?}");
        assert_eq!(ask(&world, false).status, 200);
        assert_eq!(asked(), 1, "it stays ejected: {result:?}");
    }
}

#[test]
fn limits_change_with_the_file_and_count_what_runs_already() {
    let world = World::new(&named("first"));
    world.mock.push("/v1/chat/completions", Scenario::load(20, 30, 400));
    std::thread::scope(|scope| {
        let running = scope.spawn(|| ask(&world, true));
        until("the stream runs", || world.running().in_flight() == 1);
        let text = world.whole(&named("first"));
        fs::write(world.config(), format!("{text}limits: {{ in_flight_max: 1 }}\n")).unwrap();
        assert_eq!(world.running().reload(), Some(Reload::Applied));
        let refused = ask(&world, false);
        assert!(matches!(refused.status, 429 | 503), "{}", refused.text());
        assert_eq!(running.join().unwrap().status, 200);
    });
    until("its place is free", || ask(&world, false).status == 200);
}
