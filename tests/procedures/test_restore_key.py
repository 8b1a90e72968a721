# SPDX-License-Identifier: GPL-3.0-or-later
"""restore-key: the key in a backup's archive against the dump beside it, before anything is restored."""

import json
import os
import subprocess

import pytest
from harness import fernet, pg
from harness.need import need

FEATURES = "postgresql,redis,web,foreman,katello,candlepin,smart-proxy,puppet,plmaint"


def run(plmaint, label, code, env=None, **params):
    words = [w for k, v in params.items() for w in ("--param", f"{k.replace('_', '-')}={v}")]
    return plmaint.run("procedure", "run", label, *words, code=code, env=env).one("step.end")


@pytest.fixture
def backup(plmaint, pg_db, site, tmp_path):
    """A backup's directory with the archive of a key and a dump that was written with it."""
    need(programs=("openssl", "pg_restore", "zstd"))
    key = fernet.new_key()
    path = tmp_path / "pulp" / "key"
    path.parent.mkdir()
    path.write_text(f"# of this site\n{key}\n")
    for name in ("one", "two"):
        row = site.remote(name)
        tokens = fernet.token(key, "admin"), fernet.token(key, "s" * 5000)
        site.sql("UPDATE core_remote SET username = %s, client_key = %s WHERE pulp_id = %s", (*tokens, row))
    site.domain("far")
    settings = json.dumps({"access_key": fernet.token(key, '"AKIA"'), "plain": "gAAAAA"})
    site.sql("UPDATE core_domain SET storage_settings = %s WHERE name = 'far'", (settings,))
    plmaint.configure({"pulp.encryption_key": path})
    directory = tmp_path / "backup"
    (directory / "databases").mkdir(parents=True)
    dump(pg_db, directory)
    archive(plmaint, directory)
    return directory


def archive(plmaint, directory, **params):
    run(plmaint, "backup-config", 0, directory=directory, skip_features=FEATURES, **params)


def dump(pg_db, directory):
    words = [pg.bindir() / "pg_dump", "-Fd", "-f", directory / "databases" / "pulp", pg_db.conninfo()]
    subprocess.run([str(w) for w in words], check=True)


@pytest.mark.parametrize("level", ["0043", "0050"], indirect=True)
def test_it_opens_all(plmaint, backup):
    assert run(plmaint, "restore-key", 0, directory=backup)["message"] == "the key opens all of 5 encrypted values"


def test_the_key_of_another_time(plmaint, pg_db, site, backup):
    """One value in the dump was written with a key that the archive has not."""
    token = fernet.token(fernet.new_key(), "x")
    site.sql("UPDATE core_remote SET password = %s WHERE name = 'two'", (token,))
    subprocess.run(["rm", "-r", str(backup / "databases" / "pulp")], check=True)
    dump(pg_db, backup)
    end = run(plmaint, "restore-key", 1, directory=backup)
    assert end["message"] == "the key of this backup does not open 1 of 6 encrypted values of its database"


def test_a_pg_restore_that_is_not_in_path(plmaint, backup, tmp_path):
    """Of the release that was dumped, where packages put it, or as configured."""
    old = tmp_path / "old"
    old.mkdir()
    (old / "pg_restore").write_text("#!/bin/sh\necho too old >&2\nexit 1\n")
    (old / "pg_restore").chmod(0o755)
    path = {"PATH": f"{old}:{os.environ['PATH']}"}
    assert run(plmaint, "restore-key", 0, env=path, directory=backup)["result"] == "ok"
    plmaint.configure({"database.programs": old})
    assert "pg_restore ended with status 1: too old" in run(plmaint, "restore-key", 3, directory=backup)["message"]
    plmaint.configure({"database.programs": pg.bindir()})
    assert run(plmaint, "restore-key", 0, env=path, directory=backup)["result"] == "ok"


def test_a_key_behind_links(plmaint, backup, tmp_path):
    (tmp_path / "link").symlink_to("pulp/again")
    (tmp_path / "pulp" / "again").symlink_to(tmp_path / "pulp" / "key")
    plmaint.configure({"pulp.encryption_key": tmp_path / "link"})
    archive(plmaint, backup)
    assert run(plmaint, "restore-key", 0, directory=backup)["result"] == "ok"


def test_a_key_that_was_elsewhere(plmaint, backup, tmp_path):
    """On another host Pulp has another key, at another place: what to do is said."""
    path, here = tmp_path / "pulp" / "key", tmp_path / "here"
    here.write_text(fernet.new_key() + "\n")
    plmaint.configure({"pulp.encryption_key": here})
    end = run(plmaint, "restore-key", 78, directory=backup, key=path)
    assert end["message"].endswith(f"{here} of this host does not open 5 of them")
    assert f"Add the lines of {path}" in end["hint"]
    here.write_text(here.read_text() + path.read_text())
    assert run(plmaint, "restore-key", 0, directory=backup, key=path)["result"] == "ok"


def test_no_key_in_the_archive(plmaint, backup, tmp_path):
    plmaint.configure({"pulp.encryption_key": tmp_path / "elsewhere"})
    end = run(plmaint, "restore-key", 1, directory=backup)
    assert end["message"] == f"the archive holds no {tmp_path / 'elsewhere'}"


def test_an_encrypted_archive(plmaint, backup, tmp_path):
    need(programs=("age", "age-keygen"))
    identity, recipients = tmp_path / "identity", tmp_path / "recipients"
    subprocess.run(["age-keygen", "-o", str(identity)], check=True, capture_output=True)
    with open(recipients, "wb") as f:
        subprocess.run(["age-keygen", "-y", str(identity)], check=True, stdout=f)
    archive(plmaint, backup, encrypt=f"age:{recipients}")
    assert "backup.identity" in run(plmaint, "restore-key", 2, directory=backup)["hint"]
    assert run(plmaint, "restore-key", 0, directory=backup, identity=identity)["result"] == "ok"


@pytest.mark.parametrize("damage", ["gone", "toc", "data"])
def test_a_damaged_dump(plmaint, backup, damage):
    files = backup / "databases" / "pulp"
    if damage == "gone":
        subprocess.run(["rm", "-r", str(files)], check=True)
    for name in os.listdir(files) if damage != "gone" else ():
        if (name == "toc.dat") == (damage == "toc"):
            (files / name).write_bytes((files / name).read_bytes()[:10])
    end = run(plmaint, "restore-key", 3, directory=backup)
    assert end["result"] == "unknown" and end["message"].startswith("pg_restore ended with status 1: ")
