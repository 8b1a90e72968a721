# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine with systemd as init, made of this one: its files below an overlay, in namespaces of its
own (machine.sh). Nothing of it is left when it ends.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile
import uuid

import pytest

from . import process
from .need import need

HERE = pathlib.Path(__file__).parent
OUTER = pathlib.Path("/srv/outer")  # the outer directory as the machine sees it
BOOT_SECONDS = 120
PROGRAMS = ("unshare", "nsenter", "pivot_root", "mount")
# Groups that the machine's systemd has made are empty once it is gone.
REMOVE = """
for type in "cgroup -o none,name=systemd" cgroup2; do
    mount -t $type none "$1" && find "$1/$2" -depth -type d -exec rmdir {} + && umount "$1"
done
"""


class Machine:
    """outer: a directory that both have. own_network: with nothing in it, to close and to flush."""

    def __init__(self, outer, own_network=False):
        need(root=True, programs=PROGRAMS, files=("/lib/systemd/systemd",))
        self.outer = pathlib.Path(outer)
        self.name, self.pid = f"plmaint-{uuid.uuid4().hex[:8]}", 0
        self.root = tempfile.mkdtemp(prefix="plmaint-machine")
        self.log = open(pathlib.Path(self.root).with_suffix(".log"), "w+", encoding="utf-8")
        self.proc = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", "--kill-child"]
            + (["--net"] if own_network else [])
            + [HERE / "machine.sh", self.root, self.name, self.outer],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            preexec_fn=process.die_with_parent,
        )
        try:
            process.wait_until(self._booted, BOOT_SECONDS, "systemd has booted", poll=0.1)
        except BaseException:
            self.close()
            raise

    def _booted(self):
        """Where a machine cannot be made at all, the test says so and is skipped."""
        if self.proc.poll() is not None:
            self.log.seek(0)
            said = self.log.read().strip()[-300:]
            self.close()
            need(when=False, why=f"no systemd can be booted here: {said}")
        children = pathlib.Path(f"/proc/{self.proc.pid}/task/{self.proc.pid}/children")
        found = children.read_text().split()
        if not found:
            return False
        self.pid = int(found[0])
        state = self.run("systemctl", "is-system-running", check=False)
        return state.strip() in ("running", "degraded")

    def enter(self):
        """What stands before a command to have it run on the machine."""
        return ["nsenter", "-t", str(self.pid), "-m", "-r", "-p", "-i", "-u", "-n", "-C", "--"]

    def run(self, *argv, check=True):
        """A command on the machine; what it printed."""
        done = subprocess.run(
            [*self.enter(), *map(str, argv)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
            check=False,
        )
        if check and done.returncode:
            said = self.run("journalctl", "-n", "20", "--no-pager", "-o", "cat", check=False)
            pytest.fail(f"{argv}: exit {done.returncode}\n{done.stdout}\njournal: {said}")
        return done.stdout

    def path(self, inside):
        """A file of the machine, to be read and written from outside."""
        return pathlib.Path(f"/proc/{self.pid}/root") / str(inside).lstrip("/")

    def inside(self, text):
        """A text with the names that the machine has for what is in the outer directory."""
        return str(text).replace(str(self.outer), str(OUTER))

    def close(self):
        self.proc.kill()  # --kill-child: init goes with it, and all that it started
        self.proc.wait()
        if self.pid:
            process.wait_until(lambda: not process.alive(self.pid), 30, "all of it has ended")
        self.log.close()
        os.unlink(self.log.name)
        groups = tempfile.mkdtemp(prefix="plmaint-groups")
        subprocess.run(
            ["unshare", "-m", "sh", "-c", REMOVE, "sh", groups, self.name],
            capture_output=True,
            check=False,
        )
        os.rmdir(groups)
        shutil.rmtree(self.root, ignore_errors=True)
