# SPDX-License-Identifier: GPL-3.0-or-later
"""Knobs of a run, changed from another terminal; who changed what."""

import pytest

from harness import cli
from harness.process import wait_until
from harness.slow import Slow

pytestmark = pytest.mark.slow


@pytest.fixture
def slow(site, pg_db, plmaint):
    return Slow(site, pg_db, plmaint)


def events(db):
    return db.query("SELECT verb, knob, old, new FROM plmaint.event ORDER BY id")


def test_tune_reaches_the_run(slow, plmaint):
    assert slow.running.wait_for("progress")["duty"] == 1
    knob = plmaint.run("pre-migrate", "tune", "duty=0.5", "ttl=1h", code=0).one("knob")
    assert (knob["name"], knob["value"]) == ("duty", "0.5") and knob["until"] > knob["source"][-20:-19]
    slow.running.wait_for("progress", duty=0.5)
    assert "tuned by" in plmaint.run("pre-migrate", "tune", code=0).one("knob", name="duty")["source"]
    plmaint.run("pre-migrate", "tune", "duty=", "batch_rows=3", code=0)
    slow.running.wait_for("progress", when=lambda e: e["duty"] == 1 and e["held"] == 0, seconds=30)
    assert events(slow.db) == [
        ("tune", "duty", "", "0.5"),
        ("tune", "duty", "0.5", ""),
        ("tune", "batch_rows", "", "3"),
    ]
    slow.finish()


def test_operators_who_come_at_once_are_told_apart(slow, plmaint):
    """Each change is an event that knows the one before it, and the last one holds."""
    wanted = {"0.5", "0.6", "0.7", "0.8"}
    for running in [plmaint.start("pre-migrate", "tune", f"duty={value}") for value in wanted]:
        assert running.wait().code == 0
    changes = [(old, new) for _, _, old, new in events(slow.db)]
    assert {new for _, new in changes} == wanted
    assert [old for old, _ in changes] == ["", *(new for _, new in changes[:-1])]
    assert slow.db.value("SELECT value FROM plmaint.knob WHERE name = 'duty'") == changes[-1][1]
    slow.finish()


def test_a_knob_goes_back_by_itself(slow, plmaint):
    plmaint.run("pre-migrate", "tune", "duty=0.5", "ttl=1500ms", code=0)
    slow.running.wait_for("progress", duty=0.5)
    seen = len(slow.running.events)
    wait_until(
        lambda: any(
            e["event"] == "progress" and e["duty"] == 1 for e in slow.running.events[seen:]
        ),
        30,
        "as configured again",
    )
    slow.finish()


def test_what_the_ledger_says_is_range_checked(slow, plmaint):
    """Pulp's role can write it, so it is data."""
    slow.site.sql(
        "INSERT INTO plmaint.knob (name, value, actor) VALUES ('duty', '7', E'x\\x1b[2J'), ('rm -rf', '1', 'x'),"
        " ('batch_rows', '1e9', 'x')"
    )
    slow.site.sql("NOTIFY plmaint, 'anything'")
    wait_until(lambda: "ignored" in slow.running.stderr(), 30, "it says so")
    assert all(e["duty"] == 1 for e in slow.running.events if e["event"] == "progress")
    told = plmaint.run("pre-migrate", "tune", code=0, json=False)
    assert "outside" in told.out or "not a number" in told.out
    assert "\x1b" not in told.out
    slow.finish()


def test_tune_lists_without_a_ledger(plmaint):
    knobs = plmaint.run("pre-migrate", "tune", code=0).of("knob")
    assert [k["name"] for k in knobs] == [
        *("duty", "batch_rows", "detach_rows", "profile", "calm", "max_lag", "query_every", "max_wal", "critical")
    ]
    assert all(k["meaning"] and k["source"] for k in knobs)
    table = (cli.ROOT / "README.md").read_text().partition("| knob |")[2].partition("\n\n")[0]
    assert all(f"`{k['name']}`" in table for k in knobs)
    refused = plmaint.run("pre-migrate", "tune", "duty=0.5", code=1)
    assert "ledger" in refused.err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("dutty=0.5",), "Did you mean duty?"),
        (("duty=2",), "from 0.01 to 1"),
        (("duty=fast",), "from 0.01 to 1"),
        (("batch_rows=1.5",), "whole number from 1 to 100000"),
        (("duty=0.5", "ttl=soon"), "not a duration"),
        (("duty=0.5", "ttl=0"), "366 days at most"),
        (("duty=0.5", "ttl=99999999999999999999w"), "366 days at most"),
        (("ttl=1h",), "none is set"),
        (("duty=0.5", "duty=0.6"), "twice"),
    ],
)
def test_wrong_words_to_tune(plmaint, words, text):
    assert text in plmaint.run("pre-migrate", "tune", *words, code=2).err


def test_history_has_who_changed_what(slow, plmaint):
    plmaint.run("pre-migrate", "tune", "duty=0.5", code=0)
    plmaint.run("pre-migrate", "stop", code=0)
    slow.running.wait()
    told = plmaint.run("history", code=0)
    changes = told.of("history.change")
    assert [(c["verb"], c.get("knob"), c.get("new")) for c in changes] == [
        ("tune", "duty", "0.5"),
        ("stop", None, None),
    ]
    assert all("@" in c["actor"] and c["at"].endswith("Z") for c in changes)
