//! tollgate, three times: alone, as most run it, and with everything on.

use std::path::Path;
use std::process::Command;

use tollgate_mock::Mock;

use super::{Ability, Gateway, free_addr};

const ABILITIES: &[Ability] =
    &[Ability::Forward, Ability::Translate, Ability::FailOver, Ability::Ingest];
const WITHOUT_STORE: &[Ability] = &[Ability::Forward, Ability::Translate, Ability::FailOver];

/// Routing and nothing else.
const BARE: &str =
    "store: { kind: none }\ntelemetry: { enabled: false }\ngenai_telemetry: { enabled: false }\n";
/// What most run: callers have keys, limits count, calls are priced, and spans go to the embedded store.
const DEFAULT: &str = "keys: { required: true }\n\
     pricing: { mock-json: { input: 2.5, output: 10.0 } }\n";
/// The same, and every text is scanned, redacted and kept.
const FULL: &str = "keys: { required: true }\n\
     pricing: { mock-json: { input: 2.5, output: 10.0 } }\n\
     security: { enabled: true, blocklist: [\"internal only\", \"top secret\"] }\n\
     genai_telemetry: { capture_content: true, redact: [pii, secrets, blocklist] }\n";
/// A limit for each caller, which none reaches.
const LIMITS: &str = ", rules: { callers: { per: key, requests_per_minute: 100000000, tokens_per_minute: 1000000000, concurrency_max: 100000 } }";

pub(super) fn start(mock: &Mock, folder: &Path) -> Result<Vec<Gateway>, String> {
    let variants = [
        ("tollgate bare", BARE, false),
        ("tollgate", DEFAULT, true),
        ("tollgate full", FULL, true),
    ];
    variants.into_iter().map(|(name, text, stores)| one(mock, folder, name, text, stores)).collect()
}

fn one(
    mock: &Mock,
    folder: &Path,
    name: &str,
    sections: &str,
    stores: bool,
) -> Result<Gateway, String> {
    let (gateway, control, grpc, http) = (free_addr()?, free_addr()?, free_addr()?, free_addr()?);
    let file = folder.join(format!("{}.yaml", name.replace(' ', "-")));
    let store = format!(
        "store: {{ kind: sqlite, path: \"{}\" }}\ncollector: {{ grpc_port: {}, http_port: {} }}\n",
        file.with_extension("db").display(),
        grpc.port(),
        http.port()
    );
    let text = format!(
        "server: {{ port: {}, threads: 1 }}\ncontrol: {{ port: {} }}\n\
         limits: {{ in_flight_max: 100000{} }}\n\
         providers:\n\
         \x20 mock: {{ base_url: \"{}\", auth_type: none, dialect: chat, models: [mock-json, mock-burst, mock-paced, mock-calm, mock-slow, mock-broken] }}\n\
         targets:\n\
         \x20 broken: {{ model: mock-broken, provider: mock }}\n\
         \x20 good: {{ model: mock-json, provider: mock }}\n\
         routes:\n\
         \x20 fails-over: {{ models: [fails-over], strategy: fallback, targets: [broken, good], retry: {{ max_retries: 0 }} }}\n\
         {sections}{}",
        gateway.port(),
        control.port(),
        if stores { LIMITS } else { "" },
        mock.url("/v1"),
        if stores { &store } else { "" },
    );
    std::fs::write(&file, text).map_err(|error| error.to_string())?;
    let key = if stores { Some(new_key(&file)?) } else { None };
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(["serve", "-c"]).arg(&file).env("RUST_LOG", "error");
    let abilities = if stores { ABILITIES } else { WITHOUT_STORE };
    let mut gateway = Gateway::spawn(name, gateway, stores.then_some(http), abilities, command)?;
    gateway.key = key;
    Ok(gateway)
}

/// A caller's key, as an operator makes it.
fn new_key(file: &Path) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(["key", "new", "--scope", "gateway:call", "--project", "bench", "-c"]).arg(file);
    let output = command.output().map_err(|error| error.to_string())?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let key = printed.lines().last().filter(|_| output.status.success());
    key.map(|key| key.trim().to_owned())
        .ok_or_else(|| format!("no key: {}", String::from_utf8_lossy(&output.stderr)))
}
