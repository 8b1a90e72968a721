# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether nobody feels it: requests at a fixed rate with the throttle, without it, at fixed duties,
and without plmaint, in short blocks that take turns; once on PostgreSQL alone, once on a real Pulp.

MINUTES (for all of it, 16), SECONDS (of a block, 3) and ROWS scale it: each load has its share of the time, and in
it as many rounds of all arms as fit, but three at least. PLACE=alone or PLACE=registry does one half, and
LOADS="idle medium near" some of the loads; TRACE=FILE keeps what the throttle saw and decided. What is measured is the
fill, where most of the work is. Each arm is a program of its own that its brake file holds between its blocks. In one
round the same is requested at the same times of all arms; a fixed duty that is far from the goal is measured no more.
TMPDIR in memory (/dev/shm) takes the disk, whose writes differ more than the goal allows, out of the half without Pulp.
"""
import concurrent.futures
import contextlib
import os
import pathlib
import random
import statistics
import tempfile
import time

from . import places, verdict

MINUTES = float(os.environ.get("MINUTES", "16"))
LEAST, MOST = 3, 40  # rounds
SECONDS = int(os.environ.get("SECONDS", "3"))  # pgbench knows whole ones
# Seconds of a block that do not count: users are there before we come, as everywhere, and we settle.
LEAD, SETTLE = 1, 1
WARM, WARM_STEP = 60, 1  # seconds in which the throttle finds its speed, before its first block
LOADS = {"medium": 0.3, "near saturation": 0.65}  # shares of what the server bears without us
WANTED = os.environ.get("LOADS", "idle medium near").split()
TRACE = os.environ.get("TRACE")
OFF = ("off", "off again")
OURS = {
    "throttle": {"throttle.trace": pathlib.Path(TRACE).absolute()} if TRACE else {},
    "duty 1": {"pre-migrate.duty": "1.0"},
    "duty 0.5": {"pre-migrate.duty": "0.5"},
    "duty 0.2": {"pre-migrate.duty": "0.2"},
    "duty 0.05": {"pre-migrate.duty": "0.05"},
}
HEAD = "| others | p99 without us | with the throttle | A/A: from what it may be | verdict | of the best fixed duty |"
OF_BEST, OF_FULL = 0.85, 0.90  # goals: shares of the best fixed duty's speed, and of full speed while nobody is there
FIXED = [name for name in OURS if name != "throttle"]


class Arm:
    """What one arm has measured, by round."""

    def __init__(self):
        self.histograms, self.rates = [], []
        self.short = False  # its rows do not last for a block
        self.hopeless = False  # far from the goal


class Clock:
    """Shares what is left of the time among the cells that are left."""

    def __init__(self, cells):
        self.end, self.cells = time.monotonic() + 60 * MINUTES, cells

    def next_cell(self):
        """When it should end."""
        now = time.monotonic()
        self.cells -= 1
        return now + max(0.0, self.end - now) / (self.cells + 1)


def orders(names, until):
    """Each round in a random order, the next one in the reverse of it; as many as fit."""
    rng, longest, order = random.Random(7), 0.0, list(names)
    for done in range(MOST):
        began = time.monotonic()
        if done >= LEAST and began + longest > until:
            return
        if done % 2 == 0:
            rng.shuffle(order)
        else:
            order.reverse()
        yield list(order)
        longest = max(longest, time.monotonic() - began)


@contextlib.contextmanager
def users(request):
    """Who are there before the work of the block begins; answers what waits for their latencies."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        them = pool.submit(request)
        time.sleep(LEAD)
        yield them


def block(work, request):
    """Latencies, and rows a second of ours; None and None when the rows ran out, or would."""
    if work is None:
        return request(), 0.0
    before = 0 if work.ended() else work.left()
    if before == 0 or before < 1.3 * work.most:
        return None, None
    with users(request) as them, work.at_work():
        began = time.monotonic()
        taken = them.result()
        lasted = time.monotonic() - began
    left = 0 if work.ended() else work.left()
    if left == 0:
        return None, None
    done = before - left
    work.most = max(work.most, done)
    return taken, done / lasted


def warm_up(place, work, rate):
    """Until the throttle knows its speed, or half of the rows are gone."""
    with users(lambda: place.request(rate, 0, LEAD + WARM)) as them, work.at_work():
        while not them.done():
            time.sleep(WARM_STEP)
            if work.ended() or work.left() < place.rows / 2:
                return


def one_block(place, name, rate, seed):
    """On a fresh database when the rows of the arm's do not last."""
    for _ in range(2):
        work = None if name in OFF else place.work(name, OURS[name])
        if work and name == "throttle" and not work.most and not work.ended():
            warm_up(place, work, rate)
        place.quiet()
        taken, rows = block(work, lambda: place.request(rate, LEAD + SETTLE, SECONDS, seed))
        if taken is not None:
            return taken, rows
        place.forget(name)
    return None, None


def cell(place, rate, until, out):
    """All arms at one load, taking turns; what is to be said of it, for README.md."""
    arms = {name: Arm() for name in (*OFF, *OURS)}
    for seed, order in enumerate(orders(arms, until), 1):
        for name in order:
            if arms[name].short or arms[name].hopeless:
                continue
            taken, rows = one_block(place, name, rate, seed)
            arms[name].short = taken is None
            if taken is None:
                continue
            arms[name].histograms.append(verdict.histogram(taken))
            arms[name].rates.append(rows)
        off = list(zip(*(arms[name].histograms for name in OFF)))
        for name in FIXED:
            arms[name].hopeless = arms[name].hopeless or verdict.hopeless(off, arms[name].histograms)
    line = report(arms, rate, place.rows, out)
    if "throttle" in place.arms:
        out(f"\nWhat slowed the throttle, as it says, since it began or its rows were last made anew: {place.arms['throttle'].lost()}.")
    return line


def report(arms, rate, all_rows, out):
    """The line for README.md: of the requests, the verdict, and the speed."""
    for name in [name for name, arm in arms.items() if arm.short]:
        out(f"\n{name}: {all_rows} rows do not last for a block of {SECONDS + SETTLE} s; more ROWS show it.")
        del arms[name]
    off = list(zip(*(arms[name].histograms for name in OFF)))
    quiet = [h for pair in off for h in pair]
    base = verdict.quantile(quiet, 0.99)
    if any(verdict.quantile(arm.histograms, 0.99) is None for arm in arms.values()):
        out(f"\n{rate:.1f} requests a second are too few for blocks of {SECONDS} s: INCONCLUSIVE.")
        return "| | | | INCONCLUSIVE | |"
    noise = verdict.noise(off)
    out(f"\n{rate:.0f} requests a second; p99 without us {1000 * base:.2f} ms, so it may be {1000 * verdict.may_be(base):.2f} ms."
        f" A/A: the second arm without us is {1000 * noise[0]:+.2f} to {1000 * noise[1]:+.2f} ms from what it may be.\n")
    out(f"Rounds: {len(off)}; of what was far from the goal "
        f"{', '.join(f'{len(arm.histograms)} ({name})' for name, arm in arms.items() if arm.hopeless) or 'all'}.\n")
    out("| arm | p50 ms | p95 ms | p99 ms | p99 against off | from what it may be, 95 % bounds | verdict | rows/s |")
    out("|---|---|---|---|---|---|---|---|")
    good, ours = {}, "| rows do not last | | |"
    for name, arm in arms.items():
        p50, p95, p99 = (1000 * verdict.quantile(arm.histograms, q) for q in (0.5, 0.95, 0.99))
        if name in OFF:
            out(f"| {name} | {p50:.2f} | {p95:.2f} | {p99:.2f} | | | | |")
            continue
        word, low, high = verdict.verdict(off, arm.histograms)
        rows = statistics.mean(arm.rates)
        if name == "throttle":
            ours = f"| {p99:.2f} ms | {1000 * noise[0]:+.2f} to {1000 * noise[1]:+.2f} ms | {word} |"
        if name in FIXED and verdict.excess(off, arm.histograms, range(len(arm.histograms))) <= 0:
            good[name] = rows
        out(f"| {name} | {p50:.2f} | {p95:.2f} | {p99:.2f} | {p99 / (1000 * base):.2f} | {1000 * low:+.2f} to {1000 * high:+.2f} ms"
            f" | {word} | {rows:.0f} |")
    if "throttle" not in arms:
        return f"| {1000 * base:.2f} ms {ours} |"
    if not good:
        out("\nNo fixed duty of the grid keeps to the goal, so there is none to compare the speed with.")
        return f"| {1000 * base:.2f} ms {ours} no fixed duty keeps to it |"
    best = max(good, key=good.get)
    # Where the A/A pair does not keep to the goal nobody knows which duties do.
    share, low, high, word = verdict.share(arms["throttle"].rates, arms[best].rates, OF_BEST, sure=verdict.quiet(off))
    out(f"\nSpeed of the throttle: {share:.2f} ({low:.2f} to {high:.2f}) of the best fixed duty that keeps to the goal ({best});"
        f" goal {OF_BEST:.2f}: {word}.")
    return f"| {1000 * base:.2f} ms {ours} {share:.2f}, {low:.2f} to {high:.2f} ({best}): {word} |"


def idle(place, where, until, out):
    """Nobody else at work: whole fills with the throttle and without, in turns."""
    speed, why = {"throttle": [], "duty 1": [], "duty 1 again": []}, []
    for order in orders(speed, until):
        for name in order:
            seconds, slowed = place.whole(OURS[name.removesuffix(" again")])
            speed[name].append(place.rows / seconds)
            why += [f"{reason} ({lost:.1f} s)" for reason, lost in slowed.items()]
    middle = {name: statistics.median(rows) for name, rows in speed.items()}
    noise, least, _, aa = verdict.share(speed["duty 1 again"], speed["duty 1"], OF_FULL, middle=statistics.median)
    share, low, high, word = verdict.share(speed["throttle"], speed["duty 1"], OF_FULL, aa == "PASS", statistics.median)
    out(f"\nNobody else at work, {place.rows} rows, medians of {len(speed['throttle'])}: with the throttle"
        f" {middle['throttle']:.0f} rows/s, at duty 1 {middle['duty 1']:.0f}, again {middle['duty 1 again']:.0f}. Share of"
        f" full speed: **{share:.2f}**, {low:.2f} to {high:.2f} (goal {OF_FULL:.2f}; the A/A pair gives {noise:.2f}, {least:.2f}"
        f" at least): {word}. What slowed it: {', '.join(why) or 'nothing'}.")
    return (f"{where}, nobody else at work: the throttle keeps {share:.2f} ({low:.2f} to {high:.2f}) of full speed: {word}"
            f" (two arms at full speed: {noise:.2f}).")


def loads(place, where, clock, out):
    most, lines = place.most(), []
    for words, share in LOADS.items():
        if words.split()[0] not in WANTED:
            continue
        out(f"\n### Others: {words}, {share:.0%} of the {most:.0f} {place.requests} a second that the server bears without us")
        lines.append(f"| {where}, {share:.0%} of what it bears {cell(place, share * most, clock.next_cell(), out)}")
        place.forget_all()
    return lines


def alone(rows, clock, out):
    with tempfile.TemporaryDirectory(prefix="plmaint-bench-") as name, contextlib.ExitStack() as stack:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        place = places.Alone(rows, directory, stack)
        stack.callback(place.forget_all)
        out(f"\n## The throttle on PostgreSQL alone ({rows} rows, blocks of {SECONDS:g} s)")
        said = idle(place, "PostgreSQL alone", clock.next_cell(), out) if "idle" in WANTED else ""
        return loads(place, "PostgreSQL alone", clock, out), said


def registry(rows, clock, out):
    out(f"\n## The throttle below a real Pulp 2.22 ({rows} rows, blocks of {SECONDS:g} s)")
    try:
        place = places.Registry(rows)
    except places.Unavailable as e:
        out(f"\nnot run: {e}")
        return [], ""
    try:
        said = idle(place, "A real Pulp", clock.next_cell(), out) if "idle" in WANTED else ""
        lines = loads(place, "pulls from Pulp", clock, out)
        if place.failed():
            out(f"\n{place.failed()} pulls failed; each counts as {place.pulls.FAILED:.0f} s.")
        return lines, said
    finally:
        place.close()


PLACES = {"alone": alone, "registry": registry}


def run(rows, _rounds, out):
    wanted = os.environ.get("PLACE", " ".join(PLACES)).split()
    clock = Clock(len(WANTED) * len(wanted))
    lines, said = [HEAD, "|---|---|---|---|---|---|"], []
    for name in wanted:
        more, idle_words = PLACES[name](rows, clock, out)
        lines += more
        said += ["", idle_words]
    return [*lines, *said]
