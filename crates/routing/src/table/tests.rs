//! Which layer answers to which name.

use std::sync::Arc;

use proptest::prelude::*;
use tollgate_providers::{Dialect, Endpoint, Provider, Secret};

use super::{Function, ResolveError, Route, Table};
use crate::fixtures::{passthrough, provider, target, variant};
use crate::{
    Credential, Deadlines, EndpointKind, Layer, Plan, RetryPolicy, RoutingPath, Step, Strategy,
    Target,
};

fn plan(layer: Layer, name: &str) -> Plan {
    let step = Step::of_targets(Strategy::Single, [target("t", 1)]);
    Plan::managed(layer, name.into(), RetryPolicy::default(), [step])
}

fn route(name: &str, models: &[&str], endpoint: EndpointKind) -> Route {
    let models = models.iter().map(|model| (*model).into()).collect();
    Route { name: name.into(), models, endpoint: Some(endpoint), plan: plan(Layer::Route, name) }
}

fn function(name: &str, endpoint: EndpointKind) -> Function {
    Function { name: name.into(), endpoint, plan: plan(Layer::Function, name) }
}

fn table() -> Table {
    let openai = provider("openai", &["gpt-4o", "o1", "summarize", "a::b"]);
    let azure = provider("azure", &["gpt-4o", "gpt-5"]);
    let targets = passthrough(&openai).into_iter().chain(passthrough(&azure));
    let routes = vec![
        route("main", &["gpt-4o", "house-model"], EndpointKind::Chat),
        route("second", &["gpt-4o", "later"], EndpointKind::Chat),
        route("vectors", &["gpt-4o", "summarize"], EndpointKind::Embeddings),
    ];
    let functions = vec![
        function("summarize", EndpointKind::Chat),
        function("embed", EndpointKind::Embeddings),
    ];
    Table::new(targets, routes, functions)
}

/// Layer and name, or the provider and model of a passthrough plan.
fn resolved(model: &str, kind: EndpointKind) -> Result<(Layer, String), ResolveError> {
    let plan = table().resolve(model, kind)?;
    let target = Arc::clone(&plan.steps[0].choices[0].target);
    let name = match &plan.name {
        Some(name) => name.to_string(),
        None => format!("{}/{}", target.provider.name, target.model),
    };
    Ok((plan.layer, name))
}

fn chat(model: &str) -> Result<(Layer, String), ResolveError> {
    resolved(model, EndpointKind::Chat)
}

#[test]
fn a_function_hides_a_route_hides_passthrough() {
    assert_eq!(chat("summarize"), Ok((Layer::Function, "summarize".into())));
    assert_eq!(chat("gpt-4o"), Ok((Layer::Route, "main".into())));
    assert_eq!(chat("o1"), Ok((Layer::Passthrough, "openai/o1".into())));
}

#[test]
fn an_endpoint_kind_that_does_not_match_falls_through_to_the_next_layer() {
    let embeddings = |model| resolved(model, EndpointKind::Embeddings);
    assert_eq!(embeddings("gpt-4o"), Ok((Layer::Route, "vectors".into())));
    assert_eq!(embeddings("summarize"), Ok((Layer::Route, "vectors".into())));
    assert_eq!(
        resolved("summarize", EndpointKind::ImageGeneration),
        Ok((Layer::Passthrough, "openai/summarize".into()))
    );
    assert_eq!(embeddings("house-model"), Err(ResolveError::UnknownModel));
}

#[test]
fn a_prefix_goes_to_its_layer_only() {
    assert_eq!(chat("function::summarize"), Ok((Layer::Function, "summarize".into())));
    assert_eq!(chat("route::second"), Ok((Layer::Route, "second".into())));
    assert_eq!(chat("azure::gpt-4o"), Ok((Layer::Passthrough, "azure/gpt-4o".into())));
    for unknown in [
        "function::gpt-4o",
        "function::embed",
        "route::gpt-4o",
        "route::vectors",
        "azure::o1",
        "function::",
        "route::",
        "openai::",
        "openai::openai::o1",
    ] {
        assert_eq!(chat(unknown), Err(ResolveError::UnknownModel), "{unknown}");
    }
}

#[test]
fn only_a_known_left_side_is_a_prefix() {
    assert_eq!(chat("a::b"), Ok((Layer::Passthrough, "openai/a::b".into())));
    assert_eq!(chat("openai::a::b"), Ok((Layer::Passthrough, "openai/a::b".into())));
    assert_eq!(chat("nobody::gpt-4o"), Err(ResolveError::UnknownModel));
}

#[test]
fn of_two_providers_or_routes_the_first_in_the_file_answers() {
    let openai = provider("openai", &["x"]);
    let azure = provider("azure", &["x"]);
    let targets = passthrough(&azure).into_iter().chain(passthrough(&openai));
    let plan = Table::new(targets, vec![], vec![]).resolve("x", EndpointKind::Chat).unwrap();
    assert_eq!(&*plan.steps[0].choices[0].target.provider.name, "azure");
    assert_eq!(plan.path, RoutingPath::Passthrough);
    assert_eq!(chat("later"), Ok((Layer::Route, "second".into())));
}

#[test]
fn names_are_taken_literally() {
    for unknown in ["", "GPT-4o", "gpt-4o ", "::", "gpt-4"] {
        assert_eq!(chat(unknown), Err(ResolveError::UnknownModel), "{unknown:?}");
    }
}

#[test]
fn the_list_has_each_name_once_with_its_owner() {
    let models = table().models();
    let listed: Vec<(&str, &str)> = models.iter().map(|it| (&*it.id, &*it.owner)).collect();
    assert_eq!(
        listed,
        [
            ("summarize", "tollgate"),
            ("embed", "tollgate"),
            ("gpt-4o", "openai"),
            ("house-model", "tollgate"),
            ("later", "tollgate"),
            ("o1", "openai"),
            ("a::b", "openai"),
            ("gpt-5", "azure"),
        ]
    );
}

#[test]
fn rows_show_every_layer_in_order() {
    let rows = table().rows();
    let shown: Vec<(Layer, &str)> = rows.iter().map(|row| (row.plan.layer, &*row.name)).collect();
    assert_eq!(
        shown,
        [
            (Layer::Function, "summarize"),
            (Layer::Function, "embed"),
            (Layer::Route, "main"),
            (Layer::Route, "second"),
            (Layer::Route, "vectors"),
            (Layer::Passthrough, "openai"),
            (Layer::Passthrough, "azure"),
        ]
    );
    assert_eq!(rows[5].models.len(), 4);
    assert_eq!(rows[5].endpoint, None);
}

#[test]
fn an_explanation_says_what_was_looked_at_and_what_was_found() {
    let lines = table().explain("gpt-4o", EndpointKind::Chat).join("\n");
    assert_eq!(
        lines,
        "model `gpt-4o` on a chat endpoint\n\
         functions: none is called `gpt-4o`\n\
         routes: `main` answers to `gpt-4o`\n\
         providers: `openai`, `azure` list it, `openai` comes first\n\
         why: no function has the name, and routes come before providers\n\
         => route `main`: strategy single, at most 3 attempt(s), 2 retries of each target\n   \
         - t: m at acme, the gateway's key, 30000 ms to the head\n   \
         retry: after no connection, silence, a broken stream and 408, 409, 425, 429, 500-599; \
         pauses of up to 500 ms, doubled each time, at most 10000 ms, or as Retry-After asks\n   \
         deadlines of t (ms): connect 5000, head 30000, first content -, idle 60000, total 900000"
    );
    let lines = table().explain("function::embed", EndpointKind::Chat).join("\n");
    assert_eq!(
        lines,
        "model `function::embed` on a chat endpoint\n\
         functions: `embed` is one, but for embeddings\n\
         => no function, route or provider answers to this model: the caller gets 404"
    );
}

#[test]
fn an_explanation_says_what_the_header_does() {
    let told =
        |model: &str, provider| table().explain_at(model, EndpointKind::Chat, provider).join("\n");
    let cases = [
        ("gpt-5", None, "headers: x-genai-provider may name another provider", "gpt-5 at azure"),
        ("gpt-5", Some("azure"), "headers: x-genai-provider asks for `azure`", "gpt-5 at azure"),
        ("gpt-5", Some("openai"), "asks for `openai`", "the caller gets 404"),
        ("gpt-5", Some("nobody"), "asks for `nobody`", "no provider is called this"),
        ("gpt-4o", Some("azure"), "is not looked at, functions and routes", "=> route `main`"),
        ("openai::o1", Some("azure"), "is not looked at, the prefix", "o1 at openai"),
        ("openai::o1", None, "why: `openai::` asks for nothing else", "never"),
        ("summarize", None, "why: functions come first", "=> function `summarize`"),
    ];
    for (model, provider, why, what) in cases {
        let said = told(model, provider);
        assert!(said.contains(why) && said.contains(what), "{model}, {provider:?}:\n{said}");
    }
    let both = [("gpt-4o", "route"), ("o1", "passthrough")];
    for (model, layer) in both {
        assert!(told(model, None).contains(&format!("=> {layer}")), "{}", told(model, None));
    }
}

#[test]
fn weights_are_told_as_shares_and_statuses_as_runs() {
    let mut table = table();
    let plan = &mut table.functions[0].plan;
    plan.steps = [Step::of_variants([variant("fast", 1), variant("good", 2)])].into();
    plan.retry.retryable_status = [429, 500, 501, 503, 504, 505].into_iter().collect();
    let said = table.explain("summarize", EndpointKind::Chat).join("\n");
    assert!(said.contains("shares: fast 33.3 %, good 66.7 %"), "{said}");
    assert!(said.contains("and 429, 500, 501, 503-505;"), "{said}");
}

#[test]
fn an_explanation_never_shows_a_credential() {
    let mut table = table();
    table.functions[0].plan.steps =
        [Step::of_variants([variant("fast", 1), variant("good", 3)])].into();
    let lines = table.explain("summarize", EndpointKind::Chat).join("\n");
    assert!(lines.contains("good: m at acme, weight 3 of 4"), "{lines}");
    assert!(!lines.contains("canary"));
    assert!(!format!("{table:?}").contains("canary"));
}

proptest! {
    #[test]
    fn whatever_is_asked_for_the_explanation_agrees_with_the_resolution(
        model in "(function|route|openai|azure|)(::|)(summarize|embed|main|vectors|gpt-4o|o1|\\PC{0,6})",
        kind in prop::sample::select(vec![EndpointKind::Chat, EndpointKind::Embeddings]),
    ) {
        let table = table();
        let unknown = table.resolve(&model, kind).is_err();
        let lines = table.explain(&model, kind);
        prop_assert_eq!(unknown, lines.last().is_some_and(|line| line.ends_with("404")));
        prop_assert_eq!(unknown, resolved(&model, kind).is_err());
    }

    #[test]
    fn everything_listed_can_be_asked_for(index in any::<prop::sample::Index>()) {
        let models = table().models();
        let id = &index.get(&models).id;
        let kinds = [EndpointKind::Chat, EndpointKind::Embeddings];
        prop_assert!(kinds.iter().any(|kind| resolved(id, *kind).is_ok()), "{id}");
    }
}

#[test]
fn an_open_provider_takes_any_model_but_only_by_its_prefix() {
    let mut template = (*target("acme", 1)).clone();
    template.model = "*".into();
    let table = table().open(template.into());
    let plan = table.resolve("acme::some/model:v2", EndpointKind::Embeddings).unwrap();
    assert_eq!((plan.path, plan.layer), (RoutingPath::Passthrough, Layer::Passthrough));
    assert_eq!(&*plan.steps[0].choices[0].target.model, "some/model:v2");
    let beside = table.resolve_at("some/model:v2", EndpointKind::Chat, Some("acme")).unwrap();
    assert_eq!(&*beside.steps[0].choices[0].target.model, "some/model:v2", "named by header");
    assert!(table.resolve_at("some/model:v2", EndpointKind::Chat, Some("openai")).is_err());
    for unknown in ["some/model:v2", "acme::", "acme", "openai::some/model:v2"] {
        assert_eq!(
            table.resolve(unknown, EndpointKind::Chat).err(),
            Some(ResolveError::UnknownModel)
        );
    }
    let row = table.rows().pop().unwrap();
    assert_eq!((&*row.name, &*row.models[0], row.models.len()), ("acme", "acme::*", 1));
    let told = table.explain("acme::x", EndpointKind::Chat).join("\n");
    assert!(told.contains("lists no models") && told.contains("acme: x at acme"), "{told}");
    assert!(!table.models().iter().any(|model| model.id.contains('*')));
}

/// A provider for requests without a model.
fn host(name: &str, dialect: Dialect, credential: Credential) -> Arc<Target> {
    let known = provider(name, &[]);
    let provider = Provider {
        name: Arc::clone(&known.name),
        base_url: known.base_url.clone(),
        auth: known.auth.clone(),
        credential: None,
        models: Vec::new(),
        dialect,
        capabilities: known.capabilities,
        ca_file: None,
        timeout: known.timeout,
    };
    Arc::new(Target {
        name: name.into(),
        provider: Arc::new(provider),
        model: "".into(),
        weight: 1,
        credential,
        deadlines: Deadlines::default(),
        health: None,
        live: crate::live::LiveSlot::default(),
    })
}

#[test]
fn without_a_model_the_first_provider_that_serves_or_the_one_asked_for_is_taken() {
    let managed = Credential::Managed(Secret::new("canary"));
    let table = Table::default().with_hosts([
        host("claude", Dialect::Messages, Credential::Caller),
        host("own", Dialect::Chat, Credential::Caller),
        host("ours", Dialect::Chat, managed),
    ]);
    let found = |provider, endpoint: &Endpoint| {
        let plan = table.host(provider, endpoint)?;
        assert_eq!((plan.retry.max_retries, plan.attempts_max()), (0, 1), "sent once");
        Ok((plan.targets()[0].name.to_string(), plan.path))
    };
    let files = Endpoint::Files;
    assert_eq!(found(None, &files), Ok(("own".to_owned(), RoutingPath::Passthrough)));
    assert_eq!(found(Some("ours"), &files), Ok(("ours".to_owned(), RoutingPath::Managed)));
    assert_eq!(found(Some("claude"), &files), Err(ResolveError::NotServed));
    assert_eq!(found(Some("Ours"), &files), Err(ResolveError::UnknownProvider));
    let none = Table::default().with_hosts([host("c", Dialect::Messages, Credential::Caller)]);
    assert!(matches!(none.host(None, &files), Err(ResolveError::NotServed)));
    assert!(matches!(Table::default().host(None, &files), Err(ResolveError::NotServed)));
}

#[test]
fn a_provider_asked_for_counts_only_where_a_model_is_passed_through() {
    let found = |model: &str, provider: &str| {
        let plan = table().resolve_at(model, EndpointKind::Chat, Some(provider))?;
        Ok((plan.layer, plan.targets()[0].provider.name.to_string()))
    };
    let passed = |provider: &str| Ok((Layer::Passthrough, provider.to_owned()));
    assert_eq!(found("gpt-5", "azure"), passed("azure"));
    assert_eq!(found("o1", "azure"), Err(ResolveError::UnknownModel), "not in its list");
    assert_eq!(found("gpt-5", "nobody"), Err(ResolveError::UnknownProvider));
    assert_eq!(found("nothing", "nobody"), Err(ResolveError::UnknownProvider));
    assert_eq!(found("nothing", "azure"), Err(ResolveError::UnknownModel));
    assert_eq!(found("openai::gpt-4o", "azure"), passed("openai"), "a prefix says more");
    assert_eq!(found("house-model", "azure").unwrap().0, Layer::Route);
    assert_eq!(found("gpt-4o", "nobody").unwrap().0, Layer::Route, "nobody was needed");
    let without = table().resolve_at("gpt-5", EndpointKind::Chat, None).unwrap();
    assert_eq!(&*without.targets()[0].provider.name, "azure");
}

#[test]
fn a_kind_of_its_own_has_routes_of_its_own() {
    let routes = vec![route("order", &["m"], EndpointKind::Rerank)];
    let table = Table::new([], routes, vec![]);
    assert!(table.resolve("m", EndpointKind::Rerank).is_ok());
    for other in [EndpointKind::Chat, EndpointKind::Embeddings] {
        assert!(matches!(table.resolve("m", other), Err(ResolveError::UnknownModel)), "{other:?}");
    }
}

#[test]
fn a_route_without_a_kind_answers_on_every_one_after_those_that_come_before_it() {
    let mut bare = route("bare", &["m"], EndpointKind::Chat);
    bare.endpoint = None;
    let table =
        Table::new([], vec![route("vectors", &["m"], EndpointKind::Embeddings), bare], vec![]);
    let name = |model: &str, kind| table.resolve(model, kind).unwrap().name.unwrap().to_string();
    assert_eq!(name("m", EndpointKind::Embeddings), "vectors");
    for kind in [EndpointKind::Chat, EndpointKind::Rerank, EndpointKind::AudioSpeech] {
        assert_eq!(name("m", kind), "bare", "{kind:?}");
        assert_eq!(name("route::bare", kind), "bare", "{kind:?}");
    }
    assert_eq!(table.rows()[1].endpoint, None);
    let told = table.explain("route::bare", EndpointKind::Rerank).join("\n");
    assert!(told.contains("routes: `bare` is one\n"), "{told}");
}
