# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance mode under a real systemd: its timers, and the packaged unit that puts back what was held."""

import contextlib

import pytest

from harness import cli, netns, podman
from harness.machine import Machine
from harness.need import need
from harness.process import wait_until

pytestmark = pytest.mark.slow
UNIT = "plmaint-maintenance-mode.service"
TIMER = "[Unit]\nDescription=of a test\n[Timer]\nOnCalendar=yearly\nUnit=pulp-work.service\n"
SERVICE = "[Service]\nType=oneshot\nExecStart=/bin/true\n"


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A host of its own network, with a timer of Pulp's that runs, one that does not, and one of others."""
    need(programs=("nft",))
    outer = tmp_path_factory.mktemp("outer")
    with contextlib.closing(Machine(outer, own_network=True)) as made:
        cli.install(made.path("/"), "PREFIX=/usr")
        units = made.path("/etc/systemd/system")
        (units / "pulp-work.service").write_text(SERVICE)
        for name in ("pulp-runs", "pulp-rests", "others"):
            (units / f"{name}.timer").write_text(TIMER)
        made.run("systemctl", "daemon-reload")
        made.run("systemctl", "start", "pulp-runs.timer", "others.timer")
        yield made


def mode(machine, *args, check=True):
    return machine.run("plmaint", "maintenance-mode", *args, check=check)


def active(machine):
    said = machine.run("systemctl", "list-units", "--type=timer", "--plain", "--no-legend", "--state=active")
    names = [line.split()[0] for line in said.splitlines()]
    return sorted(n for n in names if n.startswith(("pulp", "others")))


def test_the_timers_that_ran_are_the_ones_that_run_again(machine):
    before = active(machine)
    assert before == ["others.timer", "pulp-runs.timer"]
    mode(machine, "start")
    assert active(machine) == ["others.timer"]
    assert "1 timer and 0 tables" in mode(machine, "status")
    mode(machine, "start")
    mode(machine, "stop")
    assert active(machine) == before and mode(machine, "status").startswith("off")


def test_a_timer_that_an_upgrade_took_away(machine):
    """It is named, and the others start."""
    gone = machine.path("/etc/systemd/system/pulp-gone.timer")
    gone.write_text(TIMER)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "pulp-gone.timer")
    mode(machine, "start")
    gone.unlink()
    machine.run("systemctl", "daemon-reload")
    said = " ".join(mode(machine, "stop", check=False).split())
    assert "pulp-gone.timer is not installed any more" in said
    assert active(machine) == ["others.timer", "pulp-runs.timer"]


def test_timers_start_again_when_the_time_is_over(machine):
    """By a unit of its own, which outlives the session."""

    def since():
        return machine.run("systemctl", "show", "-p", "ActiveEnterTimestampMonotonic", "pulp-runs.timer")

    before, began = active(machine), since()
    mode(machine, "start", "--for", "1s")
    wait_until(lambda: active(machine) == before and since() != began, 60, "it was stopped, and runs again")
    wait_until(lambda: mode(machine, "status", check=False).startswith("off"), 60, "nothing is left")
    mode(machine, "start", "--for", "1h")
    assert active(machine) == ["others.timer"]
    assert "running" in machine.run("systemctl", "list-units", "--plain", "--no-legend", "plmaint-maintenance-mode-end-*")
    mode(machine, "stop")
    assert active(machine) == before


def test_what_was_held_is_put_back_at_boot(machine):
    """A boot is a kernel without rules and a systemd that starts every timer."""
    wanted = machine.run("systemctl", "show", "-p", "Wants", "--value", "multi-user.target").split()
    assert UNIT in wanted
    mode(machine, "start", "--allow", "192.0.2.0/24")
    machine.run("nft", "flush", "ruleset")
    machine.run("systemctl", "start", "pulp-runs.timer")
    assert "half" in mode(machine, "status", check=False)
    machine.run("systemctl", "restart", UNIT)
    said = mode(machine, "status")
    assert said.startswith("on") and "192.0.2.0/24" in said and active(machine) == ["others.timer"]
    mode(machine, "stop")
    machine.run("systemctl", "restart", UNIT)
    assert mode(machine, "status").startswith("off") and machine.run("nft", "list", "ruleset") == ""


ECHO = """
import socketserver
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.readline())
socketserver.ThreadingTCPServer(("", 80), Echo).serve_forever()
"""


def test_a_port_that_podman_has_given_to_a_container(machine):
    """Its own rules for it stand beside ours; asked from another host."""
    podman.prepare(machine)
    with contextlib.closing(netns.Host()) as outside:
        netns.cable(outside, netns.Inside(machine), "given0", [("192.0.2.1/24", "192.0.2.2/24")])
        machine.run("mount", "-o", "remount,bind,rw", "/proc/sys")  # the switch of forwarding is its network's
        words = ("--cgroups=disabled", "--publish=24817:80", "--rootfs", podman.FILES)
        machine.run("podman", "run", "--detach", "--name=given", *words, "/usr/bin/python3", "-c", ECHO)
        try:
            wait_until(lambda: outside.reaches("192.0.2.2", 24817), 30, "the container answers")
            mode(machine, "start")
            assert not outside.reaches("192.0.2.2", 24817)
            assert mode(machine, "status").startswith("on")
            mode(machine, "stop")
            assert outside.reaches("192.0.2.2", 24817)
        finally:
            machine.run("podman", "rm", "--force", "--time=0", "given", check=False)
