# SPDX-License-Identifier: GPL-3.0-or-later
"""service: what is found on a host, and that a stop and a start leave it as it was, whenever they are
killed. PostgreSQL, Redis and systemd are real; Pulp's processes sign on as the real ones do.
"""

import os
import shutil
import signal

import pytest

from harness import podman, schema, units
from harness.need import need
from harness.process import wait_until
from harness.units import ALL, ODD, POSTGRESQL, PULP, REDIS, SOCKET, TIMER, Inside

pytestmark = pytest.mark.slow
CRASH = os.environ.get("PLMAINT_CRASH_ALL") == "1"
OLD, NEW = "0043", "0050"  # the two generations of heartbeats


@pytest.fixture(scope="module")
def host():
    with units.machine_of_a_host("plunits") as made:
        yield made


@pytest.fixture
def tool(host, request, tmp_path):
    """plmaint on the machine, all services up before and after."""
    host.use(getattr(request, "param", NEW))
    made = Inside(host, tmp_path.name, {"services.timeout": "60s"})
    yield made
    made.close()


def services(done):
    return {e["name"]: e for e in done.of("service")}


@pytest.mark.parametrize("tool", [OLD, NEW], indirect=True)
def test_all_that_runs_is_found_and_nothing_else(host, tool):
    """Also the worker whose unit has a name of its own; not the meta unit and not the other cluster.
    Who listens is found by a port as by a socket's path.
    """
    if host.level == OLD:
        tool.configure({"redis.url": f"redis://127.0.0.1:{host.redis_port}/0"})
    found = services(tool.run("service", "status", code=0))
    assert set(found) == set(ALL), sorted(found)
    assert all(found[u]["state"] == "active" and not found[u]["fails"] for u in ALL)
    assert found[ODD]["feature"] == "pulp" and "signs on" in found[ODD]["message"]
    assert found[POSTGRESQL]["feature"] == "postgresql" and found[REDIS]["feature"] == "redis"
    answers = {e["feature"]: e["answers"] for e in tool.run("service", "status", code=0).of("answer")}
    assert answers == {"redis": True, "postgresql": True, "pulp": True}
    listed = list(services(tool.run("service", "list", code=0)))
    assert listed.index(REDIS) < listed.index(POSTGRESQL) < listed.index(ODD) < listed.index(TIMER)


def test_status_for_people(host, tool):
    host.systemctl("stop", "pulpcore-worker@2")
    text = tool.run("service", "status", "--failing", "--brief", json=False, code=1).out
    assert text.splitlines() == ["FAIL pulpcore-worker@2.service                    inactive (dead)"]
    full = tool.run("service", "status", "--only", "pulp", json=False, code=1).out
    assert "signs on in Pulp's database" in full and POSTGRESQL not in full
    host.systemctl("start", "pulpcore-worker@2")


def test_a_dead_database_is_told(host, tool):
    """Names are left then; what does not answer is failing."""
    host.kill(POSTGRESQL)
    wait_until(lambda: POSTGRESQL not in host.active(), 30, "PostgreSQL is dead")
    done = tool.run("service", "status", code=1)
    assert services(done)[POSTGRESQL]["fails"] and "Pulp's processes" in done.one("notice")["message"]
    # Who has not noticed yet would run on, with a session that is none.
    host.systemctl("stop", SOCKET, *PULP)


def test_words_that_name_nothing(tool):
    done = tool.run("service", "list", "--only", "pulpcore-wroker@1", code=2)
    assert "there is no service" in done.err and "Did you mean pulpcore-worker@1" in done.err
    done = tool.run("service", "stop", "--exclude", "postgrseql", code=2)
    assert "Did you mean postgresql" in done.out


def test_stop_and_start_leave_it_as_it_was(host, tool):
    """What the operator has stopped stays so; who answers has been asked."""
    host.systemctl("stop", "pulpcore-worker@2")
    ran = set(ALL) - {"pulpcore-worker@2.service"}
    assert tool.run("service", "stop", code=0).one("step.end", label="services-stop")["result"] == "ok"
    assert host.active() == set() and tool.remembered() == ran
    assert tool.run("service", "stop", code=0).one("step.end")["result"] == "not-needed"
    assert tool.remembered() == ran
    status = services(tool.run("service", "status", code=1))
    assert {u for u, e in status.items() if e["remembered"]} == ran
    assert tool.run("service", "start", code=0).one("step.end", label="services-start")["result"] == "ok"
    assert host.signed_on() == len(PULP) - 1
    assert host.active() == ran and tool.remembered() == set()
    # With none remembered those that start with the host are meant.
    tool.run("service", "start", code=0)
    assert host.active() == set(ALL)
    assert tool.run("service", "start", code=0).one("step.end")["result"] == "not-needed"


def test_an_offline_backup_stops_them_and_starts_them_again(host, tool):
    """Also when it fails; what the operator has stopped stays so."""
    host.systemctl("stop", "pulpcore-worker@2")
    ran, words = host.active(), ("backup", "offline", "/var/tmp/backups", "--skip-pulp-content")
    words += ("--features", "plmaint")
    done = tool.run(*words, code=0)
    made = done.one("backup", state="whole")
    assert made["kind"] == "offline" and made["downtime"] > 0
    assert done.one("step.end", label="services-stop")["result"] == "ok"
    assert "will be stopped for" in done.one("step.end", label="backup-close")["message"]
    assert "were stopped for" in done.one("step.end", label="backup-reopened")["message"]
    assert host.active() == ran and tool.remembered() == set()
    broken = tool.directory / "broken"
    broken.mkdir()
    for name in ("pg_dump", "pg_dumpall"):
        (broken / name).write_text("#!/bin/sh\nexit 1\n")
        (broken / name).chmod(0o755)
    inside = host.machine.inside(broken)
    failed = tool.run(*words, "--set", f"database.programs={inside}", code=1)
    assert failed.one("step.end", label="services-stop")["result"] == "ok"
    assert failed.one("step.end", label="services-start")["result"] == "ok"
    assert host.active() == ran and failed.of("backup", state="whole") == []
    host.systemctl("start", "pulpcore-worker@2")


def test_their_order(host, tool):
    def times(what):
        return [
            int(host.systemctl("show", "-p", f"{what}EnterTimestampMonotonic", "--value", u))
            for u in (TIMER, ODD, POSTGRESQL, REDIS)
        ]

    assert tool.run("service", "restart", code=0).one("step.end", label="services-restart")
    assert times("Inactive") == sorted(times("Inactive"))
    assert times("Active") == sorted(times("Active"), reverse=True)


def test_only_and_exclude(host, tool):
    tool.run("service", "stop", "--exclude", "postgresql,redis", code=0)
    assert host.active() == {POSTGRESQL, REDIS}
    tool.run("service", "start", "--only", "pulpcore-worker@1", code=0)
    assert host.active() == {POSTGRESQL, REDIS, "pulpcore-worker@1.service"}
    tool.run("service", "start", "--only", "pulp*", code=0)
    assert ODD in tool.remembered() and TIMER not in tool.remembered()
    tool.run("service", "stop", "--only", "redis", code=0)
    tool.run("service", "start", code=0)
    assert host.active() == set(ALL) and tool.remembered() == set()


def test_enable_and_disable(host, tool):
    tool.run("service", "disable", "--only", "pulp", code=(0, 78))
    assert host.systemctl("is-enabled", ODD, check=False).strip() == "disabled"
    assert host.active() == set(ALL)
    done = tool.run("service", "enable", "--only", "pulp,postgresql", code=78)
    assert services(done)[ODD]["enabled"] == "enabled"
    assert any(POSTGRESQL in e["message"] for e in done.of("notice"))


DEAF = "KillSignal=SIGCONT"


def test_one_that_will_not_stop(host, tool):
    """Under it stays what it needs."""
    tool.run("service", "stop", "--only", "pulp,timers", "--exclude", ODD, code=0)
    tool.configure({"services.timeout": "1s"})
    with host.drop_in(ODD, f"{DEAF}\nTimeoutStopSec=infinity"):
        step = tool.run("service", "stop", code=1).one("step.end")
        assert ODD in step["message"] and f"journalctl -u {ODD}" in step["hint"]
        assert host.active() == {POSTGRESQL, REDIS} and tool.remembered() == set(ALL)
        host.kill(ODD)
        wait_until(lambda: host.shows(ODD, "ActiveState") == "failed", 60, "it is dead")
    tool.configure({"services.timeout": "60s"})
    tool.run("service", "start", code=0)
    assert host.active() == set(ALL)


def test_one_that_systemd_has_to_kill(host, tool):
    with host.drop_in(ODD, f"{DEAF}\nTimeoutStopSec=1"):
        step = tool.run("service", "stop", "--only", ODD, code=78).one("step.end")
    assert "did not stop by itself" in step["message"] and ODD not in host.active()
    tool.run("service", "start", code=0)
    assert host.active() == set(ALL)


def test_the_limit_of_starts(host, tool):
    """systemd counts starts, to end what dies over and over; who asks for one is not that."""
    with host.drop_in(ODD, "[Unit]\nStartLimitBurst=1\nStartLimitIntervalSec=1h"):
        for _ in range(2):
            tool.run("service", "restart", "--only", ODD, code=0)
    assert host.active() == set(ALL)


def test_one_that_will_not_start(host, tool):
    """The others are started; it alone is remembered, and the next start brings it."""
    tool.run("service", "stop", code=0)
    bad = "pulpcore-worker@1.service"
    with host.drop_in(bad, "ExecStart=\nExecStart=/bin/false"):
        step = tool.run("service", "start", code=1).one("step.end")
        assert bad in step["message"] and bad in step["hint"]
        assert host.active() == set(ALL) - {bad} and tool.remembered() == {bad}
    tool.run("service", "start", code=0)
    assert host.active() == set(ALL) and tool.remembered() == set()


def test_one_that_runs_and_does_not_answer(host, tool):
    """A process is not an answer: it must sign on."""
    silent = "pulpcore-worker@1.service"
    tool.run("service", "stop", "--only", silent, code=0)
    tool.configure({"services.timeout": "3s"})
    with host.drop_in(silent, "ExecStart=\nExecStart=/bin/sleep 999"):
        step = tool.run("service", "start", code=1).one("step.end")
        assert f"{silent} has not signed on" in step["message"]
        host.systemctl("stop", silent)
    host.systemctl("kill", "-s", "STOP", REDIS)
    try:
        done = tool.run("service", "status", code=1)
        assert services(done)[REDIS]["state"] == "active" and not done.one("answer", feature="redis")["answers"]
    finally:
        host.systemctl("kill", "-s", "CONT", REDIS)


def test_the_status_of_pulp_is_asked(host, tool):
    url = f"http://127.0.0.1:{host.port}/pulp/api/v3/status/"
    tool.configure({"throttle.status_url": url})
    tool.run("service", "restart", "--only", "pulp", code=0)
    host.systemctl("stop", SOCKET, "pulpcore-content")
    done = tool.run("service", "status", code=1)
    assert "content app" in done.one("answer", feature="pulp")["message"]


def test_a_process_in_no_unit(host, tool, request):
    """It cannot be stopped here, and a stop that leaves it is none."""
    groups = "/sys/fs/cgroup/systemd"
    container = "machine.slice/libpod-c0ffee0123456789.scope", "docker/c0ffee0123456789"

    def end():
        host.systemctl("stop", "loose.scope", "start-loose", "watched.scope", "start-watched", check=False)
        # Out of its scope no stop reaches it.
        procs = " ".join(f"{groups}/{name}/cgroup.procs" for name in container)
        host.machine.run("sh", "-c", f"cat {procs} | xargs -r kill -9")

    def start(unit, words):
        host.machine.run(
            "systemd-run", f"--unit=start-{unit}", "-p", "KillMode=none", "-p", "Type=forking",
            "/bin/sh", "-c", f"systemd-run --scope --unit={unit} {words} &",
        )  # fmt: skip
        wait_until(lambda: look()["result"] == "finding", 30, "it has signed on")

    def look():
        return tool.run("health", "check", "--label", "pulp-apps-loose").one("step.end")

    def move(pid, name):
        host.machine.run("sh", "-c", f"mkdir -p {groups}/{name}; echo {pid} >{groups}/{name}/cgroup.procs")

    request.addfinalizer(end)
    name = f"{units.OUTER}/pulpcore-worker"
    shutil.copy(host.outer / "fake_pulpcore.py", host.outer / "pulpcore-worker")
    worker = f'python3 {name} worker "{host.conninfo()}"'
    start("loose", worker)
    found = tool.run("service", "status", code=1).one("service", state="loose")
    assert found["fails"] and "no unit" in found["message"]
    told, pid = look(), found["name"].split()[1]
    assert f"process {pid}" in told["examples"][0] and "container" not in told["message"]
    # As `podman run -d` leaves it: in a group beside all units.
    move(pid, container[0])
    refused = tool.run("backup", "offline", f"{units.OUTER}/backup", code=1)
    told = refused.one("step.end", label="pulp-apps-loose")
    assert "in container c0ffee012345" in told["examples"][0] and "podman stop" in told["hint"]
    assert not refused.of("step.end", label="services-stop") and host.active() == set(ALL)
    tool.configure({"upgrade.command": "/bin/false", "upgrade.maintenance_mode": "no"})
    refused = tool.run("upgrade", "run", "--whitelist", "host-disk", code=1)
    found = {e["label"] for e in refused.of("step.end") if e["result"] not in ("ok", "skipped", "not-needed")}
    assert found == {"pulp-apps-loose"} and not refused.of("step.end", label="pulp-upgrade-begin")
    assert host.active() == set(ALL) and tool.remembered() == set() and host.signed_on() == len(PULP) + 1
    step = tool.run("service", "stop", code=1).one("step.end")
    assert "in no unit" in step["message"]
    end()
    tool.run("service", "start", code=0)
    # What another keeps is not looked into, and is told: a user's Podman, by who watches, and Docker.
    watched = host.outer / "watched"
    watched.write_text(f"exec -a conmon bash -c '{worker}; true' -c c0ffee0123456789\n")
    start("watched", f"setpriv --reuid=nobody --clear-groups bash {units.OUTER}/watched")
    told = look()
    assert "in container c0ffee012345 of the Podman of the user nobody" in told["examples"][0]
    assert "`podman stop` as that user" in told["hint"]
    move(told["examples"][0].split()[3], container[1])
    told = look()
    assert "in container c0ffee012345 of Docker" in told["examples"][0] and "`docker stop`" in told["hint"]
    tool.configure({"database.pulp.conninfo": None, "pulp.media_root": None, "redis.url": None})
    told = tool.run("health", "check", "--label", "pulp-database", code=2).one("step.end")
    assert "Pulp runs in container c0ffee012345 of Docker, which is not looked into" in told["hint"]


CONTAINED = """#!/bin/sh
{within} || for top in /sys/fs/cgroup/*; do
    group=$top/machine.slice/libpod-c0ffee.scope
    mkdir -p $group && echo 0 >$group/cgroup.procs
done
hostname c0ffee
echo c0ffee >/run/c0ffee
mount --bind /run/c0ffee /etc/hostname
exec /usr/bin/python3 {outer}/fake_pulpcore.py worker "{conninfo}"
"""


@pytest.mark.parametrize("apart", [False, True], ids=["in its group", "apart"])
def test_a_container_is_acted_on_through_its_unit(host, tool, apart, request):
    """No podman here: namespaces as podman makes them, with a host name and process numbers of their own,
    in the group of the unit, as a quadlet's, or in one of their own.
    """
    script = host.outer / "contained"
    within = "false" if apart else "true"
    script.write_text(CONTAINED.format(outer=units.OUTER, conninfo=host.conninfo(), within=within))
    script.chmod(0o755)
    host.write_unit(
        "registry-box.service",
        "[Service]\nExecStart=/usr/bin/unshare --mount --uts --pid --fork --kill-child=TERM --mount-proc"
        f" {units.OUTER}/contained\n"
        # unshare hands nothing on; with Podman this is `podman stop`.
        "ExecStop=-/bin/sh -c 'kill $$(cat /sys/fs/cgroup/systemd/machine.slice/libpod-c0ffee.scope/cgroup.procs)'\n",
    )
    host.systemctl("daemon-reload")
    request.addfinalizer(lambda: host.systemctl("stop", "registry-box"))
    host.systemctl("start", "registry-box")
    wait_until(lambda: host.signed_on() == len(PULP) + 1, 30, "the contained one has signed on")
    found = services(tool.run("service", "status", code=0))
    assert found["registry-box.service"]["feature"] == "pulp"
    tool.run("service", "stop", "--only", "pulp", code=0)
    assert host.active(["registry-box.service"]) == set()
    tool.run("service", "start", code=0)
    assert host.active(["registry-box.service"]) and host.active() == set(ALL)


def test_a_remote_database_is_shown_and_not_touched(host, tool):
    tool.configure({"database.pulp.conninfo": "host=192.0.2.1 dbname=x user=y"})
    done = tool.run("service", "status", code=1)
    found = services(done)
    assert found["postgresql at 192.0.2.1:5432"]["state"] == "remote" and POSTGRESQL not in found
    assert not done.one("answer", feature="postgresql")["answers"]
    tool.run("service", "stop", "--only", "postgresql", code=0)
    assert host.active() == set(ALL)


def test_without_rights(host, tool):
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    step = tool.run("service", "stop", config=False, wrap=nobody, code=1).one("step.end")
    assert "needs root" in step["message"] and "sudo" in step["hint"]
    assert host.active() == set(ALL)


def test_a_file_that_is_not_ours(host, tool):
    (tool.state_dir / "services").write_text("plmaint services 1\n--force\n")
    done = tool.run("service", "stop", code=1)
    assert "does not say which services" in done.one("step.end")["message"]
    assert host.active() == set(ALL)


@pytest.mark.parametrize("phase", ["stop", "start"])
def test_an_operator_who_ends_a_restart(host, tool, phase):
    """Whatever it was about, all is started, and who wants to go is not kept."""
    with host.held(POSTGRESQL, phase) as (arrives, let_go):
        running = tool.start("service", "restart")
        arrives()
        tool.signal(running, signal.SIGTERM)
        let_go()
        done = running.wait()
    assert done.code == 143, done
    told = done.one("step.end")["message"]
    assert (f"stopped before {REDIS}" if phase == "stop" else "not waited for") in told
    wait_until(lambda: host.active() == set(ALL), 60, "all run again")


@pytest.mark.parametrize("phase", ["stop", "start"])
def test_killed_at_each_kind_of_wait(host, tool, phase):
    """What it asked for is under way, and what comes next is asked for by nobody."""
    with host.held(POSTGRESQL, phase) as (arrives, let_go):
        running = tool.start("service", "restart")
        arrives()
        tool.killed(running)
        assert tool.remembered() == set(ALL)
        let_go()
        tool.run("service", "start", code=0)
    assert host.active() == set(ALL) and tool.remembered() == set()


def killed(tool, action, call, n):
    """Runs it and kills it at its n-th call; whether that was."""
    trace = ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e"]
    done = tool.run("service", action, wrap=[*trace, f"inject={call}:signal=KILL:when={n}"])
    assert done.code in (0, 137), done
    return done.code == 137


FEW = [("rename", 1), ("unlink", 1)]
# Each systemctl is a clone; the first eight are those of looking.
MANY = [("fsync", 1), ("rename", 1), ("fsync", 2), ("unlink", 1), *(("clone", n) for n in range(8, 30))]


@pytest.mark.parametrize("action, moments", [("restart", FEW), ("stop", MANY), ("start", MANY), ("restart", MANY)])
def test_killed_at_each_step(host, tool, action, moments):
    """Run again, or rescued by a start: the same services run as before."""
    need(when=CRASH or moments is FEW, why="kills of service at each step are `make crash`'s: minutes")
    count = 0
    for call, n in moments:
        if action == "start":
            tool.run("service", "stop", code=0)
        if killed(tool, action, call, n):
            count += 1
            if action == "stop" and n % 2:
                tool.run("service", "stop", code=0)
                assert host.active() == set() and tool.remembered() == set(ALL)
        tool.run("service", "start", code=0)
        assert host.active() == set(ALL), (call, n)
        assert tool.remembered() == set(), (call, n)
    assert count >= min(len(moments), 6)


@pytest.fixture
def box(host, tool):
    """What the container knows is not in plmaint's configuration."""
    made = podman.Box(host, schema.OWNER)
    tool.configure({"database.pulp.conninfo": None, "pulp.media_root": None, "redis.url": None})
    yield made
    made.close()


def test_a_pulp_in_a_container_of_podman(host, tool, box):
    """Its settings are read and its programs run inside, as its user; its files are found where the host
    has them; it is stopped and started by its unit, while nothing but that knows where its database is.
    """
    before = tool.run("health", "check", "--label", "host-mounts").one("step.end")
    assert before["result"] == "unknown" and "settings.py" in before["message"]
    host.systemctl("start", *podman.UNITS)
    wait_until(lambda: host.signed_on() == len(PULP) + 1, 60, "the contained one has signed on")
    found = services(tool.run("service", "status", code=(0, 1)))
    assert all("signs on" in found[unit]["message"] for unit in podman.UNITS)
    companion = ("procedure", "run", "pulp-companion", "--param")
    said = tool.run(*companion, "command=repository-size", code=0).one("output")["line"]
    assert said == f"contained {podman.USER} / /etc/pulp/settings.py repository-size"
    late = tool.run(*companion, "command=datarepair 7272", "--param", "timeout=2s", code=1).one("step.end")
    assert "took more than" in late["message"]
    assert "7272" not in host.machine.run("ps", "-eo", "args"), "nothing of it is left inside"
    looked = tool.run("health", "check", "--label", "host-mounts,pulp-encryption-key", code=78)
    assert looked.one("step.end", label="host-mounts")["message"].split(",")[0].endswith(f"of {units.OUTER}")
    key = looked.one("step.end", label="pulp-encryption-key")["message"]
    assert key.startswith(f"{units.OUTER}/box/etc/certs/") and "open to everybody" in key
    tool.run("service", "stop", "--only", "pulp", code=0)
    assert box.containers() == []
    kept = host.machine.path("/run/plmaint/pulp.json")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "another" not in kept.read_text(), "what the container's environment says counts"
    tool.run("health", "check", "--label", "pulp-database,host-mounts", code=0)
    refused = tool.run(*companion, "command=repository-size", code=1).one("step.end")
    assert "no container of Pulp runs" in refused["message"]
    tool.run("service", "start", code=0)
    assert len(box.containers()) == 2 and not kept.exists()
    assert host.signed_on() == len(PULP) + 1 and tool.remembered() == set()
