# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server bears is what its bench calls so: a rate at which requests do not heap up."""
import random
import statistics

import pytest

from bench import load


def queue(service, cores=1):
    """Requests to a server that takes so long for one; answers their latencies."""

    def request(rate, seconds=20):
        rng, due, free, taken = random.Random(3), 0.0, [0.0] * cores, []
        while (due := due + rng.expovariate(rate)) < seconds:
            first = min(range(cores), key=lambda i: free[i])
            free[first] = max(free[first], due) + service
            taken.append(free[first] - due)
        return taken

    return request


@pytest.mark.parametrize("told", [100, 130, 300])
def test_rate_at_which_nothing_heaps_up(told):
    """Told as much as the server can do, and more."""
    rate = load.sustained(told, queue(0.01))
    assert 80 <= rate <= 100
    alone, loaded = (statistics.quantiles(queue(0.01)(x), n=100)[98] for x in (rate / 10, 0.65 * rate))
    assert loaded < 8 * alone


def test_a_server_that_never_answers_in_time_ends_the_search():
    assert load.sustained(100, lambda rate: [rate * rate]) >= 10 * 0.9


class Answers(load.Pulls):
    """Pulls of which only what is asked for is kept."""

    def __init__(self):
        super().__init__("127.0.0.1", 1, "team/app", [f"tag{i}" for i in range(50)], "*/*")
        self.asked = []

    def _pull(self, conn, reference):
        self.asked.append(reference)
        return True


def test_the_same_seed_asks_for_the_same():
    a, b, c = Answers(), Answers(), Answers()
    for pulls, seed in ((a, 1), (b, 1), (c, 2)):
        pulls.run(500, 0, 0.2, seed)
    assert sorted(a.asked) == sorted(b.asked) != sorted(c.asked)
    assert a.failed == 0
