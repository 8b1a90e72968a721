#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands for a process of Pulp: signs on in its database as Pulp's do, signs off when it is asked to
end, and, as api, answers with a status. The real one takes ten seconds and 100 MB each.

usage: fake_pulpcore.py KIND CONNINFO [PORT]
BEAT: seconds from one sign of life to the next, 1. Pulp's are 7 to 10.
"""

import http.server
import json
import os
import signal
import socket
import socketserver
import sys
import threading
import uuid

import psycopg2

OLD = {"api": "core_apiappstatus", "content": "core_contentappstatus", "worker": "core_worker"}
NEW = "core_appstatus"
DEFAULTS = {"timestamptz": "now", "hstore": "", "interval": "30 s", "uuid": None}
ASKED = {signal.SIGTERM}  # to end
BEAT = float(os.environ.get("BEAT", "1"))


def tables(cur, kind):
    """Releases between write both."""
    for table in (NEW, OLD[kind]):
        cur.execute("SELECT to_regclass(%s) IS NOT NULL", (table,))
        if cur.fetchone()[0]:
            yield table


def sign_on(cur, kind, name):
    for table in tables(cur, kind):
        cur.execute(f"UPDATE {table} SET last_heartbeat = now() WHERE name = %s", (name,))
        if cur.rowcount:
            continue
        cur.execute(
            "SELECT column_name, udt_name FROM information_schema.columns"
            " WHERE table_name = %s AND is_nullable = 'NO' AND is_identity = 'NO'",
            (table,),
        )
        row = {column: DEFAULTS.get(type_, "") for column, type_ in cur.fetchall()}
        row.update(name=name, pulp_id=str(uuid.uuid4()), last_heartbeat="now")
        if table == NEW:
            row["app_type"] = kind
        marks = ", ".join(["%s"] * len(row))
        cur.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks}) ON CONFLICT DO NOTHING", list(row.values()))


def sign_off(cur, kind, name):
    for table in tables(cur, kind):
        cur.execute(f"DELETE FROM {table} WHERE name = %s", (name,))


def count(cur, kind):
    new = NEW in tables(cur, kind)
    table, more = (NEW, "AND app_type = %s") if new else (OLD[kind], "AND %s <> ''")
    cur.execute(f"SELECT count(*) FROM {table} WHERE last_heartbeat > now() - interval '5 s' {more}", (kind,))
    return cur.fetchone()[0]


def serve(conninfo, port):
    class Status(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            conn = psycopg2.connect(conninfo)
            with conn, conn.cursor() as cur:
                status = {
                    "database_connection": {"connected": True},
                    "online_workers": [{}] * count(cur, "worker"),
                    "online_content_apps": [{}] * count(cur, "content"),
                }
            conn.close()
            body = json.dumps(status).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        def server_bind(self):
            """HTTPServer's own asks for the name of its address: where no name server answers that
            takes most of a minute.
            """
            socketserver.TCPServer.server_bind(self)
            self.server_name, self.server_port = self.server_address

    server = Server(("127.0.0.1", port), Status)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main(kind, conninfo, port=None):
    # Waited for, not handled: what a handler would have to set may be locked by the very wait.
    signal.pthread_sigmask(signal.SIG_BLOCK, ASKED)
    name = f"{os.getpid()}@{socket.gethostname()}"
    conn = psycopg2.connect(conninfo)
    conn.autocommit = True
    if port:
        serve(conninfo, int(port))
    with conn.cursor() as cur:
        sign_on(cur, kind, name)
        while not signal.sigtimedwait(ASKED, BEAT):
            sign_on(cur, kind, name)
        sign_off(cur, kind, name)
    conn.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
