# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of the site around a run: one may veto it, one is told how it ended; no shell sees them."""

import shlex

import pytest

from harness import after, cli

BEFORE, AFTER = "hooks.before_run", "hooks.after_run"


@pytest.fixture
def script(tmp_path):
    """Makes a command that keeps its words and what it is told, and ends as it should."""

    def make(name, ending="exit 0"):
        path = tmp_path / name
        path.write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$@" > {path}.words\nenv | grep ^HOOK_ > {path}.env\n{ending}\n'
        )
        path.chmod(0o755)
        return path

    return make


def told(path):
    lines = (path.parent / f"{path.name}.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_both_are_told(site, plmaint, script):
    # What a hook is told must not keep it from asking us something.
    asks = f"exec {shlex.quote(str(cli.binary()))} --config {plmaint.config} history > /dev/null"
    before, done = script("before", asks), script("after")
    plmaint.configure({BEFORE: f"{before} one two", AFTER: done})
    site.image()
    ran = plmaint.run("pre-migrate", "run", code=0)
    assert [h["name"] for h in ran.of("hook")] == [BEFORE, AFTER]
    assert (before.parent / "before.words").read_text() == "one\ntwo\n"
    run = ran.one("run.end")["run"]
    assert told(before) == {
        "HOOK_NAME": "before_run",
        "HOOK_COMMAND": "pre-migrate run",
        "HOOK_RUN_ID": run,
    }
    assert told(done)["HOOK_EXIT_STATUS"] == "0" and told(done)["HOOK_RUN_ID"] == run


def test_a_veto_begins_nothing(site, pg_db, plmaint, script):
    done = script("after")
    plmaint.configure({BEFORE: script("before", "echo backup runs >&2\nexit 3"), AFTER: done})
    site.image()
    ran = plmaint.run("pre-migrate", "run", code=75)
    assert "backup runs" in ran.err and "exit status 3" in ran.err and BEFORE in ran.err
    assert after.pending(site) == 1 and after.ledger(pg_db) is None
    assert not ran.of("run.start") and not (done.parent / "after.env").exists()


@pytest.mark.parametrize("command", ["/nowhere/hook", "sleep 1000000 | true"])
def test_a_hook_that_cannot_be_asked_is_a_veto(site, plmaint, command):
    """Bars, quotes and dollars are words: there is no shell to read them."""
    plmaint.configure({BEFORE: command})
    site.image()
    ran = plmaint.run("pre-migrate", "run", code=75)
    assert BEFORE in ran.err and after.pending(site) == 1


def test_what_comes_after_changes_no_status(site, plmaint, script):
    plmaint.configure({AFTER: script("after", "echo no mail >&2\nexit 9")})
    site.image()
    ran = plmaint.run("pre-migrate", "run", code=0)
    assert "no mail" in ran.err and after.pending(site) == 0


def test_short_commands_have_no_hooks(site, plmaint, script):
    before = script("before")
    plmaint.configure({BEFORE: before})
    plmaint.run("pre-migrate", "status", code=0)
    assert not (before.parent / "before.env").exists()
