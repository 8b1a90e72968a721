# SPDX-License-Identifier: GPL-3.0-or-later
"""What an administrator waits for: the list of checks, those that run by default, all of them on
samples, and all of them on everything; on a site in good health.
"""
import contextlib
import pathlib
import subprocess
import tempfile
import threading
import time

from harness import cli, pg
from harness.peak import peak
from harness.pulpdata import Site

from . import measure
from .migrate import LEVEL, SERVER

KINDS = ("api", "content", "worker")
BOUNDS = {  # milliseconds
    "health list": (("health", "list"), 15),
    "health check": (("health", "check"), 150),
    "all, sampled": (("health", "check", "--all"), 500),
    "all, full": (("health", "check", "--all", "--full"), None),
}


def healthy(rows, directory, cluster):
    """A tool on a migrated site with its services online for a day."""
    media = directory / "media"
    media.mkdir()
    db = cluster.database(LEVEL)
    tool = cli.Plmaint(directory / "tool", db.conninfo(), media)
    with contextlib.closing(db.connect()) as conn:
        site = Site(conn, media, LEVEL)
        site.bulk_images(rows)
        conn.commit()
        tool.run("pre-migrate", "run", code=0, seconds=900)
        for kind in KINDS:
            site.heartbeat(kind, age=-86400)
        conn.commit()
    with contextlib.closing(db.connect(autocommit=True)) as conn:
        conn.cursor().execute("VACUUM (ANALYZE)")
    return tool


def pss(pid):
    """Bytes of a process and its children, each shared page by its share."""
    total, todo = 0, [pid]
    while todo:
        place = pathlib.Path(f"/proc/{todo.pop()}")
        try:
            rollup = (place / "smaps_rollup").read_text()
            children = (place / "task" / place.name / "children").read_text().split()
        except OSError:
            continue
        total += sum(1024 * int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        todo += map(int, children)
    return total


def most_together(tool, words):
    """The most bytes that the program and its children had at once; looked at as often as can be."""
    running, most = tool.start(*words), 0
    done = threading.Event()

    def wait():
        running.wait()
        done.set()

    threading.Thread(target=wait, daemon=True).start()
    while not done.is_set():
        most = max(most, pss(running.pid))
        time.sleep(0.002)
    return most


def timed(tool, words):
    """Milliseconds; started without a copy of this interpreter's tables, which costs as much."""
    began = time.monotonic()
    subprocess.call(tool.argv(*words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False)
    return 1000 * (time.monotonic() - began)


def run(rows, rounds, out):
    out(f"\n## Health of a site of {rows} migrated manifests, {4 * rounds} rounds\n")
    out("| | wall ms, median | 90 % | bound | largest process MB (bound 20) | all its processes MB |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="plmaint-bench-") as name, pg.Cluster(fsync=True, settings=SERVER) as cluster:
        directory = pathlib.Path(name)
        with contextlib.closing(healthy(rows, directory, cluster)) as tool:
            for what, (words, bound) in BOUNDS.items():
                times = sorted(timed(tool, words) for _ in range(4 * rounds if bound else rounds))
                result = tool.run(*words, seconds=900)
                largest, _ = peak(tool, "peak", *words, code=result.code)
                together = most_together(tool, words)
                out(
                    f"| `{what}` | {measure.median(times):.1f} | {times[int(0.9 * (len(times) - 1))]:.1f}"
                    f" | {bound or ''} | {largest / 1e6:.1f} | {together / 1e6:.1f} |"
                )
                ends = sorted(result.of("step.end"), key=lambda e: -e["seconds"])
                if ends:
                    slow = ", ".join(f"{e['label']} {1000 * e['seconds']:.0f} ms" for e in ends[:5])
                    bad = ", ".join(f"{e['label']}: {e['result']}" for e in ends if e["result"] not in ("ok", "skipped"))
                    out(f"| ... {len(ends)} checks, the longest {slow}; not well: {bad or 'none'} | | | | | |")
                if what == "all, full":
                    out(f"| ... {rows / measure.median(times) * 1000:.0f} manifests/s | | | | | |")
