//! Real SDKs get the same from the cache as from the upstream, streams with tool calls included.

use std::path::Path;
use std::time::Instant;

use super::world;
use crate::harness::{PATIENCE, World, helper_is_installed, sdk_folder};
use crate::sdk::run;

/// Waits until so many answers were admitted.
fn admitted(world: &World, count: usize) {
    let until = Instant::now() + PATIENCE;
    let wanted = format!(" {count}");
    let is_there = |line: &str| line.contains(r#"result="admitted""#) && line.ends_with(&wanted);
    while !world.running().metrics().lines().any(is_there) {
        assert!(Instant::now() < until, "not {count} were admitted: {}", world.running().metrics());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

fn the_second_run_gets_what_the_first_one_got(
    program: &Path,
    installed: &str,
    script: &str,
    replay: &str,
) {
    if !helper_is_installed(&sdk_folder().join(installed)) {
        return;
    }
    let world = world(&format!("streams: true, mode: force, replay: {replay}"));
    let base = format!("http://{}", world.gateway);
    let first = run(program, script, &base);
    // Two SDKs may ask the same.
    let calls = super::calls(&world);
    assert!(calls > first.len() / 2, "{calls}");
    admitted(&world, calls);
    let again = run(program, script, &base);
    assert_eq!(again, first);
    assert_eq!(super::calls(&world), calls, "no upstream was asked again");
}

#[test]
fn the_python_sdks_see_no_difference_between_an_answer_and_its_telling() {
    let python = sdk_folder().join("venv/bin/python");
    the_second_run_gets_what_the_first_one_got(
        &python,
        "python-is-installed",
        "calls.py",
        "at_once",
    );
}

#[test]
fn the_node_sdks_and_the_ai_sdk_see_no_difference_between_an_answer_and_its_telling() {
    the_second_run_gets_what_the_first_one_got(
        Path::new("node"),
        "node-is-installed",
        "calls.mjs",
        "paced",
    );
}
