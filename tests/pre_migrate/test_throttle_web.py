# SPDX-License-Identifier: GPL-3.0-or-later
"""What the throttle asks over HTTP: Pulp's own services, and a brake of the operator's."""

import pytest

from harness import after
from harness.brake import Brake
from harness.website import website

FILL = "pulp-manifests-fill"
KEEP = ("pre-migrate", "run", "--keep-links")


@pytest.fixture
def held(site, pg_db, plmaint):
    """Work that does not end before its brake is let go."""
    site.bulk_images(400, repos=1, own_config=False)
    site.conn.commit()
    plmaint.configure({"throttle.calm": "1s", "pre-migrate.batch_rows": "2"})
    site.brake = Brake(pg_db)
    return site


@pytest.fixture
def web():
    """A site that answers with web.status, and its URL."""

    class Web:
        status = 200

    with website(lambda path: (Web.status, b"")) as url:
        Web.url = f"{url}/"
        yield Web


def told_now(running, when):
    seen = len(running.events)
    return running.wait_for("progress", lambda e: e in running.events[seen:] and when(e), seconds=60, label=FILL)


def stops(running, words):
    told_now(running, lambda e: e["duty"] == 0 and words in (e["reason"] or ""))


def goes_on(running):
    told_now(running, lambda e: e["duty"] == 1.0)


@pytest.mark.parametrize("what", ["status", "content"])
def test_pulp_that_fails_stops_it_until_it_answers(held, plmaint, web, what):
    held.heartbeat("worker", age=-3600)
    held.conn.commit()
    running = plmaint.start(*KEEP, "--set", f"throttle.{what}_url={web.url}")
    goes_on(running)
    web.status = 503
    stops(running, f"Pulp's {what} has failed")
    # A refusal is an answer.
    web.status = 403
    goes_on(running)
    held.brake.let_go()
    ran = running.wait()
    assert ran.code == 0 and after.pending(held) == 0
    assert any(f"Pulp's {what} has failed" in e["reason"] for e in ran.of("slowed"))


def test_any_answer_but_200_is_a_brake(held, plmaint, web):
    web.status = 204
    running = plmaint.start(*KEEP, "--throttle-http", web.url)
    stops(running, "throttle.url says stop")
    assert after.pending(held) == 400, "nothing begins before its first answer"
    web.status = 200
    goes_on(running)
    web.status = 429
    stops(running, "throttle.url says stop")
    running.terminate()
    assert running.wait().code == 143


def test_a_brake_that_nobody_answers_for_is_on(held, plmaint):
    running = plmaint.start(*KEEP, "--throttle-http", "http://127.0.0.1:1/")
    stops(running, "throttle.url says stop")
    running.terminate()
    assert running.wait().code == 143
