# SPDX-License-Identifier: GPL-3.0-or-later
"""`upgrade run`: what is left is migrated before Pulp is replaced; until then every failure brings the
site back up, afterwards it stays closed and the same command goes on, wherever it was killed.
"""

import json
import os
import subprocess
import uuid

import pytest

from harness import cli, manifests
from harness.need import need
from harness.process import wait_until

WHOLE = ["stop", "replace", "start"]


@pytest.fixture
def level(request):
    """The first that the newest pulpcore can be reached from."""
    return getattr(request, "param", "0045")


def filled(site, images):
    return site.sql(
        "SELECT count(*) FROM container_manifest m WHERE data IS NOT NULL AND NOT EXISTS"
        " (SELECT FROM core_contentartifact c WHERE c.content_id = m.content_ptr_id)"
    ) == [(images,)]


def images(site, n=12):
    site.bulk_images(n - 1, repos=2)
    lost = site.image("oci", site.repository("team/app"))
    site.lose(lost)
    return n


@pytest.mark.parametrize("level", ["0045", "0045+0138", "0050"], indirect=True)
def test_from_end_to_end(site, upgraded):
    n = images(site)
    done = upgraded.run("--to", "2.30", code=0)
    assert upgraded.log == WHOLE and upgraded.applied() == 1
    assert filled(site, n) and upgraded.online() and upgraded.note is None
    assert done.one("migration") | {"app": "core", "name": "0999_new"} == done.one("migration")
    assert "replacing the packages of 2.30" in [e["line"] for e in done.of("output")]
    assert "the site was closed for" in done.one("step.end", label="pulp-upgrade-end")["message"]
    assert not (upgraded.plmaint.state_dir / "cache-debt").exists()
    # Nothing is left for a second one but the upgrade command itself.
    upgraded.forget()
    words = ("upgrade", "run", "--to", "2.30", "--whitelist", "host-disk,pulp-migrations", "--force")
    again = upgraded.plmaint.run(*words, code=0)
    needed = {e["label"]: e["result"] for e in again.of("step.end")}
    assert needed["pulp-manifests-fill"] == needed["pulp-manifests-detach"] == "not-needed"
    assert upgraded.applied() == 1
    # Who passes over a guard is on record.
    steps = upgraded.plmaint.run("history", again.of("run.start")[0]["run"], code=0).of("history.step")
    told = {(e["label"], e["message"]) for e in steps if e["result"] == "skipped"}
    assert told >= {("host-disk", "whitelisted"), ("pulp-migrations", "whitelisted with --force")}


def test_what_the_checks_refuse_is_not_begun(site, upgraded, tmp_path):
    (tmp_path / "plmaint-backup.json").write_text(json.dumps({"format": 1, "id": str(uuid.uuid4()), "created": ""}))
    (tmp_path / "lock").touch()
    for name in ("backups", "store/tmp"):
        (tmp_path / name).mkdir(parents=True)
    upgraded.plmaint.configure({"backup.directory": tmp_path})
    gone = site.manifest(manifests.KINDS["oci"](site.rng), site.repository("a"), on_disk=False)
    upgraded.plmaint.run("pre-migrate", "run", code=78)
    site.task(state="running")
    refused = upgraded.run(code=1)
    bad = {e["label"] for e in refused.of("step.end") if e["result"] == "finding"}
    assert bad == {"pulp-quarantine-reviewed", "pulp-tasks-incomplete", "pulp-backup-recent"}, "all that is wrong at once"
    assert upgraded.log == [] and upgraded.note is None and upgraded.online()
    assert gone.digest in str(refused.one("step.end", label="pulp-quarantine-reviewed"))


def test_what_cannot_be_migrated_brings_the_site_back(site, upgraded):
    site.image("oci")
    site.manifest(manifests.KINDS["oci"](site.rng), site.repository("a"), on_disk=False)
    refused = upgraded.run(code=1)
    assert refused.one("step.end", label="pulp-manifests-served")["result"] == "finding"
    assert upgraded.log == ["stop", "start"] and upgraded.online() and upgraded.note is None
    assert upgraded.applied() == 0


def test_a_service_that_goes_on_is_not_migrated_under(site, upgraded):
    """The command that stops them forgets one."""
    (upgraded.directory / "stop").write_text("#!/bin/sh\nexit 0\n")
    refused = upgraded.run(code=1)
    told = refused.one("step.end", label="pulp-apps-settled")
    assert told["result"] == "finding" and "are still online" in told["message"]
    assert upgraded.log == ["start"] and upgraded.note is None


def test_a_standstill_that_is_too_long_is_refused(site, upgraded):
    images(site)
    refused = upgraded.run("--max-downtime", "1ms", code=1)
    told = refused.one("step.end", label="pulp-upgrade-estimate")
    assert told["result"] == "failed" and "--max-downtime" in told["hint"]
    assert upgraded.log == [] and upgraded.online()


def test_without_root_it_ends_before_it_begins(upgraded):
    need(root=True, when=os.system("unshare --user true 2>/dev/null") == 0, why="needs unshare --user")
    somebody = ("unshare", "--user")  # the files stay ours, the rights do not
    ask = upgraded.words()
    upgraded.plmaint.configure({"upgrade.maintenance_mode": "yes"})
    refused = upgraded.plmaint.run(*ask, wrap=somebody, code=1)
    assert "needs root" in refused.err and "upgrade.maintenance_mode to no" in refused.err
    assert not refused.of("step.end") and upgraded.log == [] and upgraded.note is None
    assert not upgraded.plmaint.run("plan", *ask, wrap=somebody, code=0).one("plan.step", label="services-stop")["included"]
    own = {k: upgraded.plmaint.settings[k] for k in ("upgrade.stop_command", "upgrade.start_command")}
    upgraded.plmaint.configure({"upgrade.maintenance_mode": "no"} | dict.fromkeys(own))
    assert "units of systemd" in upgraded.plmaint.run(*ask, wrap=somebody, code=1).err
    upgraded.plmaint.configure(own)
    # It begins, whether or not this user may reach the database.
    assert upgraded.plmaint.run(*ask, wrap=somebody, code=None).of("step.end")


def test_a_window_does_not_hold_it_up(site, upgraded):
    n = images(site)
    upgraded.plmaint.configure(
        {"pre-migrate.window": "Mon 03:00-03:01", "pre-migrate.max_duration": "1ms"}
    )
    upgraded.run(code=0)
    assert filled(site, n)


def test_a_command_that_fails_leaves_the_site_closed(site, upgraded):
    n = images(site)
    upgraded.hold("broken")
    failed = upgraded.run("--to", "2.29", code=1)
    told = failed.one("step.end", label="pulp-upgrade-command")
    assert told["result"] == "failed" and "no space left" in told["message"]
    left = failed.one("step.end", label="pulp-upgrade-unfinished")
    assert "`plmaint upgrade run` goes on" in left["hint"]
    assert upgraded.log == ["stop", "replace"] and not upgraded.online()
    assert upgraded.note == "begun"
    assert upgraded.plmaint.run("health", "check", "--label", "pulp-upgrade-unfinished", code=1)
    other = upgraded.run("--to", "2.28", code=2)
    assert "an upgrade to 2.29 has begun" in other.err
    upgraded.let_go("broken")
    upgraded.run(code=0)
    assert upgraded.online() and filled(site, n) and upgraded.note is None
    assert upgraded.applied() == 1


def test_ctrl_c_before_the_command_brings_the_site_back(site, upgraded):
    images(site)
    (upgraded.directory / "stop").rename(upgraded.directory / "really")
    path = upgraded.directory / "stop"
    path.write_text(
        f"#!/bin/sh\n{upgraded.directory}/really\necho here\n"
        f"while [ -e {upgraded.directory}/hold ]; do sleep 0.1; done\n"
    )
    path.chmod(0o755)
    upgraded.hold()
    running = upgraded.start()
    running.wait_for("output", line="here")
    running.interrupt()
    upgraded.let_go()
    done = running.wait()
    assert done.code == 130, done
    assert upgraded.log[-1] == "start" and upgraded.online() and upgraded.note is None
    assert upgraded.applied() == 0


def test_a_command_that_outlived_its_run_is_not_doubled(site, upgraded):
    n = images(site)
    upgraded.hold()
    running = upgraded.start()
    running.wait_for("output")
    running.kill9()
    refused = upgraded.run(code=1)
    assert "is still at work: process" in refused.one("step.end", label="pulp-upgrade-command")["message"]
    assert upgraded.log.count("replace") == 1
    upgraded.let_go()
    wait_until(lambda: upgraded.applied(), 30, "the command ends by itself")
    wait_until(lambda: upgraded.run().code == 0, 60, "it goes on", poll=0.1)
    assert upgraded.online() and filled(site, n) and upgraded.note is None


def steps():
    """Labels of the steps of such a run: neither units of systemd nor ports have a part in it."""
    if not cli.binary().exists():
        return []
    words = ("plan", "upgrade", "run", "--json", "--set", "pulp.settings=/nonexistent")
    lines = subprocess.run(
        [cli.binary(), *words], capture_output=True, text=True, check=False
    ).stdout.splitlines()
    labels = [e["label"] for e in map(json.loads, lines) if e.get("event") == "plan.step"]
    others = {"host-disk", "pulp-upgrade-unfinished", "services-stop", "services-start", "pulp-status"}
    others |= {"pulp-apps-loose"}  # the upgrade stops by a command of its own
    others |= {"host-firewall-close", "host-firewall-open", "host-schedules-stop", "host-schedules-start"}
    return sorted(set(labels) - others)


def test_the_plan_names_the_steps():
    assert len(steps()) > 15


@pytest.mark.parametrize("label", steps())
def test_killed_at_any_step_the_same_command_ends_it(site, upgraded, label):
    n = images(site)
    running = upgraded.start("--to", "2.29")
    begun = lambda e: e["event"] == "step.start" and e["label"] == label  # noqa: E731
    wait_until(
        lambda: any(map(begun, running.events)) or running.proc.poll() is not None, 60, label
    )
    running.kill9()
    wait_until(lambda: upgraded.run().code == 0, 60, "it goes on", poll=0.1)
    assert upgraded.online() and filled(site, n) and upgraded.note is None
    assert upgraded.applied() == 1
