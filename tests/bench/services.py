# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that can be stopped: Pulp's units on a machine of their own with systemd as init, which sign
on in the bench's database, and the seconds in which nobody answers.

They stand for Pulp's processes (fake_pulpcore.py) and are up at once, where Pulp's take ten seconds.
"""

import contextlib
import shutil
import socket
import threading
import time

from harness import cli, pg, process, units
from harness.machine import OUTER, Machine

UNITS = ("pulpcore-api.service", "pulpcore-content.service", *units.WORKERS)
LOOKS_EVERY = 0.01  # seconds
BEAT = 7  # seconds, as Pulp's do: who signs every second is at work


class Silence:
    """with Silence(port) as s: ...; then s.seconds, in which nobody took a connection."""

    def __init__(self, port):
        self.port, self.seconds, self._over = port, 0.0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def answers(self):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False

    def _look(self):
        last, silent = time.monotonic(), False
        while not self._over.wait(LOOKS_EVERY):
            heard, now = self.answers(), time.monotonic()
            if silent or not heard:
                self.seconds += now - last
            last, silent = now, not heard

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


class Services:
    """directory: with the sockets of the database's server and all that a backup reads and writes."""

    def __init__(self, directory, conninfo):
        self.outer, self._conninfo = directory, conninfo
        self.port = pg.free_port()
        for path in (units.HERE / "fake_pulpcore.py", cli.binary()):
            shutil.copy(path, directory)
        self.machine = Machine(directory)
        for name, kind in (("api", "api"), ("content", "content"), ("worker@", "worker")):
            text = units.UNIT.format(
                kind=kind,
                outer=OUTER,
                conninfo=self.conninfo(),
                port=self.port if name == "api" else "",
                more=f"Environment=BEAT={BEAT}",
            )
            self.machine.path(f"/etc/systemd/system/pulpcore-{name}.service").write_text(text)
        self.machine.run("systemctl", "daemon-reload")
        self.start()

    def conninfo(self):
        return self.machine.inside(self._conninfo)

    def tool(self, settings):
        """plmaint on their machine."""
        return units.Inside(self, "inside", {"pulp.media_root": f"{OUTER}/media", "redis.url": None, **settings})

    def silence(self):
        return Silence(self.port)

    def start(self):
        self.machine.run("systemctl", "start", *UNITS)
        process.wait_until(self.silence().answers, 60, "Pulp's api answers")

    def stop(self):
        self.machine.run("systemctl", "stop", *UNITS)

    def close(self):
        self.machine.close()
