//! The report is aligned and shows sources, never secrets.

use super::report;

const FILE: &str = "
providers:
  acme: { base_url: 'https://acme.example/v1', models: [a, b], credential: 'env::ACME' }
  local: { base_url: 'http://localhost/v1', models: [c] }
targets:
  big: { model: a, weight: 3, first_token_timeout_ms: 800 }
  small: { model: b }
  home: { model: c, timeout_ms: 1000 }
routes:
  split: { models: [a, x], strategy: weighted, targets: [big, small] }
functions:
  f: { strategy: fallback, models: [a, c], retry: { max_retries: 0 } }
store: { kind: none }
";

#[test]
fn the_whole_table_is_shown_in_aligned_columns() {
    let environment = |name: &str| (name == "ACME").then(|| "canary".to_owned());
    let settings = crate::load_str("f", FILE, environment).unwrap().0;
    let shown = report(&settings);
    assert_eq!(
        shown,
        "\
gateway  127.0.0.1:4000
control  127.0.0.1:4500
store    none
content  not captured

LAYER        NAME   MODELS  ENDPOINT  STRATEGY  RETRY
function     f      f       chat      fallback  0 x 500 ms
route        split  a, x    chat      weighted  2 x 500 ms
route        home   c       any       single    2 x 500 ms
passthrough  acme   a, b    any       single    never
passthrough  local  c       any       single    never

ROUTE OR FUNCTION  STEP        TARGET  PROVIDER  MODEL  SHARE  CREDENTIAL  TIMEOUTS (ms: head, first token, idle, total)
f                  1 fallback  a       acme      a      -      env::ACME   30000, -, 60000, 900000
f                  1 fallback  c       local     c      -      none        30000, -, 60000, 900000
split              1 weighted  big     acme      a      3/4    env::ACME   30000, 800, 60000, 900000
split              1 weighted  small   acme      b      1/4    env::ACME   30000, -, 60000, 900000
home               1 single    home    local     c      -      none        1000, -, 60000, 900000
"
    );
    assert!(!shown.contains("canary"));
}

#[test]
fn what_is_sticky_and_what_is_ejected_is_shown_and_explained() {
    const FILE: &str = "
providers: { local: { base_url: 'http://localhost/v1', models: [a, b] } }
routing: { health: { eject_ms: 2000 } }
targets:
  one: { model: a, health: { eject_after: 2 } }
  two: { model: b, health: { eject_after: 0 } }
routes:
  split: { models: [x], strategy: weighted, sticky_by: 'header:X-Tenant', targets: [one, two] }
  steps:
    models: [y]
    steps:
      - { strategy: latency, targets: [one] }
      - { strategy: weighted, sticky_by: session, targets: [two] }
functions: { f: { strategy: least_busy, models: [a, b] } }
store: { kind: none }
";
    let settings = crate::load_str("f", FILE, |_| None).unwrap().0;
    let shown = report(&settings);
    for words in [
        "1 weighted, sticky by header:x-tenant  one     local     a      1/2",
        "1 latency                              one     local     a      -",
        "2 weighted, sticky by session          two     local     b      1/1",
        "1 least_busy                           a       local     a      -",
        "; ejected for 2000 ms after 2 faults in a row",
        "; ejected for 2000 ms after 5 faults in a row",
    ] {
        assert!(shown.contains(words), "{words} in\n{shown}");
    }
    let two = shown.lines().find(|line| line.contains("  two  ")).unwrap();
    assert!(!two.contains("ejected"), "0 switches it off: {two}");
    let lines = settings.table.explain("x", tollgate_routing::EndpointKind::Chat).join("\n");
    assert!(lines.contains("strategy weighted, sticky by header:x-tenant, at most"), "{lines}");
    assert!(lines.contains("to the head, ejected for 2000 ms after 2 faults in a row"), "{lines}");
    let lines = settings.table.explain("y", tollgate_routing::EndpointKind::Chat).join("\n");
    assert!(lines.contains("step 2, weighted, sticky by session:"), "{lines}");
}
