-- Providers and models are found by the stretches of time, 2^26 ns each, in which a trace that has them
-- began: they are few, and in nearly every trace. What a search finds there it looks up in the traces'
-- lines.
CREATE TABLE trace_stretches (
    dimension INTEGER NOT NULL,
    value     INTEGER NOT NULL,
    from_ns   INTEGER NOT NULL,
    PRIMARY KEY (dimension, value, from_ns)
) STRICT, WITHOUT ROWID;
INSERT INTO trace_stretches SELECT DISTINCT dimension, value, started_ns & ~67108863
    FROM trace_facts WHERE dimension < 2;
DELETE FROM trace_facts WHERE dimension < 2;

-- One index for all that asks for a time: behind it is what statistics of the time to the first token
-- read.
DROP INDEX span_rows_streamed;
DROP INDEX span_rows_by_time;
CREATE INDEX span_rows_by_time ON span_rows (timestamp_ns, stream, project, model, ttft_seconds);
