"""The current ClickHouse as a library (npm's chdb) behind the part of ClickHouse's HTTP interface that the collector uses.

It proves that SQL and formats are those of a current version, and nothing about its server: there is no replication here,
and one question at a time.
"""

import ctypes
import email.parser
import http.server
import os
import re
import sys
import threading
import urllib.parse

LIBRARY = "node_modules/@chdb/lib-linux-x64-gnu/libchdb.so"


class Chdb:
    def __init__(self, library, directory):
        self._lib = ctypes.CDLL(library)
        for name, result, arguments in (
                ("chdb_connect", ctypes.POINTER(ctypes.c_void_p), [ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)]),
                ("chdb_query_n", ctypes.c_void_p,
                 [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]),
                ("chdb_result_buffer", ctypes.c_void_p, [ctypes.c_void_p]),
                ("chdb_result_length", ctypes.c_size_t, [ctypes.c_void_p]),
                ("chdb_result_error", ctypes.c_char_p, [ctypes.c_void_p]),
                ("chdb_destroy_query_result", None, [ctypes.c_void_p])):
            function = getattr(self._lib, name)
            function.restype, function.argtypes = result, arguments
        words = (ctypes.c_char_p * 2)(b"clickhouse", b"--path=" + directory.encode())
        self._connection = self._lib.chdb_connect(2, words)
        self._lock = threading.Lock()

    def ask(self, sql, keys=None):
        """The answer's bytes; `keys` are the structure and the rows of a table for this one question."""
        with self._lock:
            if keys is None:
                return self._query(sql)
            structure, rows = keys
            self._query(b"CREATE OR REPLACE TABLE default.keys (" + structure.encode() + b") ENGINE = Memory")
            self._query(b"INSERT INTO default.keys FORMAT RowBinary\n" + rows)
            return self._query(re.sub(rb"\bIN keys\b", b"IN default.keys", sql))

    def _query(self, sql):
        result = self._lib.chdb_query_n(self._connection[0], sql, len(sql), b"RowBinary", 9)
        try:
            error = self._lib.chdb_result_error(result)
            if error:
                raise RuntimeError(error.decode(errors="replace"))
            length = self._lib.chdb_result_length(result)
            return ctypes.string_at(self._lib.chdb_result_buffer(result), length) if length else b""
        finally:
            self._lib.chdb_destroy_query_result(result)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    engine = None

    def do_POST(self):  # the name that the base class wants
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            answer, status = self.engine.ask(*self._question(query, body)), 200
        except RuntimeError as error:
            answer, status = str(error).encode(), 500
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _question(self, query, body):
        if "query" in query:
            return (query["query"][0].encode() + b"\n" + body,)
        if "keys_structure" not in query:
            return (body,)
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        form = email.parser.BytesParser().parsebytes(head + body)
        parts = {part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
                 for part in form.get_payload()}
        return parts["query"], (query["keys_structure"][0], parts["keys"])

    def log_message(self, *_):
        pass


def main():
    """current_engine.py PACKAGES DIRECTORY: serves on a free port and prints it."""
    packages, directory = sys.argv[1:]
    Handler.engine = Chdb(os.path.join(packages, LIBRARY), directory)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print("listening", server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
