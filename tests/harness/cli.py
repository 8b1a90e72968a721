# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs plmaint as an operator would: a configuration file, arguments, exit status, and its JSON
lines as values.
"""

import dataclasses
import json
import os
import pathlib
import shlex
import signal
import subprocess
import threading
import time

from . import lines, process

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 120  # no run in a test takes longer
# The caller's environment must not choose the server (PG*) or the configuration (PLMAINT_*);
# sanitizers and coverage are let through.
KEEP = (
    "ASAN_",
    "LSAN_",
    "UBSAN_",
    "TSAN_",
    "GCOV_",
    "LLVM_PROFILE",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "TMPDIR",
)


def install(top, *more):
    """`make install` below that directory, which MAKEFLAGS of whoever runs the tests do not change."""
    subprocess.run(
        ["make", "-s", "--no-print-directory", f"DESTDIR={top}", *more, "install"],
        cwd=ROOT,
        env={**os.environ, "MAKEFLAGS": ""},
        check=True,
        capture_output=True,
    )


def binary():
    """PLMAINT_BIN, or what make built."""
    return pathlib.Path(os.environ.get("PLMAINT_BIN") or ROOT / "build" / "plmaint").resolve()


@dataclasses.dataclass
class Result:
    code: int
    out: str
    err: str
    events: list
    seconds: float

    def of(self, event, **fields):
        """All events of a name whose fields have these values."""
        return [
            e
            for e in self.events
            if e.get("event") == event and all(e.get(k) == v for k, v in fields.items())
        ]

    def one(self, event, **fields):
        found = self.of(event, **fields)
        assert len(found) == 1, f"{len(found)} events {event} {fields}, not one\n{self}"
        return found[0]

    def __str__(self):
        return f"exit {self.code} after {self.seconds:.2f} s\n--- stdout\n{self.out[-4000:]}\n--- stderr\n{self.err[-4000:]}"


class Running:
    """plmaint in the background. Its lines are read as they come, so that it never waits for us.

    table: the events that its lines must be of, {} for none.
    """

    def __init__(self, argv, env, cwd, err_path, stdin=None, table=None):
        self.argv, self.began, self.lines, self.events = argv, time.monotonic(), [], []
        self._news, self._err_path, self._table = threading.Condition(), err_path, table or {}
        with open(err_path, "wb") as err:
            self.proc = subprocess.Popen(
                argv,
                stdin=stdin or subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=err,
                env=env,
                cwd=cwd,
                preexec_fn=process.die_with_parent,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for raw in self.proc.stdout:
            line = raw.decode(errors="replace")
            event = None
            if line.startswith("{"):
                try:
                    event = json.loads(line)
                except ValueError:
                    event = {"event": "not json", "line": line}
            with self._news:
                self.lines.append(line)
                if event is not None:
                    self.events.append(event)
                self._news.notify_all()
        with self._news:
            self.lines.append("")  # the end, for whoever waits
            self._news.notify_all()

    @property
    def pid(self):
        return self.proc.pid

    def stderr(self):
        return pathlib.Path(self._err_path).read_text(errors="replace")

    def wait_for(self, event, when=None, seconds=30, **fields):
        """The first event of this name with these fields for which when(event) holds; also one that
        came before.
        """
        deadline, seen = time.monotonic() + seconds, 0
        with self._news:
            while True:
                for e in self.events[seen:]:
                    if (
                        e.get("event") == event
                        and all(e.get(k) == v for k, v in fields.items())
                        and (when is None or when(e))
                    ):
                        return e
                seen = len(self.events)
                if self.lines and self.lines[-1] == "":
                    raise AssertionError(
                        f"ended without the event {event} {fields}\n{''.join(self.lines)[-3000:]}\n{self.stderr()[-3000:]}"
                    )
                if not self._news.wait(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError(
                        f"no event {event} {fields} within {seconds:g} s\n{''.join(self.lines)[-3000:]}\n{self.stderr()[-3000:]}"
                    )

    def signal(self, number):
        os.kill(self.proc.pid, number)

    def terminate(self):
        self.signal(signal.SIGTERM)

    def interrupt(self):
        self.signal(signal.SIGINT)

    def kill9(self):
        """One that has ended meanwhile is none the worse for it."""
        self.proc.kill()
        return self.wait()

    def wait(self, seconds=SECONDS):
        try:
            process.wait(self.proc, seconds)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
            raise TimeoutError(
                f"{shlex.join(self.argv)} did not end within {seconds:g} s\n{''.join(self.lines)[-3000:]}\n"
                f"{self.stderr()[-3000:]}"
            ) from None
        self._reader.join(10)
        wrong = lines.of_output(self.lines, self._table) if self._table else []
        assert wrong == [], f"lines of {shlex.join(self.argv)} are not as documented: {wrong}"
        code = self.proc.returncode
        # A negative number of Popen is a signal; a shell would say 128 + n, and so do our exit
        # codes.
        return Result(
            128 - code if code < 0 else code,
            "".join(self.lines),
            self.stderr(),
            self.events,
            time.monotonic() - self.began,
        )


class Plmaint:
    """One installation: a configuration file of mode 0600 and a state directory.

    conninfo, media_root, redis_url: the site. settings: further keys, {"section.key": value}; None
    removes one.
    """

    def __init__(self, directory, conninfo=None, media_root=None, redis_url=None, settings=None):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.state_dir = self.directory / "state"
        self.state_dir.mkdir(exist_ok=True)
        self.config = self.directory / "plmaint.conf"
        self.settings = {
            "database.pulp.conninfo": conninfo,
            "pulp.media_root": media_root,
            "redis.url": redis_url,
            "general.state_dir": self.state_dir,
        }
        self.count, self.started = 0, []
        self.documented = True  # every line of every run is held against the table of events
        self.configure(settings or {})

    def configure(self, settings):
        """Changes keys and writes the file anew."""
        self.settings.update(settings)
        sections = {}
        for name, value in self.settings.items():
            if value is not None:
                section, _, key = name.rpartition(".")
                sections.setdefault(section, []).append(f"{key} = {value}\n")
        text = "".join(f"[{section}]\n{''.join(lines)}" for section, lines in sections.items())
        self.config.unlink(missing_ok=True)
        self.config.touch(mode=0o600)
        self.config.write_text(text)

    def argv(self, *args, json_lines=True, config=True):
        out = [*shlex.split(os.environ.get("PLMAINT_WRAP", "")), str(binary())]
        if config:
            out += ["--config", str(self.config)]
        if json_lines:
            out.append("--json")
        return out + [str(a) for a in args]

    def start(self, *args, json=True, config=True, env=None, wrap=(), stdin=None):
        """Starts it in the background. wrap: a prefix for this run, such as strace."""
        self.count += 1
        environment = {k: v for k, v in os.environ.items() if k.startswith(KEEP)}
        environment.update(
            {
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "LC_ALL": "C.UTF-8",
                "HOME": str(self.directory),
                **(env or {}),
            }
        )
        argv = [*map(str, wrap), *self.argv(*args, json_lines=json, config=config)]
        if {"strace", "unshare"} & set(argv):
            # LeakSanitizer needs the place that a tracer has taken, and the program's own /proc.
            options = environment.get("ASAN_OPTIONS", "")
            environment["ASAN_OPTIONS"] = f"{options}:detect_leaks=0".lstrip(":")
        running = Running(
            argv,
            environment,
            self.directory,
            self.directory / f"stderr.{self.count}",
            stdin,
            lines.table(binary()) if json and self.documented else {},
        )
        self.started.append(running)
        return running

    def run(self, *args, seconds=SECONDS, code=None, **options):
        """Runs it to its end. code: the exit status, or several, that the caller counts on."""
        result = self.start(*args, **options).wait(seconds)
        if code is not None:
            wanted = code if isinstance(code, (tuple, list, set)) else (code,)
            assert (
                result.code in wanted
            ), f"exit {result.code}, not {code}, of {shlex.join(map(str, args))}\n{result}"
        return result

    def close(self):
        """Ends what still runs."""
        for running in self.started:
            if running.proc.poll() is None:
                running.proc.kill()
                running.proc.wait()
