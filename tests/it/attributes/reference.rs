//! `docs/telemetry.md`, made from the catalogues. `TOLLGATE_BLESS=1` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use tollgate_filters::request::{CONTEXT_HEADERS, HeaderRole};
use tollgate_telemetry::genai::attributes::{CATALOG, Group};
use tollgate_telemetry::metrics::catalog::{CALL_DIMENSIONS, Instrument, METRICS};

const INTRODUCTION: &str = include_str!("introduction.md");
const BESIDES: &str = "
Attributes that the operator takes from headers (`header_attributes`) come besides the ones below; what content capture keeps and
redacts is in [content.md](content.md). Other vocabularies are in [profiles.md](profiles.md): this is the one that spans are made in, `to11`.
";
const HEADERS: &str = "
## Headers

Between the caller and the gateway; none of `x-to11-*` goes upstream. Values are trimmed and cut after 256 characters. What is empty,
no UTF-8 or holds a control character counts as absent; so do unknown headers and unknown values. Of two spellings the first one wins,
if it says something.

| header | older spelling | becomes | what it does |
|---|---|---|---|
";
const ANSWERS: &str = "
What answers carry:

| header | when | what it says |
|---|---|---|
| `traceparent` | always | the HTTP span, in the caller's trace or a new one |
| `x-to11-request-id` | always | the request's id: `gateway.request.id` of the HTTP span |
| `x-to11-error-code` | errors | the code of a refusal or of an upstream's failure |
| `x-to11-upstream-provider` | where a provider was chosen | its name: `gen_ai.provider.name` |
| `X-Gateway-Variant` | experiments | the variant that answered: `gateway.variant.name` |
| `x-to11-route` | with `server: { route_header: true }` | where the model led, and why |
";
const METRICS_HEAD: &str = "
## Metrics

At `/metrics` of the control port. Prometheus writes dots as underscores and adds the unit `_seconds`, `_total` to counters, and
`_bucket`, `_sum` and `_count` to histograms. Every metric marked with • has the dimensions of calls besides its own:
";

fn reference() -> String {
    let mut out = String::from(INTRODUCTION);
    out.push_str(BESIDES);
    out.push_str("\n## Attributes\n");
    for group in Group::ALL {
        let _ = write!(
            out,
            "\n### {}\n\n| attribute | type | on | what it says |\n|---|---|---|---|\n",
            group.title()
        );
        for it in CATALOG.iter().filter(|it| it.group == *group) {
            let on: Vec<_> = it.on.iter().map(|on| on.name()).collect();
            let _ = writeln!(
                out,
                "| `{}` | {} | {} | {} |",
                it.name,
                it.kind.name(),
                on.join(", "),
                it.note
            );
        }
    }
    out.push_str(METRICS_HEAD);
    let dimensions: Vec<_> = CALL_DIMENSIONS.iter().map(|it| format!("`{it}`")).collect();
    let _ = writeln!(
        out,
        "{}.\n\n| metric | kind | unit | own dimensions | what it counts |\n|---|---|---|---|---|",
        dimensions.join(", ")
    );
    for it in METRICS {
        let own: Vec<_> = it.dimensions.iter().map(|own| format!("`{own}`")).collect();
        let mark = if it.of_calls { " •" } else { "" };
        let kind = it.instrument.name();
        let _ = writeln!(
            out,
            "| `{}`{mark} | {kind} | {} | {} | {} |",
            it.name,
            it.unit,
            own.join(", "),
            it.note
        );
    }
    out.push_str("\nUpper bounds of the buckets:\n\n| histogram | bounds |\n|---|---|\n");
    for it in METRICS.iter().filter(|it| it.instrument == Instrument::Histogram) {
        let bounds: Vec<_> = it.bounds.iter().map(f64::to_string).collect();
        let _ = writeln!(out, "| `{}` | {} |", it.name, bounds.join(", "));
    }
    out.push_str(HEADERS);
    for it in CONTEXT_HEADERS {
        let code = |text: Option<&str>| text.map(|text| format!("`{text}`")).unwrap_or_default();
        let of = match it.role {
            HeaderRole::Says(of) => {
                of.iter().map(|it| format!("`{}`", it.name())).collect::<Vec<_>>().join(", ") + ": "
            }
            HeaderRole::Took(of) => format!("`{}`: ", of.name()),
            _ => String::new(),
        };
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {of}{} |",
            it.name,
            code(it.older),
            code(it.attribute),
            it.note
        );
    }
    out.push_str(ANSWERS);
    out
}

#[test]
fn the_documentation_of_telemetry_is_what_the_catalogues_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/telemetry.md");
    let expected = reference();
    if std::env::var_os("TOLLGATE_BLESS").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == expected, "run this test with TOLLGATE_BLESS=1 to write docs/telemetry.md");
}
