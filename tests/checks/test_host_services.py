# SPDX-License-Identifier: GPL-3.0-or-later
"""host-services under a real systemd: units that run, that are down, that fail, that never get up."""

import contextlib
import json

import pytest

from harness import cli
from harness.machine import Machine
from harness.process import wait_until

pytestmark = pytest.mark.slow
UNITS = {
    "pulpcore-api.service": "ExecStart=/bin/sleep 100000",
    "pulpcore-content.service": "ExecStart=/bin/sleep 100000",
    "pulpcore-once.service": "Type=oneshot\nExecStart=/bin/true",
    "pulpcore-off.service": "ExecStart=/bin/sleep 100000",  # not enabled: nobody wants it
}
FAILS = "ExecStart=/bin/false"
LOOPS = "ExecStart=/bin/false\nRestart=always\nRestartSec=1h"


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    outer = tmp_path_factory.mktemp("outer")
    with contextlib.closing(Machine(outer)) as made:
        cli.install(made.path("/"), "PREFIX=/usr")
        for name, text in UNITS.items():
            write(made, name, text)
        made.run("systemctl", "daemon-reload")
        for name in ("nginx", "apache2", "httpd"):  # where this machine has them, so has that one
            made.run("systemctl", "disable", "--now", name, check=False)
        made.run("systemctl", "enable", "--now", *[u for u in UNITS if "off" not in u])
        yield made


def write(machine, name, text):
    machine.path(f"/etc/systemd/system/{name}").write_text(
        f"[Service]\n{text}\n[Install]\nWantedBy=basic.target\n"
    )


def look(machine):
    out = machine.run("/usr/sbin/plmaint", "--json", "health", "check", "--label", "host-services", check=False)
    events = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    return next(e for e in events if e["event"] == "step.end")


def test_units(machine):
    name = "pulpcore-content.service"
    found = look(machine)
    assert found["result"] == "ok" and found["message"] == "3 units of Pulp and what it needs are up", found
    machine.run("systemctl", "stop", name)
    found = look(machine)
    assert found["result"] == "finding" and found["message"] == "1 of 3 units is down"
    assert found["examples"] == [f"{name} is enabled and does not run"]
    for text, state, words in (
        (FAILS, "failed", "has failed"),
        (LOOPS, "auto-restart", "ends and is started again, over and over"),
    ):
        write(machine, name, text)
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "start", name)
        wait_until(lambda s=state: machine.run("systemctl", "show", "-p", "SubState", "--value", name).strip() == s, 30, state)
        assert look(machine)["examples"] == [f"{name} {words}"]
    write(machine, name, UNITS[name])
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", name)
    assert look(machine)["result"] == "ok"
