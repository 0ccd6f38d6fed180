//! The documented queries, word for word, and what else analysts ask. Every one has one right order.

/// The metrics page's queries. The first is a template: `{trace_id}` is filled in.
pub(crate) const DOCUMENTED: [&str; 6] = [
    "SELECT
    Timestamp,
    SpanName,
    Duration,
    SpanAttributes['gen_ai.request.model'] AS model,
    SpanAttributes['gen_ai.provider.name'] AS provider,
    SpanAttributes['gen_ai.usage.input_tokens'] AS input_tokens,
    SpanAttributes['gen_ai.usage.output_tokens'] AS output_tokens,
    SpanAttributes['gen_ai.response.finish_reasons'] AS finish_reasons
FROM otel_traces
WHERE TraceId = '{trace_id}'
ORDER BY Timestamp;",
    "SELECT
    Timestamp,
    SpanName,
    SpanAttributes['gen_ai.server.time_to_first_token'] AS ttft_seconds,
    SpanAttributes['gen_ai.server.request.duration'] AS stream_duration_seconds,
    SpanAttributes['gen_ai.request.model'] AS model
FROM otel_traces
WHERE SpanAttributes['gen_ai.request.stream'] = 'true'
  AND SpanAttributes['gen_ai.server.time_to_first_token'] != ''
ORDER BY Timestamp DESC
LIMIT 100;",
    "SELECT
    SpanAttributes['gen_ai.request.model'] AS model,
    count() AS calls,
    sum(toUInt64OrZero(SpanAttributes['gen_ai.usage.input_tokens'])) AS total_input,
    sum(toUInt64OrZero(SpanAttributes['gen_ai.usage.output_tokens'])) AS total_output
FROM otel_traces
WHERE SpanAttributes['gen_ai.operation.name'] = 'chat'
  AND Timestamp > now() - INTERVAL 1 HOUR
GROUP BY model
ORDER BY total_input + total_output DESC;",
    "SELECT
    SpanAttributes['gen_ai.provider.name'] AS provider,
    count() AS total,
    countIf(StatusCode = 'Error') AS errors,
    round(errors / total * 100, 2) AS error_pct
FROM otel_traces
WHERE SpanAttributes['gen_ai.operation.name'] = 'chat'
  AND Timestamp > now() - INTERVAL 1 HOUR
GROUP BY provider;",
    "SELECT
    t.SpanName,
    t.SpanAttributes['gen_ai.tool.name'] AS tool_name,
    t.SpanAttributes['gen_ai.tool.call.id'] AS call_id,
    t.Duration AS duration_ns,
    parent.SpanName AS parent_span
FROM otel_traces t
LEFT JOIN otel_traces parent ON t.ParentSpanId = parent.SpanId AND t.TraceId = parent.TraceId
WHERE t.SpanName LIKE 'tool_call.%'
  AND t.Timestamp > now() - INTERVAL 1 HOUR
ORDER BY t.Timestamp DESC
LIMIT 50;",
    "SELECT
    Timestamp,
    SpanName,
    SpanAttributes['gen_ai.operation.name'] AS operation,
    SpanAttributes['gen_ai.retrieval.source'] AS retrieval_source,
    SpanAttributes['gen_ai.tool.name'] AS tool_name,
    SpanAttributes['gen_ai.agent.name'] AS agent_name
FROM otel_traces
WHERE SpanAttributes['gen_ai.operation.name'] IN ('execute_tool', 'retrieval', 'invoke_agent')
  AND Timestamp > now() - INTERVAL 1 HOUR
ORDER BY Timestamp DESC
LIMIT 50;",
];

/// What else is asked.
pub(crate) const FURTHER: &[&str] = &[
    "SELECT count() FROM otel_traces",
    "SELECT count(*), count(1), uniqExact(TraceId), count(DISTINCT SpanName) FROM otel_traces",
    "SELECT SpanKind, StatusCode, count() FROM otel_traces GROUP BY SpanKind, StatusCode ORDER BY SpanKind, StatusCode",
    "SELECT SpanName, count() AS n FROM otel_traces GROUP BY SpanName HAVING n > 100 ORDER BY n DESC, SpanName LIMIT 5 OFFSET 2",
    "SELECT min(Timestamp) = max(Timestamp), min(Duration), max(Duration), sum(Duration), round(avg(Duration), 3) FROM otel_traces WHERE StatusCode = 'Error'",
    "SELECT sum(Duration), avg(Duration), min(Duration), max(SpanName), count(), any(SpanName) FROM otel_traces WHERE SpanName = 'nobody'",
    "SELECT quantileExact(0.99)(Duration), quantileExact(0.5)(Duration), quantileExact(1)(Duration), quantileExact(0)(Duration) FROM otel_traces",
    "SELECT SpanAttributes['gen_ai.request.model'] AS m, quantileExact(0.9)(toFloat64OrZero(SpanAttributes['gen_ai.server.time_to_first_token'])) AS p FROM otel_traces WHERE m != '' GROUP BY m ORDER BY m",
    "SELECT quantile(0.5)(x), quantile(0.25)(x), median(x) FROM (SELECT Duration AS x FROM otel_traces ORDER BY TraceId, SpanId LIMIT 1000)",
    "SELECT toStartOfHour(Timestamp) AS hour, count() FROM otel_traces GROUP BY hour ORDER BY hour",
    "SELECT toStartOfFiveMinutes(Timestamp) AS t, countIf(StatusCode = 'Error') FROM otel_traces GROUP BY t ORDER BY t",
    "SELECT toStartOfInterval(Timestamp, INTERVAL 10 MINUTE) AS t, count() FROM otel_traces GROUP BY t ORDER BY t",
    "SELECT toDate(Timestamp) AS d, count() FROM otel_traces GROUP BY d ORDER BY d",
    "SELECT toStartOfMinute(Timestamp) AS t, sum(Duration) / 1e9 AS seconds FROM otel_traces GROUP BY t ORDER BY t LIMIT 20",
    "SELECT Timestamp, toDateTime(Timestamp), toDate(Timestamp), toUnixTimestamp(Timestamp), toHour(Timestamp), toMinute(Timestamp), toSecond(Timestamp), toDayOfWeek(Timestamp), toYear(Timestamp), toMonth(Timestamp), toDayOfMonth(Timestamp), toMonday(Timestamp), toStartOfMonth(Timestamp), toStartOfYear(Timestamp), toStartOfDay(Timestamp) FROM otel_traces ORDER BY TraceId, SpanId LIMIT 50",
    "SELECT Timestamp + INTERVAL 1 MONTH, Timestamp - INTERVAL 3 DAY, toDate(Timestamp) + 7, toDateTime(Timestamp) - 60, toDate(Timestamp) - INTERVAL 1 YEAR, Timestamp + INTERVAL 5 SECOND FROM otel_traces ORDER BY TraceId, SpanId LIMIT 50",
    "SELECT dateDiff('minute', Timestamp, Timestamp + INTERVAL 90 SECOND), dateDiff('day', toDateTime('2026-01-01 00:00:00'), toDateTime('2026-02-01 23:59:59')) FROM otel_traces ORDER BY TraceId, SpanId LIMIT 20",
    "SELECT count() FROM otel_traces WHERE Timestamp > '2020-01-01 00:00:00' AND Timestamp <= now() AND Timestamp >= today() - 30",
    "SELECT SpanName, Duration / 1000000 AS ms, Duration % 1000, intDiv(Duration, 1000000) FROM otel_traces ORDER BY TraceId, SpanId LIMIT 50",
    "SELECT Duration + 1, Duration - 5, Duration * 2, -Duration, 5 - Duration, Duration / 0, 0 / 0 FROM otel_traces ORDER BY TraceId, SpanId LIMIT 20",
    "SELECT round(2.5), round(3.5), round(-2.5), round(1.005, 2), round(1234.5678, 1), floor(-1.5), ceil(1.2), abs(-5), abs(-5.5), floor(7), round(7, 2)",
    "SELECT 1 / 3, 7 % 3, -7 % 3, intDiv(7, 2), intDiv(-7, 2), 2 * 3 + 4, (2 + 3) * 4, 10 - 2 - 3",
    "SELECT lower('ÄbC'), upper('abc'), length('äb'), concat('a', 'b', 'c'), 'a' || 'b', substring('hello', 2, 3), substring('hello', -3), position('hello', 'll'), replaceAll('a.b.c', '.', '-'), startsWith('abc', 'ab'), endsWith('abc', 'bc'), empty(''), notEmpty('x')",
    "SELECT 'a%b' LIKE 'a\\\\%b', 'axb' LIKE 'a\\\\%b', 'abc' LIKE 'A%', 'abc' ILIKE 'A%', 'äöü' LIKE '_ö_', 'abc' LIKE '%c%', '' LIKE '%', 'abcabc' LIKE '%bc', 'abc' NOT LIKE 'x%'",
    "SELECT toUInt64OrZero('12'), toUInt64OrZero('x'), toUInt64OrZero(''), toUInt64OrZero('-1'), toUInt64OrZero('1.5'), toInt64OrZero('-7'), toFloat64OrZero('1.5e3'), toFloat64OrZero('x'), toFloat64OrZero('')",
    "SELECT SpanAttributes['odd'] AS o, toUInt64OrZero(o), toInt64OrZero(o), count() FROM otel_traces WHERE o IN ('007', '-3', '1.5', 'x', '1e3') GROUP BY o ORDER BY o",
    "SELECT mapContains(SpanAttributes, 'odd') AS has, SpanAttributes['odd'] = '' AS empty_text, count() FROM otel_traces GROUP BY has, empty_text ORDER BY has, empty_text",
    "SELECT toString(Duration), toString(1.5), toString(2.0), toString('x'), toString(toDate(Timestamp)), toString(toDateTime(Timestamp)), toString(Timestamp) FROM otel_traces ORDER BY TraceId, SpanId LIMIT 10",
    "SELECT ServiceName, ResourceAttributes['project.id'] AS p, ResourceAttributes['service.name'] AS s, count() FROM otel_traces GROUP BY ServiceName, p, s ORDER BY ServiceName, p, s",
    "SELECT if(StatusCode = 'Error', 'bad', 'good') AS verdict, count() FROM otel_traces GROUP BY verdict ORDER BY verdict",
    "SELECT multiIf(Duration < 1000000000, 'fast', Duration < 5000000000, 'fair', 'slow') AS speed, count() FROM otel_traces GROUP BY speed ORDER BY speed",
    "SELECT CASE WHEN SpanKind = 'Client' THEN 1 WHEN SpanKind = 'Server' THEN 2.5 ELSE 0 END AS k, count() FROM otel_traces GROUP BY k ORDER BY k",
    "SELECT SpanAttributes['gen_ai.user.id'] AS user, round(sum(toFloat64OrZero(SpanAttributes['gateway.usage.cost'])), 4) AS cost, sum(toUInt64OrZero(SpanAttributes['gen_ai.usage.input_tokens']) + toUInt64OrZero(SpanAttributes['gen_ai.usage.output_tokens'])) AS tokens FROM otel_traces WHERE user != '' GROUP BY user ORDER BY user",
    "SELECT sumIf(Duration, StatusCode = 'Error'), avgIf(Duration, SpanKind = 'Client'), minIf(Duration, SpanKind = 'Client'), maxIf(Duration, SpanKind = 'Nobody'), uniqExactIf(TraceId, SpanKind = 'Client'), quantileExactIf(0.5)(Duration, SpanKind = 'Client') FROM otel_traces",
    "SELECT argMax(SpanName, Duration), argMin(SpanId, Timestamp), argMax(Duration, Timestamp) FROM otel_traces WHERE SpanKind = 'Client'",
    "SELECT SpanName FROM otel_traces WHERE SpanKind = 'Client' GROUP BY SpanName ORDER BY SpanName",
    "SELECT DISTINCT SpanAttributes['gen_ai.provider.name'] AS p FROM otel_traces ORDER BY p",
    "SELECT DISTINCT ServiceName, StatusCode FROM otel_traces ORDER BY 1, 2",
    "SELECT count() FROM otel_traces WHERE TraceId IN (SELECT TraceId FROM otel_traces WHERE StatusCode = 'Error')",
    "SELECT count() FROM otel_traces WHERE TraceId NOT IN (SELECT TraceId FROM otel_traces WHERE StatusCode = 'Error')",
    "SELECT count() FROM otel_traces WHERE Duration > (SELECT avg(Duration) FROM otel_traces)",
    "WITH slow AS (SELECT TraceId, Duration FROM otel_traces WHERE Duration > 5000000000), names AS (SELECT TraceId, SpanName FROM otel_traces WHERE SpanKind = 'Client') SELECT n.SpanName, count() AS c, max(s.Duration) FROM slow s INNER JOIN names n ON s.TraceId = n.TraceId GROUP BY n.SpanName ORDER BY c DESC, n.SpanName",
    "SELECT m, n FROM (SELECT SpanAttributes['gen_ai.request.model'] AS m, count() AS n FROM otel_traces GROUP BY m) WHERE n > 10 AND m != '' ORDER BY n DESC, m",
    "SELECT a.SpanName, b.SpanName, count() FROM otel_traces a JOIN otel_traces b ON b.ParentSpanId = a.SpanId AND a.TraceId = b.TraceId GROUP BY a.SpanName, b.SpanName ORDER BY a.SpanName, b.SpanName",
    "SELECT countIf(parent.SpanName = ''), countIf(parent.Duration = 0), countIf(parent.SpanAttributes['gen_ai.request.model'] = '') FROM otel_traces t LEFT JOIN otel_traces parent ON t.ParentSpanId = parent.SpanId AND t.TraceId = parent.TraceId",
    "SELECT 'errors' AS kind, count() AS n FROM otel_traces WHERE StatusCode = 'Error' UNION ALL SELECT 'all', count() FROM otel_traces WHERE StatusCode != 'Error'",
    "SELECT * FROM (SELECT 'b' AS k, toUInt64(2) AS n UNION ALL SELECT 'a', toUInt64(1)) ORDER BY k",
    "SELECT TraceId, SpanId FROM otel_traces WHERE NOT (SpanKind = 'Internal' OR StatusCode = 'Error') AND Duration BETWEEN 1000000000 AND 2000000000 ORDER BY TraceId, SpanId LIMIT 100",
    "SELECT coalesce(NULL, 'x'), ifNull(NULL, 1), least(3, 1, 2), greatest(1, 2.5), NULL IS NULL, 1 IS NOT NULL",
    "SELECT count() AS n, n * 2 AS twice, twice + n AS thrice FROM otel_traces WHERE SpanKind != 'Client'",
    "SELECT SpanAttributes['gen_ai.input.messages'] AS content, count() FROM otel_traces WHERE content != '' GROUP BY content ORDER BY content",
    "SELECT Timestamp, TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind, ServiceName, ScopeName, ScopeVersion, Duration, StatusCode, StatusMessage FROM otel_traces ORDER BY TraceId, SpanId LIMIT 100",
    "SELECT SpanAttributes, ResourceAttributes, Events.Name, Links.SpanId FROM otel_traces WHERE StatusCode = 'Error' ORDER BY TraceId, SpanId LIMIT 20",
    "SELECT * FROM otel_traces WHERE StatusCode = 'Error' ORDER BY TraceId, SpanId LIMIT 5",
    "SELECT round(stddevPop(Duration), 0) FROM otel_traces",
    "SELECT toStartOfHour(Timestamp) AS h, SpanAttributes['gen_ai.provider.name'] AS p, round(countIf(StatusCode = 'Error') / count(), 4) AS rate FROM otel_traces WHERE p != '' GROUP BY h, p ORDER BY h, p",
    "SELECT count() FROM otel_traces PREWHERE SpanKind = 'Client' WHERE StatusCode = 'Error'",
    "SELECT otel_traces.SpanName, count() FROM otel.otel_traces WHERE otel_traces.SpanAttributes['gen_ai.tool.name'] != '' GROUP BY otel_traces.SpanName ORDER BY count() DESC, otel_traces.SpanName",
    "SELECT count() FROM otel_traces WHERE SpanAttributes['gen_ai.request.stream'] != 'true'",
    "SELECT count() FROM otel_traces WHERE SpanAttributes['gen_ai.request.stream'] = 'false'",
    "SELECT SpanAttributes['gen_ai.usage.input_tokens'] AS t, count() FROM otel_traces GROUP BY t ORDER BY count() DESC, t LIMIT 10",
];
