//! What a query becomes, and what is refused.

use super::{Scope, compile, scoped};

const NOW_NS: i64 = 1_800_000_000_000_000_000;

fn sql(text: &str) -> String {
    compile(text, &Scope::All, NOW_NS).unwrap_or_else(|error| panic!("{text}: {error}")).sql
}

fn refused(text: &str) -> String {
    match compile(text, &Scope::All, NOW_NS) {
        Err(error) => error.to_string(),
        Ok(compiled) => panic!("{text} became {}", compiled.sql),
    }
}

#[test]
fn what_has_a_column_is_read_from_it_and_the_rest_is_looked_up() {
    assert_eq!(
        sql("SELECT SpanName FROM otel_traces WHERE SpanAttributes['gen_ai.request.model'] = 'm'"),
        "SELECT r0.name AS c0 FROM spans AS r0 WHERE (coalesce(r0.model, '') = 'm')"
    );
    assert_eq!(
        sql(
            "SELECT sum(toUInt64OrZero(SpanAttributes['gen_ai.usage.input_tokens'])) AS t FROM otel.otel_traces"
        ),
        "SELECT coalesce(sum(coalesce(r0.input_tokens, 0)), 0) AS c0 FROM spans AS r0"
    );
    assert_eq!(
        sql(
            "SELECT count() FROM otel_traces WHERE SpanAttributes['gen_ai.request.stream'] = 'true'"
        ),
        "SELECT count(*) AS c0 FROM spans AS r0 WHERE (coalesce(r0.stream, 0) = 1)"
    );
    let looked_up = sql("SELECT SpanAttributes['x.y'] FROM otel_traces");
    assert!(looked_up.contains("ch_attribute(r0d.attributes, 'x.y')"), "{looked_up}");
    assert!(looked_up.contains("LEFT JOIN span_details AS r0d ON r0d.span = r0.id"), "{looked_up}");
}

#[test]
fn a_text_cannot_leave_its_quotes() {
    let text = sql(r"SELECT count() FROM otel_traces WHERE SpanName = 'a''b\'c -- \\'");
    assert!(text.ends_with(r"WHERE (r0.name = 'a''b''c -- \')"), "{text}");
    let key = sql(r"SELECT SpanAttributes['a\'); DROP TABLE spans --'] FROM otel_traces");
    assert!(key.contains("'a''); DROP TABLE spans --'"), "{key}");
}

#[test]
fn names_mean_what_they_were_given() {
    let text = sql(
        "SELECT countIf(StatusCode = 'Error') AS bad, count() AS n, bad / n AS share FROM otel_traces",
    );
    assert!(
        text.contains(
            "ch_divide(count(CASE WHEN (r0.status = 'Error') THEN 1 END), count(*)) AS c2"
        ),
        "{text}"
    );
    assert!(
        sql("SELECT SpanName AS s, count() FROM otel_traces GROUP BY s ORDER BY 2 DESC")
            .ends_with(" GROUP BY r0.name ORDER BY count(*) DESC")
    );
    assert!(
        sql("SELECT TraceId AS TraceId FROM otel_traces").starts_with("SELECT r0.trace_id AS c0")
    );
}

#[test]
fn a_scope_is_around_every_read_of_the_table() {
    let scope = Scope::Project("it's".to_owned());
    let text = "WITH a AS (SELECT TraceId FROM otel_traces) SELECT count() FROM otel_traces t LEFT JOIN otel_traces p ON p.SpanId = t.ParentSpanId WHERE t.TraceId IN (SELECT TraceId FROM a) UNION ALL SELECT count() FROM (SELECT 1 FROM otel_traces)";
    let compiled = compile(text, &scope, NOW_NS).unwrap();
    assert_eq!(
        compiled.sql.matches("FROM spans WHERE project = 'it''s'").count(),
        4,
        "{}",
        compiled.sql
    );
    assert!(!compiled.sql.contains("spans AS"), "{}", compiled.sql);
    let there = scoped(text, &scope, NOW_NS).unwrap();
    assert_eq!(
        there
            .matches(r"FROM otel_traces WHERE ResourceAttributes['project.id'] = 'it\'s')")
            .count(),
        4,
        "{there}"
    );
    assert!(there.contains("= 'it\\'s') t LEFT JOIN (SELECT"), "{there}");
    assert!(scoped("SELECT 1 FROM otel_traces /* x */", &scope, NOW_NS).is_err());
    assert!(scoped("SELECT `a\\`b` FROM otel_traces", &scope, NOW_NS).is_err());
}

#[test]
fn what_is_not_known_is_refused_by_name_and_place() {
    for (text, says) in [
        (
            "SELECT frobnicate(Duration)\nFROM otel_traces",
            "line 1, column 8: the function `frobnicate` with 1 arguments is not supported here",
        ),
        (
            "SELECT 1\nFROM nowhere",
            "line 2, column 6: there is no table `nowhere` here: `otel_traces` is the one to ask",
        ),
        ("SELECT nothing FROM otel_traces", "line 1, column 8: there is no column `nothing`"),
        (
            "SELECT count() FROM otel_traces WHERE Duration > '5'",
            "line 1, column 39: UInt64 is not compared with String",
        ),
        (
            "SELECT SpanName, count() FROM otel_traces",
            "line 1, column 8: a value that is neither under GROUP BY nor inside an aggregate",
        ),
        (
            "SELECT 1 FROM otel_traces WHERE count() > 1",
            "line 1, column 33: `count` is an aggregate, and here are single rows",
        ),
        (
            "SELECT lower(SpanName) AS SpanName FROM otel_traces WHERE SpanName = 'x'",
            "line 1, column 14: the name `SpanName` hides a column: choose another one",
        ),
        ("SELECT a AS b, b AS a FROM otel_traces", "`b` is defined by itself"),
        (
            "SELECT row_number() OVER (ORDER BY Timestamp) FROM otel_traces",
            "a window function (OVER) is not supported here",
        ),
        (
            "SELECT 1 FROM otel_traces a FULL JOIN otel_traces b ON a.SpanId = b.SpanId",
            "a join other than INNER, LEFT and CROSS is not supported here",
        ),
        ("SELECT SpanName FROM otel_traces LIMIT 1 BY SpanName", "LIMIT BY is not supported here"),
        ("DROP TABLE otel_traces", "only SELECT can be asked here"),
        ("SELECT 1; SELECT 2", "one query at a time"),
        ("", "the query is empty"),
        ("SELECT 1 FROM url('http://x', CSV)", "a table function or SAMPLE is not supported here"),
        (
            "SELECT 1 FROM otel_traces FORMAT JSON",
            "FORMAT (`--format` chooses it) is not supported here",
        ),
        (
            "SELECT Timestamp + 0.5 FROM otel_traces",
            "a time and a number that is not whole (use toUnixTimestamp, dateDiff) is not supported here",
        ),
        ("SELECT (SELECT 1", "Expected: )"),
    ] {
        let told = refused(text);
        assert!(told.contains(says), "{text}\n  says {told}\n  not  {says}");
    }
    let deep = format!("SELECT {}1{}", "(".repeat(500), ")".repeat(500));
    assert!(refused(&deep).contains("nests too deeply"));
}
