# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests of the tests: plmaint is broken on purpose, one rule at a time, in a copy of its source,
and the crash tests must see the loss. `make crash` runs this; it builds each copy once.
"""

import os
import pathlib
import shutil
import subprocess

import pytest

from crash import dying, faults
from harness import cli

SOURCES = ("bin", "checks", "commands", "lib", "procedures", "Makefile")
# [(file or * for all, what stands there, what it becomes)]; each must be found.
# What upstream's command does: the link goes, and is committed, before the data.
LINK_BEFORE_DATA = [
    (
        "lib/pulp/manifest_write.c",
        'bool ok = pg_execute(db, "fill", p, used, true, &done, err);',
        'bool ok = pg_query(db, "DELETE FROM core_contentartifact WHERE content_id = ANY($1)", p, 1,'
        ' NULL, err) && pg_exec(db, "COMMIT", err) && pg_exec(db, "BEGIN", err)'
        ' && pg_execute(db, "fill", p, used, true, &done, err);',
    ),
    ("lib/pulp/manifest_write.c", "add_row(a, rows[i], !m->recover);", "add_row(a, rows[i], false);"),
]
# On a server whose own synchronous_commit is off.
NO_DURABILITY = [
    ("*", "WHERE current_setting('synchronous_commit') = 'off'", "WHERE false"),
    ("lib/batch/barrier.c", "i < LOOKS && !done", "i < LOOKS && !(done = true)"),
]
NO_DEBT = [("lib/batch/commit.c", "finish(w, lease, &t, pos, last, debt, err)", "finish(w, lease, &t, pos, last, 0, err)")]
# The debt follows in a transaction of its own, some messages later: writers race, and a sweep that
# must meet one message among a hundred would miss it now and then.
LATE_DEBT = NO_DEBT + [
    (
        "lib/batch/commit.c",
        "	r->sum.rows += t.done;\n",
        "	r->sum.rows += t.done;\n"
        "	char late[160];\n"
        "	for (int i = 0; i < 16 && debt > 0; i++)\n"
        '		(void)!pg_exec(w->db, "UPDATE plmaint.range SET debt = debt WHERE false", err);\n'
        '	snprintf(late, sizeof(late), "UPDATE plmaint.range SET debt = %d WHERE run = %lld AND id = %d",'
        " debt, (long long)lease->run, lease->range);\n"
        "	if (debt > 0 && !pg_exec(w->db, late, err)) {\n"
        "		pthread_mutex_unlock(&r->lock);\n"
        "		return false;\n"
        "	}\n",
    )
]


def broken(name, changes):
    """plmaint with these changes."""
    top = cli.ROOT / "build" / "broken" / name
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir(parents=True)
    for part in SOURCES:
        source = cli.ROOT / part
        if source.is_dir():
            shutil.copytree(source, top / part)
        else:
            shutil.copy(source, top / part)
    for file, old, new in changes:
        paths = [top / file] if file != "*" else sorted(top.rglob("*.c"))
        hits = [path for path in paths if old in path.read_text()]
        assert hits, f"{old!r} is no longer in {file}"
        for path in hits:
            path.write_text(path.read_text().replace(old, new))
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "BUILD"))}
    argv = ["make", "-s", "-j2", "OPTIMIZE=-O1", "WARNINGS=-w", "all"]
    subprocess.run(argv, cwd=top, env=env, check=True)
    return pathlib.Path(top / "build" / "plmaint")


def served(site):
    repo = site.repository("every/kind")
    site.distribution("every/kind", repo)
    site.every_kind(40, repo)


def one_batch(site):
    """A range that is one batch: no earlier one has recorded the debt for it."""
    repo = site.repository("one/batch")
    site.distribution("one/batch", repo)
    for _ in range(6):
        site.image("oci", repo)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, changes, fill, cached, word",
    [
        ("link-before-data", LINK_BEFORE_DATA, served, False, "neither data nor link"),
        ("no-debt", NO_DEBT, served, True, "left stale by an undisturbed run"),
        ("late-debt", LATE_DEBT, one_batch, True, "stale cache entries"),
    ],
)
def test_a_kill_shows_what_is_broken(
    cluster, redis_server, monkeypatch, name, changes, fill, cached, word
):
    monkeypatch.setenv("PLMAINT_BIN", str(broken(name, changes)))
    words = ("pre-migrate", "run", "--keep-links")
    with pytest.raises(AssertionError, match=word):
        case = faults.Case(cluster, words, fill, redis=redis_server if cached else None)
        try:
            case.sweep("kill")
        finally:
            case.close()


@pytest.mark.slow
def test_a_dying_server_shows_missing_durability(monkeypatch):
    monkeypatch.setenv("PLMAINT_BIN", str(broken("no-durability", NO_DURABILITY)))
    with dying.cluster("off") as server:
        yard = dying.Yard(server, seed=1)
        try:
            with pytest.raises(AssertionError, match="neither data nor link|its file is gone"):
                yard.rounds(12)
        finally:
            yard.close()
