# SPDX-License-Identifier: GPL-3.0-or-later
"""lib/drivers/pg against real servers: what one session does (pg_session.c, pg_pipe.c), and why it cannot be had or is lost."""
import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time

import pytest

from drivers import built
from harness import pg, pooler, process, redisd
from harness.need import need

CONFIG, CONNECT, UNSUPPORTED = built.err_codes("CONFIG", "CONNECT", "UNSUPPORTED")
LOOPBACK = "127.0.0.77"  # of this test alone, so that PostgreSQL's own port is free there


class Failure(Exception):
    def __init__(self, code, sqlstate, text, hint):
        super().__init__(text)
        self.code, self.sqlstate, self.text, self.hint = int(code), sqlstate, text, hint


def start(conninfo, sql="SELECT 'here'", seconds=10, env=None):
    return subprocess.Popen([str(built.program("pg_tool")), str(seconds), sql], stdout=subprocess.PIPE, text=True,
                            env={**os.environ, **(env or {}), "PLMAINT_TEST_CONNINFO": conninfo})


def finish(proc):
    out, _ = proc.communicate(timeout=60)
    if proc.returncode == 1:
        raise Failure(*out.split("\n")[:4])
    assert proc.returncode == 0
    return out.strip()


def ask(*args, **more):
    return finish(start(*args, **more))


@pytest.fixture
def database(cluster):
    db = cluster.create("drivers")
    yield db
    db.drop()


@pytest.fixture
def own():
    """A server of the test's own, to be configured or killed."""
    with pg.Cluster() as server:
        yield server


def authenticate(cluster, *lines):
    """Rules in front of the one that trusts everybody."""
    path = cluster.data / "pg_hba.conf"
    path.write_text("".join(line + "\n" for line in lines) + path.read_text())
    loaded = "SELECT extract(epoch FROM pg_conf_load_time())"  # a session's own: that of its server's last reading
    before = cluster.admin(loaded)
    cluster.admin("SELECT pg_reload_conf()")
    process.wait_until(lambda: cluster.admin(loaded) > before, 30, "the rules are read")


def test_session(database):
    conninfo = database.conninfo() + " options='-c work_mem=5MB'"
    assert built.passes("pg_session", {"PLMAINT_TEST_CONNINFO": conninfo}) > 14
    assert built.passes("pg_pipe", {"PLMAINT_TEST_CONNINFO": conninfo}) == 8


def test_session_over_tls(own, tmp_path):
    """The same over TLS, whose writes must not hang either."""
    need(programs=("openssl",))
    paths = redisd.make_certificate(tmp_path)
    for name in ("server.crt", "server.key"):
        shutil.copy(paths[name], own.data / name)
        own.owned(own.data / name)
        (own.data / name).chmod(0o600)
    own.settings.update(ssl="on", ssl_cert_file="server.crt", ssl_key_file="server.key", listen_addresses=LOOPBACK)
    own.restart()
    authenticate(own, f"hostssl all all {LOOPBACK}/32 trust", "hostssl all all 127.0.0.0/8 trust")
    own.create("pulp")
    tls = f"host=localhost hostaddr={LOOPBACK} port={pg.PORT} dbname=pulp user=pulp sslmode=verify-full"
    good = f"{tls} sslrootcert={paths['ca.crt']}"
    assert ask(good, "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == "true"
    assert built.passes("pg_session", {"PLMAINT_TEST_CONNINFO": good + " options='-c work_mem=5MB'"}) > 14
    assert built.passes("pg_pipe", {"PLMAINT_TEST_CONNINFO": good}) == 8
    with pytest.raises(Failure) as wrong:
        ask(good.replace("host=localhost", "host=elsewhere"))
    assert wrong.value.code == CONNECT and "does not match host name" in wrong.value.text


def test_a_socket_that_knows_whom_it_talks_to(own):
    """Pulp's own settings lead over the socket; root is not Pulp there."""
    me = pwd.getpwuid(os.geteuid()).pw_name
    need(when=me != "pulp", why="run by the user pulp itself")
    own.create("pulp")
    own.role(me)
    authenticate(own, f"local all pulp,{me} peer")
    assert ask(own.conninfo("pulp", me)) == "here"
    with pytest.raises(Failure) as failure:
        ask(own.conninfo("pulp"))
    assert (failure.value.code, failure.value.sqlstate) == (CONNECT, "28000")
    assert "Peer authentication failed" in failure.value.text
    assert "sudo -u pulp plmaint" in failure.value.hint


def test_no_server(tmp_path):
    with pytest.raises(Failure) as failure:
        ask(f"host={tmp_path} dbname=pulp user=someone password=hunter2")
    f = failure.value
    assert (f.code, f.sqlstate) == (CONNECT, "08001")
    assert f'database "pulp" at {tmp_path}:5432 as "someone"' in f.text
    assert "runs and listens" in f.hint and "hunter2" not in f.text + f.hint


def test_wrong_database(cluster):
    with pytest.raises(Failure) as failure:
        ask(cluster.conninfo("nosuch", "postgres"))
    assert (failure.value.code, failure.value.sqlstate) == (CONNECT, "3D000")
    assert 'database "nosuch"' in failure.value.hint
    assert "LOCATION" not in failure.value.text and "3D000" not in failure.value.text


def test_wrong_role(cluster):
    with pytest.raises(Failure) as failure:
        ask(cluster.conninfo("postgres", "nosuch"))
    assert (failure.value.code, failure.value.sqlstate) == (CONNECT, "28000")
    assert 'role "nosuch"' in failure.value.hint


def test_passwords(own):
    own.admin("CREATE ROLE locked LOGIN PASSWORD 'right'")
    authenticate(own, "local all locked scram-sha-256")
    conninfo = own.conninfo("postgres", "locked")
    assert ask(conninfo + " password=right") == "here"
    with pytest.raises(Failure) as failure:
        ask(conninfo + " password=hunter2")
    assert (failure.value.code, failure.value.sqlstate) == (CONNECT, "28P01")
    assert "password" in failure.value.hint and "hunter2" not in failure.value.text + failure.value.hint
    with pytest.raises(Failure) as failure:
        ask(conninfo + " passfile=/nosuch")
    assert failure.value.code == CONNECT and "wants a password" in failure.value.hint


def test_too_many_connections(own):
    own.admin("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0")
    with pytest.raises(Failure) as failure:
        ask(own.conninfo("postgres", "crowded"))
    assert (failure.value.code, failure.value.sqlstate) == (CONNECT, "53300")
    assert "max_connections" in failure.value.hint


@pytest.mark.parametrize("conninfo", ["host=a password=sec ret", "host=a ret=b", "postgresql://u:secret@[h:x/db", "password='ret"])
def test_a_broken_string_is_not_repeated(conninfo):
    with pytest.raises(Failure) as failure:
        ask(conninfo)
    assert failure.value.code == CONFIG
    assert "ret" not in failure.value.text and "h:x" not in failure.value.text


def test_the_environment_is_not_read(cluster, database, tmp_path):
    env = {"PGHOST": "/nosuch", "PGPORT": "1", "PGDATABASE": "nosuch", "PGUSER": "nosuch", "PGOPTIONS": "-c nosuch=1", "PGAPPNAME": "x",
           "PGSSLMODE": "nosuch", "PGSERVICE": "nosuch", "PGTZ": "Asia/Tokyo", "PGDATESTYLE": "SQL", "PGCLIENTENCODING": "LATIN1"}
    sql = "SELECT current_database() || ' ' || current_setting('TimeZone') || ' ' || current_setting('DateStyle') || ' ' || session_user"
    assert ask(f"host={cluster.sockets} dbname=drivers user=pulp", sql, env=env) == "drivers UTC ISO, MDY pulp"
    # A service file is, wherever it is.
    services = tmp_path / "services"
    services.write_text(f"[site]\nhost={cluster.sockets}\ndbname=drivers\nuser=pulp\n")
    assert ask("service=site", sql, env={**env, "PGSERVICEFILE": str(services)}).startswith("drivers ")


def test_a_pooler_that_drops_settings_is_refused(cluster, database):
    need(files=("/usr/sbin/pgbouncer",))
    with pooler.Pooler(cluster) as bouncer, pytest.raises(Failure) as failure:
        ask(bouncer.conninfo("drivers"))
    assert failure.value.code == UNSUPPORTED and "PgBouncer" in failure.value.hint


def test_a_pooler_that_refuses_settings(cluster, database):
    need(files=("/usr/sbin/pgbouncer",))
    strict = pooler.Pooler(cluster)
    ini = strict.base / "ini"
    ini.write_text(ini.read_text().replace("extra_float_digits,options", "extra_float_digits"))
    with strict as bouncer, pytest.raises(Failure) as failure:
        ask(bouncer.conninfo("drivers"))
    assert failure.value.code == CONNECT and "PgBouncer" in failure.value.hint


@contextlib.contextmanager
def silent(directory):
    """Accepts connections at PostgreSQL's socket there and never says a word."""
    directory.mkdir()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(directory / f".s.PGSQL.{pg.PORT}"))
        sock.listen(5)
        yield directory


def test_a_hung_server(tmp_path):
    with silent(tmp_path / "s") as hung, pytest.raises(Failure) as failure:
        before = time.monotonic()
        ask(f"host={hung} dbname=pulp user=pulp", seconds=1)
    assert time.monotonic() - before < 20
    assert (failure.value.code, failure.value.sqlstate) == (CONNECT, "08001")
    assert "no answer within 1 s" in failure.value.text


@contextlib.contextmanager
def deaf():
    """An address that does not accept, as behind a firewall that drops: its queue of one is taken."""
    with socket.socket() as sock, socket.socket() as first:
        sock.bind((LOOPBACK, 0))
        sock.listen(0)
        first.connect(sock.getsockname())
        yield sock.getsockname()


def test_the_next_host_after_a_deaf_one(cluster, database):
    with deaf() as (host, port):
        conninfo = f"host={host},{cluster.sockets} port={port},{pg.PORT} dbname=drivers user=pulp"
        assert ask(conninfo, seconds=3) == "here"  # each host has these seconds of its own
        with pytest.raises(Failure) as failure:
            ask(f"host={host} port={port} dbname=drivers user=pulp", seconds=1)
    assert "no answer within 1 s" in failure.value.text


def test_killed_in_mid_statement(own):
    own.create("pulp")
    proc = start(own.conninfo("pulp"), "SELECT pg_sleep(60)")
    process.wait_until(lambda: own.admin("SELECT 1 FROM pg_stat_activity WHERE application_name = 'plmaint:tool' AND wait_event = 'PgSleep'"),
                       30, "the statement runs")
    own.kill9()
    with pytest.raises(Failure) as failure:
        finish(proc)
    assert (failure.value.code, failure.value.sqlstate) == (CONNECT, "08006")
    assert "is lost" in failure.value.text and failure.value.hint


def test_the_program_forgets_the_environment(plmaint):
    """Either of these would keep every session from opening."""
    asked = plmaint.run("pre-migrate", "run", env={"PGSSLMODE": "nosuch", "PGSERVICE": "nosuch"})
    assert asked.code == 0, asked
