# SPDX-License-Identifier: GPL-3.0-or-later
"""A throwaway Redis on the loopback and a unix socket; with a password, an ACL user or TLS where a
test wants one.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import redis

from . import process
from .pg import free_port

PASSWORD = "s3cret/with:odd@signs"  # every character that a URL must escape
USER = "plmaint"


def make_certificate(directory):
    """A CA and a server certificate for localhost and 127.0.0.1; paths by name."""
    directory = pathlib.Path(directory)
    paths = {
        name: directory / name
        for name in ("ca.crt", "ca.key", "server.crt", "server.key", "server.csr", "ext")
    }
    paths["ext"].write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")

    def openssl(*argv):
        subprocess.run(["openssl", *map(str, argv)], check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        "req",
        "-x509",
        *key,
        "-keyout",
        paths["ca.key"],
        "-out",
        paths["ca.crt"],
        "-days",
        2,
        "-subj",
        "/CN=plmaint test CA",
    )
    openssl(
        "req",
        *key,
        "-keyout",
        paths["server.key"],
        "-out",
        paths["server.csr"],
        "-subj",
        "/CN=localhost",
    )
    openssl(
        "x509",
        "-req",
        "-in",
        paths["server.csr"],
        "-CA",
        paths["ca.crt"],
        "-CAkey",
        paths["ca.key"],
        "-CAcreateserial",
        "-days",
        2,
        "-extfile",
        paths["ext"],
        "-out",
        paths["server.crt"],
    )
    return paths


class Redis:
    """password: requirepass. acl: only the user USER, with the rights that deleting keys takes.
    tls: TLS on the port.
    """

    def __init__(self, password=False, acl=False, tls=False, settings=None):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="plrd"))
        self.socket, self.log = self.base / "r.sock", self.base / "log"
        self.password, self.acl, self.tls = password, acl, tls
        self.settings, self.port, self.proc = dict(settings or {}), None, None
        self.certificates = make_certificate(self.base) if tls else None

    def _argv(self):
        options = {
            "bind": "127.0.0.1",
            "port": 0 if self.tls else self.port,
            "unixsocket": self.socket,
            "dir": self.base,
            "save": "",
            "appendonly": "no",
            "logfile": self.log,
            "daemonize": "no",
            **self.settings,
        }
        if self.tls:
            options.update(
                {
                    "tls-port": self.port,
                    "tls-cert-file": self.certificates["server.crt"],
                    "tls-key-file": self.certificates["server.key"],
                    "tls-ca-cert-file": self.certificates["ca.crt"],
                    "tls-auth-clients": "no",
                }
            )
        # In a file and not in argv, which every user of the machine can read.
        conf = self.base / "redis.conf"
        text = "".join(f'{key} "{value}"\n' for key, value in options.items())
        if self.password:
            text += f'requirepass "{PASSWORD}"\n'
        if self.acl:
            text += "user default off\n"
            rights = "+ping +del +unlink +exists +scan +select +client +info +hello +auth"
            text += f"user {USER} on >{PASSWORD} ~* -@all {rights}\n"
            text += f"user root on >{PASSWORD} ~* &* +@all\n"
        conf.touch(mode=0o600)
        conf.write_text(text)
        return ["redis-server", str(conf)]

    def start(self):
        """Keeps its port over a restart; takes another one while somebody else has it."""
        for _ in range(10):
            if self.port is None:
                self.port = free_port()
            self.proc = subprocess.Popen(
                self._argv(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=process.die_with_parent,
                cwd="/",
            )
            if process.wait_until(self._up, 15, lambda: f"Redis answers\n{self.log_text()}"):
                if self.proc.poll() is None:
                    return self
            self.port = None
        raise RuntimeError(f"Redis does not start\n{self.log_text()}")

    def _up(self):
        if self.proc.poll() is not None:
            return True
        try:
            return self.client().ping()
        except redis.exceptions.RedisError:
            return False

    def client(self, db=0):
        """A client with all rights, over the unix socket."""
        who = (
            {"username": "root", "password": PASSWORD}
            if self.acl
            else {"password": PASSWORD} if self.password else {}
        )
        return redis.Redis(unix_socket_path=str(self.socket), db=db, **who)

    def url(self, kind="tcp", db=0, secret=True):
        """A URL as Pulp's REDIS_URL has it. kind: tcp or unix; secret=False leaves the password to
        a password file.
        """
        escaped = PASSWORD.replace("/", "%2F").replace(":", "%3A").replace("@", "%40")
        who = f"{USER}:{escaped}@" if self.acl else f":{escaped}@" if self.password else ""
        if not secret:
            who = f"{USER}@" if self.acl else ""
        if kind == "unix":
            return f"unix://{who}{self.socket}?db={db}"
        return f"{'rediss' if self.tls else 'redis'}://{who}127.0.0.1:{self.port}/{db}"

    def stop(self):
        if self.proc and self.proc.poll() is None:
            self.proc.terminate()
            process.wait(self.proc, 15)
        self.proc = None

    def kill9(self):
        if self.proc:
            self.proc.kill()
            process.wait(self.proc, 15)
        self.proc = None
        with contextlib.suppress(FileNotFoundError):
            self.socket.unlink()

    def sigstop(self):
        os.kill(self.proc.pid, signal.SIGSTOP)

    def sigcont(self):
        os.kill(self.proc.pid, signal.SIGCONT)

    def restart(self):
        self.stop()
        return self.start()

    def log_text(self):
        try:
            return self.log.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def close(self):
        self.kill9()
        shutil.rmtree(self.base, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()
