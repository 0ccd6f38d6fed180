//! Real SDKs through the gateway and without it: the same results.

use std::process::Command;

use serde_json::Value;

use crate::endpoints_media::MEDIA;
use crate::harness::{USUAL, World, helper_is_installed, sdk_folder};

/// Runs a script against a base URL; each of its lines is one result.
pub(crate) fn run(program: &std::path::Path, script: &str, base: &str) -> Vec<Value> {
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk").join(script);
    let output = Command::new(program)
        .arg(script)
        .arg(base)
        .env("NODE_PATH", sdk_folder().join("node_modules"))
        .env("TOLLGATE_SDK_DIR", sdk_folder())
        .output()
        .unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{base}\n{out}\n{err}");
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn compare(program: &std::path::Path, installed: &std::path::Path, script: &str, expected: usize) {
    if !helper_is_installed(installed) {
        return;
    }
    let world = World::new(if script.starts_with("endpoints") { MEDIA } else { USUAL });
    let through = run(program, script, &format!("http://{}", world.gateway));
    let calls = world.upstream().len();
    let without = run(program, script, &format!("http://{}", world.mock.addr()));
    assert_eq!(through.len(), expected, "{through:#?}");
    for (got, wanted) in through.iter().zip(&without) {
        assert_eq!(got, wanted);
    }
    assert_eq!(world.upstream().len(), 2 * calls, "as many calls with the gateway as without");
}

#[test]
fn the_python_sdks_see_no_difference() {
    let python = sdk_folder().join("venv/bin/python");
    compare(&python, &sdk_folder().join("python-is-installed"), "calls.py", 6);
}

#[test]
fn the_node_sdks_and_the_ai_sdk_see_no_difference() {
    let installed = sdk_folder().join("node-is-installed");
    compare(std::path::Path::new("node"), &installed, "calls.mjs", 12);
}

#[test]
fn the_python_sdks_see_no_difference_at_the_other_endpoints() {
    let python = sdk_folder().join("venv/bin/python");
    compare(&python, &sdk_folder().join("python-is-installed"), "endpoints.py", 15);
}

#[test]
fn the_node_sdks_and_the_ai_sdk_see_no_difference_at_the_other_endpoints() {
    let installed = sdk_folder().join("node-is-installed");
    compare(std::path::Path::new("node"), &installed, "endpoints.mjs", 14);
}
