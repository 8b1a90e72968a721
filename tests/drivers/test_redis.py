# SPDX-License-Identifier: GPL-3.0-or-later
"""lib/drivers/redis against real servers, and against one that misbehaves on purpose."""
import contextlib
import os
import socket
import subprocess
import threading
import time

import pytest

from drivers import built
from harness import pg, redisd
from harness.need import need

CONFIG, CONNECT, DENIED, DB, RETRY, NOT_FOUND = built.err_codes("CONFIG", "CONNECT", "DENIED", "DB", "RETRY", "NOT_FOUND")


class Failed:
    def __init__(self, code, name, text, hint):
        self.code, self.name, self.text, self.hint = int(code), name, text, hint

    def __repr__(self):
        return f"{self.code} {self.name}: {self.text} / {self.hint}"


def start(url, *commands, timeout=5000, user="-", password_file="-", ca="-"):
    argv = [str(built.program("redis_tool")), str(timeout), user, str(password_file), str(ca), *map(str, commands)]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PLMAINT_TEST_URL": url})


def answers(proc):
    """What each command came to: a number or Failed."""
    lines = iter(proc.communicate(timeout=60)[0].splitlines())
    assert proc.returncode == 0
    return [Failed(*(next(lines) for _ in range(4))) if line == "failed" else int(line) for line in lines]


def run(url, *commands, **more):
    got = answers(start(url, *commands, **more))
    for failed in got:
        if isinstance(failed, Failed):
            assert redisd.PASSWORD not in failed.text + failed.hint
    return got


def check_keys(server, url, db=0, **more):
    """Keys beyond one chunk, in the right database."""
    client, other = server.client(db), server.client(db + 1)
    client.flushall()
    for i in range(1100):
        client.set(f"k{i}", 1)
    other.set("k0", 1)
    assert run(url, "ping", "exists", "k", 1200, "del", "k", 1200, "exists", "k", 1200, "del", "k", 0, **more) == [0, 1100, 1100, 0, 0]
    assert client.dbsize() == 0 and other.dbsize() == 1


@pytest.mark.parametrize("kind", ["tcp", "unix"])
@pytest.mark.parametrize("db", [0, 3])
def test_keys(redis_server, kind, db):
    check_keys(redis_server, redis_server.url(kind, db), db)


def secret_file(tmp_path, text, mode=0o600):
    path = tmp_path / "password"
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("kind", ["tcp", "unix"])
@pytest.mark.parametrize("acl", [False, True])
def test_passwords(kind, acl, tmp_path):
    with redisd.Redis(password=not acl, acl=acl) as server:
        check_keys(server, server.url(kind, 2), 2)
        good = secret_file(tmp_path, f"  {redisd.PASSWORD} \t\r\nsecond line\n")
        check_keys(server, server.url(kind, secret=False), password_file=good)
        if acl:
            assert run(f"unix://{server.socket}", "ping", user=redisd.USER, password_file=good) == [0]
        (none,) = run(f"unix://{server.socket}", "ping")
        assert (none.code, none.name) == (DENIED, "NOAUTH") and "redis.password_file" in none.hint
        (wrong,) = run(server.url(kind, secret=False), "ping", password_file=secret_file(tmp_path, "wrong"))
        assert (wrong.code, wrong.name) == (DENIED, "WRONGPASS") and "password" in wrong.hint


def test_a_right_is_missing(tmp_path):
    with redisd.Redis(acl=True) as server:
        server.client().execute_command("ACL", "SETUSER", redisd.USER, "-del")
        ping, exists, deleted = run(server.url(), "ping", "exists", "k", 1, "del", "k", 1)
        assert (ping, exists) == (0, 0)
        assert (deleted.code, deleted.name) == (DENIED, "NOPERM") and "+del" in deleted.hint


def test_a_password_that_nobody_asked_for(redis_server):
    (failed,) = run(f"redis://:{'x'}@127.0.0.1:{redis_server.port}", "ping")
    assert failed.code == DENIED


def test_password_files_that_are_refused(redis_server, tmp_path):
    url = redis_server.url()
    (open_to_all,) = run(url, "ping", password_file=secret_file(tmp_path, "x", 0o644))
    assert open_to_all.code == DENIED and "open to everybody" in open_to_all.text
    (empty,) = run(url, "ping", password_file=secret_file(tmp_path, " \n"))
    assert empty.code == CONFIG
    (long,) = run(url, "ping", password_file=secret_file(tmp_path, "x" * 5000))
    assert long.code == CONFIG and "too long" in long.text
    (missing,) = run(url, "ping", password_file=tmp_path / "nosuch")
    assert missing.code == NOT_FOUND


def test_tls():
    need(programs=("openssl",))
    with redisd.Redis(tls=True, password=True) as server:
        ca = server.certificates["ca.crt"]
        check_keys(server, server.url(), ca=ca)
        check_keys(server, f"{server.url(db=1)}?ssl_ca_certs={ca}", 1)
        by_name = server.url().replace("127.0.0.1", "localhost")
        assert run(by_name, "ping", ca=ca) == [0]
        (unknown,) = run(server.url(), "ping")
        assert unknown.code == CONNECT and "not to be trusted" in unknown.text and "redis.ca_file" in unknown.hint
        (elsewhere,) = run(server.url().replace("127.0.0.1", "127.0.0.2"), "ping", ca=ca)
        assert elsewhere.code == CONNECT  # refused, as the server listens on 127.0.0.1 alone
        (plain,) = run(server.url().replace("rediss", "redis"), "ping", timeout=1000)
        assert plain.code == CONNECT
        (nosuch,) = run(server.url(), "ping", ca="/nosuch")
        assert nosuch.code == CONFIG


def test_tls_to_another_name():
    """The authority is right, the name is not."""
    need(programs=("openssl",))
    with redisd.Redis(tls=True, settings={"bind": "127.0.0.1 127.0.0.2"}) as server:
        ca = server.certificates["ca.crt"]
        assert run(server.url(), "ping", ca=ca) == [0]
        (wrong,) = run(server.url().replace("127.0.0.1", "127.0.0.2"), "ping", ca=ca)
        assert wrong.code == CONNECT and "mismatch" in wrong.text


def test_tls_to_a_port_without(redis_server):
    (failed,) = run(redis_server.url().replace("redis:", "rediss:"), "ping", timeout=500)
    assert failed.code == CONNECT and "speaks TLS" in failed.hint


def test_nobody_there(tmp_path):
    for url in (f"redis://127.0.0.1:{pg.free_port()}", f"unix://{tmp_path}/nosuch", "redis://nosuch.invalid", f"unix://{'x' * 200}"):
        (failed,) = run(url, "ping")
        assert failed.code in (CONNECT, CONFIG) and failed.hint


def test_hung(redis_server):
    proc = start(redis_server.url(), "ping", "wait", "ping", "ping", timeout=3000)
    assert proc.stdout.readline() == "0\n"
    redis_server.sigstop()
    try:
        before = time.monotonic()
        late, broken = answers(proc)
    finally:
        redis_server.sigcont()
    assert time.monotonic() - before < 20
    assert late.code == CONNECT and "no answer in time" in late.text
    # The late answer must not be taken for that of the next command.
    assert broken.code == CONNECT and "lost before" in broken.text


@pytest.mark.parametrize("tls", [False, True])
def test_killed(tls):
    with redisd.Redis(tls=tls) as server:
        proc = start(server.url(), "ping", "wait", "ping", ca=server.certificates["ca.crt"] if tls else "-")
        assert proc.stdout.readline() == "0\n"
        server.kill9()
        (lost,) = answers(proc)
        assert lost.code == CONNECT and lost.text


@contextlib.contextmanager
def scripted(*replies):
    """Answers each request with the next of the replies, then closes."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(1)

        def serve():
            with contextlib.suppress(OSError):
                conn, _ = sock.accept()
                with conn:
                    for reply in replies:
                        conn.recv(65536)
                        for part in reply if isinstance(reply, list) else [reply]:
                            conn.sendall(part)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"redis://127.0.0.1:{sock.getsockname()[1]}"
    thread.join(10)


@pytest.mark.parametrize("reply, code, name", [
    (b"-LOADING Redis is loading the dataset in memory\r\n", RETRY, "LOADING"),
    (b"-BUSY Redis is busy running a script\r\n", RETRY, "BUSY"),
    (b"-MASTERDOWN Link with MASTER is down\r\n", RETRY, "MASTERDOWN"),
    (b"-READONLY You can't write against a read only replica.\r\n", DENIED, "READONLY"),
    (b"-ERR unknown command 'DEL'\r\n", DB, "ERR"),
    (b"+OK\r\n", CONNECT, ""),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", CONNECT, ""),
    (b"$-5\r\n", CONNECT, ""),
    (b"", CONNECT, ""),
    (b":1", CONNECT, ""),
])
def test_answers_that_are_none(reply, code, name):
    with scripted(reply) as url:
        (failed,) = run(url, "del", "k", 1)
    assert (failed.code, failed.name) == (code, name), failed
    if code in (RETRY, DENIED):
        assert failed.hint


def test_an_answer_in_pieces():
    with scripted([b":", b"1", b"2", b"\r", b"\n"]) as url:
        assert run(url, "del", "k", 20) == [12]
