//! The YAML file: load, validate, compile. Every problem at once, each with line, column and hint.
//!
//! [`load_file`] is the way in. The phases are files: `load` (text to nodes), `model` (nodes to
//! what was written), `validate` (what the types cannot say), `compile` (to [`Settings`]).

mod auth;
mod capture;
mod collector;
mod compile;
mod error;
mod fields;
mod fingerprint;
mod limits;
mod listeners;
mod load;
mod log;
mod model;
mod redis;
mod registry;
mod report;
mod settings;
mod suggest;
mod validate;
mod variables;
mod vault;

pub(crate) use model::Part;
use std::io::Read;
use std::path::Path;

pub use auth::{AuthMode, CollectorAuth, Issuer, Jwks, Keys};
pub use capture::Capture;
pub use collector::{Collector, IntakeBatch, IntakeLimits};
pub use error::{Place, Position, Problem, Problems, Warning};
pub use fingerprint::{Fingerprint, fingerprint};
pub use limits::{Limits, OnRedisDown};
pub use log::{Log, LogFormat, LogLevel};
pub use redis::Redis;
pub use report::report;
pub use settings::{
    Cache, CacheKind, Control, GenAi, GenAiExporter, Price, Security, Server, Settings, StoreQueue,
    StoreSettings, Tables, TlsFiles, ToolLinks, WebhookSettings,
};

#[cfg(test)]
mod tests;

/// The variable that overrides `genai_telemetry.capture_content`: `true` or `false`.
pub const CAPTURE_CONTENT_VARIABLE: &str = "GATEWAY_GENAI_CAPTURE_CONTENT";

/// Reads and compiles a file. `environment` looks variables up. Blocks on the file system.
///
/// # Errors
/// Everything that is wrong with the file.
pub fn load_file(
    path: &Path,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<(Settings, Vec<Warning>), Problems> {
    let name = path.display().to_string();
    match read_file(path) {
        Ok(bytes) => load_bytes(&name, &bytes, &environment),
        Err(error) => Err(Problems::unreadable(&name, &error)),
    }
}

/// Reads of a file only what does not concern requests: listeners, collector, store, keys, log.
/// Everything else may be missing, and whatever it says is not looked at. Blocks on the file system.
///
/// # Errors
/// Everything that is wrong with what is read.
pub fn load_part(
    path: &Path,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<(Settings, Vec<Warning>), Problems> {
    let name = path.display().to_string();
    match read_file(path) {
        Ok(bytes) => compile_bytes(&name, &bytes, &environment, Part::WithoutRequests),
        Err(error) => Err(Problems::unreadable(&name, &error)),
    }
}

/// A configuration file's bytes; of one that is too large, enough to see that it is. Blocks on the
/// file system.
///
/// # Errors
/// The system's.
pub fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte above the limit is enough to know that the file is too large.
    let file = std::fs::File::open(path)?;
    file.take(load::FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Compiles a file's text. `name` stands in messages.
///
/// # Errors
/// Everything that is wrong with the text.
pub fn load_str(
    name: &str,
    text: &str,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<(Settings, Vec<Warning>), Problems> {
    compile_text(name, text, &environment, Part::Whole)
}

/// Entry for fuzzing: whatever the bytes, loading and showing them ends without a panic.
pub fn fuzz_load(bytes: &[u8]) {
    let environment = |name: &str| {
        (name != CAPTURE_CONTENT_VARIABLE && !name.contains("UNSET")).then(|| "key".to_owned())
    };
    match load_bytes("fuzz.yaml", bytes, &environment) {
        Ok((settings, warnings)) => drop(format!("{}{settings:?}{warnings:?}", report(&settings))),
        Err(problems) => drop(problems.to_string()),
    }
}

/// Compiles a file's bytes. `name` stands in messages.
///
/// # Errors
/// Everything that is wrong with them.
pub fn load_bytes(
    name: &str,
    bytes: &[u8],
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<(Settings, Vec<Warning>), Problems> {
    compile_bytes(name, bytes, environment, Part::Whole)
}

fn compile_bytes(
    name: &str,
    bytes: &[u8],
    environment: vault::Environment<'_>,
    part: Part,
) -> Result<(Settings, Vec<Warning>), Problems> {
    match std::str::from_utf8(bytes) {
        Ok(text) => compile_text(name, text, environment, part),
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            let place = Place::new("", Position { line, column: 1 });
            let problem = Problem::new(&place, "not UTF-8").hint("save the file as UTF-8");
            Err(Problems::sorted(name, vec![problem]))
        }
    }
}

fn compile_text(
    name: &str,
    text: &str,
    environment: vault::Environment<'_>,
    part: Part,
) -> Result<(Settings, Vec<Warning>), Problems> {
    let mut findings = validate::Findings::default();
    let Some(mut root) = load::parse(text, &mut findings.problems) else {
        return Err(Problems::sorted(name, findings.problems));
    };
    let document = model::read(&mut root, part, &mut findings.problems);
    validate::run(&document, &mut findings);
    let vault = vault::Vault::fill(&document, environment, &mut findings.problems);
    let capture_content = capture_content(environment, &mut findings.problems);
    let variables = variables::Variables::read(environment, &mut findings.warnings);
    validate::without_endpoint(&document, &variables, &mut findings);
    if !findings.problems.is_empty() {
        return Err(Problems::sorted(name, findings.problems));
    }
    let mut settings = compile::settings(&document, &vault, capture_content, &variables);
    settings.fingerprint = Fingerprint {
        text: fingerprint(text.as_bytes()),
        environment: fingerprint((vault.fingerprint(), capture_content, variables.fingerprint())),
    };
    settings.version = vault.version(text, capture_content);
    if let Some(cache) = &mut settings.cache {
        cache.settings.version = settings.version;
    }
    let warnings = Problems::sorted(name, findings.warnings).list;
    let warning = |problem| Warning { file: name.to_owned(), problem };
    Ok((settings, warnings.into_iter().map(warning).collect()))
}

fn capture_content(
    environment: vault::Environment<'_>,
    problems: &mut Vec<Problem>,
) -> Option<bool> {
    let value = environment(CAPTURE_CONTENT_VARIABLE)?;
    match value.trim().to_ascii_lowercase().as_str() {
        "" => None,
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => {
            let place = Place { path: CAPTURE_CONTENT_VARIABLE.to_owned(), position: None };
            let problem = Problem::new(&place, "the variable's value must be `true` or `false`");
            problems.push(problem);
            None
        }
    }
}
