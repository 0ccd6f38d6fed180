"""Real engine, fake server: ClickHouse's HTTP interface in front of chdb, as far as the tests need it.

GET and POST, the statement in the URL or in the body, settings in the URL, X-ClickHouse-User and -Key,
X-ClickHouse-Exception-Code, /ping. Formats, types, deduplication and errors are the engine's own; load,
replication, users' rights and streaming are not shown by it.

Faults, for statements to come: /__fail?kind=K&n=N&on=insert|select, with K one of
  error         refuse with `code` (and `status`), nothing done
  slow          wait `ms` first
  reset         close the connection with RST, nothing done
  commit_reset  do it, then RST instead of an answer
  commit_error  do it, then refuse
/__stats counts statements. Prints its port; ends when its standard input does.
"""

import argparse
import json
import os
import re
import socket
import ssl
import struct
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from chdb import session

# Parameters of the interface; everything else in the URL is a setting.
PARAMETERS = {"query", "database", "default_format", "wait_end_of_query", "query_id", "user", "password"}
INSERT = re.compile(r"\s*INSERT\s+INTO\s+(?P<target>.+?)\s+FORMAT\s+(?P<format>\w+)\s*$", re.I | re.S)
STATUS = {47: 400, 46: 404, 60: 404, 62: 400, 81: 404, 159: 408, 164: 500, 516: 403}
FAULTS: list[dict] = []
COUNTS = {"insert": 0, "select": 0, "other": 0}
LOCK = threading.Lock()


def literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def kind_of(sql: str) -> str:
    word = sql.lstrip(" \n\t(").split(None, 1)
    word = word[0].lower() if word else ""
    return {"insert": "insert", "select": "select", "with": "select"}.get(word, "other")


class Engine:
    """One session; one statement at a time."""

    def __init__(self, path: str):
        self.session = session.Session(path)

    def run(self, sql: str, data: bytes, given: dict) -> bytes:
        settings = {name: value for name, value in given.items() if name not in PARAMETERS}
        clause = ", ".join(f"{name} = {literal(value)}" for name, value in settings.items())
        output = given.get("default_format", "TabSeparated")
        insert = INSERT.match(sql) if data else None
        with LOCK:
            if "database" in given:
                name = given["database"].replace("`", "\\`")
                self.session.query(f"USE `{name}`")
            if insert:
                return self.insert(insert, data, clause)
            if clause and kind_of(sql) == "select":
                sql = f"{sql.rstrip().rstrip(';')}\nSETTINGS {clause}"
            return self.session.query(sql, output).bytes() or b""

    def forget(self) -> None:
        """What a failed statement had already answered would stand before the next answer."""
        with LOCK:
            self.session.query("SELECT 1", "Null")

    def insert(self, insert: re.Match, data: bytes, clause: str) -> bytes:
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(data)
        try:
            settings = f" SETTINGS {clause}" if clause else ""
            self.session.query(
                f"INSERT INTO {insert['target']} FROM INFILE {literal(file.name)} "
                f"COMPRESSION 'none'{settings} FORMAT {insert['format']}"
            )
        finally:
            os.unlink(file.name)
        return b""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(chunks)

    def answer(self, status: int, body: bytes, code: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if code is not None:
            self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, text: str, status: int | None = None) -> None:
        found = re.search(r"Code: (\d+)", text)
        code = int(found[1]) if found else 1002
        self.answer(status or STATUS.get(code, 500), text.encode() + b"\n", code)

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        # What was sent so far must not be flushed by an orderly end.
        self.connection.close()

    def do_POST(self):
        url = urlsplit(self.path)
        given = dict(parse_qsl(url.query, keep_blank_values=True))
        body = self.body()
        if url.path == "/__fail":
            FAULTS.extend([given] * int(given.get("n", 1)))
            return self.answer(200, b"ok\n")
        if url.path == "/__heal":
            FAULTS.clear()
            return self.answer(200, b"ok\n")
        if url.path == "/__stats":
            return self.answer(200, json.dumps(COUNTS).encode())
        if url.path == "/ping":
            return self.answer(200, b"Ok.\n")
        user = self.headers.get("X-ClickHouse-User") or given.get("user") or "default"
        key = self.headers.get("X-ClickHouse-Key") or given.get("password") or ""
        if (user, key) != (OPTIONS.user, OPTIONS.password):
            return self.refuse(f"Code: 516. DB::Exception: {user}: Authentication failed. (AUTHENTICATION_FAILED)")
        sql, data = (given["query"], body) if given.get("query") else (body.decode(), b"")
        return self.statement(sql, data, given)

    do_GET = do_POST

    def statement(self, sql: str, data: bytes, given: dict) -> None:
        kind = kind_of(sql)
        COUNTS[kind] += 1
        fault = next((fault for fault in FAULTS if fault.get("on", kind) == kind), None)
        if fault:
            FAULTS.remove(fault)
        what = fault["kind"] if fault else ""
        refusal = f"Code: {fault.get('code', 241)}. DB::Exception: as asked" if fault else ""
        if what == "error":
            return self.refuse(refusal, int(fault.get("status", 500)))
        if what == "reset":
            return self.reset()
        if what == "slow":
            time.sleep(int(fault["ms"]) / 1000)
        try:
            answer = ENGINE.run(sql, data, given)
        except Exception as error:  # the engine's own words
            ENGINE.forget()
            return self.refuse(str(error))
        if what == "commit_reset":
            return self.reset()
        if what == "commit_error":
            return self.refuse(refusal, int(fault.get("status", 500)))
        return self.answer(200, answer)


def end_with_parent(server: ThreadingHTTPServer) -> None:
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--path", default="")
    parser.add_argument("--user", default="default")
    parser.add_argument("--password", default="")
    parser.add_argument("--tls", default="", help="a PEM file with a certificate and its key")
    OPTIONS = parser.parse_args()
    ENGINE = Engine(OPTIONS.path or tempfile.mkdtemp(prefix="clickhouse-shim-"))
    SERVER = ThreadingHTTPServer(("127.0.0.1", OPTIONS.port), Handler)
    SERVER.daemon_threads = True
    if OPTIONS.tls:
        TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        TLS.load_cert_chain(OPTIONS.tls)
        SERVER.socket = TLS.wrap_socket(SERVER.socket, server_side=True)
    print(SERVER.server_port, flush=True)
    threading.Thread(target=end_with_parent, args=[SERVER], daemon=True).start()
    SERVER.serve_forever()
