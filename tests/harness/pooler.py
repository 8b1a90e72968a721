# SPDX-License-Identifier: GPL-3.0-or-later
"""A throwaway PgBouncer before a cluster. In transaction mode a session's state does not last:
plmaint must notice and refuse.
"""

import pathlib
import shutil
import subprocess
import tempfile

import psycopg2

from . import process
from .pg import PORT, server_user
from .schema import OWNER


class Pooler:
    """mode: transaction, session or statement, as pool_mode has it."""

    def __init__(self, cluster, mode="transaction"):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="plpb"))
        self.log, self.proc = self.base / "log", None
        (self.base / "users").write_text(f'"{OWNER}" ""\n"postgres" ""\n')
        (self.base / "ini").write_text(
            f"[databases]\n* = host={cluster.sockets} port={PORT}\n"
            f"[pgbouncer]\nlisten_addr =\nunix_socket_dir = {self.base}\nlisten_port = {PORT}\nauth_type = trust\n"
            f"auth_file = {self.base}/users\npool_mode = {mode}\nlogfile = {self.log}\npidfile = {self.base}/pid\n"
            "ignore_startup_parameters = extra_float_digits,options\nmax_client_conn = 50\ndefault_pool_size = 10\n"
        )
        self.user = server_user()  # it refuses to run as root, too
        if self.user:
            for path in (self.base, self.base / "users", self.base / "ini"):
                shutil.chown(path, self.user)

    def start(self):
        self.proc = subprocess.Popen(
            [shutil.which("pgbouncer", path="/usr/sbin:/usr/bin"), "-q", str(self.base / "ini")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self.user,
            extra_groups=[] if self.user else None,
            preexec_fn=process.die_with_parent,
            cwd="/",
        )
        process.wait_until(self._ready, 15, lambda: f"PgBouncer answers\n{self.log_text()}")
        return self

    def _ready(self):
        if self.proc.poll() is not None:
            raise RuntimeError(f"PgBouncer ended with {self.proc.returncode}\n{self.log_text()}")
        try:
            psycopg2.connect(self.conninfo("postgres", "postgres")).close()
        except psycopg2.OperationalError:
            return False
        return True

    def conninfo(self, dbname, user=OWNER):
        return f"host={self.base} port={PORT} dbname={dbname} user={user}"

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def close(self):
        if self.proc and self.proc.poll() is None:
            self.proc.kill()
            process.wait(self.proc, 15)
        shutil.rmtree(self.base, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()
