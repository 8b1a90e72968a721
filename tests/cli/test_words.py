# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of the command line: slips are answered with the nearest name, every mistake with exit 2 and nothing on stdout."""
import fcntl
import json
import os
import pty
import struct
import subprocess
import termios

import pytest

from harness import cli


@pytest.fixture
def tool(tmp_path):
    """plmaint without a site: these words need none."""
    tool = cli.Plmaint(tmp_path / "nowhere", settings={"pulp.settings": "/nonexistent/settings.py"})
    yield tool
    tool.close()


@pytest.mark.parametrize("args, text, hint", [
    (["pre-migrte"], "unknown command 'pre-migrte'", "plmaint pre-migrate"),
    (["zebra"], "unknown command 'zebra'", "plmaint --help"),
    (["pre-migrate", "rnu"], "unknown action 'rnu' of pre-migrate", "plmaint pre-migrate run"),
    (["config", "shwo"], "unknown action 'shwo' of config", "plmaint config show"),
    (["config", "show", "--jsno"], "unknown option '--jsno'", "--json"),
    (["pre-migrate", "run", "--kepe-links"], "unknown option '--kepe-links'", "--keep-links"),
    (["pre-migrate", "--keep-links", "run"], "unknown option '--keep-links'", "stand after it"),
    (["config", "show", "more"], "unexpected word 'more'", "config show --help"),
    (["version", "more"], "unexpected word 'more'", "version --help"),
    (["config", "show", "--set", "general.moed=x"], "unknown key 'general.moed'", "general.mode"),
    (["config", "show", "--set", "general.mode"], "is not SECTION.KEY=VALUE", "--set pre-migrate.duty=0.5"),
    (["config", "show", "--set", "general.mode=of"], "unknown word 'of'", "general.mode"),
    (["explain", "no-lnik"], "is no label and no reason", "no-link"),
    (["procedure", "run", "pulp-manifest-fill"], "unknown procedure", "pulp-manifests-fill"),
    (["procedure", "run", "pulp-manifests-fill", "--param", "zzz=1"], "has no parameter 'zzz'", ""),
    (["procedure", "run"], "procedure run needs LABEL", "plmaint procedure run LABEL --param"),
    (["procedure", "by-tag", "online", "more"], "unexpected word 'more'", "procedure by-tag --help"),
    (["backup", "list"], "backup list needs DIR", "plmaint backup list /var/backup/pulp"),
    (["backup", "list", "/nowhere", "more"], "unexpected word 'more'", "backup list --help"),
    (["backup", "online", ""], "an empty word", "backup online --help"),
    (["restore", "run"], "restore run needs DIR", "plmaint restore run /backup --check-only"),
    (["service", "stop", "--only", ""], "--only: its value is empty", "Leave --only out"),
    (["health", "check", "--tags="], "--tags: its value is empty", "Leave --tags out"),
    (["pre-migrate", "run", "--max-rows"], "needs a value", "pre-migrate run --help"),
    (["pre-migrate", "run", "--max-rows", "x"], "not a whole number", "pre-migrate run --help"),
    (["pre-migrate", "run", "--max-rows", "0"], "'0' is outside 1..", ""),
    (["pre-migrate", "run", "--max-duration", "0"], "'0' is no time at all", ""),
    (["upgrade", "check", "--max-downtime", "0s"], "'0s' is no time at all", ""),
    (["backup", "online", "/nowhere", "--max-file-size", "0"], "'0' is less than 1 byte", ""),
    (["plan", "history"], "'history' has no steps", "backup online|incremental|offline|prune, "),
    (["version", "--config", "/nowhere"], "cannot read the configuration '/nowhere'", "config show"),
    (["version", "--set", "general.history=0"], "general.history (--set): '0' is outside 1..100000", ""),
    (["procedure", "by-tag", "no-such-tag"], "no procedure has the tag", "procedure list"),
    (["plan"], "needs the name of a scenario", "pre-migrate run"),
    (["plan", "config", "show"], "'config show' has no steps", "pre-migrate run"),
    (["plan", "pre-migrate", "run", "--kepe-links"], "unknown option", "--keep-links"),
    (["history", "0000"], "no run '0000'", "plmaint history"),
    (["completion", "zsh"], "one shell", "completion bash"),
    (["pre-migrate", "run", "-w", "pulp-manifests-fil"], "unknown label 'pulp-manifests-fil'", "pulp-manifests-fill"),
    (["health", "check", "--label", "pulp-manifests-digist"], "no 'pulp-manifests-digist'", "pulp-manifests-digest"),
    (["health", "check", "--tags", "pre-upgrade,defautl"], "no 'defautl'", "default"),
    (["health", "list", "--exclude-tags", "zebra"], "no 'zebra'", "health list-tags"),
    (["health", "check", "--tags", "default", "--exclude-tags", "default"], "no check is left", "health list"),
    (["health", "check", "--output", "xml"], "'xml' is not known", "nagios"),
    (["config", "show", "--set", "backup.profile=furious"], "unknown word 'furious'", "gentle"),
    (["config", "show", "--set", "restore.threads=99"], "'99' is outside 1..16", ""),
    (["health", "check", "--set", "health.timeout=0s"], "health.timeout (--set): '0s' is not between 100 ms and 60 min", ""),
    (["--config"], "needs a value", ""),
    (["--dump=zebra"], "no form 'zebra'", "markdown"),
])
def test_slips(tool, args, text, hint):
    done = tool.run(*args, json=False, code=2)
    assert done.out == ""
    assert text in done.err and hint in done.err
    assert [line[:8] for line in done.err.splitlines()] == ["plmaint:", "  hint: "], "one mistake, one way out"


@pytest.mark.parametrize("word", ["update", "content", "packages", "plugin",
                                  "report", "self-upgrade", "prep-6.10-upgrade"])
def test_foreman_words_say_what_to_do_instead(tool, word):
    done = tool.run(word, "run", json=False, code=2)
    assert f"'{word}' is not a command of plmaint" in done.err
    lines = done.err.splitlines()
    assert len(lines) == 2 and lines[1].startswith("  hint: ") and lines[1].endswith(".")


def test_advanced_procedure_is_procedure(tool):
    assert tool.run("advanced", "procedure", "list", json=False, code=0).out == tool.run("procedure", "list", json=False, code=0).out
    assert "advanced procedure" in tool.run("advanced", json=False, code=2).err


def test_no_word_is_help_and_a_mistake(tool):
    asked = tool.run("--help", json=False, config=False, code=0)
    assert tool.run(json=False, config=False, code=2).out == asked.out
    assert tool.run("help", json=False, config=False, code=0).out == asked.out
    assert tool.run("config", json=False, code=2).out == tool.run("help", "config", json=False, code=0).out


def test_globals_before_and_after(tool):
    for args in (["--json", "version"], ["version", "--json"], ["--json", "config", "show"], ["config", "--json", "show"],
                 ["config", "show", "--json"]):
        done = tool.run(*args, json=False, code=0)
        assert done.events and len(done.events) == len(done.out.splitlines())


def test_version(tool):
    assert tool.run("--version", json=False, config=False, code=0).out == tool.run("version", json=False, config=False, code=0).out
    assert tool.run("--version", code=0).one("version") and tool.run("config", "check", code=0).one("done")


def test_error_is_an_event_too(tool):
    done = tool.run("explain", "no-lnik", code=2)
    event = done.one("error", code="usage")
    assert event["message"] in done.err and event["hint"] == "Did you mean no-link?"
    assert tool.run("pre-migrte", code=2).one("error")["hint"] == "Did you mean `plmaint pre-migrate`?"


@pytest.mark.parametrize("args", [["--help"], ["version"], ["config", "show"], ["explain", "--json"]])
def test_a_report_that_is_lost_is_no_success(tool, args):
    """A full disk and a closed stdout are told; a reader that wants no more is not."""
    for sink, code in ((">/dev/full", 1), (">&-", 1), ("| :", 0)):
        done = subprocess.run(["bash", "-c", f'set -o pipefail; "$@" {sink}', "-", *tool.argv(*args, json_lines=False)],
                              capture_output=True, text=True, timeout=30)
        assert done.returncode == code, (sink, done.stderr)
        assert ("cannot write to standard output: " in done.stderr) == (code == 1), sink


@pytest.mark.parametrize("args", [
    ["pre-migrte", "--json"], ["pre-migrate", "rnu", "--json"], ["pre-migrate", "run", "--bogus", "--json"],
    ["--json"], ["--json", "pre-migrate"], ["completion", "bash", "--json"],
])
def test_a_mistake_is_json_wherever_that_is_asked_for(tool, args):
    done = tool.run(*args, json=False, code=2)
    assert done.one("error", code="usage")["hint"] and len(done.out.splitlines()) == 1


def test_a_plugin_that_is_misused_is_unknown_and_not_critical(tool):
    done = tool.run("health", "check", "--output", "nagios", "--bogus", json=False, code=3)
    assert done.out.startswith("PLMAINT UNKNOWN - unknown option '--bogus'")


def on_a_terminal(tool, *args, env=None, columns=80):
    """stdout is a terminal; returns what it got."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    try:
        proc = subprocess.run([str(cli.binary()), "--config", str(tool.config), *args], stdin=subprocess.DEVNULL, stdout=side,
                              stderr=subprocess.PIPE, timeout=30, env={"PATH": "/usr/bin:/bin", "TERM": "xterm", **(env or {})})
        os.close(side)
        side = -1
        out = b""
        while True:
            try:
                part = os.read(main, 65536)
            except OSError:  # the last writer is gone
                break
            if not part:
                break
            out += part
        return proc, out.decode()
    finally:
        os.close(main)
        if side >= 0:
            os.close(side)


@pytest.mark.parametrize("args, env, coloured", [
    ((), {}, True),
    ((), {"NO_COLOR": "1"}, False),
    ((), {"NO_COLOR": ""}, True),
    ((), {"TERM": "dumb"}, False),
    (("--plaintext",), {}, False),
])
def test_colour(tool, args, env, coloured):
    """A run against no database at all: its first step answers, in colour or not."""
    proc, out = on_a_terminal(tool, "pre-migrate", "run", *args, env=env)
    assert proc.returncode == 2, out
    assert "[FAIL]" in out
    assert ("\033[31m" in out) == coloured
    if "--plaintext" in args:
        assert "\033" not in out


def test_a_narrow_terminal_is_kept_to(tool):
    _, out = on_a_terminal(tool, "pre-migrate", "run", env={"NO_COLOR": "1"}, columns=50)
    lines = [line for line in out.replace("\033[1A\033[2K", "").splitlines()]
    assert "[FAIL]" in out and max(map(len, lines)) <= 50, out


def test_no_colour_and_no_cursor_in_a_pipe(tool):
    done = tool.run("pre-migrate", "run", json=False, code=2, env={"TERM": "xterm"})
    assert "[FAIL]" in done.out and "\033" not in done.out
    assert "did not pass" in done.out and "--whitelist" not in done.out  # a site that is not there is not passed over


def test_no_question_without_a_terminal(tool):
    (tool.state_dir / "lock").write_text("1 1 no-boot 2026-01-02T03:04:05.000Z backup offline\n")
    assert tool.run("lock", "status", json=False, code=0).out.startswith("stale: ")
    done = tool.run("lock", "break", json=False, code=2)
    assert "no terminal to ask" in done.err and (tool.state_dir / "lock").exists()
    tool.run("lock", "break", "--assumeyes", json=False, code=0)
    assert tool.run("lock", "status", json=False, code=0).out == "free: nobody holds it\n"


def test_completion_is_bash(tool, tmp_path):
    text = tool.run("completion", "bash", json=False, code=0).out
    script = tmp_path / "plmaint.bash"
    script.write_text(text)

    def complete(*words):
        quoted = " ".join(f"'{w}'" for w in words)
        ask = f"source {script}; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _plmaint; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        return subprocess.run(["bash", "-uc", ask], capture_output=True, text=True, check=True, timeout=30).stdout.split()

    assert complete("plmaint", "pre") == ["pre-migrate"]
    assert "run" in complete("plmaint", "pre-migrate", "")
    assert complete("plmaint", "pre-migrate", "run", "--keep") == ["--keep-links"]
    assert complete("plmaint", "--plain") == ["--plaintext"]
    assert complete("plmaint", "--json", "config", "sh") == ["show"]
    assert complete("plmaint", "procedure", "run", "pulp-manifests-f") == ["pulp-manifests-fill"]
    assert complete("plmaint", "procedure", "by-tag", "onl") == ["online"]
    assert complete("plmaint", "explain", "pulp-manifests-r") == ["pulp-manifests-recoverable", "pulp-manifests-recover", "pulp-manifests-retype"]
    assert complete("plmaint", "pre-migrate", "quarantine", "a") == ["accept"] and complete("plmaint", "completion", "") == ["bash"]
    assert complete("plmaint", "plan", "pre-migrate", "run", "--keep") == ["--keep-links"]
    # The value of an option is no command, and where its words are known they are offered.
    assert complete("plmaint", "--config", "FILE", "pre-mi") == complete("plmaint", "--config", "=", "FILE", "pre-mi") == ["pre-migrate"]
    assert complete("plmaint", "--config", "F") == []
    assert complete("plmaint", "health", "check", "--tags", "default,pre-up") == ["default,pre-upgrade"]
    assert complete("plmaint", "health", "check", "--label", "=", "host-use") == ["host-user"]


def test_man_page_has_every_word(tool):
    page = subprocess.run(["mandoc", "-T", "ascii"], input=tool.run("--dump=man", json=False, config=False, code=0).out, text=True,
                          capture_output=True, check=True, timeout=30).stdout if os.path.exists("/usr/bin/mandoc") else None
    if page is None:
        pytest.skip("mandoc is not installed")
    while "\b" in page:  # bold is a character struck twice
        at = page.index("\b")
        page = page[:at - 1] + page[at + 1:]
    dump = json.loads(tool.run("--dump=json", json=False, config=False, code=0).out)
    for command in dump["commands"]:
        for action in command["actions"]:
            assert f"plmaint {command['name']}{' ' + action['name'] if 'name' in action else ''}" in page
    for name in [k["key"] for k in dump["config"]] + list(dump["events"])[1:] + [p["label"] for p in dump["procedures"]]:
        assert name in page
    for code in dump["exits"]:
        assert code in page
