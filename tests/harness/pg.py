# SPDX-License-Identifier: GPL-3.0-or-later
"""A throwaway PostgreSQL: own data directory, unix socket only, gone with the test.

`postgres` is started as a direct child and never through pg_ctl: a postmaster that is killed is
then reaped at once, and a restart does not trip over its pid file. The server may not run as root,
so it gets the user postgres or nobody.
"""

import contextlib
import os
import pathlib
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

import psycopg2

from . import process, schema

PORT = 5432  # names the socket only
START_SECONDS = 30
# fsync is off by default: a killed process loses nothing that it had committed, only a power cut
# would. synchronous_commit stays on, since with it off a killed postmaster does lose commits, which
# is what crash tests must be able to see.
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "restart_after_crash": "off",
    "dynamic_shared_memory_type": "mmap",  # a file in the data directory, so that nothing outlives it
    "max_wal_size": "2GB",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "lc_messages": "C",
    "timezone": "UTC",
    "jit": "off",
}


def bindir():
    """Where the server's programs are; Debian does not have them in PATH."""
    named = os.environ.get("PLMAINT_PG_BINDIR")
    if named:
        return pathlib.Path(named)
    for version in ("15", "16", "17", "14", "13"):
        path = pathlib.Path(f"/usr/lib/postgresql/{version}/bin")
        if (path / "postgres").exists():
            return path
    found = shutil.which("postgres")
    if found:
        return pathlib.Path(found).parent
    raise FileNotFoundError(
        "no PostgreSQL server programs; packaging/install-deps.sh demo installs them"
    )


def server_user():
    """Name of the user that the server runs as, or None for ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise KeyError("neither postgres nor nobody is a user of this machine")


def roomy_memory():
    """A directory in memory with room for a test cluster, or None: cloning a database is 600 small
    files, a disk takes its time.
    """
    path = "/dev/shm"
    try:
        return path if os.access(path, os.W_OK) and shutil.disk_usage(path).free > 4 << 30 else None
    except OSError:
        return None


class Session:
    """A connection that is asked as a Database is."""

    def __init__(self, conn):
        self.conn = conn

    def query(self, sql, args=None):
        with self.conn.cursor() as cur:
            cur.execute(sql, args)
            return cur.fetchall() if cur.description else None

    def value(self, sql, args=None):
        return self.query(sql, args)[0][0]


class Database:
    """One database of a cluster."""

    def __init__(self, cluster, name, level):
        self.cluster, self.name, self.level = cluster, name, level

    def conninfo(self, user=schema.OWNER):
        return self.cluster.conninfo(self.name, user)

    def connect(self, user=schema.OWNER, autocommit=True):
        return self.cluster.connect(self.name, user, autocommit)

    @contextlib.contextmanager
    def session(self, user=schema.OWNER):
        """For several questions: a new session costs as much as ten of them."""
        with contextlib.closing(self.connect(user)) as conn:
            yield Session(conn)

    def query(self, sql, args=None, user=schema.OWNER):
        """Runs one statement; its rows, or None where it has none."""
        with self.session(user) as session:
            return session.query(sql, args)

    def value(self, sql, args=None, user=schema.OWNER):
        """The first column of the first row."""
        return self.query(sql, args, user)[0][0]

    def clone(self, name=None):
        return self.cluster.clone(self.name, name, self.level)

    def drop(self):
        self.cluster.drop(self.name)


class Cluster:
    """A server of its own; `with Cluster() as c:` starts and removes it."""

    def __init__(self, fsync=False, settings=None, base=None):
        # A cluster that is to survive a crash belongs on a real file system.
        self.base = pathlib.Path(
            base or tempfile.mkdtemp(prefix="plpg", dir=None if fsync else roomy_memory())
        )
        self.data, self.sockets = self.base / "d", self.base / "s"
        self.log = self.base / "log"
        if len(str(self.sockets)) + len(f"/.s.PGSQL.{PORT}") > 100:
            raise ValueError(
                f"{self.sockets} is too long for a unix socket, whose path has a limit of 107 bytes"
            )
        self.settings = {**SETTINGS, "unix_socket_directories": str(self.sockets)}
        self.settings["fsync"] = self.settings["full_page_writes"] = "on" if fsync else "off"
        self.settings.update(settings or {})
        self.proc, self.count, self.made = None, 0, {}
        self.thread = threading.local()
        self.user = server_user()
        self.owned(self.base)
        self.sockets.mkdir()
        self.owned(self.sockets)

    def owned(self, path):
        if self.user:
            shutil.chown(path, self.user)

    def _popen(self, argv, **more):
        return subprocess.Popen(
            [str(bindir() / argv[0]), *argv[1:]],
            stdin=subprocess.DEVNULL,
            preexec_fn=process.die_with_parent,
            cwd="/",
            user=self.user,
            extra_groups=[] if self.user else None,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            **more,
        )

    def run(self, *argv):
        """Runs one of PostgreSQL's own programs to its end, as the server's user."""
        with self._popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as proc:
            out, _ = proc.communicate()
        if proc.returncode:
            raise RuntimeError(f"{argv[0]} failed: {out.decode(errors='replace')}")
        return out.decode(errors="replace")

    def initdb(self):
        self.run(
            "initdb",
            "-D",
            str(self.data),
            "-A",
            "trust",
            "-N",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        )

    # -- life

    def start(self, wait=True):
        if self.proc and self.proc.poll() is None:
            raise RuntimeError("the server runs already")
        if not (self.data / "PG_VERSION").exists():
            self.initdb()
        argv = ["postgres", "-D", str(self.data), "-p", str(PORT)]
        for key, value in self.settings.items():
            argv += ["-c", f"{key}={value}"]
        with open(self.log, "ab") as log:
            self.proc = self._popen(argv, stdout=log, stderr=log)
        if wait:
            process.wait_until(
                self._ready,
                START_SECONDS,
                lambda: f"PostgreSQL accepts connections\n{self.log_text()[-4000:]}",
            )
        return self

    def _ready(self):
        if self.proc.poll() is not None:
            raise RuntimeError(
                f"the server ended with {self.proc.returncode}\n{self.log_text()[-4000:]}"
            )
        try:
            self.connect("postgres", "postgres").close()
        except psycopg2.OperationalError:
            return False
        return True

    def _end(self, sig, seconds):
        if self.proc and self.proc.poll() is None:
            self.proc.send_signal(sig)
            process.wait(self.proc, seconds)
        self.proc = None

    def stop(self):
        """Fast shutdown: sessions are ended, a checkpoint is written."""
        self._end(signal.SIGINT, 60)

    def stop_immediate(self):
        """What `pg_ctl stop -m immediate` does: everything ends without a checkpoint; the next
        start recovers from WAL.
        """
        self._end(signal.SIGQUIT, 30)

    def kill9(self):
        """SIGKILL to the postmaster and all its children; the postmaster is held first, so that it
        can start no new ones.
        """
        if not self.proc:
            return
        pid = self.proc.pid
        os.kill(pid, signal.SIGSTOP)
        family = process.children(pid)
        process.kill_hard([pid, *family])
        process.wait(self.proc, 30)
        self.proc = None
        process.wait_until(
            lambda: not any(process.alive(p) for p in family), 30, "killed backends are gone"
        )

    def sigstop(self):
        """A hung server: connections stay open, nobody answers."""
        pid = self.proc.pid
        os.kill(pid, signal.SIGSTOP)
        for child in process.children(pid):
            os.kill(child, signal.SIGSTOP)

    def sigcont(self):
        pid = self.proc.pid
        for child in process.children(pid):
            os.kill(child, signal.SIGCONT)
        os.kill(pid, signal.SIGCONT)

    def restart(self):
        self.stop()
        return self.start()

    def close(self):
        if self.proc and self.proc.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.sigcont()
            self.stop_immediate()
        shutil.rmtree(self.base, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    # -- what the log says

    def log_text(self):
        try:
            return self.log.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def log_mark(self):
        """Where the log ends now; for log_contains(..., since=mark)."""
        return len(self.log_text())

    def log_contains(self, regex, since=0):
        """How many times the regular expression matches."""
        return len(re.findall(regex, self.log_text()[since:]))

    # -- connections and databases

    def conninfo(self, dbname, user=schema.OWNER):
        return f"host={self.sockets} port={PORT} dbname={dbname} user={user}"

    def connect(self, dbname, user=schema.OWNER, autocommit=True):
        conn = psycopg2.connect(self.conninfo(dbname, user), connect_timeout=10)
        conn.autocommit = autocommit
        return conn

    def _admins(self):
        """This thread's session as superuser, which lasts as long as the server does."""
        conn = getattr(self.thread, "conn", None)
        with contextlib.suppress(psycopg2.Error):
            if conn and not conn.closed:
                conn.cursor().execute("SELECT")
                return conn
        self.thread.conn = self.connect("postgres", "postgres")
        return self.thread.conn

    def admin(self, sql, args=None, dbname="postgres"):
        """One statement as superuser, outside a transaction."""
        with contextlib.ExitStack() as stack:
            if dbname == "postgres":
                conn = self._admins()
            else:
                conn = stack.enter_context(contextlib.closing(self.connect(dbname, "postgres")))
            cur = stack.enter_context(conn.cursor())
            cur.execute(sql, args)
            return cur.fetchall() if cur.description else None

    def role(self, name, options="LOGIN"):
        if not self.admin("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)):
            self.admin(f'CREATE ROLE "{name}" {options}')

    def create(self, name, encoding="UTF8"):
        """An empty database that belongs to Pulp's role, which is no superuser."""
        self.role(schema.OWNER)
        more = "" if encoding == "UTF8" else " LOCALE 'C'"
        self.admin(
            f"CREATE DATABASE \"{name}\" OWNER {schema.OWNER} TEMPLATE template0 ENCODING '{encoding}'{more}"
        )
        return Database(self, name, None)

    def template(self, level):
        """Name of the prepared database of a level; made when first asked for, never to be written
        to.
        """
        return self.prepared(("level", level), level, lambda db: None)

    def prepared(self, key, level, fill):
        """Name of a database of the level that `fill(database)` has filled once; for clones."""
        if key not in self.made:
            name = "tpl_" + re.sub(r"[^a-z0-9]+", "_", "_".join(map(str, key)).lower())[:50]
            if key[0] == "level":
                db = self.create(name)
                with contextlib.closing(db.connect("postgres", autocommit=False)) as conn:
                    schema.create(conn, level)
            else:
                db = self.clone(self.template(level), name, level)
            db.level = level
            fill(db)
            self.made[key] = name
        return self.made[key]

    def clone(self, template, name=None, level=None):
        """A copy of a database; nobody may be connected to the original."""
        if name is None:
            self.count += 1
            name = f"db{os.getpid()}_{self.count}"
        # Files copied as they are cost half of the CPU of pages that go through the WAL.
        self.admin(
            f'CREATE DATABASE "{name}" OWNER {schema.OWNER} TEMPLATE "{template}" STRATEGY FILE_COPY'
        )
        return Database(self, name, level)

    def database(self, level):
        """A fresh database of a level."""
        return self.clone(self.template(level), None, level)

    def drop(self, name):
        self.admin(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    # -- a standby

    def standby(self, settings=None):
        """A started hot standby of this cluster; the caller closes it before this one."""
        other = Cluster(settings={**settings} if settings else None)
        try:
            self.run(
                "pg_basebackup",
                "-D",
                str(other.data),
                "-h",
                str(self.sockets),
                "-p",
                str(PORT),
                "-U",
                "postgres",
                "-R",
                "-c",
                "fast",
                "-X",
                "stream",
            )
            other.made = dict(self.made)
            return other.start()
        except BaseException:
            other.close()
            raise


def free_port():
    """A TCP port of the loopback that was free a moment ago; whoever binds it must be ready to try
    another. Below those that the kernel gives to connections: a server that is down for a moment
    would find its own taken by one.
    """
    lowest = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        with socket.socket() as sock, contextlib.suppress(OSError):
            port = random.randrange(lowest // 2, lowest)
            sock.bind(("127.0.0.1", port))
            return port
