# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of the throttle's bench: noise is never called a pass."""

import random

import pytest

from bench import verdict


def blocks(rng, middle, n=12, requests=1500, swing=0.0):
    """Histograms of blocks whose requests take about so many seconds; swing: how far blocks differ."""
    out = []
    for _ in range(n):
        scale = middle * (1 + swing * (rng.random() - 0.5))
        out.append(verdict.histogram(scale * rng.lognormvariate(0, 0.2) for _ in range(requests)))
    return out


def pairs(rng, middle, **how):
    return list(zip(blocks(rng, middle, **how), blocks(rng, middle, **how)))


@pytest.mark.parametrize(
    "middle, times, swing, word",
    [
        (0.001, 1.0, 0.0, "PASS"),
        (0.001, 1.3, 0.0, "PASS"),  # a third more, and below 2 ms
        (0.001, 4.0, 0.0, "FAIL"),
        (0.100, 1.0, 0.0, "PASS"),
        (0.100, 1.5, 0.0, "FAIL"),
        (0.100, 1.0, 1.9, "INCONCLUSIVE"),  # the pair without us differs as much
        (0.100, 1.5, 1.9, "INCONCLUSIVE"),
    ],
)
def test_word(middle, times, swing, word):
    rng = random.Random(5)
    off = pairs(rng, middle, swing=swing, n=12 if not swing else 6)
    on = blocks(rng, middle * times, swing=swing, n=len(off))
    got, low, high = verdict.verdict(off, on)
    assert low <= high
    assert got == word, (low, high, verdict.noise(off))


def stall(blocks, times, *which):
    """Blocks in which the machine, or we, held up one of ten requests for so many times as long."""
    for i in which:
        slow = verdict.histogram([times * verdict.quantile([blocks[i]], 0.5)] * (sum(blocks[i].values()) // 10))
        blocks[i] = blocks[i] + slow
    return blocks


def with_stalls(rng, *which):
    """Pairs of blocks without us of which some had a stall; whose number is below 12 in the first arm."""
    both = blocks(rng, 0.001, n=24)
    stall(both, 40, *which)
    return list(zip(both[:12], both[12:]))


def test_rare_stalls_in_all_arms_are_the_machines():
    rng = random.Random(5)
    off = with_stalls(rng, 2, 7, 15)
    on = stall(blocks(rng, 0.001), 40, 4, 9)
    assert verdict.beyond(off, on)[:2] == (2, 3)
    assert verdict.verdict(off, on)[0] == "PASS"
    assert verdict.quantile(on, 0.99) > 10 * verdict.middle(on, 0.99), "so much one stall is for all requests at once"


@pytest.mark.parametrize(
    "ours, word",
    [
        ((), "PASS"),
        ((4,), "PASS"),  # as likely as not, where a third of all blocks are ours
        ((4, 9), "INCONCLUSIVE"),
        ((1, 4, 9), "FAIL"),  # though the median is good
    ],
)
def test_stalls_that_only_come_with_us_are_ours(ours, word):
    rng = random.Random(5)
    off = with_stalls(rng)
    on = stall(blocks(rng, 0.001), 40, *ours)
    assert verdict.excess(off, on) <= 0
    assert verdict.verdict(off, on)[0] == word


def test_a_stall_of_a_round_is_nobodys():
    """In which all arms had one: chance has no other way."""
    rng = random.Random(5)
    off = with_stalls(rng, 1, 4, 9, 13, 16, 21)
    on = stall(blocks(rng, 0.001), 40, 1, 4, 9)
    assert verdict.beyond(off, on) == (3, 6, 1.0)
    assert verdict.verdict(off, on)[0] == "PASS"


@pytest.mark.parametrize("half", [6, 5])
def test_work_that_is_felt_half_of_the_time_does_not_pass(half):
    """Where the median alone may."""
    rng = random.Random(5)
    on = blocks(rng, 0.004, n=half) + blocks(rng, 0.001, n=12 - half)
    assert verdict.verdict(with_stalls(rng), on)[0] == "FAIL"


def test_few_rounds_say_nothing():
    """The worst of four is below the median once in 16 times."""
    rng = random.Random(5)
    few, enough = pairs(rng, 0.001, n=4), pairs(rng, 0.001, n=5)
    assert verdict.verdict(few, blocks(rng, 0.001, n=4))[0] == "INCONCLUSIVE"
    assert verdict.verdict(enough, blocks(rng, 0.001, n=5))[0] == "PASS"


@pytest.mark.parametrize("second", [0.5, 2.0])
def test_a_pair_that_differs_says_nothing(second):
    """Also where the second arm was lucky: with us would be, too."""
    rng = random.Random(5)
    off = list(zip(blocks(rng, 0.1), blocks(rng, 0.1 * second)))
    assert verdict.verdict(off, blocks(rng, 0.05))[0] == "INCONCLUSIVE"


def test_rounds_without_a_request_say_nothing():
    rng = random.Random(5)
    off = pairs(rng, 0.01, n=6)
    off[1] = (verdict.histogram([]), verdict.histogram([]))
    assert verdict.verdict(off, blocks(rng, 0.01, n=6))[0] == "PASS"
    none = [(verdict.histogram([]),) * 2] * 6
    assert verdict.verdict(none, blocks(rng, 0.01, n=6))[0] == "INCONCLUSIVE"


def test_quantiles_are_exact_to_a_bucket():
    h = verdict.histogram(i / 1000 for i in range(1, 1001))
    assert verdict.quantile([h], 0.99) == pytest.approx(0.99, rel=0.021)
    assert verdict.quantile([h], 0.5) == pytest.approx(0.5, rel=0.021)
    assert verdict.quantile([], 0.5) is None


@pytest.mark.parametrize(
    "ours, sure, word",
    [
        ([1.0, 1.1, 0.95, 1.0, 1.05], True, "PASS"),
        ([0.5, 0.6, 0.4, 0.5, 0.55], True, "FAIL"),
        ([1.3, 1.2, 0.2, 0.2, 1.4], True, "INCONCLUSIVE"),  # in the mean it would do
        ([1.0, 1.1, 0.95, 1.0, 1.05], False, "INCONCLUSIVE"),
        ([1.0, 1.1, 0.95, 1.0], True, "INCONCLUSIVE"),  # too few rounds
    ],
)
def test_share_of_another_speed(ours, sure, word):
    share, low, high, got = verdict.share([900 * x for x in ours], [1000.0] * len(ours), 0.8, sure)
    assert low <= share <= high and got == word
    assert verdict.share([1.0] * 5, [0.0] * 5, 0.8)[3] == "PASS", "who does nothing is no divisor"


def test_what_is_far_from_the_goal_is_told_early():
    rng = random.Random(5)
    off = pairs(rng, 0.1, n=4, requests=100)
    assert verdict.hopeless(off, blocks(rng, 0.5, n=4, requests=100))
    assert verdict.hopeless(off, blocks(rng, 0.5, n=3, requests=100))
    assert not verdict.hopeless(off, blocks(rng, 0.5, n=2, requests=100)), "two rounds may be chance"
    assert not verdict.hopeless(off, blocks(rng, 0.5, n=3, requests=20))
    assert not verdict.hopeless(off, blocks(rng, 0.11, n=4, requests=100))
    one = blocks(rng, 0.1, n=3, requests=100)
    assert not verdict.hopeless(off, [*one[:2], *blocks(rng, 50, n=1, requests=100)]), "one stall is no reason"
    assert not verdict.hopeless([], [])
