# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is killed at the beginning of a step: the database is that of before or the restored one,
whole, and the same command ends what was begun.
"""

import os

import pytest

COUNT = "SELECT count(*) FROM container_manifest"
LATER = "SELECT count(*) FROM core_repository WHERE name LIKE '%.later'"
STEPS = ["restore-load", "restore-media", "restore-begin", "pulp-upgrade-stop", "restore-swap",
         "restore-start", "restore-verify", "restore-end"]
FEW = ["restore-load", "restore-swap", "restore-start"]
ALL = os.environ.get("PLMAINT_CRASH_ALL") == "1"


@pytest.mark.parametrize("label", STEPS if ALL else FEW)
def test_killed_and_run_again(restored, label):
    restored.site.bulk_images(4, repos=1)
    restored.back_up()
    before = restored.ask(COUNT)
    restored.let_go()
    restored.change("UPDATE core_repository SET name = name || '.later'")
    running = restored.plmaint.start("restore", "run", restored.repository.dir)
    running.wait_for("step.start", label=label)
    running.kill9()
    restored.wait_for_nobody()

    later = restored.ask(LATER)[0][0] > 0
    assert restored.ask(COUNT) == before
    assert later == (restored.old not in all_names(restored)), "the one or the other, never none"

    restored.restore(code=0)
    assert restored.ask(LATER) == [(0,)]
    assert restored.databases() == ["", "_before_20261121T213133Z"]
    assert not (restored.plmaint.state_dir / "restore").exists()
    assert restored.log[-1] == "start"


def test_killed_on_its_way_back(restored):
    restored.site.bulk_images(4, repos=1)
    restored.back_up()
    restored.restore(code=0)
    running = restored.plmaint.start("restore", "revert")
    running.wait_for("step.start", label="restore-revert")
    running.kill9()
    restored.wait_for_nobody()
    refused = restored.run("finish", "--yes-destroy", restored.old, code=2)
    assert "has closed the site" in refused.err
    restored.run("revert", code=0)
    assert restored.databases() == ["", "_restore_20261121T213133Z"]
    assert restored.log[-1] == "start"


def all_names(restored):
    return [restored.db.name + tail for tail in restored.databases()]
