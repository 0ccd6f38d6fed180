//! House rules that neither rustfmt nor clippy checks. Each message says what to do.
//! The reasons are in `docs/style.md`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 400;
const FOLDERS: [&str; 6] = ["src", "filters", "crates", "benches", "tests", "fuzz"];
/// Names that say nothing about what is inside.
const JUNK_DRAWERS: [&str; 9] =
    ["util", "utils", "common", "helpers", "misc", "types", "base", "manager", "core"];
/// Who may import whom. Cargo forbids cycles; this forbids edges that nobody decided on.
const EDGES: [(&str, &[&str]); 9] = [
    ("providers", &[]),
    ("store", &[]),
    ("routing", &["providers"]),
    ("telemetry", &["providers"]),
    ("mock", &["providers"]),
    ("collector", &["store"]),
    ("console", &["store"]),
    ("filters", &["providers", "routing"]),
    ("config", &["filters", "providers", "routing", "telemetry"]),
];
/// Where a provider's name may stand in code. Anywhere else it is knowledge in the wrong place.
const PROVIDERS_HOMES: [&str; 6] =
    ["crates/providers/", "crates/mock/", "crates/config/", "tests/", "benches/", "tests.rs"];
const PROVIDER_NAMES: [&str; 8] = [
    "\"openai\"",
    "\"anthropic\"",
    "\"xai\"",
    "\"cohere\"",
    "\"mistral\"",
    "\"groq\"",
    "\"deepseek\"",
    "\"azure",
];

#[test]
fn tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let errors = check(root);
    assert!(errors.is_empty(), "\n{}\n", errors.join("\n"));
}

#[test]
fn planted_faults_are_found() {
    let root = std::env::temp_dir().join(format!("tidy-{}", std::process::id()));
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("src/lib.rs", "//! Root.\nmod long;\nmod utils;\n");
    write("src/long.rs", &"//! Long.\n".repeat(LINES_MAX + 1));
    write("src/utils.rs", "fn nothing() {}\n");
    write("src/dead.rs", "//! Nobody declares this.\n");
    write("src/switched.rs", concat!("//! Off.\n#[ign", "ore]\nfn test() {}\n"));
    write("src/path.rs", concat!("//! Elsewhere: /wo", "rk/x\n"));
    write("filters/src/lib.rs", "//! Root.\nconst NAME: &str = \"openai\";\n");
    write(
        "crates/routing/Cargo.toml",
        "name = \"tollgate-routing\"\n\n[dependencies]\ntollgate-store.workspace = true\npingora = \"1\"\n",
    );
    let found = check(&root).join("\n");
    fs::remove_dir_all(&root).unwrap();
    for expected in [
        "401 lines",
        "names no responsibility",
        "must be `//!`",
        "dead file",
        "switched off",
        "names a machine's path",
        "provider's name",
        "routing must not depend on store",
        "only the binary may depend on pingora",
    ] {
        assert!(found.contains(expected), "`{expected}` is missing in:\n{found}");
    }
}

fn check(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        walk(&root.join(folder), &mut files);
    }
    let mut errors = Vec::new();
    for path in &files {
        let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => check_source(path, &name, &mut errors),
            Some("toml") if path.ends_with("Cargo.toml") => check_edges(path, &name, &mut errors),
            _ => {}
        }
    }
    errors
}

fn check_source(path: &Path, name: &str, errors: &mut Vec<String>) {
    let text = fs::read_to_string(path).unwrap();
    let mut report = |what: String| errors.push(format!("{name}: {what}"));
    let lines = text.lines().count();
    if lines > LINES_MAX {
        report(format!("{lines} lines, at most {LINES_MAX}: split by responsibility"));
    }
    if !text.starts_with("//!") {
        report("the first line must be `//!`: say what the file is for".into());
    }
    for leftover in [
        concat!("FIX", "ME"),
        concat!("dbg", "!("),
        concat!("todo", "!("),
        concat!("unimple", "mented!("),
    ] {
        if text.contains(leftover) {
            report(format!("leftover `{leftover}`: finish it"));
        }
    }
    if text.contains(concat!("#[ign", "ore")) {
        report("a test that is switched off proves nothing: mend it or delete it".into());
    }
    for place in [concat!("/wo", "rk/"), concat!("/fa", "rm/"), concat!("../sha", "red")] {
        if text.contains(place) {
            report(format!("`{place}` names a machine's path: the project speaks of itself alone"));
        }
    }
    check_names(path, name, &text, &mut report);
}

fn check_names(path: &Path, name: &str, text: &str, report: &mut impl FnMut(String)) {
    let stem = path.file_stem().unwrap().to_str().unwrap();
    if JUNK_DRAWERS.contains(&stem) {
        report(format!("`{stem}` names no responsibility: move each item to its owner"));
    }
    if let Some(parent) = declaring_file(path) {
        let own = path.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let module = if stem == "mod" { own } else { stem };
        if !fs::read_to_string(&parent).unwrap_or_default().contains(&format!("mod {module};")) {
            report(format!("dead file: no `mod {module};` in {}", parent.display()));
        }
    }
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let at_home = PROVIDERS_HOMES.iter().any(|home| name.contains(home));
    for line in code.filter(|_| !at_home) {
        if let Some(provider) = PROVIDER_NAMES.iter().find(|provider| line.contains(**provider)) {
            report(format!(
                "provider's name {provider} outside crates/providers: move the knowledge there"
            ));
        }
    }
}

/// The file that must declare `path` as a module; `None` for crate roots and test entry points.
fn declaring_file(path: &Path) -> Option<PathBuf> {
    let (folder, file) = (path.parent()?, path.file_name()?.to_str()?);
    if ["lib.rs", "main.rs", "build.rs"].contains(&file) {
        return None;
    }
    let targets = ["tests", "benches", "examples", "fuzz_targets", "bin"];
    if targets.iter().any(|target| folder.ends_with(target)) && !folder.join("mod.rs").exists() {
        return None;
    }
    let folder = if file == "mod.rs" { folder.parent()? } else { folder };
    ["mod.rs", "lib.rs", "main.rs"].iter().map(|f| folder.join(f)).find(|p| p.exists() && p != path)
}

fn check_edges(manifest: &Path, name: &str, errors: &mut Vec<String>) {
    let text = fs::read_to_string(manifest).unwrap();
    let own = text.lines().find_map(|line| line.strip_prefix("name = \"tollgate-"));
    let Some(own) = own.map(|own| own.trim_end_matches('"')).filter(|own| *own != "fuzz") else {
        return;
    };
    let allowed =
        EDGES.iter().find(|(known, _)| *known == own).map_or(&[][..], |(_, allowed)| allowed);
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("tollgate-") {
            let to = rest.split([' ', '=', '.']).next().unwrap();
            if !allowed.contains(&to) {
                errors.push(format!(
                    "{name}: {own} must not depend on {to}: see docs/architecture.md"
                ));
            }
        }
        if line.starts_with("pingora") {
            errors.push(format!("{name}: only the binary may depend on pingora"));
        }
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        if entry.is_dir()
            && !["target", "node_modules"].contains(&name.as_str())
            && !name.starts_with('.')
        {
            walk(&entry, files);
        } else if entry.is_file() {
            files.push(entry);
        }
    }
}
