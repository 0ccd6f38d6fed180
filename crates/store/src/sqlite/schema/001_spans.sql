-- A span: its ids as the text that queries compare, its times, and the attributes that lists and
-- statistics read. Nothing here is long.
CREATE TABLE spans (
    id             INTEGER PRIMARY KEY,
    timestamp_ns   INTEGER NOT NULL,
    duration_ns    INTEGER NOT NULL,
    trace_id       TEXT    NOT NULL,
    span_id        TEXT    NOT NULL,
    parent_span_id TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    service_name   TEXT    NOT NULL,
    status         TEXT    NOT NULL,
    operation      TEXT,
    provider       TEXT,
    model          TEXT,
    stream         INTEGER,
    input_tokens   INTEGER,
    output_tokens  INTEGER,
    ttft_seconds   REAL,
    session        TEXT,
    user           TEXT,
    project        TEXT
) STRICT;

CREATE UNIQUE INDEX spans_by_trace ON spans (trace_id, span_id);
CREATE INDEX spans_by_time ON spans (timestamp_ns);

-- What only the view of one span needs. Attributes are JSON objects of strings.
CREATE TABLE span_details (
    span                INTEGER PRIMARY KEY,
    trace_state         TEXT NOT NULL,
    scope_name          TEXT NOT NULL,
    scope_version       TEXT NOT NULL,
    status_message      TEXT NOT NULL,
    resource_attributes TEXT NOT NULL,
    attributes          TEXT NOT NULL,
    events              TEXT,
    links               TEXT
) STRICT;

-- What people wrote: present only where content capture is on.
CREATE TABLE span_content (
    span       INTEGER PRIMARY KEY,
    attributes TEXT NOT NULL
) STRICT;

-- A trace in one line. Each group of columns was taken from one span, whose start and duration are
-- kept to tell whether a span that comes later takes precedence.
CREATE TABLE traces (
    id               INTEGER PRIMARY KEY,
    trace_id         TEXT    NOT NULL UNIQUE,
    started_ns       INTEGER NOT NULL,
    ended_ns         INTEGER NOT NULL,
    spans            INTEGER NOT NULL,
    errors           INTEGER NOT NULL,
    root_parentless  INTEGER NOT NULL,
    root_ns          INTEGER NOT NULL,
    root_duration_ns INTEGER NOT NULL,
    root_name        TEXT    NOT NULL,
    status           TEXT    NOT NULL,
    llm_ns           INTEGER,
    llm_duration_ns  INTEGER,
    provider         TEXT,
    model            TEXT,
    ttft_seconds     REAL,
    input_tokens     INTEGER,
    output_tokens    INTEGER,
    session_ns       INTEGER,
    session          TEXT,
    facts            TEXT    NOT NULL
) STRICT;

CREATE INDEX traces_by_start ON traces (started_ns);
CREATE INDEX traces_by_status ON traces (status, started_ns);
CREATE INDEX traces_failed ON traces (started_ns) WHERE errors > 0;

-- Which values of a filtered attribute occur in which trace. Dimensions: 0 provider, 1 model,
-- 2 session, 3 user.
CREATE TABLE trace_facts (
    dimension  INTEGER NOT NULL,
    value      TEXT    NOT NULL,
    started_ns INTEGER NOT NULL,
    trace      INTEGER NOT NULL,
    PRIMARY KEY (dimension, value, started_ns, trace)
) STRICT, WITHOUT ROWID;
