# SPDX-License-Identifier: GPL-3.0-or-later
"""`upgrade run` on a host whose Pulp systemd runs: it ends with the services that ran before and open ports,
wherever it was killed and wherever the power went. systemd, PostgreSQL, Redis and nft are real.
"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import psycopg2
import pytest

from harness import cli, podman, process, pulpdata, units
from harness.machine import Machine
from harness.need import need
from harness.process import wait_until
from harness.units import ALL, OUTER, PULP, SOCKET, TIMER, Host, Inside

pytestmark = pytest.mark.slow
CRASH = os.environ.get("PLMAINT_CRASH_ALL") == "1"
LEVEL = "0045"
RESTS = "pulpcore-worker@2.service"  # what the operator has stopped stays so
RAN = set(ALL) - {RESTS}
REPLACE = f"""#!/bin/sh
nft list table inet plmaint_maintenance >{OUTER}/closed
systemctl list-units --plain --no-legend --state=active 'pulpcore-*' >{OUTER}/active
echo replacing
exec psql -qX -h {OUTER}/s -U pulp -d %s -c "INSERT INTO django_migrations (app, name, applied)
 SELECT 'core', '0999_new', now() WHERE NOT EXISTS (SELECT FROM django_migrations WHERE name = '0999_new')"
"""


@pytest.fixture(scope="module")
def host():
    need(programs=("nft", "psql"))
    outer = pathlib.Path(tempfile.mkdtemp(prefix="plupgrade"))
    outer.chmod(0o755)
    try:
        with contextlib.closing(Machine(outer, own_network=True)) as machine:
            made = Host(machine)
            made.use(LEVEL)
            yield made
    finally:
        shutil.rmtree(outer, ignore_errors=True)


@pytest.fixture(scope="module")
def site(host):
    media = host.outer / "media"
    media.mkdir()
    conn = psycopg2.connect(
        host=str(host.outer / "s"), port=5432, dbname=host.databases[LEVEL], user=pulpdata.schema.OWNER
    )
    with contextlib.closing(conn):
        yield pulpdata.Site(conn, media, LEVEL)


@pytest.fixture
def tool(host, site, tmp_path):
    host.use(LEVEL)
    host.systemctl("stop", RESTS)
    site.sql("DELETE FROM django_migrations WHERE name = '0999_new'")
    site.bulk_images(3)
    replace = host.outer / "replace"
    replace.write_text(REPLACE % host.databases[LEVEL])
    replace.chmod(0o755)
    made = Inside(
        host,
        tmp_path.name,
        {
            "services.timeout": "60s",
            "pulp.media_root": host.outer / "media",
            "upgrade.command": replace,
            "throttle.status_url": f"http://127.0.0.1:{host.port}/pulp/api/v3/status/",
        },
    )
    yield made
    made.close()


WORDS = ("upgrade", "run", "--to", "2.29", "--whitelist", "host-disk")


def closed(host):
    return host.machine.run("nft", "list", "ruleset").strip() != ""


def note(tool):
    path = tool.state_dir / "upgrade"
    return path.read_text().split()[0] if path.exists() else None


def ended(host, tool, site):
    """As it was, but for what was to be done."""
    assert host.active() == RAN
    assert tool.remembered() == set() and note(tool) is None and not closed(host)
    assert site.sql("SELECT count(*) FROM container_manifest WHERE data IS NULL") == [(0,)]
    assert site.sql("SELECT count(*) FROM django_migrations WHERE name = '0999_new'") == [(1,)]


def test_from_end_to_end(host, tool, site):
    done = tool.run(*WORDS, code=0)
    timed, held = done.of("step.end", label="host-firewall-close")
    assert "(60 s)" in timed["message"] and "A reboot opens them" in held["hint"]
    assert done.one("step.end", label="pulp-status")["result"] == "ok"
    assert "reject" in (host.outer / "closed").read_text()
    assert (host.outer / "active").read_text() == "", "the command finds nothing at work"
    ended(host, tool, site)


def test_a_failure_before_the_command_brings_all_back(host, tool, site):
    with host.drop_in(units.ODD, "KillSignal=SIGCONT\nTimeoutStopSec=15"):
        tool.configure({"services.timeout": "3s"})
        step = tool.run(*WORDS, code=1).one("step.end", label="services-stop")
        assert units.ODD in step["message"]
        # It is started again at once when that was asked for while it was being killed.
        state = lambda: host.systemctl("show", "-p", "ActiveState", units.ODD)  # noqa: E731
        wait_until(lambda: "deactivating" not in state(), 60, "killed")
    tool.configure({"services.timeout": "60s"})
    host.systemctl("start", units.ODD)
    assert host.active() == RAN and note(tool) is None and not closed(host)
    assert not (host.outer / "replaced").exists()


def steps():
    if not cli.binary().exists():
        return []
    lines = subprocess.run(
        [cli.binary(), "plan", "upgrade", "run", "--json", "--set", "pulp.settings=/nonexistent"]
        + ["--set", "upgrade.command=/bin/true", "--set", "throttle.status_url=http://127.0.0.1"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    plan = [e for e in map(json.loads, lines) if e.get("event") == "plan.step"]
    return list(dict.fromkeys(e["label"] for e in plan if e["included"] and e["label"] != "host-disk"))


# At every step in `make crash`.
FEW = ("host-schedules-stop", "services-stop", "pulp-upgrade-command", "services-start", "host-firewall-open")


def some(few):
    return [label for label in steps() if CRASH or label in few]


def kill(host, tool, label):
    """kill -9 as soon as the step is said to begin; the program is nsenter's child."""
    running = tool.start(*WORDS)
    begun = lambda e: e["event"] == "step.start" and e["label"] == label  # noqa: E731
    wait_until(lambda: any(map(begun, running.events)) or running.proc.poll() is not None, 60, label)
    process.kill_hard(process.children(running.pid))
    running.wait()


def go_on(host, tool, site):
    wait_until(lambda: tool.run(*WORDS).code in (0, 78), 60, "it goes on", poll=0.1)
    ended(host, tool, site)


@pytest.mark.parametrize("label", some(FEW))
def test_killed_at_any_step(host, tool, site, label):
    kill(host, tool, label)
    go_on(host, tool, site)


@pytest.mark.parametrize("label", some(FEW[1:4]))
def test_the_power_goes_at_any_step(host, tool, site, label):
    """A boot is a kernel without rules and a systemd that starts what is enabled, maintenance mode first."""
    kill(host, tool, label)
    host.machine.run("nft", "flush", "ruleset")
    begun = note(tool) in ("begun", "replaced")
    opened = not (tool.state_dir / "maintenance-mode").exists()
    tool.run("maintenance-mode", "resume", code=0)
    host.systemctl("start", *(u for u in ALL if u in RAN))  # a socket will not start after its service
    assert closed(host) == (begun and not opened), "nothing was replaced: the site is there again"
    assert closed(host) or TIMER in host.active()
    go_on(host, tool, site)


BOXED = """#!/bin/sh -e
nft list table inet plmaint_maintenance >{outer}/closed
podman ps -q >{outer}/active
test ! -e {outer}/full || {{ echo no space left; exit 1; }}
{replace}
"""


@pytest.fixture
def box(host, tool):
    """All of Pulp is in containers of Podman, and what they know is not in plmaint's configuration."""
    host.systemctl("stop", *PULP, SOCKET)
    made = podman.Box(host, pulpdata.schema.OWNER, podman.WHOLE, "media")
    (host.outer / "box/etc/certs/database_fields.symmetric.key").chmod(0o600)
    (host.outer / "replace").write_text(BOXED.format(outer=OUTER, replace=made.replace()))
    tool.configure({"database.pulp.conninfo": None, "pulp.media_root": None, "redis.url": None})
    host.systemctl("start", *made.units)
    online = ("health", "check", "--label", "pulp-workers-online,pulp-apps-online")
    wait_until(lambda: tool.run(*online).code == 0, 60, "all have signed on", poll=0.2)
    yield made
    made.close()
    host.systemctl("reset-failed")


def test_a_pulp_in_containers(host, tool, site, box):
    """Its settings and its files are found in the containers, which are stopped and started by their units; what the
    upgrade command does is done in a container, too. After it has failed the site stays closed, and what is known
    of a Pulp that stands still is enough to go on.
    """
    (host.outer / "full").touch()
    failed = tool.run(*WORDS, code=1)
    assert "no space left" in failed.one("step.end", label="pulp-upgrade-command")["message"]
    assert (host.outer / "active").read_text() == "" and box.containers() == []
    assert note(tool) == "begun" and closed(host) and tool.remembered() == set(podman.WHOLE)
    assert site.sql("SELECT count(*) FROM container_manifest WHERE data IS NULL") == [(0,)]
    (host.outer / "full").unlink()
    done = tool.run(*WORDS, code=0)
    assert "contained" in [e["line"].split()[0] for e in done.of("output")]
    assert done.one("step.end", label="pulp-status")["result"] == "ok"
    assert "reject" in (host.outer / "closed").read_text()
    assert box.releases() == ["new"] * 3
    assert host.active(podman.WHOLE) == set(podman.WHOLE) and host.active(PULP) == set()
    assert tool.remembered() == set() and note(tool) is None and not closed(host)
    assert site.sql("SELECT count(*) FROM django_migrations WHERE name = '0999_new'") == [(1,)]
