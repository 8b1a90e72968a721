# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds every variant, runs every test on it, and ends with one line: N passed, N failed, N skipped.

usage: check.py all|quick|asan|tsan|coverage

A stage is a build, a set of unit tests (TAP), a pytest run (junit XML) or a make target; it starts
when the stages it names have ended well, and two run at a time. A build or a make target counts as
one test, so that nothing can fail without being counted. Logs and results are in build/check.
"""

import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree

sys.dont_write_bytecode = True

from harness import summary  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "check"
AT_ONCE = 2  # stages; three ended no sooner on two cores, and a Pulp among them took three times as long
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's psycopg2
# A report of a sanitizer must not be lost in a test that expects the program to fail: it goes to
# a file as well, and any such file fails the stage.
SANITIZERS = {
    "ASAN_OPTIONS": "exitcode=99:detect_leaks=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "exitcode=99:print_stacktrace=1",
    "TSAN_OPTIONS": "exitcode=99:second_deadlock_stack=1",
}


# A test that kills a program may do so while LeakSanitizer looks at its threads at exit, or has only
# just opened its report.
KILLED_MEANWHILE = re.compile(rb"(==\d+==Unable to get registers from thread \d+\.\n)*")


@dataclasses.dataclass
class Stage:
    name: str
    kind: str  # make, units or pytest
    args: tuple = ()
    after: tuple = ()
    variant: str = ""
    env: dict = dataclasses.field(default_factory=dict)
    seconds: int = 2400  # a hang is a failure, too


def build(name, variant="", goals=("all", "units")):
    return Stage(name, "make", goals, variant=variant)


def units(name, after, variant=""):
    return Stage(name, "units", after=(after,), variant=variant)


def tests(name, after, *args, variant="", **env):
    return Stage(name, "pytest", args, (after,), variant, env)


REAL, CRASH = "tests/realpulp", "tests/crash"
# A real Pulp is slow by itself and the same under every variant of ours.
NOT_REAL = ("tests", f"--ignore={REAL}")
TWO = ("-n2", "--dist=loadfile")  # much of a test is waiting; a file's tests share what is slow to make

# A program that is killed has no time to report anything, and what it leaves is for the next one of
# the same build; `make asan` has them all the same.
KILLED = "killed or a_kill or kill_backup or half_a_write or when_the_server_dies"

PLANS = {
    "quick": [
        build("build"),
        units("units", "build"),
        tests("tests", "build", *NOT_REAL, "-m", "not slow", *TWO),
    ],
    "asan": [
        build("build-asan", "asan"),
        units("units-asan", "build-asan", "asan"),
        tests("tests-asan", "build-asan", *NOT_REAL, *TWO, variant="asan"),
    ],
    "tsan": [
        build("build-tsan", "tsan"),
        units("units-tsan", "build-tsan", "tsan"),
        tests("tests-tsan", "build-tsan", *NOT_REAL, "-m", "threads", variant="tsan"),
    ],
    "coverage": [
        build("build-coverage", "coverage"),
        units("units-coverage", "build-coverage", "coverage"),
        tests("tests-coverage", "build-coverage", *NOT_REAL, variant="coverage"),
    ],
}
# Each test has its turn on the build on which it sees most: nearly all with the sanitizers, on the
# build as it is installed what follows a kill, the real Pulp and the demo; the command line on both.
# What lasts long comes first, so that both lanes end together.
PLANS["all"] = [
    build("build"),
    PLANS["asan"][0],
    units("units", "build"),
    tests("realpulp", "build", REAL),
    tests("tests-asan", "build-asan", *NOT_REAL, *TWO, "-k", f"not (demo or {KILLED})", variant="asan"),
    tests("crash", "build", CRASH),
    tests("installed", "build", *NOT_REAL, f"--ignore={CRASH}", *TWO, "-k", f"cli or demo or {KILLED}"),
    Stage("fuzz", "make", ("fuzz",)),
    PLANS["asan"][1],
    *PLANS["tsan"],
    build("build-clang", "clang"),
    units("units-clang", "build-clang", "clang"),
]


def directory(stage):
    """Where make builds the variant, from the top."""
    return f"build/{stage.variant}" if stage.variant else "build"


def quoted(path):
    """For the options of sanitizers, which end at a space or a colon that is not in quotes."""
    quote = "'" if '"' in str(path) else '"'
    return f"{quote}{path}{quote}"


def environment(stage):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "PLMAINT_"))}
    env.update({k: v for k, v in os.environ.items() if k.startswith("PLMAINT_REALPULP")})
    logs = OUT / f"{stage.name}.sanitizer"
    for name, options in SANITIZERS.items():
        env[name] = f"{options}:log_path={quoted(logs)}" if stage.kind != "make" else options
    env.update(
        VARIANT=stage.variant,
        BUILD=directory(stage),
        PLMAINT_BIN=str(ROOT / directory(stage) / "plmaint"),
        PYTHONDONTWRITEBYTECODE="1",
    )
    if stage.variant == "coverage":
        env["GCOV_ERROR_FILE"] = os.devnull
    env.update(stage.env)
    return env


def command(stage):
    """argv, and the file that will hold the results."""
    if stage.kind == "make":
        return ["make", "--no-print-directory", "-j2", *stage.args], OUT / f"{stage.name}.tap"
    if stage.kind == "units":
        top = ROOT / directory(stage) / "tests"
        sources = sorted((ROOT / "tests").rglob("test_*.c"))
        programs = [top / s.relative_to(ROOT / "tests").with_suffix(".t") for s in sources]
        # Relative, from the top: prove takes a name with a space for a program and its argument.
        names = [str(p.relative_to(ROOT)) for p in programs]
        return ["prove", "-v", *names], OUT / f"{stage.name}.tap"
    result = OUT / f"{stage.name}.xml"
    return [
        *(PYTHON, "-m", "pytest", "-c", str(ROOT / "tests/pytest.ini"), "-q"),
        *(f"--rootdir={ROOT / 'tests'}", f"--junit-xml={result}", *stage.args),
    ], result


class Runner:
    def __init__(self, plan):
        self.plan, self.counts, self.print_lock = plan, {}, threading.Lock()
        self.ended = {stage.name: threading.Event() for stage in plan}
        self.good, self.processes, self.stopping = {}, set(), False

    def run(self, stage):
        for name in stage.after:
            self.ended[name].wait()
        try:
            if all(self.good[name] for name in stage.after):
                self.perform(stage)
            else:
                self.report(stage, (0, 1, 0), 0, f"not run: {', '.join(stage.after)} failed")
        finally:
            self.ended[stage.name].set()

    def perform(self, stage):
        argv, result = command(stage)
        log, began = OUT / f"{stage.name}.log", time.monotonic()
        status, why = self.execute(stage, argv, log)
        if stage.kind == "make":
            word = "ok" if status == 0 else "not ok"
            result.write_text(f"1..1\n{word} 1 - make {' '.join(stage.args)} {stage.variant}\n")
        elif stage.kind == "units":
            shutil.copyfile(log, result)
        counts = self.count(result)
        reports = [
            path
            for path in sorted(OUT.glob(f"{stage.name}.sanitizer*"))
            if not KILLED_MEANWHILE.fullmatch(path.read_bytes())
        ]
        if reports:
            why = f"a sanitizer complains: {reports[0].relative_to(ROOT)}"
            with open(log, "ab") as out:
                out.write(reports[0].read_bytes())
        # pytest's 5: no test was selected.
        failed_unseen = status not in (0, 5 if stage.kind == "pytest" else 0) and counts[1] == 0
        if reports or failed_unseen:
            counts = (counts[0], counts[1] + 1, counts[2])
        self.report(stage, counts, time.monotonic() - began, why, log)

    def execute(self, stage, argv, log):
        """Exit status and, where it is no status of its own, why."""
        with open(log, "wb") as out:
            process = subprocess.Popen(
                argv,
                cwd=ROOT,
                env=environment(stage),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self.processes.add(process)
            try:
                return process.wait(stage.seconds), ""
            except subprocess.TimeoutExpired:
                self.end(process)
                return 1, f"did not end within {stage.seconds} s"
            finally:
                self.processes.discard(process)

    @staticmethod
    def end(process):
        """The stage and what it started, which has its session. As a terminal would do it: pytest
        then stops its servers and removes their files.
        """
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    @staticmethod
    def count(result):
        try:
            text = result.read_text(encoding="utf-8", errors="replace")
            return summary.junit(text) if result.suffix == ".xml" else summary.tap(text)
        except (OSError, xml.etree.ElementTree.ParseError):
            return (0, 1, 0)

    def report(self, stage, counts, seconds, why="", log=None):
        passed, failed, skipped = counts
        self.good[stage.name] = failed == 0
        self.counts[stage.name] = counts
        with self.print_lock:
            if self.stopping:
                return
            text = f"{passed} passed, {failed} failed, {skipped} skipped"
            print(f"{'ok  ' if failed == 0 else 'FAIL'} {stage.name:15} {text:40} {seconds:6.0f} s")
            if why:
                print(f"     {why}")
            if failed and log:
                print(f"     the end of {log.relative_to(ROOT)}:")
                print("\n".join(f"     | {line}" for line in self.telling(log, stage.kind)))
            sys.stdout.flush()

    @staticmethod
    def telling(log, kind):
        """The lines that say what went wrong: of TAP what is not ok, of pytest its own short list
        and then the end of what it says about each, else the end.
        """
        lines = log.read_text(errors="replace").splitlines()
        if kind == "units":
            lines = [s for s in lines if not re.match(r"ok\b|TAP version|1\.\.\d|.* \.+ $", s)]
        elif kind == "pytest":
            lines = [s for s in lines if not re.match(r"[.FEsxX]+ +\[ *\d+%\]$|SKIPPED ", s)]
            short = [s for s in lines if re.match(r"(FAILED|ERROR) ", s)]
            return short + [s for s in lines if s not in short][-80:]
        return lines[-60:]

    def all(self):
        """Runs the plan, prints why tests were skipped, then the one line."""
        pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
        # In the order of the plan, where each stage stands behind what it waits for: whoever waits
        # in a thread waits for one that has a thread.
        futures = [pool.submit(self.run, stage) for stage in self.plan]
        try:
            for future in futures:
                future.result()
        except KeyboardInterrupt:
            self.stopping = True
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(self.processes):
                self.end(process)
            return 130
        for line in sorted(self.skipped()):
            print(f"skipped: {line}")
        for line in sorted(self.failed()):
            print(f"failed: {line}")
        passed, failed, skipped = (sum(c[i] for c in self.counts.values()) for i in range(3))
        print(f"{passed} passed, {failed} failed, {skipped} skipped")
        return 1 if failed or passed == 0 else 0

    @staticmethod
    def failed():
        """A line for each test, at the end, where it is read first."""
        for path in OUT.glob("*.xml"):
            with contextlib.suppress(xml.etree.ElementTree.ParseError):
                for case in xml.etree.ElementTree.parse(path).iter("testcase"):
                    bad = next((e for e in case if e.tag in ("failure", "error")), None)
                    if bad is not None:
                        why = (bad.get("message") or "").partition("\n")[0][:200]
                        yield f"{path.stem}: {case.get('classname')}::{case.get('name')}: {why}"
        for path in OUT.glob("*.tap"):
            for match in re.finditer(r"^not ok \d+ - (.*)$", path.read_text(errors="replace"), re.M):
                yield f"{path.stem}: {match[1]}"

    def skipped(self):
        """A line for each reason."""
        found = set()
        for path in OUT.glob("*.xml"):
            with contextlib.suppress(xml.etree.ElementTree.ParseError):
                for case in xml.etree.ElementTree.parse(path).iter("testcase"):
                    skip = case.find("skipped")
                    if skip is not None:
                        found.add(f"{path.stem}: {skip.get('message')}")
        for path in OUT.glob("*.tap"):
            for match in re.finditer(r"^ok \d+ - (.*) # SKIP (.*)$", path.read_text(), re.M):
                found.add(f"{path.stem}: {match[1]}: {match[2]}")
        return found


def lines_reached():
    """Share of lines that ran, for each folder, from gcov's own figures."""
    totals = {}
    top = ROOT / "build/coverage"
    for path in sorted(top.rglob("*.gcda")):
        if "tests" in path.relative_to(top).parts:
            continue
        text = subprocess.run(
            ["gcov", "-n", str(path)], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        for name, share, lines in re.findall(
            r"File '([^/'][^']*\.c)'\nLines executed:([\d.]+)% of (\d+)", text
        ):
            row = totals.setdefault(str(pathlib.Path(name).parent), [0, 0])
            row[0] += round(float(share) * int(lines) / 100)
            row[1] += int(lines)
    for name, (reached, lines) in sorted(totals.items()):
        print(f"{name:20} {100 * reached / lines:5.1f} % of {lines:5} lines")


def main(argv):
    if len(argv) != 2 or argv[1] not in PLANS:
        print(f"usage: check.py {'|'.join(PLANS)}", file=sys.stderr)
        return 2
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    status = Runner(PLANS[argv[1]]).all()
    if argv[1] == "coverage":
        lines_reached()
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv))
