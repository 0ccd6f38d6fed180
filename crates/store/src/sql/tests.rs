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
    assert!(looked_up.contains("ch_attribute(r0.attributes, 'x.y')"), "{looked_up}");
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
            "line 2, column 6: there is no table `nowhere` here: `otel_traces`, `otel_logs` and `otel_metrics_*` are those to ask",
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
        ("SELECT a AS b, b AS a FROM otel_traces", "`a` is defined by itself"),
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

#[test]
fn a_query_is_as_large_as_it_may_be_and_not_larger() {
    use super::SQL_BYTES_MAX;
    use super::from::RELATIONS_MAX;
    use super::limits::{EXPRESSION_DEPTH_MAX, WORDS_MAX};

    let sum = |levels: usize| format!("SELECT {}1", "1+".repeat(levels - 1));
    sql(&sum(EXPRESSION_DEPTH_MAX));
    assert!(refused(&sum(EXPRESSION_DEPTH_MAX + 1)).contains("nests too deeply"));

    // SELECT, FROM, the table and its columns: literals and commas are free.
    let columns =
        |words: usize| format!("SELECT {} FROM otel_traces", vec!["SpanId"; words - 3].join(","));
    sql(&columns(WORDS_MAX));
    assert!(refused(&columns(WORDS_MAX + 1)).contains("at most 2000 words"));
    let many = vec!["'0123456789abcdef'"; 3_000].join(",");
    sql(&format!("SELECT count() FROM otel_traces WHERE TraceId IN ({many})"));

    let joins = |tables: usize| {
        let names: Vec<_> = (0..tables).map(|at| format!("otel_traces t{at}")).collect();
        format!("SELECT count() FROM {}", names.join(" CROSS JOIN "))
    };
    sql(&joins(RELATIONS_MAX));
    assert!(refused(&joins(RELATIONS_MAX + 1)).contains("joins at most 20 tables"));

    let padded = |bytes: usize| format!("SELECT 1{}", " ".repeat(bytes - 8));
    sql(&padded(SQL_BYTES_MAX));
    assert!(refused(&padded(SQL_BYTES_MAX + 1)).contains("at most 65536 bytes"));
}

#[test]
fn a_short_query_that_means_a_long_one_is_refused_in_time() {
    let doubled: String = (1..40).map(|at| format!(", a{0}+a{0} AS a{at}", at - 1)).collect();
    assert!(refused(&format!("SELECT 1 AS a0{doubled}")).contains("too large"));
    let crossed: String = (1..40)
        .map(|at| format!(", c{at} AS (SELECT 1 AS x FROM c{0} p CROSS JOIN c{0} q)", at - 1))
        .collect();
    let text = format!("WITH c0 AS (SELECT 1 AS x){crossed} SELECT count() FROM c39");
    assert!(refused(&text).contains("too large"));
    for chain in ["1+", "NOT ", "- ", "(", "1=1 AND ", "if(1,", "SELECT 1 UNION ALL "] {
        refused(&format!("SELECT {}", chain.repeat(60_000 / chain.len())));
    }
    let nested = format!("SELECT 1{}", " IS NULL".repeat(900));
    assert!(refused(&nested).contains("nests too deeply"));
    let inner = format!("{}SELECT 1{}", "SELECT * FROM (".repeat(60), ")".repeat(60));
    assert!(refused(&inner).contains("nests too deeply"));
}
