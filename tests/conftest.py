# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: servers once per session, a database, a media root, a site and plmaint per test.

A test chooses its schema level with @pytest.mark.parametrize("level", [...], indirect=True).
"""

import contextlib
import os
import sys

sys.dont_write_bytecode = True

import pytest  # noqa: E402

from harness import cli, pg, pulpdata, redisd  # noqa: E402

DEFAULT_LEVEL = "0043"
LOG_TAIL = 6000  # characters of a server's log shown with a failed test


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows what the servers said during a test that failed, and only then."""
    outcome = yield
    report = outcome.get_result()
    if not report.failed or call.when == "teardown":
        return
    values = getattr(item, "funcargs", {})
    for name in ("cluster", "fsync_cluster", "redis_server"):
        server = values.get(name)
        if server is not None:
            text = server.log_text()[getattr(item, f"mark_{name}", 0) :]
            if text.strip():
                report.sections.append((f"log of {name}", text[-LOG_TAIL:]))


def _mark(request, name, server):
    setattr(request.node, f"mark_{name}", len(server.log_text()))
    return server


@pytest.fixture(scope="session")
def _session_cluster():
    with pg.Cluster() as server:
        yield server


@pytest.fixture
def cluster(request, _session_cluster):
    """The session's PostgreSQL; running again when the test before left it down."""
    server = _session_cluster
    if server.proc is None or server.proc.poll() is not None:
        server.proc = None
        server.start()
    return _mark(request, "cluster", server)


@pytest.fixture
def fsync_cluster(request):
    """A PostgreSQL of the test's own, with fsync, to be killed."""
    with pg.Cluster(fsync=True) as server:
        yield _mark(request, "fsync_cluster", server)


@pytest.fixture
def level(request):
    return getattr(request, "param", DEFAULT_LEVEL)


@pytest.fixture
def pg_db(cluster, level):
    """A fresh Pulp database of the level."""
    db = cluster.database(level)
    yield db
    with contextlib.suppress(Exception):
        db.drop()


@pytest.fixture(scope="session")
def _session_redis():
    with redisd.Redis() as server:
        yield server


@pytest.fixture
def redis_server(request, _session_redis):
    """The session's Redis, empty."""
    server = _session_redis
    if server.proc is None or server.proc.poll() is not None:
        server.start()
    server.client().flushall()
    return _mark(request, "redis_server", server)


@pytest.fixture
def media_root(tmp_path):
    path = tmp_path / "media"
    path.mkdir()
    return path


@pytest.fixture
def site(pg_db, media_root, level):
    conn = pg_db.connect()
    yield pulpdata.Site(conn, media_root, level)
    conn.close()


@pytest.fixture
def plmaint(pg_db, media_root, tmp_path):
    """plmaint configured for the database and the media root; Redis is added with
    plmaint.configure({"redis.url": ...}).
    """
    if not cli.binary().exists():
        pytest.fail(f"{cli.binary()} is not there; run make first")
    tool = cli.Plmaint(tmp_path / "plmaint", pg_db.conninfo(), media_root)
    yield tool
    tool.close()


@pytest.fixture(autouse=True)
def _no_stray_environment(monkeypatch):
    """libpq variables of whoever runs the tests must not choose a server."""
    for name in list(os.environ):
        if name.startswith("PG"):
            monkeypatch.delenv(name)
