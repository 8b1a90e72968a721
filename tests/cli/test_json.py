# SPDX-License-Identifier: GPL-3.0-or-later
"""Every JSON line is what the table of events says: known event, known fields, right types, none missing."""
import datetime
import json
import pathlib
import re
import signal
import uuid

import pytest

from harness import cli, lines
from harness.brake import Brake
from harness.lines import complaints
from harness.process import alive, wait_until

@pytest.fixture
def tool(tmp_path):
    tool = cli.Plmaint(tmp_path / "nowhere", settings={"pulp.settings": "/nonexistent/settings.py"})
    yield tool
    tool.close()


@pytest.fixture
def table():
    return lines.table(cli.binary())


def check(done):
    """Beyond what the harness asks of every line of every test."""
    assert len(done.events) == len(done.out.splitlines()), f"a line is no object\n{done}"
    assert len({e["run"] for e in done.events}) <= 1
    for event in done.events:
        assert uuid.UUID(event["run"]).version == 4
        assert datetime.datetime.strptime(event["time"], "%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.mark.parametrize("args, code", [
    (["version"], 0), (["features"], 0), (["config", "show"], 0), (["procedure", "list"], 0), (["health", "list"], 0), (["health", "list-tags"], 0), (["health", "check"], 2), (["explain"], 0), (["explain", "no-link"], 0),
    (["explain", "nonsense"], 2), (["lock", "status"], 0), (["plan", "pre-migrate", "run"], 0), (["history"], 0),
    (["pre-migrate", "run"], 2), (["pre-migrate", "verify"], 2),
])
def test_lines_without_a_site(tool, args, code):
    check(tool.run(*args, code=code))


def test_the_complaints_complain(table):
    """The validator itself: a field that is null, missing, unknown or of another type is seen."""
    good = {"event": "lock", "schema": 1, "run": "r", "time": "t", "state": "free"}
    assert complaints(good, table) == []
    assert complaints({**good, "state": None}, table) and complaints({**good, "pid": "1"}, table) and complaints({**good, "x": 1}, table)
    assert complaints({k: v for k, v in good.items() if k != "state"}, table) and complaints({"event": "zebra"}, table)
    assert complaints({**good, "pid": True}, table)
    text = json.dumps(good) + "\n"
    assert lines.of_output([text, '{"event": "lo'], table) == [] and lines.of_output(["usage:\n"], table) == []
    assert lines.of_output([text, "words\n"], table) and lines.of_output([text, '{"event": "zebra"}\n'], table)


def test_run_and_history_of_a_site(plmaint, site):
    """A whole run on a real database; then the journal shows it."""
    site.image()
    done = plmaint.run("pre-migrate", "run", code=(0, 78))
    check(done)
    assert done.events[0]["event"] == "run.start" and done.events[-1]["event"] == "run.end"
    starts, ends = done.of("step.start"), done.of("step.end")
    assert {e["label"] for e in starts} <= {e["label"] for e in ends}
    assert all(e["result"] in ("ok", "not-needed", "skipped", "warning") for e in ends)
    assert done.events[-1]["exit"] == done.code
    past = plmaint.run("history", code=0)
    check(past)
    kept = past.one("history", id=done.events[0]["run"])
    assert kept["exit"] == done.code and kept["rows"] == done.one("run.end")["rows"] > 0
    assert kept["rate"] == pytest.approx(kept["rows"] / kept["seconds"], rel=0.01)
    assert f", {kept['rows']} rows, {kept['rate']:.0f} rows/s" in plmaint.run("history", json=False, code=0).out
    steps = plmaint.run("history", done.events[0]["run"][:8], code=0)
    check(steps)
    assert [e["label"] for e in steps.of("history.step")] == [e["label"] for e in ends]


def test_old_runs_are_forgotten(plmaint, site):
    """The journal and the logs of the background stay as large as they may."""
    plmaint.configure({"general.history": "2"})
    site.image()
    for _ in range(3):
        pid = plmaint.run("pre-migrate", "run", "--background", code=0).one("background")["pid"]
        wait_until(lambda: not alive(pid), 60, "it ends")
    past = plmaint.run("history", code=0).of("history")
    assert len(past) == 2
    logs = {path.name[11:19] for path in plmaint.state_dir.glob("background-*.log")}
    assert logs == {run["id"][:8] for run in past}


def test_plan_asks_the_database(plmaint, site):
    site.image()
    before = plmaint.run("plan", "pre-migrate", "run", code=0)
    check(before)
    assert before.one("plan.step", label="pulp-manifests-fill")["needed"] is True
    plmaint.run("pre-migrate", "run", code=(0, 78))
    after = plmaint.run("plan", "pre-migrate", "run", code=0)
    assert after.one("plan.step", label="pulp-manifests-fill")["needed"] is False


def emitted_by_the_source():
    """(file, event, field names) of every EMIT in the tree."""
    root = pathlib.Path(__file__).resolve().parents[2]
    for folder in ("bin", "commands", "checks", "procedures", "lib"):
        for path in sorted((root / folder).rglob("*.c")):
            text = path.read_text()
            for match in re.finditer(r'\b(?:EMIT|emit)\(([^;"]*?)"([a-z.]+)"', text):
                statement = text[match.start():text.index(";", match.end())]
                yield path.relative_to(root), match.group(2), re.findall(r'F_\w+\(\s*"(\w+)"|\.key = "(\w+)"', statement)


def test_every_event_of_the_source_is_documented(table):
    """Also those that no test happens to see."""
    seen = list(emitted_by_the_source())
    assert len(seen) > 15
    wrong = []
    for path, event, fields in seen:
        known = {f["key"] for f in table.get(event, {"fields": []})["fields"]}
        if event not in table:
            wrong.append(f"{path}: event {event}")
        else:
            wrong += [f"{path}: {event}.{a or b}" for a, b in fields if (a or b) not in known]
    assert wrong == [], "add them to lib/core/events.def"


def test_run_with_awkward_rows(plmaint, site):
    """Every kind of row, and two that cannot be had: the lines still are what the table says."""
    site.every_kind(60)
    lost = site.image()
    site.lose(lost)
    gone = site.image()
    next(iter(site.media_root.rglob(gone.digest.split(":")[1][2:]))).unlink()
    done = plmaint.run("pre-migrate", "run", code=(0, 1, 75, 78))
    check(done)
    assert done.of("progress") and done.of("quarantine")
    end = done.of("run.end")[-1]
    assert end["rows"] >= 60 and end["quarantined"] >= 1 and end["exit"] == done.code == 78
    for args in (["pre-migrate", "status"], ["pre-migrate", "quarantine", "list"], ["pre-migrate", "verify"]):
        check(plmaint.run(*args, code=(0, 1, 78)))


def test_stopped_by_a_signal_and_resumed(plmaint, site, pg_db):
    """SIGINT and SIGTERM end the run early with their own status, and the next run goes on."""
    site.bulk_images(1000)
    brake = Brake(pg_db)
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        running = plmaint.start("pre-migrate", "run", "--set", "pre-migrate.batch_rows=5")
        running.wait_for("progress", lambda e: e["done"] > 0, label="pulp-manifests-fill")
        running.signal(number)
        done = running.wait()
        check(done)
        assert done.code == code and done.events[-1]["exit"] == code
        assert done.one("step.end", label="pulp-manifests-fill")["result"] == "warning"
    brake.let_go()
    last = plmaint.run("pre-migrate", "run", code=0)
    check(last)
    assert "pulp-manifests-fill" in last.events[0]["resumes"]
