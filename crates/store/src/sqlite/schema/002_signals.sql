-- Where metrics and logs come from: a resource and a scope, once each. Attributes are JSON objects of
-- strings. A digest is what a row is found by again: 16 bytes over all that it says.
CREATE TABLE signal_origins (
    id                  INTEGER PRIMARY KEY,
    digest              BLOB    NOT NULL UNIQUE,
    project             TEXT,
    service_name        TEXT    NOT NULL,
    resource_attributes TEXT    NOT NULL,
    resource_schema_url TEXT    NOT NULL,
    scope_name          TEXT    NOT NULL,
    scope_version       TEXT    NOT NULL,
    scope_attributes    TEXT    NOT NULL,
    scope_dropped       INTEGER NOT NULL,
    scope_schema_url    TEXT    NOT NULL
) STRICT;

-- What points are points of. Kinds: 0 gauge, 1 sum, 2 histogram, 3 exponential histogram, 4 summary.
CREATE TABLE metric_series (
    id           INTEGER PRIMARY KEY,
    digest       BLOB    NOT NULL UNIQUE,
    origin       INTEGER NOT NULL,
    kind         INTEGER NOT NULL,
    name         TEXT    NOT NULL,
    description  TEXT    NOT NULL,
    unit         TEXT    NOT NULL,
    attributes   TEXT    NOT NULL,
    temporality  INTEGER NOT NULL,
    is_monotonic INTEGER NOT NULL
) STRICT;

CREATE INDEX metric_series_by_origin ON metric_series (origin);
CREATE INDEX metric_series_by_name ON metric_series (name);

-- Points, those of a series side by side. The digest tells points of the same time apart, and a point
-- that was sent again from one that says something else. Shape is a JSON object with what only this kind
-- has, exemplars one of lists. What is no number is NULL.
CREATE TABLE metric_points (
    series    INTEGER NOT NULL,
    time_ns   INTEGER NOT NULL,
    digest    INTEGER NOT NULL,
    start_ns  INTEGER NOT NULL,
    flags     INTEGER NOT NULL,
    value     REAL,
    count     INTEGER,
    sum       REAL,
    min       REAL,
    max       REAL,
    shape     TEXT,
    exemplars TEXT,
    PRIMARY KEY (series, time_ns, digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX metric_points_by_time ON metric_points (time_ns);

CREATE TABLE log_records (
    id              INTEGER PRIMARY KEY,
    origin          INTEGER NOT NULL,
    timestamp_ns    INTEGER NOT NULL,
    trace_id        TEXT    NOT NULL,
    span_id         TEXT    NOT NULL,
    trace_flags     INTEGER NOT NULL,
    severity_number INTEGER NOT NULL,
    severity_text   TEXT    NOT NULL,
    body            TEXT    NOT NULL,
    attributes      TEXT    NOT NULL,
    event_name      TEXT    NOT NULL
) STRICT;

CREATE INDEX log_records_by_time ON log_records (timestamp_ns);
CREATE INDEX log_records_by_origin ON log_records (origin);
CREATE INDEX log_records_by_trace ON log_records (trace_id);

-- What queries read. A record's ids have names of their own: those of spans are more than a text.
CREATE VIEW metric_rows AS
SELECT p.time_ns, p.start_ns, p.flags, p.value, p.count, p.sum, p.min, p.max, p.shape, p.exemplars,
       s.kind, s.name, s.description, s.unit, s.attributes, s.temporality, s.is_monotonic,
       o.project, o.service_name, o.resource_attributes, o.resource_schema_url, o.scope_name,
       o.scope_version, o.scope_attributes, o.scope_dropped, o.scope_schema_url
FROM metric_points p
JOIN metric_series s ON s.id = p.series
JOIN signal_origins o ON o.id = s.origin;

CREATE VIEW log_rows AS
SELECT l.timestamp_ns, l.trace_id AS of_trace, l.span_id AS of_span, l.trace_flags, l.severity_number, l.severity_text, l.body,
       l.attributes, l.event_name,
       o.project, o.service_name, o.resource_attributes, o.resource_schema_url, o.scope_name,
       o.scope_version, o.scope_attributes, o.scope_dropped, o.scope_schema_url
FROM log_records l
JOIN signal_origins o ON o.id = l.origin;
