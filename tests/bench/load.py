# SPDX-License-Identifier: GPL-3.0-or-later
"""Users of a server at a fixed rate, whatever the server does: each request has a time at which it
was to begin, and its latency counts from then, so that a queue is not left out of the figures.
"""
import http.client
import math
import pathlib
import random
import statistics
import subprocess
import threading
import time
import urllib.parse

from harness import pg

SCRIPT = """\\set i random(1, {rows})
BEGIN;
SELECT m.content_ptr_id, m.digest, m.media_type, m.data FROM container_manifest m
  JOIN bench_digest d ON d.digest = m.digest WHERE d.id = :i;
UPDATE core_content c SET pulp_last_updated = now() FROM bench_digest d WHERE d.id = :i AND c.pulp_id = d.pulp_id;
COMMIT;
"""
# What the script looks up: made once in the template.
DIGESTS = (
    "CREATE TABLE bench_digest AS SELECT row_number() OVER ()::int AS id, digest, content_ptr_id AS pulp_id"
    " FROM container_manifest",
    "ALTER TABLE bench_digest ADD PRIMARY KEY (id)",
    "CREATE INDEX ON bench_digest (digest)",
    "ANALYZE bench_digest",
)


HEAPED = 10  # times as long as by themselves: requests wait for each other


def sustained(most, request):
    """Requests a second, below those of clients that do not wait: so many, in steps of a tenth, that
    come by chance and do not heap up. What clients that wait for each answer get is more than a server
    bears of users who do not.
    """
    by_themselves = statistics.median(request(most / 10))
    rate = most
    while rate > most / 10 and statistics.median(request(rate)) > HEAPED * by_themselves:
        rate *= 0.9
    return rate


def with_missing(taken, rate, seconds):
    """Requests that were due and never began count as long as the block: they waited for it."""
    expected = rate * seconds
    missing = int(expected - len(taken) - 3 * math.sqrt(expected))
    return taken + [seconds] * max(0, missing)


class Writers:
    """pgbench: a manifest by its digest and one update of its core_content, as one transaction."""

    CLIENTS = 4

    def __init__(self, directory, rows):
        self.directory = pathlib.Path(directory)
        self.script = self.directory / "script.sql"
        self.script.write_text(SCRIPT.format(rows=rows))
        self.script.chmod(0o644)

    def _argv(self, conninfo, seconds, *more):
        return [str(pg.bindir() / "pgbench"), "-n", "-f", str(self.script), "-M", "prepared",
                "-c", str(self.CLIENTS), "-j", "1", "-T", str(seconds), *more, conninfo]

    def most(self, conninfo, seconds=4):
        """Transactions a second when nobody waits."""
        out = subprocess.run(self._argv(conninfo, seconds), check=True, capture_output=True, text=True).stdout
        return float(next(line for line in out.splitlines() if line.startswith("tps")).split()[2])

    def run(self, conninfo, rate, settle, seconds, seed):
        """Latencies in seconds of what was due in the last `seconds` of settle + seconds; with the same
        seed the same is due at the same times.
        """
        for old in self.directory.glob("log.*"):
            old.unlink()
        began = time.time()
        subprocess.run(
            self._argv(conninfo, settle + seconds, "-R", f"{rate:.1f}", f"--random-seed={seed}", "-l",
                       "--log-prefix", str(self.directory / "log")),
            check=True, capture_output=True)
        taken = []
        for path in self.directory.glob("log.*"):
            for line in path.read_text().splitlines():
                f = line.split()
                took = int(f[2]) / 1e6
                if int(f[4]) + int(f[5]) / 1e6 - took >= began + settle:
                    taken.append(took)
        return with_missing(taken, rate, seconds)


class Pulls:
    """Manifests through a registry by tag and by digest, redirects followed, over kept connections."""

    CLIENTS = 16
    FAILED = 30.0  # seconds that a refused or broken request counts

    def __init__(self, host, port, repository, references, accept):
        self.host, self.port, self.repository, self.accept = host, port, repository, accept
        self.references = references
        self.failed = 0

    def _pull(self, conn, reference):
        path = f"/v2/{self.repository}/manifests/{reference}"
        for _ in range(4):
            conn.request("GET", path, headers={"Accept": self.accept})
            answer = conn.getresponse()
            answer.read()
            if answer.status not in (301, 302, 307, 308):
                return answer.status == 200
            where = urllib.parse.urlsplit(answer.getheader("location"))
            path = where.path + ("?" + where.query if where.query else "")
        return False

    def _client(self, next_due, taken):
        conn = http.client.HTTPConnection(self.host, self.port, timeout=self.FAILED)
        while (next_one := next_due()) is not None:
            due, reference = next_one
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                good = self._pull(conn, reference)
            except (OSError, http.client.HTTPException):
                conn.close()
                good = False
            self.failed += not good
            taken.append((due, time.monotonic() - due if good else self.FAILED))
        conn.close()

    def _all(self, schedule):
        lock, waiting, taken = threading.Lock(), iter(schedule), []

        def next_due():
            with lock:
                return next(waiting, None)

        clients = [threading.Thread(target=self._client, args=(next_due, taken)) for _ in range(self.CLIENTS)]
        for c in clients:
            c.start()
        for c in clients:
            c.join()
        return taken

    def most(self, seconds=4):
        """Pulls a second with a few clients that do not wait."""
        rng, began = random.Random(), time.monotonic()

        def until_end():
            while time.monotonic() - began < seconds:
                yield 0.0, rng.choice(self.references)

        return len(self._all(until_end())) / (time.monotonic() - began)

    def run(self, rate, settle, seconds, seed):
        """As Writers.run has it."""
        rng, due, schedule = random.Random(seed), time.monotonic(), []
        first, end = due + settle, due + settle + seconds
        while (due := due + rng.expovariate(rate)) < end:
            schedule.append((due, rng.choice(self.references)))
        return [took for at, took in self._all(schedule) if at >= first]
