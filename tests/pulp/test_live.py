# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a database is the one that the Pulp of this host uses: processes against heartbeats."""

import contextlib
import subprocess

import pytest
from harness import process, pulptool


@contextlib.contextmanager
def service(directory, settings, name="pulpcore-worker"):
    """A process that looks like a service of Pulp: a script of that name, run by an interpreter."""
    script = directory / name
    script.write_text("import sys; print(flush=True); sys.stdin.read()\n")
    proc = subprocess.Popen(
        ["/usr/bin/python3", str(script)],
        env={"PULP_SETTINGS": str(settings), "PATH": "/usr/bin:/bin"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=process.die_with_parent,
    )
    proc.stdout.readline()  # it runs, under its own name and environment
    try:
        yield proc
    finally:
        proc.kill()
        proc.communicate()


def doubt(db, settings):
    return pulptool.run("doubt", db.conninfo(), settings).one()["doubt"]


@pytest.mark.parametrize("level", ["0043", "0050"], indirect=True)
@pytest.mark.parametrize("name", ["pulpcore-worker", "pulpcore-api", "pulpcore-content"])
def test_services_without_a_heartbeat(site, pg_db, tmp_path, name):
    settings = tmp_path / "settings.py"
    with service(tmp_path, settings, name):
        text = doubt(pg_db, settings)
        assert f"with {settings} (1 seen)" in text
        site.heartbeat("worker")
        site.conn.commit()
        assert doubt(pg_db, settings) == "(none)"


def test_a_stale_heartbeat(site, pg_db, tmp_path):
    site.heartbeat("worker", age=600)
    site.conn.commit()
    with service(tmp_path, tmp_path / "settings.py"):
        assert "no fresh heartbeat" in doubt(pg_db, tmp_path / "settings.py")


def test_nothing_to_doubt(pg_db, tmp_path):
    assert doubt(pg_db, tmp_path / "settings.py") == "(none)"  # no services
    with service(tmp_path, tmp_path / "other.py"):
        assert doubt(pg_db, tmp_path / "settings.py") == "(none)"  # another Pulp's
    with service(tmp_path, tmp_path / "settings.py", "pulpcore-manager"):
        assert doubt(pg_db, tmp_path / "settings.py") == "(none)"  # no service


def test_a_run_says_so_and_works_on(site, plmaint, tmp_path):
    """It is a doubt: a service that hangs has no heartbeat either, and the migration is what its
    operator waits for.
    """
    site.image()
    settings = tmp_path / "settings.py"
    settings.write_text(f'MEDIA_ROOT = "{site.media_root}"\n')
    plmaint.configure({"pulp.settings": settings})
    with service(tmp_path, settings):
        ran = plmaint.run("pre-migrate", "run", code=0)
    (said,) = [e for e in ran.of("notice") if "no fresh heartbeat" in e["message"]]
    assert said["level"] == "warning" and "database.pulp.conninfo" in said["hint"]
    assert ran.one("step.end", label="pulp-manifests-fill")["rows"] == 1
