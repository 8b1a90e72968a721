# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 at every write of a backup and of a prune: what is listed as whole is good, and the same
command again ends as if nothing had been.

With PLMAINT_CRASH_ALL=1 (`make crash`) every write has its turn, else a share.
"""

import os
import shutil

import pytest

from crash import faults

ALL = os.environ.get("PLMAINT_CRASH_ALL") == "1"
SHARE = 1 if ALL else 9 if not os.environ.get("VARIANT") else 40
ONLY = ("--features", "pulp")
KINDS = ("kill", "ENOSPC") if ALL else ("kill",)

pytestmark = pytest.mark.slow


@pytest.fixture
def made(site, plmaint, tmp_path):
    """Few artifacts and one other file; a new artifact comes with each call of more."""
    for i in range(4):
        site.artifact(os.urandom(100 + i))
    site.conn.commit()
    (site.media_root / "logo.svg").write_bytes(b"<svg/>")
    key = tmp_path / "key"
    key.write_text("not for others")
    plmaint.configure({"pulp.encryption_key": key})
    return site


def state(store):
    """Names of objects and of backups."""
    kept = {d.name + f.name for d in (store / "store").iterdir() if d.name != "tmp" for f in d.iterdir()}
    return kept, sorted(p.name for p in (store / "backups").iterdir())


def broken(plmaint, args, n, kind, log):
    log.unlink(missing_ok=True)
    return plmaint.run(*args, env=faults.Case.environment(n, kind, "disk", log))


def listed(plmaint, store):
    return {b["id"]: b["state"] for b in plmaint.run("backup", "list", store, code=0).of("backup")}


def sweep(plmaint, store, args, prepare, judge):
    log = plmaint.directory / "fault.log"
    prepare()
    assert broken(plmaint, args, 0, "kill", log).code == 0
    calls = int(log.read_text().split()[-1])
    assert calls > 10, log.read_text()
    for kind in KINDS:
        for n in range(1, calls + 1, SHARE):
            prepare()
            result = broken(plmaint, args, n, kind, log)
            at = f"{kind} {log.read_text() if log.exists() else n}"
            for id_, word in listed(plmaint, store).items():
                assert word in ("whole", "unfinished"), at
                if word == "whole":
                    plmaint.run("backup", "verify", store, id_, code=0)
            again = plmaint.run(*args)
            assert again.code == 0, f"{at}\n{again}"
            judge(at, result)


def test_a_backup(plmaint, made, tmp_path):
    store, first = tmp_path / "backups", tmp_path / "first"
    made.sql("CREATE TABLE large AS SELECT i, repeat(md5(i::text), 25) FROM generate_series(1, 12000) i (i)")
    plmaint.run("backup", "online", first, *ONLY, code=0)
    made.sql("DELETE FROM large WHERE i = 1")
    made.artifact(b"a new layer")
    made.artifact(b"another new layer")
    made.conn.commit()

    def prepare():
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(first, store)

    wanted = {row[0] for row in made.sql("SELECT sha256 FROM core_artifact")}

    def judge(at, _):
        kept, backups = state(store)
        assert wanted <= kept and len(kept) == len(wanted) + 1, at
        words = listed(plmaint, store)
        assert set(words.values()) == {"whole"} and len(backups) == len(words), at
        assert plmaint.run("backup", "verify", store, code=0).one("backup")["state"] == "good", at
        assert not list((store / "store" / "tmp").iterdir()), at
        databases = {p.name for b in (store / "backups").iterdir() for p in (b / "databases").iterdir()}
        assert databases == {"pulp", "pulp.chunks.tsv", "pulp.sql", "globals.sql"}, at

    sweep(plmaint, store, ("backup", "online", store, *ONLY), prepare, judge)


def test_a_prune(plmaint, made, tmp_path):
    store, first = tmp_path / "backups", tmp_path / "first"
    old = made.artifact(b"only the old one has it")
    made.conn.commit()
    plmaint.run("backup", "online", first, *ONLY, code=0)
    made.sql("DELETE FROM core_artifact WHERE pulp_id = %s", (old.pk,))
    plmaint.run("backup", "online", first, *ONLY, code=0)
    wanted = {row[0] for row in made.sql("SELECT sha256 FROM core_artifact")}

    def prepare():
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(first, store)

    def judge(at, _):
        kept, backups = state(store)
        assert wanted <= kept and len(kept) == len(wanted) + 1 and len(backups) == 1, at
        assert plmaint.run("backup", "verify", store, code=0).one("backup")["state"] == "good", at

    sweep(plmaint, store, ("backup", "prune", store, "--keep-last", 1), prepare, judge)
