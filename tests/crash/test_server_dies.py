# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL stops at once at random moments, orphan cleanup runs with no protection time: every
manifest can be served afterwards, and a rerun finishes.

PLMAINT_CRASH_SEED repeats a sequence, PLMAINT_CRASH_ROUNDS lengthens it.
"""

import os
import random

import pytest

from crash import dying

ROUNDS = int(os.environ.get("PLMAINT_CRASH_ROUNDS", "5"))


@pytest.mark.slow
@pytest.mark.parametrize("commit", ["on", "off"])
def test_nothing_is_lost_when_the_server_dies(commit):
    """commit: what synchronous_commit is for everybody who does not choose."""
    seed = int(os.environ.get("PLMAINT_CRASH_SEED") or random.randrange(10**6))
    print(f"PLMAINT_CRASH_SEED={seed}")
    with dying.cluster(commit) as server:
        yard = dying.Yard(server, seed=seed)
        try:
            lines = yard.rounds(ROUNDS)
        finally:
            yard.close()
    print("\n".join(lines))
    # The moments are random, but not all of them at the end.
    assert any("died in" in line and "the end" not in line for line in lines)
