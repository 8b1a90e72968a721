# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup of one host on another, with a PostgreSQL of its own and a Pulp that has just been
installed: the ledger that comes with the database is that of a run which goes on elsewhere.
"""

import contextlib

import pytest

from harness import cli, pg

JOB = "pulp-manifests-fill"
HELD = (
    "UPDATE plmaint.range SET token = gen_random_uuid(), lease_until = now() + interval '1 h',"
    " pid = {0}, backend_start = now() WHERE NOT finished;"
    "UPDATE plmaint.run SET token = gen_random_uuid(), lease_until = now() + interval '1 h',"
    " pid = {0}, backend_start = now() WHERE state = 'open'"
)


@pytest.fixture
def other(restored, tmp_path, level):
    """The same, on another host."""
    with pg.Cluster() as server:
        db = server.clone(server.template(level), restored.db.name, level)
        settings = {"pre-migrate.grace": "0s"}
        tool = cli.Plmaint(
            tmp_path / "other", db.conninfo(), restored.site.media_root, settings=settings
        )
        directory = tmp_path / "other_scripts"
        directory.mkdir()
        yield type(restored)(directory, tool, restored.site, db)
        tool.close()


def test_a_run_that_goes_on_elsewhere(restored, other):
    restored.site.bulk_images(60, repos=1)
    restored.plmaint.run("pre-migrate", "run", "--max-rows", "20", code=75)
    restored.plmaint.run("pre-migrate", "pause", code=0)
    restored.back_up()
    restored.let_go()
    # A session that makes databases somewhere else would bring them to where no Pulp looks.
    there = other.db.cluster.conninfo("postgres", "postgres")
    other.plmaint.configure({"restore.conninfo": restored.db.cluster.conninfo("postgres", "postgres")})
    refused = other.run("run", restored.repository.dir, "--check-only", code=1).one("step.end", label="restore-server")
    assert "the database of pulp is on another server than the one restored to" in refused["examples"]
    other.plmaint.configure({"restore.conninfo": there})
    other.run("run", restored.repository.dir, code=(0, 78))
    ledger = "SELECT state FROM plmaint.run WHERE job = 'pulp-manifests-fill' ORDER BY id"
    assert other.ask(ledger) == [("open",)]

    # The number of a session there is, by chance, that of a worker here.
    with contextlib.closing(other.db.connect()) as session:
        other.change(HELD.format(session.info.backend_pid))
        status = other.plmaint.run("pre-migrate", "status", code=0)
        assert "copy of another database" in status.one("notice")["message"]
        assert [(r["state"], r["workers"]) for r in status.of("ledger.run", label=JOB)] == [("retired", 0)]
        assert other.plmaint.run("pre-migrate", "wait", seconds=30).code == 0
        ran = other.plmaint.run("pre-migrate", "run", code=0)
    assert not ran.of("join")
    assert other.ask(ledger) == [("retired",), ("done",)]
    assert other.ask("SELECT count(*) FROM container_manifest WHERE data IS NULL") == [(0,)]
    status = other.plmaint.run("pre-migrate", "status", code=0)
    assert not status.of("notice") and {r["state"] for r in status.of("ledger.run")} == {"retired", "done"}

    # Here it goes on as if nothing had been.
    assert restored.ask(ledger) == [("open",)]
    assert restored.ask("SELECT count(*) FROM container_manifest WHERE data IS NULL") == [(40,)]
