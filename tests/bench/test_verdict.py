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


@pytest.mark.parametrize("second", [0.5, 2.0])
def test_a_pair_that_differs_says_nothing(second):
    """Also where the second arm was lucky: with us would be, too."""
    rng = random.Random(5)
    off = list(zip(blocks(rng, 0.1), blocks(rng, 0.1 * second)))
    assert verdict.verdict(off, blocks(rng, 0.05))[0] == "INCONCLUSIVE"


def test_rounds_without_a_request_say_nothing():
    rng = random.Random(5)
    off = pairs(rng, 0.01, n=4)
    off[1] = (verdict.histogram([]), verdict.histogram([]))
    assert verdict.verdict(off, blocks(rng, 0.01, n=4))[0] in ("PASS", "INCONCLUSIVE")
    none = [(verdict.histogram([]),) * 2] * 4
    assert verdict.verdict(none, blocks(rng, 0.01, n=4))[0] == "INCONCLUSIVE"


def test_quantiles_are_exact_to_a_bucket():
    h = verdict.histogram(i / 1000 for i in range(1, 1001))
    assert verdict.quantile([h], 0.99) == pytest.approx(0.99, rel=0.021)
    assert verdict.quantile([h], 0.5) == pytest.approx(0.5, rel=0.021)
    assert verdict.quantile([], 0.5) is None


@pytest.mark.parametrize(
    "ours, sure, word",
    [
        ([1.0, 1.1, 0.95], True, "PASS"),
        ([0.5, 0.6, 0.4], True, "FAIL"),
        ([1.3, 1.2, 0.5], True, "INCONCLUSIVE"),  # in the mean it would do
        ([1.0, 1.1, 0.95], False, "INCONCLUSIVE"),
    ],
)
def test_share_of_another_speed(ours, sure, word):
    share, low, high, got = verdict.share([900 * x for x in ours], [1000.0] * 3, 0.8, sure)
    assert low <= share <= high and got == word
    assert verdict.share([1.0], [0.0], 0.8)[3] == "PASS", "who does nothing is no divisor"


def test_what_is_far_from_the_goal_is_told_early():
    rng = random.Random(5)
    off = pairs(rng, 0.1, n=4, requests=100)
    assert verdict.hopeless(off, blocks(rng, 0.5, n=4, requests=100))
    assert verdict.hopeless(off, blocks(rng, 0.5, n=2, requests=100))
    assert not verdict.hopeless(off, blocks(rng, 0.5, n=1, requests=100)), "one round may be chance"
    assert not verdict.hopeless(off, blocks(rng, 0.5, n=2, requests=20))
    assert not verdict.hopeless(off, blocks(rng, 0.11, n=4, requests=100))
    assert not verdict.hopeless([], [])
