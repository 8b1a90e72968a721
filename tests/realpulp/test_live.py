# SPDX-License-Identifier: GPL-3.0-or-later
"""The site stays up: a Pulp under load does not notice that its manifests are migrated.

The same scripted load runs twice, each time on a fresh clone of the same database: alone, and
while plmaint migrates thousands of rows under it.  Clients push, pull by tag and by digest; an
operator syncs, reclaims space, deletes a repository and cleans up orphans without any protection
time, the harshest thing that can happen to an artifact which has just lost its last link.  Below the
same load a backup is taken, and restored on another host.
"""
import collections
import http.client
import random
import threading
import time

import pytest

import compare
import elsewhere
import genuine
import images
import registry
from sites import say

ROUNDS = 2  # of the operator, at least
THINK = 0.02  # seconds between two pulls of a client: pulls without end would only slow down the operator
UNREACHED = """
SELECT m.digest FROM container_manifest m WHERE m.data IS NULL
   AND EXISTS (SELECT 1 FROM core_contentartifact c
                WHERE c.content_id = m.content_ptr_id AND c.artifact_id IS NOT NULL)
"""
# What a site answers for by itself. The operator reclaims old manifests of the mirror; those that were
# not migrated by then are without bytes, and pulled from a source that the other host cannot reach.
HELD = registry.SERVED + """ WHERE m.data IS NOT NULL OR EXISTS (
       SELECT 1 FROM core_contentartifact c WHERE c.content_id = m.content_ptr_id AND c.artifact_id IS NOT NULL)
"""
FEW = 60
# Artifacts that detach has left without a link, as Pulp's cleanup finds them.
FREED = """
SELECT a.pulp_id FROM core_artifact a JOIN container_manifest m ON m.digest = 'sha256:' || a.sha256
 WHERE m.data IS NOT NULL AND NOT EXISTS (
       SELECT 1 FROM core_contentartifact c WHERE c.artifact_id = a.pulp_id)
"""


def a_few(conn):
    """Ids of a few freed artifacts."""
    return [str(pk) for (pk,) in conn.execute(f"{FREED} LIMIT {FEW}")]


def protect_others(conn, few):
    """All freed ones but a few are protected, so that a cleanup gets to its end: Pulp deletes some
    forty artifacts a second.
    """
    conn.execute(
        "UPDATE core_artifact SET timestamp_of_interest = now() + interval '1 day' WHERE pulp_id IN"
        f" (SELECT pulp_id FROM core_artifact WHERE pulp_id IN ({FREED}) AND pulp_id <> ALL(%s::uuid[])"
        " FOR UPDATE SKIP LOCKED)", (few,))


class Load:
    """Clients and an operator; problems are counted by what went wrong."""

    def __init__(self, site, added, seed):
        self.site, self.added, self.seed = site, added, seed
        self.done, self.problems = collections.Counter(), collections.Counter()
        self.canceled = collections.Counter()
        self.first = {}
        self.over = threading.Event()
        self.rounds = 0
        self.patience = 12  # seconds that a cleanup has
        # A cleanup without protection takes blobs that a push has uploaded but not yet named in
        # a manifest; that is Pulp's own race and not what is looked at here.
        self.pushing, self.wanted = threading.Lock(), threading.Event()

    def count(self, what, problem="", detail=""):
        self.done[what] += 1
        if problem:
            self.problems[what, problem] += 1
            self.first.setdefault((what, problem), detail)

    def puller(self, n):
        rng = random.Random(f"{self.seed} {n}")
        c = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=60)
        while not self.over.is_set():
            a = rng.choice(self.added)
            by, ref = rng.choice((("tag", a.tag), ("digest", a.digest)))
            try:
                status, media_type, body = registry.pull(self.site, genuine.TEAMS[0], ref, connection=c)
            except (OSError, http.client.HTTPException) as e:
                c.close()
                self.count(f"pull by {by}", type(e).__name__, str(e))
                continue
            if status != 200:
                self.count(f"pull by {by}", str(status), f"{ref}: {body[:200]!r}")
            elif images.sha(body) != a.digest or media_type != a.media_type:
                self.count(f"pull by {by}", "wrong body", f"{ref}: {body[:200]!r}")
            else:
                self.count(f"pull by {by}")
            self.over.wait(THINK)

    def pusher(self):
        n = 0
        while not self.over.is_set():
            name = f"live{self.seed}-{n}"
            img = images.image("oci", name, labels={"n": str(n)}, layer_count=2)
            with self.pushing:
                self.push("team/live", img, f"t{n}")
            n += 1
            # An unfair lock: an operator who waits for it goes first.
            while self.wanted.is_set() and not self.over.wait(0.01):
                pass

    def push(self, repository, img, tag):
        try:
            images.push(self.site, repository, img, tag)
            status, _, body = registry.pull(self.site, repository, tag)
            if status != 200 or images.sha(body) != img.digest:
                self.count("push", f"then pull {status}", repr(body[:200]))
            else:
                self.count("push")
        except (images.Refused, OSError, http.client.HTTPException) as e:
            self.count("push", f"{type(e).__name__} {e.args[0]}", str(e))

    def task(self, what, method, path, document=None, patience=300):
        """Dispatches a task and waits for its end; one that outlasts our patience is canceled, and
        not counted as done.
        """
        site = self.site
        try:
            answer = site.api(method, path, document)
            try:
                t = site.wait_task(answer, patience, check=False)
            except TimeoutError:
                # 409: it has ended in between.
                site.api("PATCH", answer["task"], {"state": "canceled"}, ok=(200, 202, 409))
                t = site.wait_task(answer, check=False)
                if t["state"] == "canceled":
                    self.canceled[what] += 1
                    return
            self.count(what, "" if t["state"] == "completed" else t["state"], (t.get("error") or {}).get("description", ""))
        except AssertionError as e:
            self.count(what, "refused", str(e))

    def operator(self):
        """Rounds of what operators do; each step is one of the script's, so that it can end."""
        site = self.site
        mirror = site.api("POST", "repositories/container/container/", {"name": "live-mirror"})
        old = site.api("GET", "repositories/container/container/?name=mirror/immediate")
        old = old["results"][0]

        def doomed(n):
            self.push(f"doomed/n{n}", images.image("oci", f"doomed{n}", layer_count=1), "t")

        def cleanup(n):
            # Pulp deletes some forty artifacts a second, and thousands have just lost their link.
            self.wanted.set()
            with self.pushing:
                self.wanted.clear()
                self.task("cleanup", "POST", "orphans/cleanup/", {"orphan_protection_time": 0},
                          patience=self.patience)

        def delete(n):
            found = site.api("GET", f"distributions/container/container/?base_path=doomed/n{n}")
            self.task("delete", "DELETE", found["results"][0]["pulp_href"])

        def sync(n):
            # A source of its own each time: space reclaimed from the mirror is taken from its
            # source too, which would then ask itself for what it no longer has.
            self.push(f"source/n{n}", images.image("oci", f"source{n}", layer_count=2), "t")
            remote = site.api("POST", "remotes/container/container/", {
                "name": f"live{n}", "url": f"http://127.0.0.1:{site.port}",
                "upstream_name": f"source/n{n}", "policy": "immediate"})
            self.task("sync", "POST", mirror["pulp_href"] + "sync/",
                      {"remote": remote["pulp_href"]})

        def sync_old(n):
            # pulp_container 2.22 cannot sync what it has not migrated: this fails without us.
            if n == 0:
                remote = site.api("POST", "remotes/container/container/", {
                    "name": "old", "url": f"http://127.0.0.1:{site.port}",
                    "upstream_name": genuine.TEAMS[2], "policy": "immediate"})
                repo = site.api("POST", "repositories/container/container/", {"name": "old"})
                self.task("sync of old content", "POST", repo["pulp_href"] + "sync/",
                          {"remote": remote["pulp_href"]})

        def reclaim(n):
            # Also what an old mirror shares with pushed repositories loses its files this way.
            hrefs = [mirror["pulp_href"]] + ([old["pulp_href"]] if n else [])
            self.task("reclaim", "POST", "repositories/reclaim_space/", {"repo_hrefs": hrefs})

        while True:
            for step in (sync, sync_old, doomed, cleanup, reclaim, delete, cleanup):
                if self.over.is_set():
                    return
                step(self.rounds)
            self.rounds += 1

    def run(self, until):
        """Everything at once until until() says so and the operator has made his rounds."""
        jobs = [lambda: self.puller(1), lambda: self.puller(2), self.pusher, self.operator]
        failed = []

        def guarded(job):
            try:
                job()
            except Exception as e:  # noqa: BLE001 - a thread's own failure must reach the test
                failed.append(e)
                self.over.set()

        threads = [threading.Thread(target=guarded, args=(j,)) for j in jobs]
        for t in threads:
            t.start()
        # Against a hang: beside all other suites 400 s were not enough for what takes two minutes alone.
        end = time.monotonic() + 900
        try:
            while not self.over.is_set() and not (self.rounds >= ROUNDS and until()):
                assert time.monotonic() < end, f"not over in time: {self.done}"
                self.over.wait(0.1)
        finally:
            self.over.set()
            for t in threads:
                t.join()
        if failed:
            raise failed[0]


def report(name, load):
    say(f"{name}: {dict(load.done)}, canceled {dict(load.canceled)}, problems {dict(load.problems)}")
    for key, detail in load.first.items():
        say(f"  {key}: {detail[:400]}")


@pytest.fixture(scope="module")
def alone(oracle, multiplied):
    """The load without plmaint; what goes wrong then is Pulp's own."""
    site = oracle.site(oracle.clone(multiplied.db, "alone"), multiplied.media)
    site.start()
    load = Load(site, multiplied.added, 1)
    load.run(lambda: True)
    site.close()
    report("alone", load)
    return load


def test_load_works_without_plmaint(alone):
    assert alone.done["pull by tag"] > 50 and alone.done["push"] > 2
    assert alone.done["sync"] >= ROUNDS and alone.done["cleanup"] >= 2 * ROUNDS
    # A sync that meets an unmigrated manifest ends with a TypeError; all else works.
    assert {k[0] for k in alone.problems} == {"sync of old content"}


class BackUp:
    """A backup that begins when it is first asked for; the load outlasts it."""

    def __init__(self, tool, site, directory):
        self.tool, self.directory, self.running = tool, directory, None
        tool.configure({"pulp.encryption_key": site.base / "database_fields.symmetric.key"})

    def ended(self):
        if not self.running:
            self.running = self.tool.start("backup", "online", self.directory, "--features", "pulp")
        return self.running.proc.poll() is not None


def prove_elsewhere(host, backup, plmaint):
    """Every manifest and blob that the snapshot names, on disk and through the registry."""
    made = backup.running.wait()
    assert made.code in (0, 78) and made.one("backup")["state"] == "whole", made
    done = host.restore(plmaint(host.pulp, host.settings), backup.directory)
    assert done.code in (0, 78), [e for e in done.of("step.end") if e["result"] == "failed"]
    assert host.wrong() == []
    with host.pg.session(host.pulp.db) as conn:
        assert compare.lost(conn) == 0
        served = conn.execute(HELD).fetchall()
    recent = [row for row in served if row[0] != genuine.TEAMS[0]]
    assert recent and registry.wrong_pulls(host.pulp, recent + served[::40]) == []
    return made, done


def test_load_notices_neither_the_migration_nor_a_backup(oracle, multiplied, alone, plmaint, stack):
    site = oracle.site(oracle.clone(multiplied.db, "live"), multiplied.media)
    stack.callback(site.close)
    site.start()
    tool = plmaint(site)
    # A third of the default: harder on who still holds old objects, and sooner over.
    tool.configure({"pre-migrate.grace": "10s"})
    child = tool.start("pre-migrate", "run")
    backup = BackUp(tool, site, site.base / "backups")
    load = Load(site, multiplied.added, 1)
    ended, freed, hurried, protected = [], [], [], []

    def cleaned_up_since():
        """A cleanup has begun after the last link was dropped, and was not canceled."""
        if child.proc.poll() is None:
            # The rounds were made beside the pace that the throttle finds; the rest of the work is
            # beside full speed, and has an end on a machine that has much else to do.
            if not hurried:
                hurried.append(tool.run("pre-migrate", "tune", "duty=1"))
            return False
        # One that is canceled gives back what it had taken.
        if protected != [load.canceled["cleanup"]]:
            protected[:] = [load.canceled["cleanup"]]
            with oracle.pg.session(site.db) as conn:
                if not ended:
                    freed.extend(a_few(conn))
                protect_others(conn, freed)
        if not ended:
            ended.append(load.done["cleanup"])
            load.patience = 300  # the few are all that is left, however busy the machine
        return load.done["cleanup"] >= ended[0] + 2

    def backed_up():
        """Begun when the migration has ended, so that one throttle does not wait for the other."""
        return child.proc.poll() is not None and backup.ended()

    load.run(lambda: all((backed_up(), cleaned_up_since())))
    report("with plmaint", load)
    r = child.wait()
    # What the operator reclaims before it is read is quarantined, and that is a warning.
    assert r.code in (0, 78), r
    more = load.problems - alone.problems
    assert not more, {k: load.first[k] for k in more}
    with oracle.pg.session(site.db) as conn:
        assert compare.lost(conn) == 0
        assert conn.execute(UNREACHED).fetchall() == []
        kept = conn.execute("SELECT count(*) FROM core_artifact WHERE pulp_id = ANY(%s::uuid[])", (freed,))
        assert len(freed) == FEW and kept.fetchone() == (0,), "the cleanup has taken what detach set free"
    wrong = [a for a in multiplied.added[::40]
             if images.sha(registry.pull(site, genuine.TEAMS[0], a.digest)[2]) != a.digest]
    assert wrong == []
    site.stop()
    host = elsewhere.Elsewhere(oracle.base / "elsewhere", site.level, site.base / "database_fields.symmetric.key")
    stack.callback(host.close)
    made, done = prove_elsewhere(host, backup, plmaint)
    say("migration:", *(f"{e['label']} {e['seconds']:.1f} s;" for e in r.of("step.end")))
    say("slowed:", *(f"{e['reason']}: {e['seconds']:.1f} s;" for e in r.of("slowed")))
    say("backup:", *(f"{e['label']} {e['seconds']:.1f} s: {e.get('message', '')};" for e in made.of("step.end")))
    say("slowed:", *(f"{e['reason']}: {e['seconds']:.1f} s;" for e in made.of("slowed")))
    say("restore:", *(f"{e['label']} {e['seconds']:.1f} s: {e.get('message', '')};" for e in done.of("step.end")))
