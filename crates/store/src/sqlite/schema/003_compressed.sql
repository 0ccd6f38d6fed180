-- Texts that many rows share: a row has the number instead. No span that started after `used_ns`
-- refers to a text, so one whose `used_ns` lies before the oldest span is of no more use.
CREATE TABLE texts (
    id      INTEGER PRIMARY KEY,
    hash    INTEGER NOT NULL,
    used_ns INTEGER NOT NULL,
    text    TEXT    NOT NULL
) STRICT;

CREATE INDEX texts_by_hash ON texts (hash);

-- What long texts are compressed with: a zstd dictionary for each number that they begin with.
CREATE TABLE dictionaries (
    id    INTEGER PRIMARY KEY,
    bytes BLOB    NOT NULL
) STRICT;

-- Texts that come so often in attribute lists that those have their numbers. A number is never given
-- twice: who knows it knows it for ever. Of kind 1 are all keys of a list, each with 0x1F behind it.
CREATE TABLE words (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    used_ns INTEGER NOT NULL,
    kind    INTEGER NOT NULL,
    text    TEXT    NOT NULL
) STRICT;

-- A span. ANY is the number of a text, or the text itself; a BLOB is a list or packed. Ids of spans
-- are 64-bit numbers, the trace's is its line's in `traces`. What statistics read comes first.
CREATE TABLE span_rows (
    id            INTEGER PRIMARY KEY,
    timestamp_ns  INTEGER NOT NULL,
    duration_ns   INTEGER NOT NULL,
    trace         INTEGER NOT NULL,
    span          INTEGER NOT NULL,
    parent        INTEGER,
    name          ANY     NOT NULL,
    kind          INTEGER NOT NULL,
    service_name  ANY     NOT NULL,
    status        INTEGER NOT NULL,
    operation     ANY,
    provider      ANY,
    model         ANY,
    stream        INTEGER,
    input_tokens  INTEGER,
    output_tokens INTEGER,
    ttft_seconds  REAL,
    session       ANY,
    user          ANY,
    project       ANY,
    scope_name    ANY     NOT NULL,
    scope_version ANY     NOT NULL,
    -- NULL where it is long: then it is in `span_extras`.
    resource      ANY,
    attributes    ANY
) STRICT;

-- What few spans have.
CREATE TABLE span_extras (
    span           INTEGER PRIMARY KEY,
    trace_state    ANY NOT NULL,
    status_message ANY NOT NULL,
    resource       ANY,
    attributes     ANY,
    events         ANY,
    links          ANY
) STRICT;

INSERT INTO span_rows SELECT s.id, s.timestamp_ns, s.duration_ns, t.id, id_number(s.span_id),
    id_number(s.parent_span_id), s.name,
    CASE s.kind WHEN 'Internal' THEN 1 WHEN 'Server' THEN 2 WHEN 'Client' THEN 3
        WHEN 'Producer' THEN 4 WHEN 'Consumer' THEN 5 ELSE 0 END,
    s.service_name, CASE s.status WHEN 'Ok' THEN 1 WHEN 'Error' THEN 2 ELSE 0 END,
    s.operation, s.provider, s.model, s.stream, s.input_tokens, s.output_tokens, s.ttft_seconds,
    s.session, s.user, s.project, d.scope_name, d.scope_version, NULL, NULL
    FROM spans s JOIN span_details d ON d.span = s.id JOIN traces t ON t.trace_id = s.trace_id
    ORDER BY s.id;
INSERT INTO span_extras SELECT span, trace_state, status_message, resource_attributes, attributes,
    events, links FROM span_details ORDER BY span;
DROP TABLE spans;
DROP TABLE span_details;
CREATE UNIQUE INDEX span_rows_by_trace ON span_rows (trace, span);
CREATE INDEX span_rows_by_time ON span_rows (timestamp_ns);

-- All that statistics of the time to the first token read. The condition is written as queries have
-- it, or SQLite would not know it again.
CREATE INDEX span_rows_streamed ON span_rows (timestamp_ns, stream, project, model, ttft_seconds)
    WHERE coalesce(stream, 0) = 1;

-- In a trace's line, moments are kept as what they are after its start: short numbers.
ALTER TABLE traces RENAME COLUMN root_ns TO root_after_ns;
ALTER TABLE traces RENAME COLUMN llm_ns TO llm_after_ns;
ALTER TABLE traces RENAME COLUMN session_ns TO session_after_ns;
UPDATE traces SET root_after_ns = root_after_ns - started_ns,
    llm_after_ns = llm_after_ns - started_ns, session_after_ns = session_after_ns - started_ns;

DROP INDEX traces_by_status;
CREATE INDEX traces_by_status ON traces (status, started_ns) WHERE status <> 'Unset';

-- The values by which traces are found are numbers of texts. A trace's line has its own, as
-- `dimension:number,dimension:number`.
INSERT INTO texts (hash, used_ns, text)
    SELECT text_hash(value), (SELECT coalesce(max(timestamp_ns), 0) FROM span_rows), value
    FROM (SELECT DISTINCT value FROM trace_facts
        WHERE length(CAST(value AS BLOB)) BETWEEN 1 AND 1024);
ALTER TABLE trace_facts RENAME TO trace_facts_old;
CREATE TABLE trace_facts (
    dimension  INTEGER NOT NULL,
    value      INTEGER NOT NULL,
    started_ns INTEGER NOT NULL,
    trace      INTEGER NOT NULL,
    PRIMARY KEY (dimension, value, started_ns, trace)
) STRICT, WITHOUT ROWID;
INSERT INTO trace_facts SELECT f.dimension, t.id, f.started_ns, f.trace
    FROM trace_facts_old f JOIN texts t ON t.text = f.value;
DROP TABLE trace_facts_old;
CREATE INDEX trace_facts_by_trace ON trace_facts (trace);
UPDATE traces SET facts = coalesce((SELECT group_concat(f.dimension || ':' || f.value, ',')
    FROM trace_facts f WHERE f.trace = traces.id), '');
DROP INDEX trace_facts_by_trace;

ALTER TABLE span_content RENAME TO span_content_old;
CREATE TABLE span_content (
    span       INTEGER PRIMARY KEY,
    attributes ANY NOT NULL
) STRICT;
INSERT INTO span_content SELECT * FROM span_content_old ORDER BY span;
DROP TABLE span_content_old;

-- Spans with their texts. One table with look-ups, so that SQLite can see through it in any join, and
-- looks up what is asked for only.
CREATE VIEW spans AS SELECT
    id, timestamp_ns, duration_ns, trace, span AS span_number, parent AS parent_number,
    (SELECT t.trace_id FROM traces t WHERE t.id = r.trace) AS trace_id,
    format('%016x', span) AS span_id,
    CASE WHEN parent IS NULL THEN '' ELSE format('%016x', parent) END AS parent_span_id,
    CASE typeof(name) WHEN 'integer' THEN (SELECT text FROM texts WHERE id = r.name) ELSE name END
        AS name,
    CASE kind WHEN 1 THEN 'Internal' WHEN 2 THEN 'Server' WHEN 3 THEN 'Client'
        WHEN 4 THEN 'Producer' WHEN 5 THEN 'Consumer' ELSE 'Unspecified' END AS kind,
    CASE typeof(service_name) WHEN 'integer'
        THEN (SELECT text FROM texts WHERE id = r.service_name) ELSE service_name END
        AS service_name,
    CASE status WHEN 1 THEN 'Ok' WHEN 2 THEN 'Error' ELSE 'Unset' END AS status,
    CASE typeof(operation) WHEN 'integer' THEN (SELECT text FROM texts WHERE id = r.operation)
        ELSE operation END AS operation,
    CASE typeof(provider) WHEN 'integer' THEN (SELECT text FROM texts WHERE id = r.provider)
        ELSE provider END AS provider,
    CASE typeof(model) WHEN 'integer' THEN (SELECT text FROM texts WHERE id = r.model)
        ELSE model END AS model,
    stream, input_tokens, output_tokens, ttft_seconds,
    CASE typeof(session) WHEN 'integer' THEN (SELECT text FROM texts WHERE id = r.session)
        ELSE session END AS session,
    CASE typeof(user) WHEN 'integer' THEN (SELECT text FROM texts WHERE id = r.user)
        ELSE user END AS user,
    CASE typeof(project) WHEN 'integer' THEN (SELECT text FROM texts WHERE id = r.project)
        ELSE project END AS project,
    CASE typeof(scope_name) WHEN 'integer'
        THEN (SELECT text FROM texts WHERE id = r.scope_name) ELSE scope_name END AS scope_name,
    CASE typeof(scope_version) WHEN 'integer'
        THEN (SELECT text FROM texts WHERE id = r.scope_version) ELSE scope_version END AS scope_version,
    coalesce((SELECT CASE typeof(e.trace_state) WHEN 'integer'
            THEN (SELECT text FROM texts WHERE id = e.trace_state) ELSE e.trace_state END
        FROM span_extras e WHERE e.span = r.id), '') AS trace_state,
    coalesce((SELECT CASE typeof(e.status_message) WHEN 'integer'
            THEN (SELECT text FROM texts WHERE id = e.status_message) ELSE e.status_message END
        FROM span_extras e WHERE e.span = r.id), '') AS status_message,
    CASE typeof(resource) WHEN 'integer' THEN (SELECT text FROM texts WHERE id = r.resource)
        WHEN 'null' THEN (SELECT CASE typeof(e.resource) WHEN 'integer'
            THEN (SELECT text FROM texts WHERE id = e.resource) ELSE e.resource END
        FROM span_extras e WHERE e.span = r.id) ELSE resource END AS resource_attributes,
    CASE WHEN attributes IS NULL THEN (SELECT e.attributes FROM span_extras e WHERE e.span = r.id)
        ELSE attributes END AS attributes,
    (SELECT c.attributes FROM span_content c WHERE c.span = r.id) AS content,
    (SELECT e.events FROM span_extras e WHERE e.span = r.id) AS events,
    (SELECT e.links FROM span_extras e WHERE e.span = r.id) AS links
    FROM span_rows r;
