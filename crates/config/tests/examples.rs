//! Each file under `conf/examples` leads where the table beside it says, and draws as it says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fastrand::Rng;
use tollgate_config::{Settings, Warning, load_file};
use tollgate_providers::{AuthStyle, Dialect};
use tollgate_routing::{
    Attempts, Choice, Credential, EndpointKind, Health, Layer, Plan, RoutingPath, Step, StickyBy,
};

#[path = "../../routing/tests/draws/chi_squared.rs"]
mod chi_squared;

const DRAWS: usize = 100_000;
const SEED: u64 = 4;
/// The files that load with warnings, because that is what they show.
const WARNED: [(&str, usize); 4] =
    [("live.yaml", 1), ("prefixes.yaml", 3), ("two-providers.yaml", 1), ("weighted.yaml", 1)];

/// One row of the table.
struct Row {
    file: String,
    asked: String,
    kind: EndpointKind,
    leads_to: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conf/examples")
}

fn load(file: &str) -> (Settings, Vec<Warning>) {
    let environment = |name: &str| name.contains("KEY").then(|| format!("value of {name}"));
    load_file(&folder().join(file), environment).unwrap_or_else(|problems| panic!("{problems}"))
}

fn settings(file: &str) -> Settings {
    load(file).0
}

fn plan(settings: &Settings, asked: &str) -> Plan {
    settings.table.resolve(asked, EndpointKind::Chat).unwrap()
}

fn files() -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".yaml")).collect()
}

fn rows() -> Vec<Row> {
    let table = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let rows = table.lines().filter(|line| line.starts_with('|') && line.contains(".yaml"));
    let rows = rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [file, asked, kind, leads_to] = cells[..] else { panic!("four cells: {line}") };
        let kind = EndpointKind::parse(kind).unwrap_or_else(|| panic!("no kind: {line}"));
        let [file, asked, leads_to] = [file, asked, leads_to].map(str::to_owned);
        Row { file, asked, kind, leads_to }
    });
    rows.collect()
}

/// A plan in the words of the table.
fn told(plan: &Plan) -> String {
    let Some(name) = &plan.name else {
        let target = &plan.steps[0].choices[0].target;
        return format!("passthrough: {} at {}", target.model, target.provider.name);
    };
    let (layer, strategy) = (plan.layer.name(), plan.strategy.name());
    let steps: Vec<String> = plan.steps.iter().map(told_step).collect();
    match &steps[..] {
        [only] => format!("{layer} {name}, {strategy}: {only}"),
        _ => {
            let steps = plan.steps.iter().zip(&steps);
            let steps: Vec<String> =
                steps.map(|(step, told)| format!("{} ({told})", step.strategy.name())).collect();
            format!("{layer} {name}, {strategy}: {}", steps.join(", then "))
        }
    }
}

fn told_step(step: &Step) -> String {
    let total: u32 = step.choices.iter().map(Choice::weight).sum();
    let choices = step.choices.iter().map(|choice| {
        let target = &choice.target;
        let told = format!("{} = {} at {}", target.name, target.model, target.provider.name);
        if step.strategy.is_weighted() {
            format!("{told} {}/{total}", choice.weight())
        } else {
            told
        }
    });
    choices.collect::<Vec<_>>().join("; ")
}

#[test]
fn every_file_leads_where_the_table_says() {
    let (rows, mut wrong) = (rows(), Vec::new());
    for Row { file, asked, kind, leads_to } in &rows {
        let plan = settings(file).table.resolve(asked, *kind);
        let found = plan.map_or_else(|_| "404".to_owned(), |plan| told(&plan));
        if found != *leads_to {
            wrong.push(format!(
                "{file}: `{asked}` leads to\n  {found}\nand should to\n  {leads_to}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let listed: BTreeSet<String> = rows.into_iter().map(|row| row.file).collect();
    assert_eq!(listed, files(), "the table has rows for each file, and for no other");
}

#[test]
fn only_the_files_that_show_it_load_with_warnings() {
    for file in files() {
        let (_, warnings) = load(&file);
        let expected = WARNED.iter().find(|(name, _)| *name == file).map_or(0, |(_, count)| *count);
        assert_eq!(warnings.len(), expected, "{file}: {warnings:?}");
    }
}

#[test]
fn a_route_uses_the_gateways_key_and_passthrough_the_callers() {
    for Row { file, asked, kind, .. } in rows() {
        let Ok(plan) = settings(&file).table.resolve(&asked, kind) else { continue };
        let passthrough = plan.layer == Layer::Passthrough;
        assert_eq!(plan.path == RoutingPath::Passthrough, passthrough, "{file} {asked}");
        for target in plan.targets() {
            let callers = matches!(target.credential, Credential::Caller);
            assert_eq!(callers, passthrough, "{file} {asked}: {}", target.name);
        }
    }
}

#[test]
fn every_weighted_step_is_drawn_in_proportion() {
    let mut steps = 0;
    for Row { file, asked, kind, .. } in rows() {
        let Ok(whole) = settings(&file).table.resolve(&asked, kind) else { continue };
        for step in whole.steps.iter().filter(|step| step.strategy.is_weighted()) {
            steps += 1;
            let plan = Plan { steps: [step.clone()].into(), ..whole.clone() };
            let mut rng = Rng::with_seed(SEED);
            let mut counts = vec![0; step.choices.len()];
            for _ in 0..DRAWS {
                let drawn =
                    Attempts::new(plan.clone()).next(rng.f64()).unwrap().target.name.clone();
                counts[step.choices.iter().position(|it| it.target.name == drawn).unwrap()] += 1;
            }
            let shares: Vec<f64> = step.choices.iter().map(|it| f64::from(it.weight())).collect();
            chi_squared::follows(&counts, &shares)
                .unwrap_or_else(|said| panic!("{file} {asked}: {said}"));
        }
    }
    assert!(steps >= 6, "{steps} weighted steps in all examples");
}

#[test]
fn the_nearest_timeout_counts_on_every_layer() {
    let settings = settings("timeouts.yaml");
    let heads = |asked: &str| -> Vec<u128> {
        let plan = plan(&settings, asked);
        plan.targets().iter().map(|target| target.deadlines.head.as_millis()).collect()
    };
    assert_eq!(heads("gpt-4o"), [4_000, 120_000, 20_000], "target, model, defaults");
    assert_eq!(heads("reason"), [120_000, 15_000], "model, provider");
    assert_eq!(heads("openai::gpt-4o"), [15_000], "no target: the provider's");
    assert_eq!(heads("o3"), [120_000], "passthrough: the model's");
    assert_eq!(heads("claude-sonnet-4-6"), [20_000]);
    let chain = plan(&settings, "gpt-4o");
    let [quick, patient, _] = chain.targets()[..] else { panic!("three targets") };
    let ms = Duration::from_millis;
    assert_eq!(quick.deadlines.first_token, Some(ms(6_000)));
    assert_eq!((quick.deadlines.idle, quick.deadlines.total), (ms(10_000), ms(60_000)));
    assert_eq!(patient.deadlines.first_token, None);
    let bare = self::settings("fallback.yaml");
    let plan = plan(&bare, "claude-sonnet-4-6");
    assert_eq!(plan.targets()[0].deadlines.head, ms(30_000), "where nothing says");
}

#[test]
fn the_nearest_retry_policy_counts_field_by_field() {
    let settings = settings("retry.yaml");
    let policy = |asked: &str| {
        let retry = plan(&settings, asked).retry;
        (retry.max_retries, retry.backoff_base.as_millis())
    };
    assert_eq!(policy("as-routing-says"), (1, 200));
    assert_eq!(policy("eager"), (0, 200));
    assert_eq!(policy("stubborn"), (5, 50));
    assert_eq!(policy("gpt-4o"), (1, 200), "a bare target has what `routing` says");
    let picky = plan(&settings, "picky").retry;
    assert_eq!((picky.max_retries, picky.backoff_base.as_millis()), (1, 200));
    assert!(picky.retryable_status.iter().eq([429, 503]));
    assert_eq!(plan(&settings, "claude-sonnet-4-6").attempts_max(), 1, "passthrough");
    assert_eq!(plan(&self::settings("steps.yaml"), "gpt-4o").retry.max_retries, 2);
}

#[test]
fn each_target_has_the_nearest_key() {
    let settings = settings("credentials.yaml");
    let expected = [
        ("team-a", "env::TEAM_A_OPENAI_KEY"),
        ("team-b", "env::TEAM_B_OPENAI_KEY"),
        ("house", "env::OPENAI_KEY_OF_THE_HOUSE"),
        ("claude", "env::ANTHROPIC_API_KEY"),
    ];
    for (name, source) in expected {
        assert_eq!(settings.credential_sources[name], source);
    }
    let values: Vec<String> = plan(&settings, "team-b/gpt-4o")
        .targets()
        .iter()
        .map(|target| match &target.credential {
            Credential::Managed(secret) => secret.expose().to_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(values, ["value of TEAM_B_OPENAI_KEY", "value of OPENAI_KEY_OF_THE_HOUSE"]);
}

#[test]
fn keys_travel_as_each_provider_wants_them_and_local_servers_want_none() {
    let azure = settings("azure.yaml");
    let header = AuthStyle::ApiKeyHeader("api-key".parse().unwrap());
    assert!(azure.providers.iter().all(|provider| provider.auth == header));
    let text = folder().join("local.yaml");
    let only_groq = |name: &str| (name == "GROQ_API_KEY").then(|| "k".to_owned());
    let (local, _) = load_file(&text, only_groq).unwrap();
    let keys: Vec<bool> = plan(&local, "llama")
        .targets()
        .iter()
        .map(|target| matches!(target.credential, Credential::None))
        .collect();
    assert_eq!(keys, [true, true, false]);
}

#[test]
fn variants_bring_parameters_and_translations_dialects() {
    let experiment = plan(&settings("experiment.yaml"), "summarize");
    let params: Vec<_> = experiment.steps[0]
        .choices
        .iter()
        .map(|choice| choice.variant.as_ref().unwrap().params)
        .map(|params| (params.temperature, params.max_tokens))
        .collect();
    assert_eq!(params, [(Some(0.2), Some(500)), (None, None)]);
    let any = plan(&settings("translation.yaml"), "best");
    let dialects: Vec<Dialect> =
        any.targets().iter().map(|target| target.provider.dialect).collect();
    assert_eq!(dialects, [Dialect::Messages, Dialect::Chat, Dialect::Gemini, Dialect::Cohere]);
}

#[test]
fn subjects_and_health_arrive_where_they_are_asked_for() {
    let sticky = settings("sticky.yaml");
    let by = |asked: &str| plan(&sticky, asked).steps[0].sticky_by.clone();
    assert_eq!(by("assistant"), Some(StickyBy::User));
    assert_eq!(by("summarize"), Some(StickyBy::Header("x-tenant".parse().unwrap())));
    let live = settings("live.yaml");
    let qwen = plan(&live, "qwen");
    let health: Vec<Option<Health>> = qwen.targets().iter().map(|target| target.health).collect();
    let half_a_minute = Some(Health { eject_after: 5, eject: Duration::from_secs(30) });
    assert_eq!(health, [half_a_minute, half_a_minute, None]);
    let usual = plan(&settings("fallback.yaml"), "gpt-4o");
    assert!(usual.targets().iter().all(|target| target.health.is_none()), "off by default");
    assert!(usual.steps.iter().all(|step| step.sticky_by.is_none()));
}
