# SPDX-License-Identifier: GPL-3.0-or-later
"""A host of Pulp in units of systemd, on a machine of its own: Debian's PostgreSQL and a Redis, both
real, and processes that sign on as Pulp's do (fake_pulpcore.py).
"""

import contextlib
import os
import pathlib
import shutil
import signal
import tempfile

import psycopg2

from . import cli, pg, process, schema
from .machine import OUTER, Machine
from .need import need

HERE = pathlib.Path(__file__).parent
CLUSTER = "pulp"
VERSION = pg.bindir().parent.name  # of /usr/lib/postgresql/15/bin
POSTGRESQL = f"postgresql@{VERSION}-{CLUSTER}.service"
REDIS = "redis-server.service"
WORKERS = ("pulpcore-worker@1.service", "pulpcore-worker@2.service")
ODD = "registry-jobs.service"  # a worker whose unit has a name of its own
PULP = ("pulpcore-api.service", "pulpcore-content.service", *WORKERS, ODD)
SOCKET, TIMER = "pulpcore-content.socket", "pulpcore-cleanup.timer"
# Where a unit can be held: the line for it, and what systemd calls the moment.
HOLDS = {"stop": ("ExecStopPost", "stop-post"), "start": ("ExecStartPre", "start-pre")}
ALL = (SOCKET, REDIS, POSTGRESQL, *PULP, TIMER)  # a socket will not start after its service
# Debian's pg_ctlcluster looks three times, half a second apart, whether the server stays up.
AT_ONCE = """[Service]
ExecStart=
ExecStart=setpriv --reuid=postgres --regid=postgres --init-groups {bindir}/pg_ctl start -s -w -D {data} -l {log} \
    -o "-c config_file={conf}"
"""
UNIT = """[Unit]
Description=Pulp, {kind}
[Service]
ExecStart=/usr/bin/python3 {outer}/fake_pulpcore.py {kind} "{conninfo}" {port}
StandardError=append:{outer}/%n.err
TimeoutStopSec=20
{more}
[Install]
WantedBy=basic.target
"""


class Host:
    """One machine; `level` chooses the database that the services use."""

    def __init__(self, machine):
        need(programs=("pg_createcluster", "redis-server", "strace", "setpriv"))
        self.machine, self.outer, self.level = machine, machine.outer, None
        self.port = pg.free_port()
        self.databases = {}
        shutil.copy(HERE / "fake_pulpcore.py", self.outer)
        shutil.copy(cli.binary(), self.outer / "plmaint")
        self._make_postgresql()
        self._make_redis()

    # -- its parts

    def _make_postgresql(self):
        sockets = self.outer / "s"
        sockets.mkdir()
        sockets.chmod(0o777)
        self.machine.run("pg_createcluster", VERSION, CLUSTER, "--", "-N")
        folder = self.machine.path(f"/etc/postgresql/{VERSION}/{CLUSTER}")
        with open(folder / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.write(f"listen_addresses = ''\nunix_socket_directories = '{OUTER}/s'\nport = 5432\nfsync = off\n")
        (folder / "pg_hba.conf").write_text("local all all trust\n")
        self.systemctl("start", POSTGRESQL)
        quick = self.machine.path(f"/etc/systemd/system/{POSTGRESQL}.d")
        quick.mkdir()
        (quick / "at-once.conf").write_text(
            AT_ONCE.format(
                bindir=pg.bindir(),
                data=f"/var/lib/postgresql/{VERSION}/{CLUSTER}",
                log=f"/var/log/postgresql/postgresql-{VERSION}-{CLUSTER}.log",
                conf=f"/etc/postgresql/{VERSION}/{CLUSTER}/postgresql.conf",
            )
        )
        self.systemctl("daemon-reload")
        process.wait_until(self._connects, 60, "PostgreSQL of the machine answers")
        self.query("postgres", f"CREATE ROLE {schema.OWNER} LOGIN", user="postgres")

    def _connects(self):
        with contextlib.suppress(psycopg2.OperationalError):
            self.query("postgres", "SELECT 1", user="postgres")
            return True
        return False

    def query(self, database, sql, user=schema.OWNER):
        conn = psycopg2.connect(host=str(self.outer / "s"), port=5432, dbname=database, user=user)
        conn.autocommit = True
        with contextlib.closing(conn), conn.cursor() as cur:
            cur.execute(sql)
            return cur.fetchall() if cur.description else None

    def _make_redis(self):
        self.redis_port = pg.free_port()
        self.write_unit(
            REDIS,
            "[Service]\nType=notify\nExecStart=/usr/bin/redis-server --bind 127.0.0.1"
            f" --port {self.redis_port} --save '' --dir /run"
            f" --unixsocket {OUTER}/redis.sock --supervised systemd --daemonize no\n"
            "[Install]\nWantedBy=basic.target\n",
        )

    def write_unit(self, name, text):
        self.machine.path(f"/etc/systemd/system/{name}").write_text(text)

    def use(self, level):
        """Pulp of this level, all of its services up."""
        if level not in self.databases:
            name = f"pulp_{level}"
            self.query("postgres", f"CREATE DATABASE {name} OWNER {schema.OWNER}", user="postgres")
            conn = psycopg2.connect(
                host=str(self.outer / "s"), port=5432, dbname=name, user="postgres"
            )
            with contextlib.closing(conn):
                schema.create(conn, level)
            self.databases[level] = name
        if level != self.level:
            self.level = level
            self._write_units()
        self.systemctl("reset-failed")
        self.systemctl("start", POSTGRESQL)
        process.wait_until(self._connects, 60, "PostgreSQL of the machine answers")
        self.systemctl("start", *ALL)
        process.wait_until(lambda: self.signed_on() == len(PULP), 60, self._who_has_not)

    def _who_has_not(self):
        """Why a wait for all to sign on was in vain, in one line."""
        states = []
        for unit in PULP:
            shown = self.systemctl("show", "-p", "SubState,Result,ExecMainStatus,MainPID", unit)
            errors = self.outer / f"{unit}.err"
            last = errors.read_text().splitlines()[-1:] if errors.exists() else []
            states.append(f"{unit} {' '.join([*shown.split(), *last])}")
        return f"{self.signed_on()} of {len(PULP)} have signed on, {'; '.join(states)}; signs of life {self.signs_of_life()}"

    def conninfo(self):
        return f"host={OUTER}/s port=5432 dbname={self.databases[self.level]} user={schema.OWNER}"

    def _write_units(self):
        def unit(kind, port="", more=""):
            return UNIT.format(kind=kind, outer=OUTER, conninfo=self.conninfo(), port=port, more=more)

        self.systemctl("stop", *PULP, SOCKET, check=False)
        self.write_unit("pulpcore-api.service", unit("api", self.port))
        self.write_unit("pulpcore-content.service", unit("content"))
        self.write_unit("pulpcore-worker@.service", unit("worker"))
        self.write_unit(ODD, unit("worker"))
        self.write_unit(
            SOCKET, "[Socket]\nListenStream=/run/pulpcore-content.sock\n[Install]\nWantedBy=sockets.target\n"
        )
        self.write_unit("pulpcore-cleanup.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n")
        self.write_unit(TIMER, "[Timer]\nOnCalendar=yearly\n[Install]\nWantedBy=timers.target\n")
        self.systemctl("daemon-reload")
        self.systemctl("enable", REDIS, *PULP, SOCKET, TIMER)

    # -- asking

    def systemctl(self, *words, check=True):
        return self.machine.run("systemctl", *words, check=check)

    def active(self, units=ALL):
        """Those of the units that run."""
        lines = self.systemctl("is-active", *units, check=False).split()
        assert len(lines) == len(units), lines
        return {u for u, state in zip(units, lines) if state in ("active", "activating", "reloading")}

    def kill(self, unit):
        """systemctl may complain of a process that it has killed and still finds in the group."""
        self.systemctl("kill", "-s", "KILL", unit, check=False)

    def shows(self, unit, name):
        return self.systemctl("show", "-p", name, "--value", unit).strip()

    def signs_of_life(self):
        """Name of each process of Pulp, and seconds since its last one."""
        tables = ["core_appstatus"]
        name = self.databases[self.level]
        if not self.query(name, "SELECT to_regclass('core_appstatus')")[0][0]:
            tables = ["core_worker", "core_apiappstatus", "core_contentappstatus"]
        rows = (f"SELECT name, extract(epoch FROM now() - last_heartbeat)::float FROM {t}" for t in tables)
        return dict(self.query(name, " UNION ALL ".join(rows)))

    def signed_on(self):
        """How many have given one just now."""
        return sum(age < 3 for age in self.signs_of_life().values())

    @contextlib.contextmanager
    def drop_in(self, unit, text, name="test"):
        """Further lines for the service section of a unit; each name has its own."""
        folder = self.machine.path(f"/etc/systemd/system/{unit}.d")
        folder.mkdir(exist_ok=True)
        lines = folder / f"{name}.conf"
        lines.write_text(f"[Service]\n{text}\n")
        self.systemctl("daemon-reload")
        try:
            yield
        finally:
            lines.unlink()
            self.systemctl("daemon-reload")

    @contextlib.contextmanager
    def held(self, unit, action):
        """In the midst of its stop or start the unit waits. What is given: a function that waits until
        it does, and one that lets it go on.
        """
        gate = self.outer / "gate"
        gate.touch()
        line, moment = HOLDS[action]

        def arrives():
            process.wait_until(lambda: self.shows(unit, "SubState") == moment, 60, f"{unit} is held")

        text = f"{line}=/bin/sh -c 'while test -e {OUTER}/gate; do sleep 0.05; done'"
        with self.drop_in(unit, text, "held"):
            try:
                yield arrives, gate.unlink
            finally:
                gate.unlink(missing_ok=True)


@contextlib.contextmanager
def machine_of_a_host(prefix):
    """A host, and its directory, which goes with it."""
    outer = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
    outer.chmod(0o755)
    try:
        with contextlib.closing(Machine(outer)) as machine:
            yield Host(machine)
    finally:
        shutil.rmtree(outer, ignore_errors=True)


class Inside(cli.Plmaint):
    """plmaint on the machine."""

    def __init__(self, host, directory, settings=None):
        self.host = host
        super().__init__(
            host.outer / directory, host.conninfo(), OUTER, f"unix://{OUTER}/redis.sock", settings
        )

    def configure(self, settings):
        super().configure(settings)
        self.config.write_text(self.host.machine.inside(self.config.read_text()))

    def argv(self, *args, json_lines=True, config=True):
        out = [f"{OUTER}/plmaint"]
        if config:
            out += ["--config", self.host.machine.inside(self.config)]
        return [*out, *(["--json"] if json_lines else []), *map(str, args)]

    def start(self, *args, wrap=(), **options):
        return super().start(*args, wrap=[*self.host.machine.enter(), *wrap], **options)

    @staticmethod
    def signal(running, number):
        """nsenter, which stands between, hands nothing on."""
        (pid,) = process.children(running.pid)
        os.kill(pid, number)

    def killed(self, running):
        """It is, and so is the systemctl that it waited for."""
        self.signal(running, signal.SIGKILL)
        assert running.wait().code == 137
        ours = lambda: self.host.machine.run("ps", "-eo", "comm").split()  # noqa: E731
        process.wait_until(lambda: "systemctl" not in ours(), 60, "its child is dead, too")

    def remembered(self):
        path = self.state_dir / "services"
        return set(path.read_text().splitlines()[1:]) if path.exists() else set()
