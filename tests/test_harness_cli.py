# SPDX-License-Identifier: GPL-3.0-or-later
"""The harness' own tests of what surrounds the database: the runner, Redis, and the sanitizers and
the last line of `make check`.
"""

import os
import stat
import subprocess
import sys

import check
import pytest
import redis

from harness import cli, redisd, summary

FAKE = """#!/bin/sh
if [ "$1" = --dump=json ]; then exec "%s" "$1"; fi
echo '{"event": "step.start", "label": "x"}'
echo "args: $*" >&2
if [ "$PLMAINT_TEST" = wait ]; then
	trap 'echo "{\\"event\\": \\"run.end\\", \\"exit\\": 143}"; exit 143' TERM
	echo '{"event": "progress", "done": 5}'
	while :; do read -r _ </dev/null || :; done
fi
echo '{"event": "run.end", "exit": 75}'
exit 75
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    path = tmp_path / "fake"
    path.write_text(FAKE % cli.binary())
    path.chmod(0o755)
    monkeypatch.setenv("PLMAINT_BIN", str(path))
    tool = cli.Plmaint(
        tmp_path / "p",
        "host=/x dbname=y",
        "/media",
        settings={"detach.grace": 0, "redis.url": None},
    )
    tool.documented = False  # what it says is too short for the table of events
    yield tool
    tool.close()


def test_runner_writes_a_private_configuration(fake):
    assert stat.S_IMODE(fake.config.stat().st_mode) == 0o600
    text = fake.config.read_text()
    assert "[database.pulp]\nconninfo = host=/x dbname=y\n" in text
    assert "[pulp]\nmedia_root = /media\n" in text
    assert "[detach]\ngrace = 0\n" in text
    assert "redis" not in text


def test_runner_returns_status_and_events(fake):
    result = fake.run("pre-migrate", "run", code=75)
    assert result.one("run.end")["exit"] == 75
    assert result.err.startswith(f"args: --config {fake.config} --json pre-migrate run")
    with pytest.raises(AssertionError, match="exit 75, not 0"):
        fake.run("x", code=0)


def test_runner_holds_every_line_against_the_table(fake):
    fake.documented = True
    with pytest.raises(AssertionError, match="step.start: kind is missing"):
        fake.run("pre-migrate", "run")


def test_runner_waits_for_events(fake):
    running = fake.start("run", env={"PLMAINT_TEST": "wait"})
    assert running.wait_for("progress", when=lambda e: e["done"] >= 5)["done"] == 5
    with pytest.raises(TimeoutError, match="no event never"):
        running.wait_for("never", seconds=0.1)
    running.terminate()
    assert running.wait().one("run.end")["exit"] == 143
    with pytest.raises(AssertionError, match="ended without the event never"):
        running.wait_for("never")


def test_runner_reports_a_kill(fake):
    running = fake.start("run", env={"PLMAINT_TEST": "wait"})
    running.wait_for("progress")
    assert running.kill9().code == 137


@pytest.mark.parametrize("options", [{}, {"password": True}, {"acl": True}, {"tls": True}], ids=str)
def test_redis_variants(options):
    with redisd.Redis(**options) as server:
        for kind in ("tcp", "unix"):
            more = (
                {"ssl_ca_certs": str(server.certificates["ca.crt"])}
                if server.tls and kind == "tcp"
                else {}
            )
            client = redis.Redis.from_url(server.url(kind), **more)
            assert client.ping()
            server.client().hset("team/app", "field", "1")
            assert client.delete("team/app") == 1
        if server.acl:
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.flushdb()
        port = server.port
        server.kill9()
        server.start()
        assert server.port == port


TAP = {
    "1..2\nok 1 - a\nok 2 - b\n": (2, 0, 0),
    "1..3\nok 1\nnot ok 2 - b\nok 3 # SKIP no root\n": (1, 1, 1),
    "1..3\nok 1\n": (1, 2, 0),  # died
    "1..0 # SKIP no server\n": (0, 0, 1),
    "t/a .. \n1..1\nok 1\nok\nt/b .. \n1..2\nok 1\nok 2\nok\nResult: PASS\n": (3, 0, 0),
    "1..1\nok 1\nDubious, test returned 1 (wstat 256, 0x100)\nResult: FAIL\n": (1, 1, 0),
    "1..1\nnot ok 1 # TODO later\n": (1, 0, 0),
}


@pytest.mark.parametrize("text", TAP)
def test_summary_of_tap(text):
    assert summary.tap(text) == TAP[text]


def run_summary(*paths):
    proc = subprocess.run(
        [sys.executable, summary.__file__, *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
    )
    return proc.returncode, proc.stdout


def test_summary_adds_runners_up(tmp_path):
    xml, tap = tmp_path / "p.xml", tmp_path / "c.tap"
    xml.write_text(
        '<testsuites><testsuite><testcase name="a"/><testcase name="b"><skipped/></testcase>'
        '<testcase name="c"><error/></testcase></testsuite></testsuites>'
    )
    tap.write_text("1..1\nok 1\n")
    assert run_summary(xml, tap) == (1, "2 passed, 1 failed, 1 skipped\n")
    assert run_summary(tap) == (0, "1 passed, 0 failed, 0 skipped\n")


def test_summary_of_nothing_fails(tmp_path):
    tap = tmp_path / "c.tap"
    tap.write_text("1..0 # SKIP nothing here\n")
    assert run_summary(tap) == (1, "0 passed, 0 failed, 1 skipped\n")
    assert run_summary(tmp_path / "missing.xml") == (1, "0 passed, 1 failed, 0 skipped\n")


BROKEN = """#include <stdlib.h>

int main(int argc, char **argv)
{
	(void)argv;
	int far = 2147483646;
	char *p = malloc((size_t)argc);
	if (p == NULL)
		return 1;
	*(volatile char *)(p + (argc > 1 ? argc : 0)) = 0;
	free(p);
	return far + 2 * argc < 0 ? 0 : 1;
}
"""
SAYS = {"signed integer overflow": [], "heap-buffer-overflow": ["beyond"]}


def make_says(goal):
    """Words that the asan variant would use."""
    proc = subprocess.run(
        ["make", "-s", "VARIANT=asan", goal],
        cwd=check.ROOT,
        env={"PATH": os.environ["PATH"]},  # without the variables of a make that runs the tests
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return proc.stdout.split()


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A program with two errors, one for each sanitizer, built as the asan variant is."""
    top = tmp_path_factory.mktemp("broken")
    source, program = top / "broken.c", top / "broken"
    source.write_text(BROKEN)
    argv = [*make_says("print-compile"), "-o", program, source, *make_says("print-link")]
    subprocess.run(argv, cwd=check.ROOT, check=True)
    return program


@pytest.mark.parametrize("name", ["plmaint", "my plmaint", "it's: mine", 'the "new" one'])
@pytest.mark.parametrize("text", SAYS)
def test_reports_of_sanitizers_are_found_in_any_directory(
    text, name, broken, tmp_path, monkeypatch
):
    top = tmp_path / name
    top.mkdir()
    monkeypatch.setattr(check, "OUT", top)
    stage = check.Stage("units-asan", "units", variant="asan")
    proc = subprocess.run([broken, *SAYS[text]], env=check.environment(stage), check=False)
    assert proc.returncode == 99
    (report,) = top.glob("units-asan.sanitizer*")
    assert text in report.read_text()
