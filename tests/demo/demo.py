# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo`: pre-migrates a realistic Pulp database before your eyes, with a kill -9 in the middle.

usage: demo.py [--images N] [--tour FILE]

Everything is thrown away at the end, also on Ctrl-C: a PostgreSQL and a Redis of its own, Pulp's
tables with a few thousand manifests, their files, and plmaint's state. Each claim that the headings
make is checked, and the demo fails if one does not hold. --tour also writes the commands and what
they printed as Markdown; the tour in README.md comes from there.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import cli, pg, process, pulpdata, redisd  # noqa: E402
from harness.brake import Brake  # noqa: E402

LEVEL = "0043"  # pulp_container 2.22: the first that has all columns, the last with everything in files
# Rows that go wrong on real sites, one of each; see harness/awkward.py.
AWKWARD = (
    "config_reclaimed",
    "label_u0000",
    "layer_size_string",
    "corrupt_json",
    "nul_byte",
    "on_demand",
    "file_missing",
    "wrong_bytes",
    "lost_recoverable",
    "lost_for_good",
)
SLOW = 0.002  # seconds that the database takes longer for a row, so that the kill meets the run in its middle


class Failed(Exception):
    """A claim of the demo does not hold."""


class Screen:
    """What the demo prints: headings, sentences, tables, and commands with their output."""

    def __init__(self, tour):
        self.tour = [] if tour else None
        color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self.bold, self.dim, self.plain = ("\033[1m", "\033[2m", "\033[0m") if color else ("",) * 3
        self.number, self.title = 0, ""

    def heading(self, text):
        self.number += 1
        print(f"\n{self.bold}{self.number}. {text}{self.plain}\n", flush=True)
        self.title = text

    def say(self, text):
        print(f"{self.dim}   {text}{self.plain}", flush=True)

    def table(self, rows):
        """Rows of (words, number)."""
        width = max(len(words) for words, _ in rows)
        for words, number in rows:
            print(f"   {words:{width}}  {number:>8}", flush=True)

    def command(self, args):
        print(f"{self.bold}$ plmaint {' '.join(args)}{self.plain}", flush=True)

    def told(self, args, out):
        """Keeps a command and its output for the tour."""
        if self.tour is not None:
            self.tour.append(
                f"{self.title}:\n\n```console\n$ plmaint {' '.join(args)}\n{out.rstrip()}\n```\n"
            )


class Demo:
    def __init__(self, screen, stack, base, images):
        self.screen, self.base, self.images = screen, base, images
        media = base / "media"
        media.mkdir()
        self.screen.heading("A Pulp site of long ago is made")
        cluster = stack.enter_context(pg.Cluster())
        self.redis = stack.enter_context(redisd.Redis())
        self.db = cluster.database(LEVEL)
        self.conn = self.db.connect()
        stack.callback(self.conn.close)
        self.site = pulpdata.Site(self.conn, media, LEVEL)
        self.tool = cli.Plmaint(
            base / "plmaint", self.db.conninfo(), media, redis_url=self.redis.url("unix")
        )
        stack.callback(self.tool.close)
        self.env = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(base),
            "LC_ALL": "C.UTF-8",
            **{k: v for k, v in os.environ.items() if k in ("TERM", "NO_COLOR")},
        }

    # -- asking

    def value(self, sql):
        return self.site.sql(sql)[0][0]

    def claim(self, holds, words):
        if not holds:
            raise Failed(words)

    def without_either(self):
        """Manifests that have neither data nor a link: nobody could serve these."""
        return self.value(
            "SELECT count(*) FROM container_manifest m WHERE data IS NULL AND NOT EXISTS"
            " (SELECT FROM core_contentartifact c WHERE c.content_id = m.content_ptr_id)"
        )

    def written(self):
        """Rows of Pulp's tables that were ever inserted, updated or deleted."""
        self.site.sql("SELECT pg_stat_force_next_flush()")
        return self.value(
            "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables"
            " WHERE schemaname = 'public'"
        )

    def contents(self):
        """What the tables that a run writes hold."""
        return [
            self.value(f"SELECT md5(string_agg(md5(t::text), '' ORDER BY t::text)) FROM {table} t")
            for table in ("container_manifest", "core_content", "core_contentartifact", "core_artifact")
        ]

    def state(self):
        has = "SELECT count(*) FROM container_manifest WHERE data IS"
        self.screen.table(
            [
                ("manifests with their data in the database", self.value(f"{has} NOT NULL")),
                ("manifests without", self.value(f"{has} NULL")),
                ("of these with no link to a file either", self.without_either()),
            ]
        )

    def one(self):
        """One image's row, as Pulp sees it."""
        names = "data", "architecture", "os", "compressed_image_size", "labels"
        row = self.site.sql(
            f"SELECT {', '.join(names)} FROM container_manifest WHERE content_ptr_id = %s",
            (self.image,),
        )[0]
        for name, value in zip(names, row):
            text = "NULL" if value is None else json.dumps(value).strip('"')
            text = text if len(text) <= 68 else f"{text[:65]}..."
            print(f"   {name:22} {text}", flush=True)

    # -- running plmaint

    def start(self, *args, capture):
        return subprocess.Popen(
            self.tool.argv(*args, json_lines=False),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if capture else None,
            stderr=subprocess.STDOUT if capture else None,
            env=self.env,
            cwd=self.base,
            text=True,
            preexec_fn=process.die_with_parent,
        )

    def run(self, *args, codes=(0,), tour=True):
        """Runs it on this terminal; for the tour through a pipe. Its wall time."""
        self.screen.command(args)
        began = time.monotonic()
        running = self.start(*args, capture=self.screen.tour is not None)
        out, _ = running.communicate()
        seconds = time.monotonic() - began
        if out is not None:
            print(out, end="", flush=True)
            if tour:
                self.screen.told(args, out)
        self.claim(
            running.returncode in codes, f"plmaint {' '.join(args)} exits {running.returncode}"
        )
        self.screen.say(f"(exit {running.returncode} after {seconds:.1f} s)")
        return seconds

    # -- the story

    def make(self):
        site, began = self.site, time.monotonic()
        self.image = site.bulk_images(self.images, repos=12, tags=5)[0][0]
        every = site.repository("every/kind")
        site.distribution(every.name, every)
        site.every_kind(120, every)
        for name in AWKWARD:
            pulpdata.AWKWARD[name](site)
        site.sql("ANALYZE")
        kinds = site.sql(
            "SELECT media_type, count(*) FROM container_manifest GROUP BY 1 ORDER BY 2 DESC, 1"
        )
        self.screen.table([(f"manifests: {kind}", n) for kind, n in kinds])
        self.keys = [row[0] for row in site.sql("SELECT base_path FROM core_distribution")]
        self.cache()
        self.screen.table(
            [
                ("repositories", self.value("SELECT count(*) FROM core_repository")),
                ("distributions", len(self.keys)),
                ("cached by Pulp in Redis: keys", self.redis.client().dbsize()),
                ("files below MEDIA_ROOT", sum(len(f) for _, _, f in os.walk(site.media_root))),
            ]
        )
        self.screen.say(f"made in {time.monotonic() - began:.0f} s; every manifest is a file, its row is empty:")
        self.state()
        print()
        self.one()
        print()
        self.lost = self.without_either()
        self.screen.say(
            f"{self.lost} rows were lost by an earlier, interrupted migration; some can be brought back"
        )

    def cache(self):
        """One hash for each distribution, as Pulp keeps them, and a lock of its workers, which must
        survive.
        """
        client = self.redis.client()
        for key in self.keys:
            entry = {"status": 200, "type": "FileResponse", "args": [f"artifact/{key}"]}
            client.hset(key, f"/v2/{key}/manifests/latest:GET:*/*", json.dumps(entry))
        client.hset("/index/static", "/index/static:GET", "{}")
        client.set("pulp:resource_lock:task", "worker")

    def estimated(self):
        before = self.contents()
        self.run("pre-migrate", "estimate")
        self.claim(self.contents() == before, "the estimate changed something")
        self.screen.say("no row is another than before")

    def killed(self):
        total = self.value("SELECT count(*) FROM container_manifest")
        args = ("pre-migrate", "run")
        brake = Brake(self.db, seconds=SLOW)
        self.screen.say(f"the database takes {1000 * SLOW:g} ms longer for each row, so that there is something to see")
        self.screen.command(args)
        running = self.start(*args, capture=self.screen.tour is not None)

        def third():
            self.claim(running.poll() is None, "the run ended before it could be killed")
            return 3 * self.value(
                "SELECT count(*) FROM container_manifest WHERE data IS NOT NULL"
            ) > total

        try:
            process.wait_until(third, 120, "a third of the manifests has its data", poll=0.05)
        finally:
            running.kill()
            out, _ = running.communicate()
            brake.let_go()
        if out is not None:
            print(out, end="", flush=True)
            self.screen.told(args, out + "[kill -9]")
        self.screen.say(f"kill -9 {running.pid}")
        print()
        self.state()
        self.claim(self.without_either() <= self.lost, "the kill lost a manifest")
        self.screen.say("what is filled still has its link; nothing was lost")

    def resumed(self):
        self.run("pre-migrate", "run", codes=(0, 78))
        print()
        self.state()
        self.claim(self.without_either() < self.lost, "no lost manifest was brought back")

    def cached(self):
        client = self.redis.client()
        changed = {
            row[0]
            for row in self.site.sql(
                "SELECT DISTINCT d.base_path FROM core_distribution d"
                " JOIN core_repositorycontent r USING (repository_id)"
                " JOIN container_manifest m ON m.content_ptr_id = r.content_id"
                " WHERE m.data IS NOT NULL"
            )
        }
        left = [key for key in (*changed, "/index/static") if client.exists(key)]
        self.screen.table(
            [
                ("keys of distributions whose manifests changed", len(left)),
                ("other keys, among them a lock of Pulp's workers", client.dbsize() - len(left)),
            ]
        )
        self.claim(changed and not left, f"still cached: {', '.join(left[:3])}")
        self.claim(client.exists("pulp:resource_lock:task"), "a lock of Pulp's was deleted")

    def again(self):
        before = self.written()
        seconds = self.run("pre-migrate", "run", codes=(0, 78))
        rows = self.written() - before
        self.screen.table([("rows of Pulp written by it", rows)])
        self.screen.say(f"{seconds:.2f} s to know that there is nothing to do")
        self.claim(rows == 0, f"the second run wrote {rows} rows")

    def tell(self):
        screen = self.screen
        self.make()
        screen.heading("How long would it take? A sample is written and rolled back")
        self.estimated()
        screen.heading("What plmaint would do, and what it sees")
        self.run("plan", "pre-migrate", "run", tour=False)
        self.run("pre-migrate", "status")
        screen.heading("It runs on a slow database, and is killed with -9 on the way")
        self.killed()
        screen.heading("Whoever asks is told where it stands")
        self.run("pre-migrate", "status")
        screen.heading("The same command goes on, now at full speed, and ends")
        self.resumed()
        screen.heading("What could not be migrated is set aside, each with its reason")
        self.run("pre-migrate", "quarantine", "list")
        screen.heading("It proves what it did")
        self.run("pre-migrate", "verify", codes=(0, 1, 78))
        print()
        self.one()
        screen.heading("What Pulp had cached of these images is gone, and nothing else")
        self.cached()
        screen.heading("A second run finds nothing to do")
        self.again()


class Interrupt:
    """Remembers that a signal came: a library on the way may make another exception of it."""

    came = False

    def __call__(self, _number, _frame):
        self.came = True
        raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=6000)
    parser.add_argument("--tour", metavar="FILE")
    args = parser.parse_args()
    if not cli.binary().exists():
        sys.exit(f"demo: {cli.binary()} is not there; `make demo` builds it")
    interrupt = Interrupt()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    screen = Screen(args.tour)
    base = pathlib.Path(tempfile.mkdtemp(prefix="plmaint-demo"))
    began = time.monotonic()
    try:
        with contextlib.ExitStack() as stack:
            Demo(screen, stack, base, args.images).tell()
    except (KeyboardInterrupt, Exception) as why:
        if interrupt.came:
            print("\ndemo: stopped; nothing is left behind")
            return 130
        if not isinstance(why, Failed):
            raise
        print(f"\ndemo: FAILED: {why}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(base, ignore_errors=True)
    if args.tour:
        pathlib.Path(args.tour).write_text("\n".join(screen.tour))
    print(f"\n{screen.bold}That was plmaint, in {time.monotonic() - began:.0f} s.{screen.plain}"
          " Servers and files of the demo are gone.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
