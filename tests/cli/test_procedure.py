# SPDX-License-Identifier: GPL-3.0-or-later
"""Procedures by hand, steps passed over, a state directory that cannot be written, and the host lock of a living process."""
import fcntl
import os
import pathlib

import pytest


def labels(done, result):
    return [e["label"] for e in done.of("step.end", result=result)]


def test_by_hand_and_again(plmaint, site):
    site.image()
    first = plmaint.run("procedure", "run", "pulp-manifests-fill", code=0)
    assert labels(first, "ok") == ["pulp-manifests-fill"] and first.one("run.end")["rows"] >= 1
    again = plmaint.run("advanced", "procedure", "run", "pulp-manifests-fill", code=0)
    assert labels(again, "not-needed") == ["pulp-manifests-fill"]


def test_a_parameter_reaches_the_procedure(plmaint, site):
    for _ in range(3):
        site.image()
    plmaint.run("procedure", "run", "pulp-manifests-fill", "--param", "dry-run=yes", code=(0, 75, 78))
    assert plmaint.run("plan", "pre-migrate", "run", code=0).one("plan.step", label="pulp-manifests-fill")["needed"] is True
    done = plmaint.run("procedure", "run", "pulp-manifests-fill", "--param", "dry-run", "--param", "zebra=1", json=False, code=2)
    assert "has no parameter 'zebra'" in done.err


def test_whitelisted_steps_are_told_and_not_run(plmaint, site):
    site.image()
    done = plmaint.run("pre-migrate", "run", "--whitelist", "pulp-manifests-detach,pulp-manifests-vacuum", code=(0, 78))
    assert labels(done, "skipped") == ["pulp-manifests-detach", "pulp-manifests-vacuum"]
    assert not done.of("step.start", label="pulp-manifests-detach")


def test_run_without_a_journal(plmaint, site, tmp_path):
    """History is not worth a migration: it is done, with a warning."""
    site.image()
    blocker = tmp_path / "file"
    blocker.write_text("")
    done = plmaint.run("pre-migrate", "run", "--set", f"general.state_dir={blocker}/state", code=(0, 78))
    assert "no history of this run" in done.err
    assert labels(done, "failed") == []


def start_time(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


@pytest.fixture
def held(plmaint):
    """The lock, held by the test itself."""
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    path = plmaint.state_dir / "lock"
    with open(path, "w") as f:
        f.write(f"{os.getpid()} {start_time(os.getpid())} {boot} 2026-01-02T03:04:05.000Z backup offline\n")
        f.flush()
        fcntl.flock(f, fcntl.LOCK_EX)
        yield path


def test_lock_of_a_living_process(plmaint, held):
    status = plmaint.run("lock", "status", code=0).one("lock")
    assert (status["state"], status["pid"], status["command"]) == ("held", os.getpid(), "backup offline")
    done = plmaint.run("lock", "break", "-y", json=False, code=75)
    assert "the holder is alive" in done.err and held.exists()
    plmaint.run("lock", "break", "-y", "--force", code=0)
    assert plmaint.run("lock", "status", code=0).one("lock")["state"] == "free"
