# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told on the way is always a number: throttled, after a pause, with rows that came late."""

import re

import pytest

from harness import after
from harness.slow import Slow

FILL = "pulp-manifests-fill"
pytestmark = pytest.mark.slow


def test_every_line_has_an_end_and_none_is_beyond_all(site, pg_db, plmaint):
    plmaint.configure({"pre-migrate.duty": "0.5"})
    slow = Slow(site, pg_db, plmaint)
    site.bulk_images(100, repos=1, own_config=False)
    plmaint.run("pre-migrate", "pause", code=0)
    slow.holds()
    plmaint.run("pre-migrate", "resume", code=0)
    slow.works()
    ran = slow.fast()
    assert ran.code in (0, 1), "1: of the rows that came late some are left"
    told = ran.of("progress")
    assert len(told) > 3
    for e in told:
        assert 0 <= e["eta"]["p10"] <= e["eta"]["p50"] <= e["eta"]["p90"] < 1e6, e
        assert 0 <= e["done"] <= e["total"] and e["end"], e
        assert e["duty"] <= 0.5 and e["held"] >= 0, e
    held = [e["held"] for e in told if e["label"] == FILL]
    assert held == sorted(held) and held[-1] > 0, "a pause is told apart from work"
    ran = plmaint.run("pre-migrate", "run", json=False, code=0)
    assert after.pending(site) == 0
    assert not re.search(r"\b(nan|inf|N/A|unknown)\b", ran.out + ran.err, re.I), str(ran)
