"""Runs queries on the real ClickHouse engine (chdb): what the embedded store's answers must equal.

Arguments: a file of CREATE statements, a file of rows (JSONEachRow), a file of queries (a JSON list).
Prints one JSON list: for each query {"meta": ..., "data": ...}, or {"error": text}.
"""

import json
import sys

from chdb import session

SETTINGS = "output_format_json_quote_64bit_integers=0, output_format_json_quote_denormals=0"


def main() -> None:
    schema, rows, queries = sys.argv[1:4]
    db = session.Session()
    for statement in open(schema, encoding="utf-8").read().split(";"):
        if statement.strip():
            db.query(statement)
    db.query(f"INSERT INTO otel.otel_traces SELECT * FROM file('{rows}', 'JSONEachRow', "
             "'Timestamp DateTime64(9), TraceId String, SpanId String, ParentSpanId String, "
             "TraceState String, SpanName String, SpanKind String, ServiceName String, "
             "ResourceAttributes Map(String, String), ScopeName String, ScopeVersion String, "
             "SpanAttributes Map(String, String), Duration UInt64, StatusCode String, "
             "StatusMessage String, `Events.Timestamp` Array(DateTime64(9)), "
             "`Events.Name` Array(String), `Events.Attributes` Array(Map(String, String)), "
             "`Links.TraceId` Array(String), `Links.SpanId` Array(String), "
             "`Links.TraceState` Array(String), `Links.Attributes` Array(Map(String, String))')")
    db.query("USE otel")
    answers = []
    for query in json.load(open(queries, encoding="utf-8")):
        try:
            answers.append(json.loads(db.query(f"{query}\nSETTINGS {SETTINGS}\n", "JSONCompact").bytes()))
        except Exception as error:  # the test decides what an error means
            answers.append({"error": str(error)})
    json.dump(answers, sys.stdout)


main()
