# SPDX-License-Identifier: GPL-3.0-or-later
"""Records a run in the background with an operator at work on it: attach, tune, pause, resume, wait.

usage: recording.py [--images N] FILE

A plain recording: each line with the second at which the terminal had it. Everything is real and
thrown away at the end: PostgreSQL, Pulp's tables, files, the run. It fails when what is shown is
not so. README.md has what it writes (`make tour`).
"""

import argparse
import contextlib
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import cli, pg, process, pulpdata  # noqa: E402
from harness.brake import Brake  # noqa: E402

LEVEL = "0043"
HOST = "pulp1"  # what README.md calls the machine
# The database sleeps at each row that is written: slow enough to be looked at on any machine.
SLEEP = 0.01
PACE = {"pre-migrate.duty": "0.5", "pre-migrate.batch_rows": "5"}
# A frame of the live view begins with wiping the last one.
WIPE = re.compile(r"(?:\x1b\[1A\x1b\[2K)+")
FRAMES_EVERY = 1.0  # seconds; the view itself is drawn anew twice a second


class Recording:
    def __init__(self, tool, images):
        self.tool, self.images, self.began, self.lines = tool, images, time.monotonic(), []
        self.replace = [
            (str(tool.state_dir), "/var/lib/plmaint"),
            (f"{tool.directory}/", ""),
            (socket.gethostname(), HOST),
        ]
        self.env = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(tool.directory),
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
            "TERM": "xterm",
        }

    def put(self, text, at=None):
        """Lines as the terminal had them at this moment."""
        seconds = (time.monotonic() if at is None else at) - self.began
        for line in text.rstrip("\n").splitlines():
            for real, shown in self.replace:
                line = line.replace(real, shown)
            self.lines.append(f"{seconds:6.1f}  {line}".rstrip())

    def run(self, *args, code=0):
        """One command to its end; what it printed."""
        self.put(f"$ plmaint {' '.join(args)}")
        done = subprocess.run(
            self.tool.argv(*args, json_lines=False),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.env,
            check=False,
        )
        self.put(done.stdout)
        assert done.returncode == code, f"{args}: exit {done.returncode}\n{done.stdout}"
        return done.stdout

    def attach(self, wanted):
        """The live view on a terminal, left by Ctrl-C after so many frames."""
        self.put("$ plmaint pre-migrate attach")
        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 100))
        view = subprocess.Popen(
            self.tool.argv("pre-migrate", "attach", json_lines=False),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=self.env,
            preexec_fn=process.die_with_parent,
        )
        os.close(slave)
        chunks = []

        def read():
            with contextlib.suppress(OSError):  # the end of a terminal
                while data := os.read(master, 65536):
                    chunks.append((time.monotonic(), data.decode(errors="replace")))

        reader = threading.Thread(target=read)
        reader.start()
        shown = []

        def enough():
            for at, text in chunks[:]:
                *_, frame = WIPE.split(text)
                if "rows" in frame and (not shown or at - shown[-1][0] >= FRAMES_EVERY):
                    shown.append((at, frame))
            return len(shown) >= wanted

        process.wait_until(enough, 60, "the view moves", poll=0.05)
        view.send_signal(signal.SIGINT)
        assert view.wait(30) == 0, "leaving is no failure"
        reader.join(30)
        os.close(master)
        assert "left" in chunks[-1][1]
        for at, frame in shown[:wanted]:
            self.put(frame, at)
        self.put("^C\n" + WIPE.split(chunks[-1][1])[-1])

    def story(self, site, brake):
        done = (
            lambda: site.sql("SELECT count(*) FROM container_manifest WHERE data IS NOT NULL")[0][0]
        )
        told = self.run("pre-migrate", "run", "--background")
        pid = int(told.split()[1])
        try:
            self.attach(4)
            self.run("pre-migrate", "tune", "duty=0.9", "ttl=1h")
            self.attach(4)
            self.run("pre-migrate", "pause")
            held = done()
            assert "held" in self.run("pre-migrate", "status")
            assert done() == held < self.images, "nothing is written during a pause"
            self.run("pre-migrate", "resume")
            process.wait_until(lambda: done() > held, 60, "it goes on")
            self.run("pre-migrate", "tune", "duty=")
            brake.let_go()
            self.run("pre-migrate", "wait")
            process.wait_until(lambda: not process.alive(pid), 60, "it has ended")
            assert done() == self.images
            self.run("history")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def stage(level, settings=None):
    """A Pulp's database and files with nothing in them, and plmaint configured for both."""
    base = pathlib.Path(tempfile.mkdtemp(prefix="plmaint-recording"))
    try:
        with contextlib.ExitStack() as stack:
            cluster = stack.enter_context(pg.Cluster())
            db = cluster.database(level)
            conn = stack.enter_context(contextlib.closing(db.connect()))
            (base / "media").mkdir()
            site = pulpdata.Site(conn, base / "media", level)
            tool = cli.Plmaint(base / "plmaint", db.conninfo(), base / "media", settings=settings)
            stack.callback(tool.close)
            yield db, site, tool
    finally:
        shutil.rmtree(base, ignore_errors=True)


def save(recording, path):
    text = "\n".join(recording.lines)
    pathlib.Path(path).write_text(f"```console\n{text}\n```\n")
    print(text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("file")
    args = parser.parse_args()
    with stage(LEVEL, PACE) as (db, site, tool):
        site.bulk_images(args.images, repos=3)
        site.sql("ANALYZE")
        recording = Recording(tool, args.images)
        recording.story(site, Brake(db, SLEEP))
    save(recording, args.file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
