# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether nobody feels it: requests at a fixed rate with the throttle, without it, at fixed duties,
and without plmaint, in short blocks that take turns; once on PostgreSQL alone, once on a real Pulp.

MINUTES (for all of it, 16, beside what it takes to make the rows), SECONDS (of a block, 3, and longer where few ask) and
ROWS scale it: each load has its share of the time, and in it as many rounds of all arms as fit, but three at least.
PLACE=alone or PLACE=registry does one half, and LOADS="idle medium near" some of the loads; TRACE=FILE keeps what the
throttle saw and decided. What is measured is the fill, where most of the work is. The throttle and the fixed duties are a program each,
which its brake file holds between its blocks; `tune` changes the duty. In one round the same is requested at the same
times of all arms. Of the fixed duties the two highest are measured of which it is not known yet whether they keep to
the goal, and none below one that does: a lower one is slower. TMPDIR in memory (/dev/shm) takes the disk, whose writes
differ more than the goal allows, out of the half without Pulp.
"""
import concurrent.futures
import contextlib
import math
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
# Seconds of a block that do not count, whole ones together: users are there before we come, as everywhere, and we settle.
LEAD, SETTLE = 0.5, 0.5
WARM, WARM_STEP = 42, 3  # seconds in which the throttle finds its speed, before its first block, at most
STOOD = 2  # steps without a higher duty, or with all of it: it has found it
LOADS = {"medium": 0.3, "near saturation": 0.65}  # shares of what the server bears without us
WANTED = os.environ.get("LOADS", "idle medium near").split()
WEIGHTS = {"idle": 1, "medium": 2, "near": 2}
TRACE = os.environ.get("TRACE")
OFF = ("off", "off again")
THROTTLE = {"throttle.trace": pathlib.Path(TRACE).absolute()} if TRACE else {}
FULL = {"pre-migrate.duty": "1.0"}
FIXED = {f"duty {duty}": duty for duty in os.environ.get("DUTIES", "1 0.5 0.2 0.1 0.05").split()}  # the highest first
HEAD = "| others | p99 without us | with the throttle | A/A: from what it may be | verdict | of the best fixed duty |"
FEW, AIMED = 50, 75  # requests of a block: of fewer it has no 99th percentile; they come by chance, so it is made for more
OF_BEST, OF_FULL = 0.85, 0.90  # goals: shares of the best fixed duty's speed, and of full speed while nobody is there


class Arm:
    """What one arm has measured, by round."""

    def __init__(self):
        self.histograms, self.rates = {}, {}
        self.short = False  # its rows do not last for a block
        self.dropped = ""  # why it is measured no more

    def blocks(self):
        return list(self.histograms.values())

    def beside(self, arms):
        """The blocks without us of the rounds that it has."""
        return [tuple(arms[name].histograms[r] for name in OFF) for r in self.histograms]


class Clock:
    """Shares what is left of the time among the cells that are left, by their weight."""

    def __init__(self, minutes):
        self.end, self.left = time.monotonic() + 60 * minutes, sum(WEIGHTS[name] for name in WANTED)

    def next_cell(self, name):
        """When it should end."""
        now, left = time.monotonic(), self.left
        self.left -= WEIGHTS[name]
        return now + max(0.0, self.end - now) * WEIGHTS[name] / left


def orders(names, until):
    """Each round in a random order, the next one, of the same arms, in the reverse of it; as many as fit."""
    rng, lasted, before = random.Random(7), 0.0, []
    for done in range(MOST):
        began, order = time.monotonic(), list(names())
        if done >= LEAST and began + lasted > until:
            return
        if done % 2 and set(order) == set(before):
            order = before[::-1]
        else:
            rng.shuffle(order)
        yield order
        lasted, before = time.monotonic() - began, order


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
    """Until the throttle's duty stands, or half of the rows are gone."""
    most, stood = 0.0, 0
    with users(lambda: place.request(rate, 0, WARM_STEP)) as them, work.at_work():
        them.result()
        for _ in range(WARM // WARM_STEP):
            still = stood + 1 if work.duty() <= 1.05 * most else 0
            stood = STOOD if work.duty() >= 1 else still
            most = max(most, work.duty())
            if work.ended() or work.left() < place.rows / 2 or stood >= STOOD:
                return
            place.request(rate, 0, WARM_STEP)


def seconds_of_block(rate):
    return max(SECONDS, math.ceil(AIMED / rate))


def one_block(place, name, rate, seed):
    """On a fresh database when the rows of the program's do not last."""
    program, settings = ("throttle", THROTTLE) if name == "throttle" else ("fixed", FULL)
    for _ in range(2):
        work = None if name in OFF else place.work(program, settings)
        if work:
            work.tune(FIXED.get(name, ""))
        if name == "throttle" and not work.most and not work.ended():
            warm_up(place, work, rate)
        place.quiet()
        taken, rows = block(work, lambda: place.request(rate, int(LEAD + SETTLE), seconds_of_block(rate), seed))
        if taken is not None:
            return taken, rows
        place.forget(program)
    return None, None


def wanted(arms):
    """Those that the next round has."""
    on = [name for name in (*OFF, "throttle") if not arms[name].short]
    return on + [name for name in FIXED if not arms[name].short and not arms[name].dropped][:2]


def drop(arms):
    """Fixed duties that are not the best one, however many rounds there are."""
    kept = ""
    for name in FIXED:
        arm = arms[name]
        off, on = arm.beside(arms), arm.blocks()
        if kept:
            arm.dropped = f"is below {kept}, which keeps to the goal"
        elif not arm.dropped and verdict.hopeless(off, on):
            arm.dropped = "is far from the goal"
        elif not arm.dropped and verdict.interval(off, on)[0] > 0:
            arm.dropped = "does not keep to the goal"
        elif verdict.interval(off, on)[1] <= 0:
            kept = name


def cell(place, rate, until, out):
    """All arms at one load, taking turns; what is to be said of it, for README.md."""
    arms = {name: Arm() for name in (*OFF, "throttle", *FIXED)}
    for seed, names in enumerate(orders(lambda: wanted(arms), until), 1):
        for name in names:
            taken, rows = one_block(place, name, rate, seed)
            arms[name].short = taken is None
            if taken is not None:
                arms[name].histograms[seed] = verdict.histogram(taken)
                arms[name].rates[seed] = rows
        drop(arms)
    line = report(arms, rate, place.rows, out)
    if "throttle" in place.arms:
        lost = place.arms["throttle"].lost()
        out(f"\nWhat slowed the throttle, as it says, since it began or its rows were last made anew: {lost}.")
    return line


def ms(seconds):
    return f"{1000 * seconds:.2f}"


def bounds(low, high):
    return f"{1000 * low:+.2f} to {1000 * high:+.2f} ms" if math.isfinite(low) else "too few rounds"


def by_round(arms, out):
    """The p99 of each block, so that whoever doubts a verdict can compute his own."""
    out("\np99 ms by round:\n")
    for name, arm in arms.items():
        out(f"- {name}: " + " ".join(f"{r}:{ms(verdict.quantile([h], 0.99) or math.nan)}" for r, h in arm.histograms.items()))


def report(arms, rate, all_rows, out):
    """The line for README.md: of the requests, the verdict, and the speed."""
    seconds = seconds_of_block(rate)
    for name in [name for name, arm in arms.items() if arm.short]:
        out(f"\n{name}: {all_rows} rows do not last for a block of {seconds + SETTLE:g} s; more ROWS show it.")
    arms = {name: arm for name, arm in arms.items() if arm.histograms}
    off = arms["off"].beside(arms)
    quiet = [h for pair in off for h in pair]
    if statistics.median(sum(h.values()) for h in quiet) < FEW:
        out(f"\n{rate:.1f} requests a second are too few for blocks of {seconds} s: INCONCLUSIVE.")
        return "| | | | INCONCLUSIVE | |"
    base = verdict.middle(quiet, 0.99)
    noise = verdict.noise(off)
    out(f"\n{rate:.0f} requests a second, {len(off)} rounds of blocks of {seconds} s. Each has its p99; the median without us"
        f" is {ms(base)} ms, so it may be {ms(verdict.may_be(base))} ms. A/A: the second arm without us is {bounds(*noise)} from what it may be.\n")
    out("| arm | rounds | p50 ms | p95 ms | p99 ms | of all blocks at once | blocks beyond what it may be, ours and without us |"
        " from what it may be, 95 % bounds | verdict | rows/s |")
    out("|---|---|---|---|---|---|---|---|---|---|")
    good, ours = {}, "| rows do not last | | |"
    for name, arm in arms.items():
        blocks = arm.blocks()
        figures = " | ".join(ms(verdict.middle(blocks, q)) for q in (0.5, 0.95, 0.99))
        figures = f"| {name} | {len(blocks)} | {figures} | {ms(verdict.quantile(blocks, 0.99))} |"
        if name in OFF:
            out(f"{figures} | | | |")
            continue
        beside, rows = arm.beside(arms), statistics.mean(arm.rates.values())
        word, low, high = verdict.verdict(beside, blocks)
        late, late_off, _ = verdict.beyond(beside, blocks)
        counts = f"{late} of {len(blocks)}, {late_off} of {2 * len(blocks)}"
        out(f"{figures} {counts} | {bounds(low, high)} | {word} | {rows:.0f} |")
        if name == "throttle":
            ours = f"| {ms(verdict.middle(blocks, 0.99))} ms | {bounds(*noise)} | {word} |"
        elif word != "FAIL" and verdict.excess(beside, blocks) <= 0 and arm.dropped not in ("is far from the goal", "does not keep to the goal"):
            good[name] = rows
    by_round(arms, out)
    for name in FIXED:
        if name in arms and arms[name].dropped:
            out(f"\n{name} {arms[name].dropped}.")
    if "throttle" not in arms:
        return f"| {ms(base)} ms {ours} |"
    if not FIXED:
        return f"| {ms(base)} ms {ours} not measured |"
    if not good:
        out("\nNo fixed duty of the grid keeps to the goal, so there is none to compare the speed with.")
        return f"| {ms(base)} ms {ours} no fixed duty keeps to it |"
    best = max(good, key=good.get)
    return f"| {ms(base)} ms {ours} {compare(arms['throttle'], arms[best], best, verdict.quiet(off), out)} |"


def compare(throttle, fixed, best, sure, out):
    """The speeds, in the rounds that have both. sure: the A/A pair keeps to the goal; where it does not
    nobody knows which duties do.
    """
    rounds = [r for r in throttle.rates if r in fixed.rates]
    share, low, high, word = verdict.share(*([arm.rates[r] for r in rounds] for arm in (throttle, fixed)), OF_BEST, sure=sure)
    out(f"\nSpeed of the throttle: {share:.2f} ({low:.2f} to {high:.2f}) of the best fixed duty that keeps to the goal ({best}),"
        f" of {len(rounds)} rounds; goal {OF_BEST:.2f}: {word}.")
    return f"{share:.2f}, {low:.2f} to {high:.2f} ({best}): {word}"


def idle(place, where, until, out):
    """Nobody else at work: whole fills with the throttle and without, in turns."""
    rows = min(place.rows, places.FILLED)
    speed, why = {"throttle": [], "duty 1": [], "duty 1 again": []}, []
    for order in orders(lambda: speed, until):
        for name in order:
            seconds, slowed = place.whole(THROTTLE if name == "throttle" else FULL)
            speed[name].append(rows / seconds)
            why += [f"{reason} ({lost:.1f} s)" for reason, lost in slowed.items()]
    middle = {name: statistics.median(rows) for name, rows in speed.items()}
    noise, least, _, aa = verdict.share(speed["duty 1 again"], speed["duty 1"], OF_FULL, middle=statistics.median)
    share, low, high, word = verdict.share(speed["throttle"], speed["duty 1"], OF_FULL, aa == "PASS", statistics.median)
    out(f"\nNobody else at work, {rows} rows, medians of {len(speed['throttle'])}: with the throttle"
        f" {middle['throttle']:.0f} rows/s, at duty 1 {middle['duty 1']:.0f}, again {middle['duty 1 again']:.0f}. Share of"
        f" full speed: **{share:.2f}**, {low:.2f} to {high:.2f} (goal {OF_FULL:.2f}; the A/A pair gives {noise:.2f}, {least:.2f}"
        f" at least): {word}. What slowed it: {', '.join(why) or 'nothing'}.")
    return (f"{where}, nobody else at work: the throttle keeps {share:.2f} ({low:.2f} to {high:.2f}) of full speed: {word}"
            f" (two arms at full speed: {noise:.2f}).")


def loads(place, where, clock, out):
    most, lines = place.most(), []
    for words, share in LOADS.items():
        name = words.split()[0]
        if name not in WANTED:
            continue
        out(f"\n### Others: {words}, {share:.0%} of the {most:.0f} {place.requests} a second that the server bears without us")
        lines.append(f"| {where}, {share:.0%} of what it bears {cell(place, share * most, clock.next_cell(name), out)}")
        place.forget_all()
    return lines


def alone(rows, minutes, out):
    with tempfile.TemporaryDirectory(prefix="plmaint-bench-") as name, contextlib.ExitStack() as stack:
        directory = pathlib.Path(name)
        directory.chmod(0o755)
        place = places.Alone(rows, directory, stack)
        stack.callback(place.forget_all)
        out(f"\n## The throttle on PostgreSQL alone ({rows} rows)")
        clock = Clock(minutes)
        said = idle(place, "PostgreSQL alone", clock.next_cell("idle"), out) if "idle" in WANTED else ""
        return loads(place, "PostgreSQL alone", clock, out), said


def registry(rows, minutes, out):
    out(f"\n## The throttle below a real Pulp 2.22 ({rows} rows)")
    try:
        place = places.Registry(rows)
    except places.Unavailable as e:
        out(f"\nnot run: {e}")
        return [], ""
    clock = Clock(minutes)
    try:
        said = idle(place, "A real Pulp", clock.next_cell("idle"), out) if "idle" in WANTED else ""
        lines = loads(place, "pulls from Pulp", clock, out)
        if place.failed():
            out(f"\n{place.failed()} pulls failed; each counts as {place.pulls.FAILED:.0f} s.")
        return lines, said
    finally:
        place.close()


PLACES = {"alone": alone, "registry": registry}


def run(rows, _rounds, out):
    wanted = os.environ.get("PLACE", " ".join(PLACES)).split()
    lines, said = [HEAD, "|---|---|---|---|---|---|"], []
    for name in wanted:
        more, idle_words = PLACES[name](rows, MINUTES / len(wanted), out)
        lines += more
        said += ["", idle_words]
    return [*lines, *said]
