# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether requests take longer than they may: p99 with us <= max(1.10 x, + 2 ms) of that without us.

Blocks of arms are interleaved in rounds and drawn again by whole rounds, so that what disturbed a
round disturbed all its arms. Two arms without us are measured as if one were with us: when these two
do not pass, whichever of them it is, the machine is too noisy to say anything.
"""
import bisect
import collections
import math
import random
import statistics

STEP = 1.02  # width of a bucket: quantiles are exact to 2 %
EDGES = [20e-6]
while EDGES[-1] < 120:
    EDGES.append(EDGES[-1] * STEP)
DRAWS = 1000


def histogram(seconds):
    return collections.Counter(bisect.bisect_left(EDGES, s) for s in seconds)


def quantile(histograms, share):
    """Seconds; None without any."""
    merged = collections.Counter()
    for h in histograms:
        merged.update(h)
    left = share * sum(merged.values())
    for bucket in sorted(merged):
        left -= merged[bucket]
        if left <= 0:
            return EDGES[min(bucket, len(EDGES) - 1)]
    return None


def may_be(off):
    return max(1.10 * off, off + 0.002)


def excess(off, on, rounds):
    """Seconds by which the p99 of these rounds is beyond what it may be; below 0 is good. None without
    any requests.
    """
    without = quantile([h for r in rounds for h in off[r]], 0.99)
    with_us = quantile([on[r] for r in rounds], 0.99)
    return None if without is None or with_us is None else with_us - may_be(without)


def interval(off, on, seed=1):
    """Lower and upper 95 % bound of the excess (each one-sided).

    off: for each round the histograms without us; on: for each round the one with us.
    """
    rng, n = random.Random(seed), len(on)
    drawn = [excess(off, on, [rng.randrange(n) for _ in range(n)]) for _ in range(DRAWS)]
    if None in drawn:
        return -math.inf, math.inf
    drawn.sort()
    return drawn[int(0.05 * DRAWS)], drawn[int(0.95 * DRAWS)]


def noise(off):
    """The A/A pair: the interval of its second arm against its first."""
    return interval([[pair[0]] for pair in off], [pair[1] for pair in off])


def quiet(off):
    """Whether neither arm of the A/A pair is beyond what the other allows it."""
    return noise(off)[1] <= 0 and noise([pair[::-1] for pair in off])[1] <= 0


def verdict(off, on):
    """PASS, FAIL or INCONCLUSIVE, with the bounds of the excess in seconds."""
    low, high = interval(off, on)
    if math.isinf(high) or not quiet(off):
        return "INCONCLUSIVE", low, high
    without = quantile([h for pair in off for h in pair], 0.99)
    margin = may_be(without) - without
    if high <= 0:
        word = "PASS"
    elif low > 0:
        word = "FAIL"
    else:
        word = "INCONCLUSIVE" if high - low > margin else "FAIL"
    return word, low, high


def hopeless(off, on):
    """Whether five times as many requests are late as may be, in two rounds or more: what more rounds
    would say is known.
    """
    quiet = [h for pair in off[:len(on)] for h in pair]
    if len(on) < 2 or sum(sum(h.values()) for h in on) < 100 or not any(quiet):
        return False
    return quantile(on, 0.95) > may_be(quantile(quiet, 0.99))


def share(ours, theirs, goal, sure=True, middle=statistics.mean):
    """What we do of what they do, by the same rounds: the share, its 95 % bounds (each one-sided), and
    the word for it. sure: whether the rounds are quiet enough to tell anything.
    """
    rng, n = random.Random(2), min(len(ours), len(theirs))

    def of(rounds):
        return middle(ours[r] for r in rounds) / max(middle(theirs[r] for r in rounds), 1e-9)

    drawn = sorted(of([rng.randrange(n) for _ in range(n)]) for _ in range(DRAWS))
    low, high = drawn[int(0.05 * DRAWS)], drawn[int(0.95 * DRAWS)]
    word = "INCONCLUSIVE" if not sure or low < goal <= high else "PASS" if low >= goal else "FAIL"
    return of(range(n)), low, high, word
