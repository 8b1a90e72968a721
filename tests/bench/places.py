# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the throttle is measured: PostgreSQL alone, and a real Pulp with its services up."""
import contextlib
import pathlib
import sys

from harness import cli, pg, process
from harness.pulpdata import Site

from . import load
from .migrate import LEVEL, SERVER

REALPULP = pathlib.Path(__file__).resolve().parents[1] / "realpulp"
LIVES = {**SERVER, "autovacuum": "on", "synchronous_commit": "on"}
FILLED = 100_000  # rows of a whole fill, at most

REST = (
    "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
    " AND (state <> 'idle' OR state_change > clock_timestamp() - interval '2 s'))"
)


class Unavailable(Exception):
    """A real Pulp cannot be had here."""


class Work:
    """A program at work on a database, held by its brake file until it is let go."""

    def __init__(self, directory, cluster, db, media, settings):
        self.cluster, self.db = cluster, db
        self.brake = pathlib.Path(directory) / "brake"
        self.tool = cli.Plmaint(directory, cluster.conninfo(db), media, settings={
            "pre-migrate.brake_file": self.brake, **settings})
        self.most = 0  # rows that a block has taken
        self.running = self.tool.start("pre-migrate", "run", "--keep-links")
        # Held before it began it would have made no ledger, where tune() says the duty.
        process.wait_until(lambda: self.ended() or self._writers(), 60, "it begins")
        self.brake.touch()
        process.wait_until(lambda: self.ended() or self._waits(), 60, "it waits")

    def _ask(self, sql, args=None):
        return self.cluster.admin(sql, args, dbname=self.db)[0][0]

    def _waits(self):
        return any(e["event"] == "wait" for e in list(self.running.events))

    def _writers(self):
        return self._ask("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name LIKE 'plmaint:%%:w%%'",
                         (self.db,))

    def left(self):
        return self._ask("SELECT count(*) FROM container_manifest WHERE data IS NULL")

    @contextlib.contextmanager
    def at_work(self):
        """Between the moment at which it has its sessions and the one at which it is told to end them."""
        self.brake.unlink()
        process.wait_until(lambda: self.ended() or self._writers(), 30, "it goes on")
        try:
            yield
        finally:
            self.brake.touch()
            # Once all rows are done it keeps its sessions, for what comes next.
            process.wait_until(lambda: self.ended() or not self._writers() or not self.left(), 30, "it is held")

    def tune(self, duty):
        """For all programs on its rows: a fixed one has that duty, the throttle none beside its own ("")."""
        self.tool.run("pre-migrate", "tune", f"duty={duty}", code=0)

    def duty(self):
        """What it said last."""
        return next((e["duty"] for e in reversed(list(self.running.events)) if e["event"] == "progress"), 0.0)

    def lost(self):
        """What it says to have slowed it, and for how long."""
        said = [e.get("lost") for e in list(self.running.events) if e["event"] == "progress"]
        return next((words for words in reversed(said) if words), "nothing")

    def ended(self):
        return self.running.proc.poll() is not None

    def close(self):
        self.tool.close()


class Place:
    """Programs at work by the arm that they belong to."""

    def __init__(self):
        self.arms = {}

    def work(self, name, settings):
        """The arm's program, which waits; a new one where there is none."""
        if name not in self.arms:
            self.arms[name] = self.begin(settings)
        return self.arms[name]

    def forget_all(self):
        for name in list(self.arms):
            self.forget(name)

    def most(self):
        """What it bears without us, requests a second."""
        self.request(20, 0, 3)
        self.quiet()
        return load.sustained(self.closed_loop(), self._by_chance)

    def _by_chance(self, rate):
        self.quiet()
        return self.request(rate, 1, 3)

    def fill(self, directory, cluster, db, media, settings):
        """Of FILLED rows, by a program of its own: its seconds, and seconds by what slowed it."""
        self.quiet()
        with contextlib.closing(cli.Plmaint(directory, cluster.conninfo(db), media, settings=settings)) as tool:
            ran = tool.run("pre-migrate", "run", "--keep-links", "--max-rows", FILLED, seconds=600, code=(0, 75))
        slowed = {e["reason"]: e["seconds"] for e in ran.of("slowed")}
        return ran.one("step.end", label="pulp-manifests-fill")["seconds"], slowed


class Alone(Place):
    """PostgreSQL alone: each arm has a clone of the database for itself. The requests of others go to
    one more on the same server: they share all of it with the work, but the locks.
    """

    requests = "transactions"

    def __init__(self, rows, directory, stack):
        self.rows, self.directory, self.stack = rows, directory, stack
        self.media = directory / "media"
        self.media.mkdir()
        self.cluster = stack.enter_context(pg.Cluster(fsync=True, settings=LIVES))
        self.writers = load.Writers(directory, rows)
        self.count = 0
        super().__init__()
        template = self.cluster.database(LEVEL)
        with contextlib.closing(template.connect()) as conn:
            site = Site(conn, self.media, LEVEL)
            site.bulk_images(rows, own_config=False)
            site.heartbeat("worker", age=-86400)  # online, for a day
            for statement in load.DIGESTS:
                site.sql(statement)
            site.sql("ANALYZE")
            conn.commit()
        self.template = template.name
        self.plain = self.clone()

    def clone(self):
        self.count += 1
        name = f"arm{self.count}"
        self.cluster.admin(f'CREATE DATABASE "{name}" OWNER pulp TEMPLATE "{self.template}" STRATEGY file_copy')
        return name

    def begin(self, settings):
        self.count += 1
        return Work(self.directory / f"tool{self.count}", self.cluster, self.clone(), self.media, settings)

    def forget(self, name):
        arm = self.arms.pop(name, None)
        if arm:
            arm.close()
            self.cluster.drop(arm.db)

    def quiet(self):
        self.cluster.admin("CHECKPOINT")

    def whole(self, settings):
        """A fill: see fill()."""
        db = self.clone()
        self.count += 1
        took = self.fill(self.directory / f"tool{self.count}", self.cluster, db, self.media, settings)
        self.cluster.drop(db)
        return took

    def closed_loop(self):
        return self.writers.most(self.cluster.conninfo(self.plain))

    def request(self, rate, settle, seconds, seed=1):
        return self.writers.run(self.cluster.conninfo(self.plain), rate, settle, seconds, seed)


class Registry(Place):
    """A real Pulp: all arms work on its database, and images are pulled through its registry."""

    requests = "pulls"

    def __init__(self, rows):
        super().__init__()
        sys.path.insert(0, str(REALPULP))
        import lab  # its environments take minutes to make, so only who asks for this part pays
        import pulpenv
        import registry

        try:
            for level in pulpenv.RELEASES:
                pulpenv.venv(level)
            self.lab = lab.Lab("2.22", rows, True, {**LIVES, "max_connections": "200"})
        except pulpenv.Unavailable as e:
            raise Unavailable(str(e)) from e
        self.rows, self.count = rows, 0
        references = [r for image in self.lab.added[:2000] for r in (image.tag, image.digest)]
        self.pulls = load.Pulls("127.0.0.1", self.lab.site.port, lab.genuine.TEAMS[0], references, registry.ACCEPT)

    def _tool(self, settings):
        """What a program is made with."""
        self.count += 1
        site = self.lab.site
        seen = {"throttle.status_url": f"http://127.0.0.1:{site.port}/pulp/api/v3/status/", "redis.url": site.redis_url,
                "throttle.access_log": site.access_log}
        return self.lab.base / f"tool{self.count}", self.lab.pg, site.db, site.media, {**seen, **settings}

    def begin(self, settings):
        return Work(*self._tool(settings))

    def whole(self, settings):
        """A fill: see fill()."""
        self.forget(None)
        return self.fill(*self._tool(settings))

    def _rest(self):
        """Its processes go on with their beginning for a while."""
        process.wait_until(lambda: self.lab.pg.admin(REST, (self.lab.site.db,))[0][0], 120, "Pulp is at rest")

    def forget(self, _name):
        """They share the rows: with one all end, and all rows are there again."""
        for arm in self.arms.values():
            arm.close()
        self.arms.clear()
        self.lab.renew()
        self.request(20, 0, 3)  # nobody pays for the first requests of new processes
        self._rest()

    def forget_all(self):
        if self.arms:
            self.forget(None)

    def quiet(self):
        """Pulp's cache begins empty: the second who asks for the same is answered without the database,
        and in one round all arms are asked for the same."""
        self.lab.pg.admin("CHECKPOINT")
        self.lab.site.redis.client().flushall()

    def closed_loop(self):
        return self.pulls.most()

    def request(self, rate, settle, seconds, seed=1):
        return self.pulls.run(rate, settle, seconds, seed)

    def failed(self):
        return self.pulls.failed

    def close(self):
        for arm in self.arms.values():
            arm.close()
        self.lab.close()
