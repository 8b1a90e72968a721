# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether nobody feels it: requests at a fixed rate with the throttle, without it, at fixed duties,
and without plmaint, in short blocks that take turns; once on PostgreSQL alone, once on a real Pulp.

BLOCKS (per arm and load, 4), SECONDS (of a block, 3) and ROWS scale it; PLACE=alone or PLACE=registry
does one half. What is measured is the fill,
where most of the work is. Each arm is a program of its own that its brake file holds between its blocks.
"""
import contextlib
import os
import pathlib
import random
import statistics
import tempfile
import time

from harness import cli

from . import places, verdict

BLOCKS = int(os.environ.get("BLOCKS", "4"))
SECONDS = int(os.environ.get("SECONDS", "3"))  # pgbench knows whole ones
SETTLE = 1  # seconds of a block that do not count
WARM, WARM_STEP = 30, 5  # seconds in which the throttle finds its speed, before its first block
LOADS = {"medium": 0.3, "near saturation": 0.65}  # shares of what the server can do without us
OFF = ("off", "off again")
OURS = {
    "throttle": {},
    "duty 1": {"pre-migrate.duty": "1.0"},
    "duty 0.5": {"pre-migrate.duty": "0.5"},
    "duty 0.2": {"pre-migrate.duty": "0.2"},
    "duty 0.05": {"pre-migrate.duty": "0.05"},
}
FIXED = [name for name in OURS if name != "throttle"]


class Arm:
    """What one arm has measured, by round."""

    def __init__(self):
        self.histograms, self.rates = [], []
        self.short = False  # its rows do not last for a block


def orders(names, rounds):
    """Each round in a random order, the next one in the reverse of it."""
    rng, out = random.Random(7), []
    while len(out) < rounds:
        one = list(names)
        rng.shuffle(one)
        out += [one, one[::-1]]
    return out[:rounds]


def block(work, request):
    """Latencies, and rows a second of ours; None and None when the rows ran out, or would."""
    if work is None:
        return request(), 0.0
    before = 0 if work.ended() else work.left()
    if before == 0 or before < 1.3 * work.most:
        return None, None
    with work.at_work():
        began = time.monotonic()
        taken = request()
        lasted = time.monotonic() - began
    if work.ended():
        return None, None
    done = before - work.left()
    work.most = max(work.most, done)
    return taken, done / lasted


def warm_up(place, work, rate):
    """Until the throttle knows its speed, or half of the rows are gone."""
    with work.at_work():
        for _ in range(WARM // WARM_STEP):
            place.request(rate, 0, WARM_STEP)
            if work.ended() or work.left() < place.rows / 2:
                return


def one_block(place, name, rate):
    """On a fresh database when the rows of the arm's do not last."""
    for _ in range(2):
        work = None if name in OFF else place.work(name, OURS[name])
        if work and name == "throttle" and not work.most and not work.ended():
            warm_up(place, work, rate)
        place.quiet()
        taken, rows = block(work, lambda: place.request(rate, SETTLE, SECONDS))
        if taken is not None:
            return taken, rows
        place.forget(name)
    return None, None


def cell(place, rate, out):
    """All arms at one load, taking turns."""
    arms = {name: Arm() for name in (*OFF, *OURS)}
    for order in orders(arms, BLOCKS):
        for name in order:
            if arms[name].short:
                continue
            taken, rows = one_block(place, name, rate)
            arms[name].short = taken is None
            if taken is None:
                continue
            arms[name].histograms.append(verdict.histogram(taken))
            arms[name].rates.append(rows)
    report(arms, rate, place.rows, out)
    if "throttle" in place.arms:
        out(f"\nWhat slowed the throttle, as it says, since it began or its rows were last made anew: {place.arms['throttle'].lost()}.")


def report(arms, rate, all_rows, out):
    for name in [name for name, arm in arms.items() if arm.short]:
        out(f"\n{name}: {all_rows} rows do not last for a block of {SECONDS + SETTLE} s; more ROWS show it.")
        del arms[name]
    off = list(zip(*(arms[name].histograms for name in OFF)))
    quiet = [h for pair in off for h in pair]
    base = verdict.quantile(quiet, 0.99)
    if any(verdict.quantile(arm.histograms, 0.99) is None for arm in arms.values()):
        out(f"\n{rate:.1f} requests a second are too few for blocks of {SECONDS} s: INCONCLUSIVE.")
        return
    noise = verdict.noise(off)
    out(f"\n{rate:.0f} requests a second; p99 without us {1000 * base:.2f} ms, so it may be {1000 * verdict.may_be(base):.2f} ms."
        f" A/A: the second arm without us is {1000 * noise[0]:+.2f} to {1000 * noise[1]:+.2f} ms from what it may be.\n")
    out("| arm | p50 ms | p95 ms | p99 ms | p99 against off | from what it may be, 95 % bounds | verdict | rows/s |")
    out("|---|---|---|---|---|---|---|---|")
    good = {}
    for name, arm in arms.items():
        p50, p95, p99 = (1000 * verdict.quantile(arm.histograms, q) for q in (0.5, 0.95, 0.99))
        if name in OFF:
            out(f"| {name} | {p50:.2f} | {p95:.2f} | {p99:.2f} | | | | |")
            continue
        word, low, high = verdict.verdict(off, arm.histograms)
        rows = statistics.mean(arm.rates)
        if name in FIXED and verdict.excess(off, arm.histograms, range(len(off))) <= 0:
            good[name] = rows
        out(f"| {name} | {p50:.2f} | {p95:.2f} | {p99:.2f} | {p99 / (1000 * base):.2f} | {1000 * low:+.2f} to {1000 * high:+.2f} ms"
            f" | {word} | {rows:.0f} |")
    if not good or "throttle" not in arms:
        out("\nNo fixed duty of the grid keeps to the goal, so there is none to compare the speed with.")
        return
    ours = statistics.mean(arms["throttle"].rates)
    best = max(good, key=good.get)
    out(f"\nSpeed of the throttle: {ours / good[best]:.2f} of the best fixed duty that keeps to the goal ({best}); goal 0.85.")


def idle(place, out):
    """Nobody else at work: whole fills with the throttle and without, in turns."""
    took = {"throttle": [], "duty 1": [], "duty 1 again": []}
    for order in orders(took, max(3, BLOCKS // 2)):
        for name in order:
            setting = OURS[name.removesuffix(" again")]
            db = place.clone()
            place.quiet()
            place.count += 1
            tool = cli.Plmaint(place.directory / f"idle{place.count}", place.cluster.conninfo(db), place.media, settings=setting)
            result = tool.run("pre-migrate", "run", "--keep-links", seconds=600, code=0)
            took[name].append(result.one("step.end", label="pulp-manifests-fill")["seconds"])
            tool.close()
            place.cluster.drop(db)
    middle = {name: statistics.median(seconds) for name, seconds in took.items()}
    out(f"\nNobody else at work, {place.rows} rows, medians of {len(took['throttle'])}: with the throttle"
        f" {place.rows / middle['throttle']:.0f} rows/s, at duty 1 {place.rows / middle['duty 1']:.0f}, again"
        f" {place.rows / middle['duty 1 again']:.0f}. Share of full speed:"
        f" **{middle['duty 1'] / middle['throttle']:.2f}** (goal 0.90; the A/A pair gives {middle['duty 1'] / middle['duty 1 again']:.2f}).")


def loads(place, out):
    most = place.most()
    for words, share in LOADS.items():
        out(f"\n### Others: {words}, {share:.0%} of the {most:.0f} {place.requests} a second that the server does without us")
        cell(place, share * most, out)
        place.forget_all()


def alone(rows, out):
    with tempfile.TemporaryDirectory(prefix="plmaint-bench-") as name, contextlib.ExitStack() as stack:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        place = places.Alone(rows, directory, stack)
        stack.callback(place.forget_all)
        out(f"\n## The throttle on PostgreSQL alone ({rows} rows, {BLOCKS} blocks of {SECONDS:g} s an arm and load)")
        idle(place, out)
        loads(place, out)


def registry(rows, out):
    out(f"\n## The throttle below a real Pulp 2.22 ({rows} rows, {BLOCKS} blocks of {SECONDS:g} s an arm and load)")
    try:
        place = places.Registry(rows)
    except places.Unavailable as e:
        out(f"\nnot run: {e}")
        return
    try:
        loads(place, out)
        if place.failed():
            out(f"\n{place.failed()} pulls failed; each counts as {place.pulls.FAILED:.0f} s.")
    finally:
        place.close()


def run(rows, _rounds, out):
    began = time.monotonic()
    wanted = os.environ.get("PLACE", "alone registry").split()
    if "alone" in wanted:
        alone(rows, out)
    if "registry" in wanted:
        registry(rows, out)
    out(f"\nIt took {(time.monotonic() - began) / 60:.1f} minutes.")
