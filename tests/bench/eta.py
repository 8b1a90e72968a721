# SPDX-License-Identifier: GPL-3.0-or-later
"""How well the end is foretold: real runs of several mixes, then many in virtual time, each scored
against what other tools' formulas would have said of the same run.

Every run is the first on its host: its ledger knows of no earlier one. A moment "at 25 %" lies at a
quarter of the run's time, pauses left out; what was told last before it counts, less the time since.
"""
import contextlib
import datetime
import os
import pathlib
import statistics
import subprocess
import tempfile
import threading
import time

from harness import cli, pg
from harness.pulpdata import Site

from .migrate import LEVEL, SERVER

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIMULATE = ROOT / "build" / "tests" / "bench" / "simulate.t"
COSTS = ROOT / "tests" / "bench" / "costs.txt"
WAY = (0.10, 0.25, 0.50, 0.75)
OURS = "plmaint"
TELLERS = (OURS, "last second (gh-ost)", "interval x N / batch (GitLab)", "lifetime mean")
PAUSE, BURST = 3.0, 3.0  # seconds
SLOWED = ("duty", "burst")  # mixes that a throttle is at work in


def seconds_of(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


class Told:
    """What was told during one run: of the whole of it, fill and detach."""

    def __init__(self, result, rows, pauses=()):
        self.pauses = list(pauses)
        self.begin = seconds_of(result.one("run.start"))
        self.end = seconds_of(result.one("run.end"))
        self.said, finished, label = [], 0, None
        for event in result.of("progress"):
            if label not in (None, event["label"]):
                finished = rows
            label = event["label"]
            at = seconds_of(event)
            done = finished + min(event["done"], rows)
            self.said.append((at, done, event["eta"]))
        self.rows = 2 * rows

    def waited(self, since, until):
        return sum(max(0.0, min(until, b) - max(since, a)) for a, b in self.pauses)

    def moments(self):
        """Of each share of the way: actual seconds left, what each teller said, and the bounds."""
        work = self.end - self.begin - self.waited(self.begin, self.end)
        first = next(((at, done) for at, done, _ in self.said if done > 0), None)
        for share in WAY:
            at = max(
                (s for s in self.said if s[0] - self.begin - self.waited(self.begin, s[0]) <= share * work),
                default=self.said[0],
            )
            moment = max(at[0], self.begin + share * work + self.waited(self.begin, at[0]))
            since = moment - at[0]
            left = self.end - moment - self.waited(moment, self.end)
            rest, elapsed = self.rows - at[1], at[0] - self.begin - self.waited(self.begin, at[0])
            before = [s for s in self.said if s[0] <= at[0] - 1.0] or [self.said[0]]
            last = (at[1] - before[-1][1]) / max(at[0] - before[-1][0], 1e-3)
            batch = (first[0] - self.begin) / first[1] if first else 0
            said = {
                OURS: at[2]["p50"] - since,
                TELLERS[1]: rest / max(last, 1e-3) - since,
                TELLERS[2]: rest * batch - since,
                TELLERS[3]: rest * elapsed / max(at[1], 1) - since,
            }
            yield share, left, said, (at[2]["p10"] - since, at[2]["p90"] - since)


class Bench:
    def __init__(self, directory, cluster, rows):
        self.directory, self.cluster, self.rows, self.runs = pathlib.Path(directory), cluster, rows, 0
        self.small = self.template("small", rows, {})
        self.large_rows = rows // 2
        self.large = self.template("large", self.large_rows, {"layers": 60})

    def template(self, name, rows, shape):
        media = self.directory / name
        media.mkdir()
        db = self.cluster.database(LEVEL)
        with contextlib.closing(db.connect()) as conn:
            site = Site(conn, media, LEVEL)
            site.bulk_images(rows, **shape)
            conn.commit()
        with contextlib.closing(db.connect()) as conn:
            conn.cursor().execute("VACUUM (ANALYZE)")
        return db, media

    def run(self, mix):
        """Told of one run, and what was estimated before it."""
        template, media = self.large if mix == "large" else self.small
        rows = self.large_rows if mix == "large" else self.rows
        db = template.clone()
        self.runs += 1
        settings, argv, env = {"pre-migrate.grace": "2s"}, ["pre-migrate", "run"], {}
        if mix == "duty":
            settings["pre-migrate.duty"] = "0.5"
        if mix == "burst":
            with contextlib.closing(db.connect()) as conn:
                Site(conn, media, LEVEL).heartbeat("worker", age=-3600)
                conn.commit()
        tool = cli.Plmaint(self.directory / f"tool{self.runs}", db.conninfo(), media, settings=settings)
        if mix != "cold":
            self.read(media)
        self.settle(mix, media)
        estimate = self.estimate(tool, mix)
        self.settle(mix, media)
        if mix == "window":
            argv += ["--window", "05:01-05:00"]
            env["TZ"] = closes_in(3)
        result, pauses = self.watched(tool, argv, env, mix, db)
        assert result.code == 0, result
        db.drop()
        return Told(result, rows, pauses), estimate

    @staticmethod
    def estimate(tool, mix):
        """What it says of such a run: with nobody online and no duty set it goes at full speed."""
        said = tool.run("pre-migrate", "estimate").one("estimate")
        return said["throttled" if mix in SLOWED else "full"]["p50"]

    def settle(self, mix, media):
        """Nothing is left to be written; where it is to be cold, nothing is left in memory."""
        self.cluster.admin("CHECKPOINT")
        if mix == "cold":
            self.cluster.restart()
            self.forget(media)

    @staticmethod
    def read(media):
        """All files are in memory: a host drops by itself what nobody has asked for since minutes."""
        subprocess.run(["find", media, "-type", "f", "-exec", "cat", "{}", "+"], check=True, stdout=subprocess.DEVNULL)

    def forget(self, media):
        """Drops the files, and the database's, from the page cache."""
        for top in (media, self.cluster.data):
            for folder, _, names in os.walk(top):
                for name in names:
                    with contextlib.suppress(OSError):
                        fd = os.open(os.path.join(folder, name), os.O_RDONLY)
                        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                        os.close(fd)

    def watched(self, tool, argv, env, mix, db):
        running = tool.start(*argv, env=env)
        pauses, threads = [], []
        with contextlib.suppress(AssertionError):
            if mix in ("pause", "burst"):
                running.wait_for("progress", when=lambda e: e["done"] > 0.5 * e["total"])
        if mix == "pause":
            tool.run("pre-migrate", "pause")
            began = time.time()
            time.sleep(PAUSE)
            pauses.append((began, time.time()))
            tool.run("pre-migrate", "resume")
        if mix == "burst":
            until = time.monotonic() + BURST
            threads = [threading.Thread(target=load, args=(db, until)) for _ in range(4)]
            for thread in threads:
                thread.start()
        result = running.wait(600)
        for thread in threads:
            thread.join()
        return result, pauses


def closes_in(seconds):
    """A zone in which it is so many seconds to five: a window that closes then does so in the middle of the work."""
    west = int(time.time() + seconds - 5 * 3600) % 86400  # POSIX counts zones westward
    west -= 86400 if west > 43200 else 0
    return f"<TST>{'-' if west < 0 else '+'}{abs(west) // 3600:02}:{abs(west) // 60 % 60:02}:{abs(west) % 60:02}"


def load(db, until):
    """Others at work: reads and small writes, each a transaction of its own."""
    with contextlib.closing(db.connect(autocommit=True)) as conn:
        cur = conn.cursor()
        while time.monotonic() < until:
            cur.execute("SELECT m.digest FROM container_manifest m WHERE m.content_ptr_id >= gen_random_uuid() LIMIT 5")
            cur.execute("UPDATE core_repository SET description = 'x' WHERE pulp_id = (SELECT pulp_id FROM core_repository LIMIT 1)")


def mixes(rounds):
    """Two runs with a window, which take a minute each; the others in turns. MIXES=NAME,... are these instead."""
    if os.environ.get("MIXES"):
        return os.environ["MIXES"].split(",") * rounds
    turns = ["small", "large", "cold", "duty", "pause", "burst"] * rounds
    for i in (0, 6):
        if i < len(turns):
            turns[i] = "window"
    return turns


def run(rows, rounds, out):
    rows = max(4000, rows // 2)
    turns = mixes(rounds)
    out(f"\n## Foretold and come: {len(turns)} real runs, level {LEVEL}, {rows} manifests ({rows // 2} large ones)\n")
    scored, estimates = [], []
    with tempfile.TemporaryDirectory(prefix="plmaint-bench-") as directory, contextlib.ExitStack() as stack:
        cluster = stack.enter_context(pg.Cluster(fsync=True, settings=SERVER))
        bench = Bench(directory, cluster, rows)
        for mix in turns:
            told, estimate = bench.run(mix)
            wall = told.end - told.begin - told.waited(told.begin, told.end)
            scored += [(mix, *moment) for moment in told.moments()]
            if mix != "window":
                estimates.append((mix, abs(estimate / wall - 1)))
    lines = report(scored, estimates, out)
    simulated(out)
    return lines


def percent(x):
    return f"{x:.1f} %" if x < 1000 else "more than ten times"


def report(scored, estimates, out):
    def error(teller, moments):
        return 100 * statistics.median(abs(said[teller] / max(left, 0.1) - 1) for _, _, left, said, _ in moments)

    lines = [f"| {len(scored) // len(WAY)} real runs, foretold by | at 10 % | 25 % | 50 % | 75 % | all |", "|---|---|---|---|---|---|"]
    for teller in TELLERS:
        cells = [error(teller, [m for m in scored if m[1] == share]) for share in WAY]
        lines.append(f"| {teller} | {' | '.join(map(percent, cells))} | {percent(error(teller, scored))} |")
    for line in lines:
        out(line)
    out("\n| mix | runs | median error | P10 to P90 holds | estimate before the run |\n|---|---|---|---|---|")
    for mix in [*sorted({m[0] for m in scored}), None]:
        mine = [m for m in scored if mix in (None, m[0])]
        held = 100 * sum(low <= left <= high for _, _, left, _, (low, high) in mine) / len(mine)
        before = [100 * e for m, e in estimates if mix in (None, m)]
        words = f"{statistics.median(before):.1f} % off" if before else ""
        out(f"| {mix or '**all**'} | {len(mine) // len(WAY)} | {error(OURS, mine):.1f} % | {held:.0f} % | {words} |")
    said = f"P10 to P90 held in {held:.0f} % of these moments."
    if estimates:
        said += f" The estimate before the run was {words}."
    return [*lines, "", said]


def simulated(out):
    for runs, rows in ((1200, 0), (60, 1_000_000), (30, 10_000_000)):
        size = f"{rows:,} manifests" if rows else "20,000 to 500,000 manifests"
        out(f"\n### {runs} simulated runs of {size}: errors, medians\n")
        argv = [str(SIMULATE), str(COSTS), str(runs), "1"] + ([str(rows)] if rows else [])
        out(subprocess.run(argv, check=True, capture_output=True, text=True).stdout.rstrip())
