# SPDX-License-Identifier: GPL-3.0-or-later
"""`upgrade run` in maintenance mode, as another host sees it: closed from before the services stop until they
have proved themselves, and nobody but a started upgrade keeps it closed.
"""

import contextlib

import pytest

from harness import netns
from harness.apart import apart
from harness.need import need
from harness.process import wait_until

V4 = "192.0.2.1"
PORT = 443


@pytest.fixture
def level():
    return "0045"


@pytest.fixture
def hosts():
    need(programs=("nft",))
    with contextlib.ExitStack() as stack:
        here = stack.enter_context(contextlib.closing(netns.Host()))
        outside = stack.enter_context(contextlib.closing(netns.Host()))
        netns.cable(here, outside, "eth0", [(f"{V4}/24", "192.0.2.2/24")])
        here.serve(PORT)
        yield here, outside


@pytest.fixture
def closed(hosts):
    """Whether the other host is refused; this one never is."""

    def ask():
        here, outside = hosts
        assert here.reaches("127.0.0.1", PORT)
        return not outside.reaches(V4, PORT)

    return ask


@pytest.fixture
def upgraded(upgraded, hosts, tmp_path):
    """In that network. Timers and tables of the machine that tests are not the tests' to stop."""
    upgraded.plmaint.configure(
        {
            "upgrade.maintenance_mode": None,
            "maintenance-mode.timers": "plmaint-no-such.timer",
            "maintenance-mode.cron": tmp_path / "cron.d" / "pulp*",
        }
    )
    plain = upgraded.plmaint.start
    upgraded.plmaint.start = lambda *a, wrap=(), **more: plain(*a, wrap=(*hosts[0].enter, *wrap), **more)
    table = tmp_path / "cron.d" / "pulp-sync"
    table.parent.mkdir()
    table.write_text("0 3 * * * root true\n")
    upgraded.table = table
    return upgraded


def mode(upgraded, *words, code=0):
    return upgraded.plmaint.run("maintenance-mode", *words, code=code)


def until(upgraded):
    """0: held; else when the kernel opens."""
    path = upgraded.plmaint.state_dir / "maintenance-mode"
    return float(path.read_text().split("until = ")[1].split()[0])


def in_command(upgraded):
    """A run whose upgrade command is at work."""
    upgraded.hold()
    running = upgraded.start("--to", "2.29")
    running.wait_for("output")
    return running


def in_stop(upgraded):
    """A run that is about to stop the services."""
    path = upgraded.directory / "stop"
    path.rename(upgraded.directory / "really")
    path.write_text(
        f"#!/bin/sh\necho here\nwhile [ -e {upgraded.directory}/hold ]; do sleep 0.1; done\n"
        f"exec {upgraded.directory}/really\n"
    )
    path.chmod(0o755)
    upgraded.hold()
    running = upgraded.start("--to", "2.29")
    running.wait_for("output", line="here")
    return running


def restored(upgraded):
    return upgraded.table.exists() and upgraded.online() and upgraded.note is None


def test_closed_from_the_stop_to_the_end(site, upgraded, closed):
    site.image("oci")
    running = in_stop(upgraded)
    assert closed() and until(upgraded) > 0, "a dead program closes no site"
    assert not upgraded.table.exists()
    upgraded.let_go()
    done = running.wait()
    assert done.code == 0, done
    ended = [e["label"] for e in done.of("step.end") if e["result"] == "ok"]
    assert ended.count("host-firewall-close") == 2
    assert ended.index("pulp-apps-online") < ended.index("host-firewall-open")
    assert not closed() and restored(upgraded)


def test_held_once_the_command_has_started(site, upgraded, closed):
    site.image("oci")
    running = in_command(upgraded)
    assert closed() and until(upgraded) == 0
    running.kill9()
    # What a boot does, by the packaged unit.
    mode(upgraded, "resume")
    assert closed() and upgraded.note == "begun"
    upgraded.let_go()
    wait_until(lambda: upgraded.run().code == 0, 60, "it goes on", poll=0.1)
    assert not closed() and restored(upgraded) and upgraded.applied() == 1


def test_a_command_that_fails_leaves_the_ports_closed(site, upgraded, closed):
    upgraded.hold("broken")
    upgraded.run(code=1)
    assert closed() and until(upgraded) == 0 and not upgraded.table.exists()
    upgraded.let_go("broken")
    upgraded.run(code=0)
    assert not closed() and restored(upgraded)


def test_what_fails_before_it_opens_again(site, upgraded, closed):
    (upgraded.directory / "stop").write_text("#!/bin/sh\nexit 3\n")
    upgraded.run(code=1)
    assert not closed() and restored(upgraded) and upgraded.applied() == 0


def test_a_power_cut_before_it_opens_at_boot(upgraded, closed):
    running = in_stop(upgraded)
    running.kill9()
    upgraded.let_go()
    mode(upgraded, "resume")
    assert not closed() and upgraded.table.exists() and upgraded.note == "closing"
    # Also in the moment between the two: held, and the command not yet noted as started.
    mode(upgraded, "start")
    assert closed()
    mode(upgraded, "resume")
    assert not closed() and upgraded.table.exists()


def test_an_operators_own_closure_is_left_alone(upgraded, closed):
    mode(upgraded, "start", "--allow", "198.51.100.0/24")
    done = upgraded.run(code=0)
    skipped = {e["message"] for e in done.of("step.end", label="host-firewall-close")}
    assert skipped == {"maintenance mode was on before, and stays on"}
    assert closed() and "198.51.100.0/24" in mode(upgraded, "status").one("maintenance")["message"]
    mode(upgraded, "stop")
    assert not closed()


def test_without_a_firewall_the_site_comes_back(upgraded, closed, tmp_path):
    """It is not upgraded with open ports, unless the operator says so."""
    hidden = "for f in /usr/sbin/nft /usr/sbin/*tables*; do [ ! -f $f ] || mount --bind /dev/null $f; done"
    plain, without = upgraded.plmaint.start, apart(tmp_path, hidden)
    upgraded.plmaint.start = lambda *a, **more: plain(*a, wrap=without, **more)
    refused = upgraded.run(code=1)
    assert refused.of("step.end", label="host-firewall-close", result="failed")
    assert upgraded.applied() == 0 and upgraded.note is None and not closed()
