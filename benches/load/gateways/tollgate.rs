//! tollgate, four times: alone, as most run it, with everything on, and with a cache.

use std::path::Path;
use std::process::Command;

use tollgate_mock::Mock;

use super::{Ability, Gateway, free_addr};

/// The variant that most run.
pub(crate) const USUAL: &str = "tollgate";

const ABILITIES: &[Ability] =
    &[Ability::Forward, Ability::Translate, Ability::FailOver, Ability::Ingest, Ability::Repeat];
/// Of the variant that keeps content, too: what is repeated has been measured without it.
const WITHOUT_REPEAT: &[Ability] =
    &[Ability::Forward, Ability::Translate, Ability::FailOver, Ability::Ingest];
const WITHOUT_STORE: &[Ability] = &[Ability::Forward, Ability::Translate, Ability::FailOver];
/// The mock provider's, without their first part.
const MODELS: [&str; 8] = ["json", "burst", "plain", "paced", "calm", "slow", "brief", "broken"];

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
/// As most run it, and answers are kept, whatever chance had to do with them.
const CACHING: &str = "keys: { required: true }\n\
     pricing: { mock-json: { input: 2.5, output: 10.0 } }\n\
     cache: { enabled: true, streams: true, mode: force }\n";
/// No limit at all, as far as that goes.
const NO_LIMITS: &str = "limits: { in_flight_max: 100000 }\n";
/// A limit for each caller, which none reaches.
const LIMITS: &str = "limits: { in_flight_max: 100000, rules: { callers: { per: key, requests_per_minute: 100000000, tokens_per_minute: 1000000000, concurrency_max: 100000 } } }\n";

/// One configuration.
struct Variant<'v> {
    name: &'static str,
    sections: &'static str,
    limits: &'v str,
    /// Spans go to the embedded store, and callers have keys.
    stores: bool,
    abilities: &'static [Ability],
}

const BARE_VARIANT: Variant<'static> = Variant {
    name: "tollgate bare",
    sections: BARE,
    limits: NO_LIMITS,
    stores: false,
    abilities: WITHOUT_STORE,
};
const USUAL_VARIANT: Variant<'static> =
    Variant { name: USUAL, sections: DEFAULT, limits: LIMITS, stores: true, abilities: ABILITIES };

pub(super) fn start(mock: &Mock, folder: &Path) -> Result<Vec<Gateway>, String> {
    let full = Variant {
        name: "tollgate full",
        sections: FULL,
        abilities: WITHOUT_REPEAT,
        ..USUAL_VARIANT
    };
    let cache = Variant {
        name: "tollgate cache",
        sections: CACHING,
        abilities: &[Ability::Repeat],
        ..USUAL_VARIANT
    };
    let variants = [BARE_VARIANT, USUAL_VARIANT, full, cache];
    variants.iter().map(|variant| one(mock, folder, variant)).collect()
}

/// As most run it, alone; with other `limits` where they are given.
pub(crate) fn usual(mock: &Mock, folder: &Path, limits: Option<&str>) -> Result<Gateway, String> {
    one(mock, folder, &Variant { limits: limits.unwrap_or(LIMITS), ..USUAL_VARIANT })
}

fn one(mock: &Mock, folder: &Path, variant: &Variant<'_>) -> Result<Gateway, String> {
    let Variant { name, sections, limits, stores, abilities } = *variant;
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
         providers:\n\
         \x20 mock: {{ base_url: \"{}\", auth_type: none, dialect: chat, models: [{}] }}\n\
         targets:\n\
         \x20 broken: {{ model: mock-broken, provider: mock }}\n\
         \x20 good: {{ model: mock-json, provider: mock }}\n\
         routes:\n\
         \x20 fails-over: {{ models: [fails-over], strategy: fallback, targets: [broken, good], retry: {{ max_retries: 0 }} }}\n\
         {limits}{sections}{}",
        gateway.port(),
        control.port(),
        mock.url("/v1"),
        MODELS.map(|model| format!("mock-{model}")).join(", "),
        if stores { &store } else { "" },
    );
    std::fs::write(&file, text).map_err(|error| error.to_string())?;
    let key = if stores { Some(new_key(&file)?) } else { None };
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(["serve", "-c"]).arg(&file).env("RUST_LOG", "error");
    let mut gateway = Gateway::spawn(name, gateway, abilities, command)?;
    gateway.key = key;
    gateway.otlp = stores.then(|| format!("http://{http}"));
    gateway.control = Some(control);
    gateway.caches = sections == CACHING;
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
