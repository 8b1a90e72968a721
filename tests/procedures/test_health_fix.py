# SPDX-License-Identifier: GPL-3.0-or-later
"""health check --fix: what is offered, what is refused, and that only a second look counts."""

import contextlib
import json
import os
import pty

import pytest

from checks.broken import BROKEN, sound
from harness.process import wait_until
from procedures.fixing import look, mend, spoil

STALE, STUCK = "pulp-apps-stale", "pulp-progress-stuck"


@pytest.fixture
def made(site):
    return sound(site)


def rows(site, table):
    return site.sql(f"SELECT count(*) FROM {table}")[0][0]


def catalogue(plmaint):
    return json.loads(plmaint.run("--dump=json", json=False, config=False, code=0).out)


def test_every_remedy_is_a_procedure(plmaint):
    dump = catalogue(plmaint)
    procedures = {p["label"] for p in dump["procedures"]}
    named = {r for c in dump["checks"] for r in c.get("remedies", [])}
    assert named and named <= procedures


def test_a_finding_names_what_mends_it(plmaint, pg_db, site, made):
    spoil(STALE, site, made, pg_db)
    assert look(plmaint, STALE)["remedies"] == ["pulp-apps-remove"]
    said = plmaint.run("health", "check", "--label", STALE, json=False, code=78).out
    assert "mended by: pulp-apps-remove" in said
    assert "Procedures mend 1 of these findings: `plmaint health check --fix` offers them." in said
    assert "whitelist" not in said, "there is nothing that it would pass over a check for"
    assert "remedies" not in look(plmaint, STUCK)


def test_nothing_is_deleted_by_assumeyes(plmaint, pg_db, site, made):
    spoil(STALE, site, made, pg_db)
    spoil(STUCK, site, made, pg_db)
    before = rows(site, "core_worker")
    done = mend(plmaint, f"{STALE},{STUCK}", code=78)
    refused, mended = done.one("fix", check=STALE), done.one("fix", check=STUCK)
    assert refused["state"] == "refused" and "add --delete" in refused["message"]
    assert (refused["before"], refused["after"]) == (1, 1)
    assert mended["state"] == "mended" and mended["after"] == 0
    assert rows(site, "core_worker") == before
    assert not done.of("step.start", label="pulp-apps-remove")
    by_hand = plmaint.run("procedure", "run", "pulp-apps-remove", "-y", code=2).one("step.end")
    assert by_hand["result"] == "failed" and "--delete" in by_hand["hint"]
    assert rows(site, "core_worker") == before
    assert mend(plmaint, STALE, "--delete").one("fix")["state"] == "mended"
    assert rows(site, "core_worker") == before - 1


def test_a_dry_run_shows_and_changes_nothing(plmaint, pg_db, site, made):
    for label in (STALE, STUCK):
        spoil(label, site, made, pg_db)
    done = plmaint.run("health", "check", "--label", f"{STALE},{STUCK}", "--fix", "--dry-run", code=78)
    steps = {e["label"]: e for e in done.of("plan.step")}
    assert list(steps) == ["pulp-progress-clean", "pulp-apps-remove"]
    assert steps["pulp-apps-remove"]["why"].startswith(f"it mends {STALE} (1); needs --delete")
    assert all(e["needed"] for e in steps.values())
    assert {e["state"] for e in done.of("fix")} == {"planned"}
    assert look(plmaint, STALE)["found"] == look(plmaint, STUCK)["found"] == 1


@pytest.mark.parametrize(
    "words, text",
    [
        (("--delete",), "--delete belongs to --fix"),
        (("--dry-run",), "--dry-run belongs to --fix"),
        (("--fix", "--output", "nagios"), "exclude each other"),
    ],
)
def test_words_that_do_not_belong_together(plmaint, words, text):
    done = plmaint.run("health", "check", *words, code=(2, 3))
    assert text in done.out + done.err


def test_mode_check_only_mends_nothing(plmaint, pg_db, site, made):
    spoil(STUCK, site, made, pg_db)
    words = ("health", "check", "--label", STUCK, "--set", "general.mode=check-only")
    assert plmaint.run(*words, code=78).one("step.end")["found"] == 1
    assert "general.mode is check-only" in plmaint.run(*words, "--fix", "-y", code=2).err
    assert plmaint.run(*words, "--fix", "--dry-run", code=78).one("fix")["state"] == "planned"


def test_without_a_terminal_nothing_is_asked_nor_done(plmaint, pg_db, site, made):
    words = ("health", "check", "--label", STUCK, "--fix")
    plmaint.run(*words, code=0)
    spoil(STUCK, site, made, pg_db)
    assert "--assumeyes" in plmaint.run(*words, code=2).one("error")["hint"]
    assert look(plmaint, STUCK)["found"] == 1


@pytest.mark.parametrize("answer, state, found", [("n", "declined", 1), ("y", "mended", 0)])
def test_on_a_terminal_it_asks(plmaint, pg_db, site, made, answer, state, found):
    spoil(STUCK, site, made, pg_db)
    ours, theirs = pty.openpty()
    # stderr too has to be a terminal, since that is where the question is.
    running = plmaint.start(
        *("health", "check", "--label", STUCK, "--fix"),
        stdin=theirs,
        wrap=("/bin/sh", "-c", 'exec "$@" 2>&0', "sh"),
    )
    os.close(theirs)
    asked = b""

    def question():
        nonlocal asked
        asked += os.read(ours, 4096)
        return b"[y/N]" in asked

    wait_until(question, 20, lambda: f"no question: {asked}")
    assert b"pulp-progress-clean would mend pulp-progress-stuck (1)" in asked
    os.write(ours, answer.encode() + b"\n")
    done = running.wait()
    os.close(ours)
    assert done.one("fix")["state"] == state and done.code == (78 if found else 0)
    assert look(plmaint, STUCK).get("found") == found


def test_what_no_procedure_mends_is_told(plmaint, pg_db, site, made):
    label = "pulp-paths"
    spoil(label, site, made, pg_db)
    told = mend(plmaint, label, code=BROKEN[label].result == "finding" and 1).one("fix")
    assert told["state"] == "none" and told["procedures"] == []
    said = mend(plmaint, f"{label},{STALE}", json=False, code=1).out
    assert "\n  pulp-paths                   by hand: found 1, now 1\n" in said and "whitelist" not in said


def test_killed_between_two_procedures_the_rest_is_done_later(plmaint, pg_db, site, made):
    spoil(STALE, site, made, pg_db)
    spoil(STUCK, site, made, pg_db)
    words = ("health", "check", "--label", f"{STALE},{STUCK}", "--fix", "--delete", "-y")
    # The second procedure has to wait for this lock.
    with contextlib.closing(pg_db.connect(autocommit=False)) as other, other.cursor() as cur:
        cur.execute("LOCK TABLE core_worker IN SHARE MODE")
        running = plmaint.start(*words)
        running.wait_for("step.start", label="pulp-apps-remove")
        running.kill9()
    assert look(plmaint, STUCK)["result"] == "ok"
    done = plmaint.run(*words, code=0)
    assert all(e["state"] == "mended" for e in done.of("fix")) and look(plmaint, STALE)["result"] == "ok"


def test_the_second_look_is_what_counts(plmaint, pg_db, site, made):
    """A procedure may believe what it likes: here a trigger keeps the rows as they are."""
    spoil(STUCK, site, made, pg_db)
    site.sql("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    site.sql(
        "CREATE TRIGGER keep BEFORE UPDATE ON core_progressreport FOR EACH ROW EXECUTE FUNCTION keep()"
    )
    done = mend(plmaint, STUCK, code=78)
    told = done.one("fix")
    assert (told["state"], told["before"], told["after"]) == ("unchanged", 1, 1)
    assert len(done.of("step.end", label="pulp-progress-clean")) == 2
