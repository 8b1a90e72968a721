# SPDX-License-Identifier: GPL-3.0-or-later
"""lib/drivers/http against a server of Python's library."""
import base64
import contextlib
import http.server
import os
import ssl
import subprocess
import threading
import time

import pytest

from drivers import built
from harness import pg, redisd
from harness.need import need

CONFIG, CONNECT, DENIED, DATA, TIMEOUT = built.err_codes("CONFIG", "CONNECT", "DENIED", "DATA", "TIMEOUT")
PASSWORD = "s3cret:pass"


class Failure(Exception):
    def __init__(self, code, name, text, hint=""):
        super().__init__(text)
        self.code, self.name, self.text, self.hint = int(code), name, text, hint


def get(url, timeout=10, max_body=0, ca="-", cert="-", key="-", user="-", password_file="-", env=None):
    argv = [str(built.program("http_tool")), *map(str, (timeout, max_body, ca, cert, key, user, password_file))]
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, timeout=60, env={**os.environ, **(env or {}), "PLMAINT_TEST_URL": url})
    assert done.returncode == 0
    first, *lines = done.stdout.splitlines()
    if first == "failed":
        failure = Failure(*lines[:4])
        assert "s3cret" not in failure.text + failure.hint
        raise failure
    return int(first), "\n".join(lines)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append((self.path, self.headers.get("Authorization"), self.headers.get("User-Agent")))
        if self.path == "/hang":
            self.server.release.wait(30)
            return
        status, body = {"/moved": (302, b""), "/nosuch": (404, b"no"), "/large": (200, b"x" * 100000)}.get(self.path, (200, b'{"ok": 1}'))
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serve(context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.seen, server.release = True, [], threading.Event()
    server.handle_error = lambda *_: None  # handshakes that the client ends
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    server.url = f"{'https' if context else 'http'}://127.0.0.1:{server.server_address[1]}"
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def server():
    with serve() as s:
        yield s


def fails(code, *args, **more):
    with pytest.raises(Failure) as failure:
        get(*args, **more)
    assert failure.value.code == code, failure.value
    return failure.value


def test_answers(server):
    assert get(server.url + "/pulp/api/v3/status/") == (200, '{"ok": 1}')
    assert server.seen == [("/pulp/api/v3/status/", None, "plmaint")]
    assert get(server.url + "/nosuch") == (404, "no")


def test_redirects_are_not_followed(server):
    assert get(server.url + "/moved")[0] == 302
    assert len(server.seen) == 1


def test_the_environment_chooses_no_proxy(server):
    dead = f"http://127.0.0.1:{pg.free_port()}"
    assert get(server.url, env={"http_proxy": dead, "ALL_PROXY": dead})[0] == 200


def test_size_and_time_are_limited(server):
    assert len(get(server.url + "/large", max_body=100000)[1]) == 100000
    assert "99999 bytes" in fails(DATA, server.url + "/large", max_body=99999).text
    before = time.monotonic()
    fails(TIMEOUT, server.url + "/hang", timeout=0.3)
    assert time.monotonic() - before < 20


def test_password(server, tmp_path):
    path = tmp_path / "password"
    path.touch(mode=0o600)
    path.write_text(PASSWORD + "\n")
    assert get(server.url, user="admin", password_file=path)[0] == 200
    assert server.seen[-1][1] == "Basic " + base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
    path.chmod(0o604)
    fails(DENIED, server.url, user="admin", password_file=path)
    assert len(server.seen) == 1


def test_what_cannot_be_asked():
    dead = pg.free_port()
    assert f"127.0.0.1:{dead}" in fails(CONNECT, f"http://u:s3cret@127.0.0.1:{dead}/").text
    fails(CONNECT, "http://nosuch.invalid/")
    fails(CONFIG, "file:///etc/passwd")
    fails(CONFIG, "http://[::1/")


def test_tls(tmp_path):
    need(programs=("openssl",))
    paths = redisd.make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(paths["server.crt"], paths["server.key"])
    with serve(context) as server:
        assert get(server.url, ca=paths["ca.crt"])[0] == 200
        assert "authority" in fails(CONNECT, server.url).hint
        fails(CONNECT, server.url.replace("https", "http"))
        fails(CONFIG, server.url, ca="/nosuch")


def test_our_own_certificate(tmp_path):
    need(programs=("openssl",))
    paths = redisd.make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(paths["server.crt"], paths["server.key"])
    context.load_verify_locations(paths["ca.crt"])
    context.verify_mode = ssl.CERT_REQUIRED
    with serve(context) as server:
        assert get(server.url, ca=paths["ca.crt"], cert=paths["server.crt"], key=paths["server.key"])[0] == 200
        fails(CONNECT, server.url, ca=paths["ca.crt"])
        fails(CONFIG, server.url, ca=paths["ca.crt"], cert="/nosuch", key="/nosuch")
