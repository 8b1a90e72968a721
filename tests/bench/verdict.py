# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether requests take longer than they may: p99 with us <= max(1.10 x, + 2 ms) of that without us.

Each block has its own p99, and what is compared is their median: a single stall of the machine, of tens
of milliseconds, decides the p99 of all requests together, and says nothing of us. What a median would hide
is judged beside it: that more blocks with us are beyond what they may be than chance gives.

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
LEAST = 5  # rounds: of fewer even the worst is below the median by chance more often than 1 in 20
CHANCE, SUSPECT = 0.05, 0.2  # so unlikely is chance where it is no explanation; where it is a bad one


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


def middle(blocks, share):
    """The median over blocks of what each has for it, in seconds; None without any requests."""
    each = [q for q in (quantile([h], share) for h in blocks) if q is not None]
    return statistics.median(each) if each else None


def p99s(blocks):
    return [quantile([h], 0.99) for h in blocks]


def _excess(off, on, rounds):
    """As excess() has it, of p99s: for each round those without us, and the one with us."""
    without = [x for r in rounds for x in off[r] if x is not None]
    with_us = [on[r] for r in rounds if on[r] is not None]
    if not without or not with_us:
        return None
    return statistics.median(with_us) - may_be(statistics.median(without))


def excess(off, on):
    """Seconds by which the p99 is beyond what it may be; below 0 is good. None without any requests."""
    return _excess([p99s(blocks) for blocks in off], p99s(on), range(len(on)))


def interval(off, on, seed=1):
    """Lower and upper 95 % bound of the excess (each one-sided).

    off: for each round the histograms without us; on: for each round the one with us.
    """
    rng, n = random.Random(seed), len(on)
    off, on = [p99s(blocks) for blocks in off], p99s(on)
    drawn = [_excess(off, on, [rng.randrange(n) for _ in range(n)]) for _ in range(DRAWS if n else 0)]
    if None in drawn or n < LEAST:
        return -math.inf, math.inf
    drawn.sort()
    return drawn[int(0.05 * DRAWS)], drawn[int(0.95 * DRAWS)]


def beyond(off, on):
    """Blocks whose p99 is beyond what it may be: how many with us, how many without, and how likely
    chance alone gives so many with us. In a round with k such blocks of n each is as likely to be ours,
    as their order was drawn: of so many rounds the chances are multiplied out.
    """
    limit = may_be(middle([h for blocks in off for h in blocks], 0.99))
    chances, ours, theirs = [1.0], 0, 0
    for blocks, one in zip(off, on):
        late = [x is not None and x > limit for x in p99s([one, *blocks])]
        ours, theirs = ours + late[0], theirs + sum(late[1:])
        hit = sum(late) / len(late)
        chances = [a * (1 - hit) + b * hit for a, b in zip([*chances, 0.0], [0.0, *chances])]
    return ours, theirs, sum(chances[ours:])


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
    without = middle([h for pair in off for h in pair], 0.99)
    margin = may_be(without) - without
    chance = beyond(off, on)[2]
    if low > 0 or chance <= CHANCE:
        word = "FAIL"
    elif high <= 0:
        word = "PASS" if chance > SUSPECT else "INCONCLUSIVE"
    else:
        word = "INCONCLUSIVE" if high - low > margin else "FAIL"
    return word, low, high


def hopeless(off, on):
    """Whether five times as many requests are late as may be in most blocks, of three or more: what more
    rounds would say is known.
    """
    quiet = [h for pair in off for h in pair]
    if len(on) < 3 or sum(sum(h.values()) for h in on) < 100 or not any(quiet):
        return False
    return middle(on, 0.95) > may_be(middle(quiet, 0.99))


def share(ours, theirs, goal, sure=True, middle=statistics.mean):
    """What we do of what they do, by the same rounds: the share, its 95 % bounds (each one-sided), and
    the word for it. sure: whether the rounds are quiet enough to tell anything.
    """
    rng, n = random.Random(2), min(len(ours), len(theirs))

    def of(rounds):
        return middle(ours[r] for r in rounds) / max(middle(theirs[r] for r in rounds), 1e-9)

    drawn = sorted(of([rng.randrange(n) for _ in range(n)]) for _ in range(DRAWS))
    low, high = drawn[int(0.05 * DRAWS)], drawn[int(0.95 * DRAWS)]
    doubted = not sure or n < LEAST or low < goal <= high
    word = "INCONCLUSIVE" if doubted else "PASS" if low >= goal else "FAIL"
    return of(range(n)), low, high, word
