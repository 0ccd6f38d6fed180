//! What a document compiles to: defaults, resolution chains, credentials.

use std::time::Duration;

use tollgate_filters::cache::Mode;
use tollgate_providers::{AuthStyle, Endpoint};
use tollgate_routing::{Credential, EndpointKind, Layer, RoutingPath};

use crate::tests::{loaded, targets};
use crate::{CAPTURE_CONTENT_VARIABLE, StoreQueue, StoreSettings};

#[test]
fn providers_alone_suffice() {
    let settings = loaded("providers: { openai: { models: [gpt-4o] } }");
    assert_eq!(settings.server.addr.port(), 4000);
    assert_eq!(settings.server.drain, Duration::from_secs(30));
    assert!(settings.server.h2c && settings.server.tls.is_none());
    assert!(settings.telemetry.is_none() && settings.collector.is_none());
    assert!(settings.cache.is_none() && settings.genai.otlp.is_none());
    assert!(matches!(settings.store, Some(StoreSettings::Sqlite { .. })));
    assert_eq!(&*settings.providers[0].base_url.host, "api.openai.com");
    let [target] = &targets(&settings, "gpt-4o")[..] else { panic!() };
    assert!(matches!(target.credential, Credential::Caller));
    assert_eq!(target.deadlines, tollgate_routing::Deadlines::default());
}

#[test]
fn passthrough_needs_no_credential_but_a_managed_target_does() {
    let passthrough = "providers: { acme: { base_url: 'https://acme.example/v1', models: [m] } }";
    assert!(crate::load_str("f", passthrough, |_| None).is_ok());
    let managed = format!("{passthrough}\ntargets: {{ t: {{ model: m }} }}");
    let problems = crate::load_str("f", &managed, |_| None).map(|_| ()).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "f:2:12: targets.t: no credential for provider `acme`\n  \
         hint: set ACME_API_KEY before starting, or write `credential: env::NAME` under \
         `providers.acme`"
    );
    let blank = crate::load_str("f", &managed, |_| Some("  ".to_owned()));
    assert!(blank.is_err(), "an empty variable is as good as none");
}

#[test]
fn a_local_provider_goes_without_a_credential_unless_there_is_one() {
    for host in ["localhost", "127.0.0.1", "[::1]", "192.168.1.5", "ollama", "gpu.internal"] {
        let text = format!(
            "providers: {{ my-ollama: {{ base_url: 'http://{host}:1/v1', models: [m] }} }}\n\
             targets: {{ t: {{ model: m }} }}"
        );
        let without = crate::load_str("f", &text, |_| None).unwrap().0;
        assert!(matches!(targets(&without, "m")[0].credential, Credential::None), "{host}");
        let key = |name: &str| (name == "MY_OLLAMA_API_KEY").then(|| "k".to_owned());
        let with = crate::load_str("f", &text, key).unwrap().0;
        assert!(matches!(targets(&with, "m")[0].credential, Credential::Managed(_)), "{host}");
    }
}

#[test]
fn a_targets_credential_beats_the_providers_which_beats_the_convention() {
    let text = "
providers:
  acme: { base_url: 'https://acme.example/v1', models: [a], credential: 'env::OF_PROVIDER' }
  other: { base_url: 'https://other.example/v1', models: [b] }
targets:
  own: { model: a, credential: 'env::OF_TARGET' }
  inherited: { model: a }
  conventional: { model: b }
";
    let sources = loaded(text).credential_sources;
    assert_eq!(sources["own"], "env::OF_TARGET");
    assert_eq!(sources["inherited"], "env::OF_PROVIDER");
    assert_eq!(sources["conventional"], "env::OTHER_API_KEY");
}

#[test]
fn the_nearest_timeout_wins() {
    let text = |defaults: &str, provider: &str, model: &str, target: &str| {
        format!(
            "defaults: {{ provider: {{ {defaults} }} }}
providers: {{ acme: {{ base_url: 'http://localhost/v1', models: [m], {provider} }} }}
models: {{ m: {{ {model} }} }}
targets: {{ t: {{ model: m, {target} }} }}"
        )
    };
    let head = |text: &str| targets(&loaded(text), "m")[0].deadlines.head.as_millis();
    let t = |ms: u32| format!("timeout_ms: {ms}");
    assert_eq!(head(&text("", "", "", "")), 30_000);
    assert_eq!(head(&text(&t(1), "", "", "")), 1);
    assert_eq!(head(&text(&t(1), &t(2), "", "")), 2);
    assert_eq!(head(&text(&t(1), &t(2), &t(3), "")), 3);
    assert_eq!(head(&text(&t(1), &t(2), &t(3), &t(4))), 4);
    let settings = loaded(&text(&t(1), &t(2), &t(3), &t(4)));
    let passthrough = settings.table.resolve("acme::m", EndpointKind::Chat).unwrap();
    assert_eq!(passthrough.targets()[0].deadlines.head.as_millis(), 3);
}

#[test]
fn the_variable_overrides_content_capture() {
    for (file, variable, expected) in [
        ("true", None, true),
        ("true", Some("false"), false),
        ("false", Some("TRUE"), true),
        ("false", Some(""), false),
    ] {
        let text = format!(
            "providers: {{ openai: {{ models: [m] }} }}\n\
             genai_telemetry: {{ capture_content: {file} }}"
        );
        let environment = |name: &str| {
            (name == CAPTURE_CONTENT_VARIABLE).then(|| variable.map(str::to_owned)).flatten()
        };
        let settings = crate::load_str("f", &text, environment).unwrap().0;
        assert_eq!(settings.genai.capture_content, expected, "{file} {variable:?}");
    }
    let text = "providers: { openai: { models: [m] } }";
    let problems = crate::load_str("f", text, |_| Some("maybe".to_owned())).map(|_| ());
    assert_eq!(
        problems.unwrap_err().to_string(),
        "f: GATEWAY_GENAI_CAPTURE_CONTENT: the variable's value must be `true` or `false`"
    );
}

#[test]
fn credentials_travel_as_the_file_or_the_dialect_says() {
    let text = "
providers:
  bearer: { base_url: 'http://localhost/v1', models: [a] }
  azure: { base_url: 'http://localhost/v1', models: [a], auth_type: api_key_header }
  named: { base_url: 'http://localhost/v1', models: [a], auth_type: api_key_header, auth_header_name: X-Key }
  gemini: { base_url: 'http://localhost/v1', models: [a], auth_type: query_param }
  claude: { base_url: 'http://localhost/v1', models: [a], dialect: messages }
  none: { base_url: 'http://localhost/v1', models: [a], auth_type: none }
";
    let settings = loaded(text);
    let styles: Vec<&AuthStyle> = settings.providers.iter().map(|it| &it.auth).collect();
    let header = |name: &'static str| AuthStyle::ApiKeyHeader(http::HeaderName::from_static(name));
    let expected = [
        &AuthStyle::Bearer,
        &header("api-key"),
        &header("x-key"),
        &AuthStyle::QueryParam("key".to_owned()),
        &header("x-api-key"),
        &AuthStyle::None,
    ];
    assert_eq!(styles, expected);
    assert!(!settings.providers[4].capabilities.stream_options);
}

#[test]
fn a_target_that_nothing_names_answers_to_its_model() {
    let text = "
providers: { local: { base_url: 'http://localhost/v1', models: [a, b, c] } }
targets: { bare: { model: a }, routed: { model: b }, called: { model: c } }
routes: { r: { models: [x], strategy: single, targets: [routed] } }
functions: { f: { strategy: single, targets: [called] } }
";
    let settings = loaded(text);
    let path = |model| settings.table.resolve(model, EndpointKind::Chat).unwrap().path;
    assert_eq!(path("a"), RoutingPath::Managed);
    assert_eq!(path("route::bare"), RoutingPath::Managed);
    assert_eq!(path("b"), RoutingPath::Passthrough, "the route answers to `x`");
    assert_eq!(path("c"), RoutingPath::Passthrough);
}

#[test]
fn a_known_provider_needs_no_models_and_takes_any_by_its_prefix() {
    let text = "providers: { openai: {}, groq: { credential: 'env::K' }, azure-openai: { base_url: 'https://r.openai.azure.com/openai/v1' } }";
    let settings =
        crate::load_str("f", text, |name| (name == "K").then(|| "k".to_owned())).unwrap().0;
    for (asked, provider) in
        [("openai::gpt-9", "openai"), ("groq::a/b", "groq"), ("azure-openai::mine", "azure-openai")]
    {
        let plan = settings.table.resolve(asked, EndpointKind::Chat).unwrap();
        assert_eq!(plan.path, RoutingPath::Passthrough);
        let target = &plan.steps[0].choices[0].target;
        let model = asked.split_once("::").unwrap().1;
        assert_eq!((&*target.model, &*target.provider.name), (model, provider));
        assert!(matches!(target.credential, Credential::Caller));
    }
    for unknown in ["gpt-9", "openai::", "mistral::m"] {
        assert!(settings.table.resolve(unknown, EndpointKind::Chat).is_err(), "{unknown}");
    }
    assert!(settings.table.models().is_empty(), "nobody knows what there is");
    let listed = loaded("providers: { openai: { models: [a] } }");
    assert!(listed.table.resolve("openai::b", EndpointKind::Chat).is_err(), "a list is a list");
    assert!(
        crate::load_str("f", "providers: { acme: { base_url: 'http://a.b' } }", |_| None).is_err()
    );
}

#[test]
fn what_the_catalogue_knows_holds_without_its_base_url_and_its_key_in_another_dialect() {
    let azure = loaded(
        "providers: { azure-openai: { base_url: 'https://r.openai.azure.com/openai/v1', models: [m] } }",
    );
    let azure = &azure.providers[0];
    assert_eq!(azure.auth, AuthStyle::ApiKeyHeader("api-key".parse().unwrap()));
    assert!(azure.capabilities.responses);
    let other = loaded(
        "providers: { azure-openai: { base_url: 'https://r.example/anthropic', models: [m], dialect: messages } }",
    );
    let other = &other.providers[0];
    assert_eq!(other.auth, AuthStyle::ApiKeyHeader("api-key".parse().unwrap()));
    assert!(!other.capabilities.responses);
    let vertex = loaded(
        "providers: { gcp-vertex-ai: { base_url: 'https://r.example/publishers/google', models: [m], dialect: gemini } }",
    );
    assert_eq!(vertex.providers[0].auth, AuthStyle::Bearer, "an access token");
}

#[test]
fn a_server_that_wants_no_key_is_given_one_that_there_is() {
    let text = "providers: { vllm: { base_url: 'https://gpu.example/v1', models: [m] } }\n\
                targets: { t: { model: m } }";
    let without = crate::load_str("f", text, |_| None).unwrap().0;
    assert!(matches!(targets(&without, "m")[0].credential, Credential::None));
    let key = |name: &str| (name == "VLLM_API_KEY").then(|| "k".to_owned());
    let with = crate::load_str("f", text, key).unwrap().0;
    assert!(matches!(targets(&with, "m")[0].credential, Credential::Managed(_)));
    assert_eq!(with.providers[0].auth, AuthStyle::Bearer);
}

#[test]
fn every_provider_takes_requests_without_a_model_with_its_own_key_or_the_callers() {
    let text = "
providers:
  claude: { base_url: 'http://localhost/v1', models: [a], dialect: messages }
  keyless: { base_url: 'http://localhost/v1', models: [a], timeout_ms: 7000 }
  keyed: { base_url: 'http://localhost/v1', models: [a], credential: 'env::KEY' }
";
    let settings = loaded(text);
    let host = |provider| settings.table.host(provider, &Endpoint::Files).unwrap();
    let first = host(None);
    assert_eq!((&*first.targets()[0].name, first.path), ("keyless", RoutingPath::Passthrough));
    assert_eq!(first.targets()[0].deadlines.head.as_millis(), 7_000);
    assert!(matches!(first.targets()[0].credential, Credential::Caller));
    let keyed = host(Some("keyed"));
    assert!(matches!(keyed.targets()[0].credential, Credential::Managed(_)));
    assert_eq!(keyed.path, RoutingPath::Managed);
}

#[test]
fn a_route_may_be_for_reranking() {
    let text = "
providers: { local: { base_url: 'http://localhost/v1', models: [r] } }
targets: { t: { model: r } }
routes: { order: { endpoint: rerank, models: [best], strategy: single, targets: [t] } }
";
    let settings = loaded(text);
    assert!(settings.table.resolve("best", EndpointKind::Rerank).is_ok());
    assert!(settings.table.resolve("best", EndpointKind::Embeddings).is_err());
}

#[test]
fn prices_and_the_memory_of_tool_calls_have_their_defaults_and_their_bounds() {
    let providers = "providers: { local: { base_url: 'http://localhost/v1', models: [m] } }\n";
    let settings = loaded(providers);
    let links = settings.genai.tool_links;
    assert_eq!((links.ids_max, links.ttl.as_secs()), (10_000, 3_600));
    let most = "genai_telemetry: { tool_links: { ids_max: 1000000, ttl_s: 86400 } }\n";
    let price = "pricing: { m: { input: 1, currency: EUR, reasoning: 3, cache_write_1h: 2 } }\n";
    let settings = loaded(&format!("{providers}{most}{price}"));
    let links = settings.genai.tool_links;
    assert_eq!((links.ids_max, links.ttl.as_secs()), (1_000_000, 86_400));
    let price = &settings.pricing["m"];
    assert_eq!((&*price.currency, price.reasoning), ("EUR", Some(3.0)));
    assert_eq!((price.cache_write_1h, price.cache_write), (Some(2.0), None));
    let plain = loaded(&format!("{providers}pricing: {{ m: {{ input: 1 }} }}\n"));
    assert_eq!(&*plain.pricing["m"].currency, "USD");
}

#[test]
fn clickhouse_has_its_names_and_its_authority() {
    let store = |fields: &str| {
        let text = format!(
            "providers: {{ openai: {{ models: [gpt-4o] }} }}\n\
             store: {{ kind: clickhouse, url: 'https://ch:8443'{fields} }}"
        );
        crate::load_str("f", &text, |_| None).map(|(settings, _)| settings.store)
    };
    let Ok(Some(StoreSettings::ClickHouse { database, user, tables, ca_file, .. })) = store("")
    else {
        panic!()
    };
    assert_eq!((&*database, &*user, &*tables.traces), ("otel", "default", "otel_traces"));
    assert!(ca_file.is_none());
    let Ok(Some(StoreSettings::ClickHouse { tables, .. })) =
        store(", tables: { traces: llm, metrics_sum: sums, logs: said }")
    else {
        panic!()
    };
    for (fields, expected) in [
        ("", Some(("data/queue", 2 << 30))),
        (", queue: { path: /q, bytes_max: 1048576 }", Some(("/q", 1 << 20))),
        (", queue: { bytes_max: 1099511627776 }", Some(("data/queue", 1 << 40))),
        (", queue: { enabled: false }", None),
    ] {
        let Ok(Some(StoreSettings::ClickHouse { queue, .. })) = store(fields) else { panic!() };
        let expected = expected
            .map(|(path, bytes_max): (&str, _)| StoreQueue { path: path.into(), bytes_max });
        assert_eq!(queue, expected, "{fields}");
    }
    assert_eq!((&*tables.traces, &*tables.metrics_sum, &*tables.logs), ("llm", "sums", "said"));
    assert_eq!(tables.metrics_gauge, "otel_metrics_gauge");
    for (fields, said) in [
        (", tables: { spans: llm }", "spans"),
        (", queue: { bytes_max: 1048575 }", "1048576"),
        (", queue: { bytes_max: 1099511627777 }", "1099511627776"),
        (", ca_file: /nowhere/ca.pem", "/nowhere/ca.pem"),
        (", path: data/x.db", "`path` is for `kind: sqlite`"),
    ] {
        let problems = store(fields).map(drop).unwrap_err().to_string();
        assert!(problems.contains(said), "{problems}");
    }
}

#[test]
fn the_cache_has_defaults_and_routes_and_functions_have_their_own_mode() {
    let text = "
providers: { local: { base_url: 'http://localhost:1/v1', models: [m] } }
targets: { t: { model: m } }
routes:
  a: { models: [a], strategy: single, targets: [t], cache: force }
  b: { models: [b], strategy: single, targets: [t] }
functions:
  a: { strategy: single, models: [m], cache: never }
cache: { enabled: true, max_bytes: 1000 }";
    let cache = loaded(text).cache.unwrap();
    assert_eq!((cache.kind, cache.settings.mode, cache.settings.pace), Default::default());
    let cache = &cache.settings;
    assert_eq!((cache.bytes_max, cache.entry_bytes_max), (1000, 1000), "no entry is larger");
    assert_eq!((cache.ttl, cache.wait), (Duration::from_secs(600), Duration::from_secs(30)));
    let mode = |layer, name: &str| cache.modes.get(&(layer, name.into())).copied();
    assert_eq!(mode(Layer::Route, "a"), Some(Mode::Force));
    assert_eq!(mode(Layer::Function, "a"), Some(Mode::Never));
    assert_eq!(mode(Layer::Route, "b"), None);
    let plain = loaded(&text.replace(", max_bytes: 1000", "")).cache.unwrap().settings;
    assert_eq!((plain.bytes_max, plain.entry_bytes_max), (256 << 20, 1 << 20));
}

#[test]
fn the_version_is_the_same_for_the_same_text_and_secrets_and_for_no_others() {
    let text = "providers: { openai: { models: [m], credential: 'env::KEY' } }\ntargets: { t: { model: m } }";
    let of = |text: &str, key: &'static str| {
        crate::load_str("f", text, |name| (name == "KEY").then(|| key.to_owned()))
            .unwrap()
            .0
            .version
    };
    assert_eq!(of(text, "one"), of(text, "one"));
    assert_ne!(of(text, "one"), of(text, "two"));
    assert_ne!(of(text, "one"), of(&format!("{text}\n"), "one"));
}
