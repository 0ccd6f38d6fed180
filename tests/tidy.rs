//! House rules that neither rustfmt nor clippy checks. Each message says what to do.
//! The reasons are in `docs/style.md`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 400;
const SOURCES: [&str; 6] = ["src/", "filters/", "crates/", "benches/", "tests/", "fuzz/"];
/// Built, downloaded or recorded: nobody wrote what is in there.
const NOT_OURS: [&str; 5] = ["target", "node_modules", "corpus", "artifacts", "data"];
/// What is read as text, whatever its language.
const TEXTS: [&str; 14] = [
    "rs", "toml", "md", "yaml", "yml", "txt", "sh", "py", "js", "mjs", "json", "html", "css", "sql",
];
/// The only crate with `unsafe`, and so the only one that does not take the workspace's lints.
const UNSAFE_HOME: &str = "crates/libz-ng-sys/Cargo.toml";
/// Names that say nothing about what is inside.
const JUNK_DRAWERS: [&str; 9] =
    ["util", "utils", "common", "helpers", "misc", "types", "base", "manager", "core"];
/// Who may import whom. Cargo forbids cycles; this forbids edges that nobody decided on.
const EDGES: [(&str, &[&str]); 15] = [
    ("bench", &["filters", "limits", "providers", "routing", "store", "telemetry"]),
    ("providers", &[]),
    ("http1", &[]),
    ("queue", &[]),
    ("store", &["queue"]),
    ("keys", &[]),
    ("limits", &[]),
    ("load", &["http1"]),
    ("routing", &["providers"]),
    ("telemetry", &["providers"]),
    ("mock", &["providers"]),
    ("collector", &["keys", "load", "store"]),
    ("console", &["store"]),
    ("filters", &["limits", "providers", "routing"]),
    ("config", &["filters", "limits", "providers", "routing", "telemetry"]),
];
/// Where a provider's name may stand in code. Anywhere else it is knowledge in the wrong place.
const PROVIDERS_HOMES: [&str; 7] = [
    "crates/providers/",
    "crates/mock/",
    "crates/config/",
    "crates/bench/",
    "tests/",
    "benches/",
    "tests.rs",
];
const PROVIDER_NAMES: [&str; 16] = [
    "\"openai\"",
    "\"anthropic\"",
    "\"xai\"",
    "\"cohere\"",
    "\"mistral\"",
    "\"groq\"",
    "\"deepseek\"",
    "\"azure",
    "\"gemini",
    "\"google",
    "\"aws-bedrock",
    "\"ollama\"",
    "\"openrouter\"",
    "\"together\"",
    "\"fireworks\"",
    "\"vllm\"",
];

#[test]
fn tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let errors = check(root);
    assert!(errors.is_empty(), "\n{}\n", errors.join("\n"));
}

/// A project in a folder of its own, gone with the test.
struct Planted(PathBuf);

impl Planted {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let root = std::env::temp_dir().join(format!("tidy-{name}-{}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(root)
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn each_planted_fault_gives_its_message_and_no_other() {
    let manifest = |name: &str, rest: &str| format!("[package]\nname = \"{name}\"\n{rest}");
    let lints = "[lints]\nworkspace = true\n";
    let routing = |dependency: &str| {
        manifest("tollgate-routing", &format!("[dependencies]\n{dependency}\n{lints}"))
    };
    let long = "//! Long.\n".repeat(LINES_MAX + 1);
    let stores = "must not depend on store";
    let faults: [(&str, &str, &str); 20] = [
        ("src/a.rs", &long, "401 lines"),
        ("src/a.rs", "fn nothing() {}\n", "must be `//!`"),
        ("src/utils.rs", "//! Things.\n", "names no responsibility"),
        ("src/dead.rs", "//! Nobody declares this.\n", "dead file"),
        ("src/a.rs", concat!("//! A.\n#[ign", "ore]\nfn t() {}\n"), "switched off"),
        ("src/a.rs", concat!("//! A.\n// TO", "DO: later\n"), "leftover"),
        ("src/a.rs", concat!("//! A.\nmod te", "sts {}\n"), "sibling `tests.rs`"),
        ("src/a.rs", concat!("//! See /wo", "rk/x\n"), "names a machine's path"),
        ("conf/a.yaml", concat!("path: /fa", "rm/x\n"), "names a machine's path"),
        (".ci/run", concat!("cat ../sha", "red/x\n"), "names a machine's path"),
        ("src/a.rs", "//! A.\nconst NAME: &str = \"openai\";\n", "provider's name"),
        ("src/a/b.rs", "//! B.\n", "belongs into src/a/mod.rs"),
        ("docs/a.md", "See `src/gone.rs`.\n", "`src/gone.rs` is not there"),
        ("docs/a.md", "See [it](gone.md).\n", "`gone.md` is not there"),
        ("crates/routing/Cargo.toml", &routing("tollgate-store.workspace = true"), stores),
        ("crates/routing/Cargo.toml", &routing("db = { package = \"tollgate-store\" }"), stores),
        ("crates/routing/Cargo.toml", &routing("[dependencies.tollgate-store]"), stores),
        ("crates/routing/Cargo.toml", &routing("pingora = \"1\""), "may depend on pingora"),
        ("crates/routing/Cargo.toml", &manifest("tollgate-routing", ""), "workspace's lints"),
        ("crates/new/Cargo.toml", &manifest("tollgate-new", lints), "no row in EDGES"),
    ];
    for (at, (path, text, expected)) in faults.iter().enumerate() {
        let good = [("src/lib.rs", "//! Root.\nmod a;\nmod utils;\n"), ("src/a.rs", "//! A.\n")];
        let planted = Planted::new(&at.to_string(), &[good[0], good[1], (path, text)]);
        if *path == "src/a/b.rs" {
            fs::write(planted.0.join("src/a.rs"), "//! A.\nmod b;\n").unwrap();
        }
        let found = check(&planted.0);
        assert_eq!(found.len(), 1, "{path}: {text:.80}\n{found:#?}");
        assert!(found[0].contains(expected), "`{expected}` is missing in {found:?}");
    }
}

#[test]
fn what_is_allowed_passes() {
    let full = "//! Full.\n".repeat(LINES_MAX);
    let planted = Planted::new(
        "allowed",
        &[
            ("src/lib.rs", "//! Root.\nmod a;\nmod full;\n"),
            ("src/full.rs", &full),
            ("src/a/mod.rs", "//! A.\n// Like \"openai\".\n#[cfg(test)]\nmod tests;\n"),
            ("src/a/tests.rs", "//! Tests.\nconst NAME: &str = \"openai\";\n"),
            ("tests/it/main.rs", "//! Entry.\nmod one;\n"),
            ("tests/it/one.rs", "//! One.\n"),
            (
                "docs/a.md",
                "See `src/full.rs`, `src/<dialect>`, [a](../src/a), [b](https://x.y/z).\n",
            ),
            (
                "Cargo.toml",
                "[package]\nname = \"tollgate\"\n[dependencies]\npingora = \"1\"\n[lints]\nworkspace = true\n",
            ),
            (UNSAFE_HOME, "[package]\nname = \"libz-ng-sys\"\n"),
            ("target/debug/x.rs", "not ours"),
        ],
    );
    assert_eq!(check(&planted.0), Vec::<String>::new());
}

fn check(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    walk(root, &mut files);
    let mut errors = Vec::new();
    for path in &files {
        let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if name.starts_with(".ci/") || extension.is_some_and(|known| TEXTS.contains(&known)) {
            check_places(path, &name, &mut errors);
        }
        match extension {
            Some("rs") if SOURCES.iter().any(|folder| name.starts_with(folder)) => {
                check_source(path, &name, &mut errors);
            }
            Some("toml") if path.ends_with("Cargo.toml") => check_edges(path, &name, &mut errors),
            Some("md") => check_references(root, path, &name, &mut errors),
            _ => {}
        }
    }
    errors
}

fn check_places(path: &Path, name: &str, errors: &mut Vec<String>) {
    let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    for place in [concat!("/wo", "rk/"), concat!("/fa", "rm/"), concat!("../sha", "red")] {
        if text.contains(place) {
            errors.push(format!(
                "{name}: `{place}` names a machine's path: the project speaks of itself alone"
            ));
        }
    }
}

/// A document that names a file which is not there misleads whoever follows it.
fn check_references(root: &Path, path: &Path, name: &str, errors: &mut Vec<String>) {
    let text = fs::read_to_string(path).unwrap();
    let mut missing = |to: &str, from: &Path| {
        if !from.join(to).exists() {
            errors.push(format!("{name}: `{to}` is not there: mend the document"));
        }
    };
    let known = SOURCES.iter().chain(&["conf/", "docs/", ".ci/"]);
    let roots: Vec<&str> = known.copied().collect();
    for quoted in text.split('`').skip(1).step_by(2) {
        let is_path = roots.iter().any(|folder| quoted.starts_with(folder));
        if is_path && !quoted.contains(['<', '*', '{', ' ']) {
            missing(quoted, root);
        }
    }
    for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
        if !link.is_empty() && !link.contains(':') {
            missing(link, path.parent().unwrap());
        }
    }
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
        concat!("TO", "DO"),
        concat!("XX", "X"),
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
    if text.contains(concat!("mod te", "sts {")) {
        report("tests stand in a sibling `tests.rs`, so that the code can be read alone".into());
    }
    if path.with_extension("").is_dir() && !is_entry(path) {
        let folder = name.trim_end_matches(".rs");
        report(format!("a module with children belongs into {folder}/mod.rs"));
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

/// Whether cargo, not a `mod` line, makes this file part of something.
fn is_entry(path: &Path) -> bool {
    let (folder, file) = (path.parent().unwrap(), path.file_name().unwrap().to_str().unwrap());
    let targets = ["tests", "benches", "examples", "fuzz_targets", "bin"];
    ["lib.rs", "main.rs", "build.rs"].contains(&file)
        || targets.iter().any(|target| folder.ends_with(target)) && !folder.join("mod.rs").exists()
}

/// The file that must declare `path` as a module; `None` for crate roots and test entry points.
fn declaring_file(path: &Path) -> Option<PathBuf> {
    let (folder, file) = (path.parent()?, path.file_name()?.to_str()?);
    if is_entry(path) {
        return None;
    }
    let folder = if file == "mod.rs" { folder.parent()? } else { folder };
    let beside = folder.with_extension("rs");
    let inside = ["mod.rs", "lib.rs", "main.rs"].iter().map(|file| folder.join(file));
    inside.chain([beside]).find(|parent| parent.exists() && parent != path)
}

fn check_edges(manifest: &Path, name: &str, errors: &mut Vec<String>) {
    let text = fs::read_to_string(manifest).unwrap();
    let own = text.lines().find_map(|line| line.strip_prefix("name = \"")).unwrap_or_default();
    let own = own.trim_end_matches('"').trim_start_matches("tollgate-");
    // What is beside the workspace has no place in it.
    if name.starts_with("fuzz/") {
        return;
    }
    if name != UNSAFE_HOME && !text.contains("[lints]\nworkspace = true") {
        errors.push(format!("{name}: take the workspace's lints: `[lints] workspace = true`"));
    }
    // The binary puts everything together.
    if own == "tollgate" {
        return;
    }
    let row = EDGES.iter().find(|(known, _)| *known == own);
    if row.is_none() && name != UNSAFE_HOME {
        errors.push(format!("{name}: {own} has no row in EDGES: decide whom it may import"));
    }
    let allowed = row.map_or(&[][..], |(_, allowed)| allowed);
    let body = text.lines().filter(|line| !line.starts_with("name = ") && !line.starts_with('#'));
    for line in body {
        for to in line.split("tollgate-").skip(1) {
            let to = to.split(|ch: char| !ch.is_ascii_alphanumeric()).next().unwrap();
            if !allowed.contains(&to) {
                errors.push(format!(
                    "{name}: {own} must not depend on {to}: see docs/architecture.md"
                ));
            }
        }
        if line.contains("pingora") && !line.starts_with("description") {
            errors.push(format!("{name}: only the binary may depend on pingora"));
        }
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        let hidden = name.starts_with('.') && ![".ci", ".cargo"].contains(&name.as_str());
        if entry.is_dir() && !hidden && !NOT_OURS.contains(&name.as_str()) {
            walk(&entry, files);
        } else if entry.is_file() {
            files.push(entry);
        }
    }
}
