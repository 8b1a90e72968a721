# SPDX-License-Identifier: GPL-3.0-or-later
"""metrics.textfile: what node_exporter reads of a run is whole at every moment, and sound."""

import pytest

from harness.brake import Brake
from harness.metrics import judged, parse
from harness.process import wait_until

@pytest.fixture
def prom(plmaint, tmp_path):
    path = tmp_path / "collector" / "plmaint.prom"
    path.parent.mkdir()
    plmaint.configure({"metrics.textfile": path})
    return path


def test_a_run_and_its_end(site, plmaint, prom):
    site.bulk_images(40, repos=1)
    ran = plmaint.run("pre-migrate", "run", code=0)
    got = parse(prom.read_text())
    assert got["plmaint_run_exit_status", ""] == 0
    assert got["plmaint_run_end_timestamp_seconds", ""] >= got["plmaint_run_start_timestamp_seconds", ""]
    fill = 'label="pulp-manifests-fill"'
    assert got["plmaint_step_rows", fill] == got["plmaint_step_expected_rows", fill] == 40
    assert got["plmaint_step_result", fill + ',result="ok"'] == 1
    assert len([k for k in got if k[0] == "plmaint_step_result"]) == len(ran.of("step.end"))
    assert [p.name for p in prom.parent.iterdir()] == [prom.name], "nothing of its making is left"


@pytest.mark.slow
def test_prometheus_finds_nothing_to_complain_of(site, pg_db, plmaint, prom):
    """While it runs, while it waits, and at its end; promtool's complaints are on its stderr."""

    site.bulk_images(400, repos=1, own_config=False)
    plmaint.configure({"pre-migrate.batch_rows": 10})
    brake = Brake(pg_db, seconds=0.02)
    running = plmaint.start("pre-migrate", "run")
    wait_until(lambda: prom.exists() and "progress_duty_ratio" in prom.read_text(), 30, "progress")
    assert judged(prom) == ""
    plmaint.run("pre-migrate", "pause", code=0)
    wait_until(lambda: parse(prom.read_text())["plmaint_progress_waits", ""] == 1, 30, "it waits")
    assert judged(prom) == ""
    plmaint.run("pre-migrate", "resume", code=0)
    brake.let_go()
    assert running.wait().code == 0
    assert judged(prom) == ""


@pytest.mark.slow
def test_while_it_runs_and_waits(site, pg_db, plmaint, prom):
    site.bulk_images(400, repos=1, own_config=False)
    plmaint.configure({"pre-migrate.batch_rows": 10})
    brake = Brake(pg_db, seconds=0.1)
    running = plmaint.start("pre-migrate", "run")
    wait_until(lambda: prom.exists() and "progress_duty_ratio" in prom.read_text(), 30, "progress")
    got = parse(prom.read_text())
    assert ("plmaint_run_exit_status", "") not in got and got["plmaint_progress_waits", ""] == 0
    plmaint.run("pre-migrate", "pause", code=0)
    wait_until(lambda: parse(prom.read_text())["plmaint_progress_waits", ""] == 1, 30, "it waits")
    plmaint.run("pre-migrate", "resume", code=0)
    wait_until(lambda: parse(prom.read_text())["plmaint_progress_waits", ""] == 0, 30, "it goes on")
    brake.let_go()
    assert running.wait().code == 0
    held = [v for (name, _), v in parse(prom.read_text()).items() if "held" in name]
    assert max(held) > 0


def test_a_file_that_cannot_be_written_stops_nothing(site, plmaint):
    site.image()
    plmaint.configure({"metrics.textfile": "/nowhere/plmaint.prom"})
    ran = plmaint.run("pre-migrate", "run", code=0)
    assert ran.err.count("no metrics") == 1


def test_the_parser_of_this_test_sees_broken_metrics():
    with pytest.raises(AssertionError):
        parse('# HELP a b\n# TYPE a gauge\na{l="x"y"} 1\n')
    with pytest.raises(AssertionError):
        parse("# HELP a_total b\n# TYPE a_total gauge\na_total 1\n")
    assert parse('# HELP a b\n# TYPE a gauge\na{l="x\\"y"} 1\n')


def test_what_a_brake_takes_is_counted_by_its_name(site, plmaint, prom, tmp_path):
    site.bulk_images(60, repos=1, own_config=False)
    plmaint.configure({"throttle.calm": "1s"})
    go = tmp_path / "go"
    running = plmaint.start("pre-migrate", "run", "--throttle-cmd", f"/usr/bin/test -e {go}")
    told = running.wait_for("progress", lambda e: e.get("lost_by", {}).get("command", 0) > 1, seconds=60)
    assert "throttle.command says stop" in told["lost"]
    status = plmaint.run("pre-migrate", "status", code=0).one("progress")
    assert status["lost_by"]["command"] > 0
    go.touch()
    assert running.wait().code == 0
    got = parse(prom.read_text())
    assert got["plmaint_step_lost_seconds_total", 'label="pulp-manifests-fill",reason="command"'] > 1
