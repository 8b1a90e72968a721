# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Pulp from 3.49 with pulp_container 2.19 to 3.116 with 2.29, hop by hop: without a word to four
letters instead of images, and with `upgrade run` to every image at every hop.
"""
import pytest

import chain
import pulpenv
import registry
import unit_site
from harness import units
from harness.process import wait_until

# In the words of --to; the first hop is made by the genuine data's own second release.
HOPS = [("2.22", "0043"), *((release, release) for release in pulpenv.CHAIN)]
LAST = HOPS[-1][0]
AWAY = ("--whitelist", "host-disk")  # how full the disks of this machine are


def served(pulp):
    with pulp.pg.session(pulp.db) as conn:
        return [tuple(r) for r in conn.execute(registry.SERVED)]


def pending(pulp):
    with pulp.pg.session(pulp.db) as conn:
        return conn.one("SELECT count(*) FROM container_manifest WHERE data IS NULL")[0]


def test_without_it_the_last_release_serves_four_letters(unmigrated):
    site = unmigrated[1]
    assert pending(site.pulp) > 30, "no hop has refused"
    assert site.ask("start")[0] == "0"
    images = served(site.pulp)
    answers = {registry.pull(site.pulp, name, digest)[::2] for name, digest, _ in images}
    site.ask("stop")
    assert answers == {(200, b"None")}


@pytest.fixture
def site(oracle, releases, stack):
    made = chain.Site(oracle, oracle.clone(oracle.template("0038"), "chain"), "0038")
    stack.callback(made.close)
    assert made.ask("start")[0] == "0"
    return made


@pytest.fixture
def tool(plmaint, site):
    return plmaint(
        site.pulp,
        {
            "upgrade.command": site.commands["replace"],
            "upgrade.stop_command": site.commands["stop"],
            "upgrade.start_command": site.commands["start"],
            "upgrade.maintenance_mode": "no",
        },
    )


def every_image(site, images):
    assert served(site.pulp) == images
    assert registry.wrong_pulls(site.pulp, images) == [], site.pulp.level


def test_with_it_every_image_is_served_at_every_hop(site, tool):
    images = served(site.pulp)
    assert len(images) > 100
    every_image(site, images)
    refused = tool.run("upgrade", "check", "--to", LAST, *AWAY, code=1)
    assert refused.one("step.end", label="pulp-upgrade-path")["result"] == "finding"
    tool.run("upgrade", "run", "--to", LAST, *AWAY, code=1)
    assert site.words == ["start"], "nothing was touched"
    filled = {}
    for to, release in HOPS:
        site.coming, before = release, len(site.words)
        done = tool.run("upgrade", "run", "--to", to, *AWAY, code=(0, 78), seconds=600)
        assert site.words[before:] == ["stop", "replace", "start"]
        assert done.of("migration"), "what Django applies is shown as it comes"
        filled[to] = done.one("step.end", label="pulp-manifests-fill")["result"]
        every_image(site, images)
    # Where the column is there first, and never again.
    assert [to for to, result in filled.items() if result == "ok"] in (["2.24"], ["2.22", "2.24"])
    assert pending(site.pulp) == 0
    tool.run("upgrade", "check", "--to", LAST, *AWAY, code=(0, 78))


def test_killed_in_a_real_migrate_it_goes_on(oracle, releases, stack, plmaint):
    """The migrate that was started goes on by itself; the same command waits for its end and then opens."""
    site = chain.Site(oracle, oracle.clone(oracle.template("0043"), "killed"), "0043")
    stack.callback(site.close)
    assert site.ask("start")[0] == "0"
    made = plmaint(
        site.pulp,
        {
            "upgrade.command": site.commands["replace"],
            "upgrade.stop_command": site.commands["stop"],
            "upgrade.start_command": site.commands["start"],
            "upgrade.maintenance_mode": "no",
        },
    )
    images, site.coming = served(site.pulp), "2.24"
    running = made.start("upgrade", "run", "--to", "2.24", *AWAY)
    running.wait_for("migration", seconds=300)
    running.kill9()
    wait_until(lambda: made.run("upgrade", "run", *AWAY).code in (0, 78), 300, "it goes on", poll=0.5)
    every_image(site, images)
    assert site.words.count("replace") == 2 and pending(site.pulp) == 0


def test_units_of_a_real_pulp_are_stopped_replaced_and_started(oracle, releases, stack):
    """One hop on a machine whose systemd runs them; which units they are is found from what runs. Asked from
    another host it is closed from before the first of them stops until all are well.
    """
    site = unit_site.UnitSite(oracle, oracle.clone(oracle.template("0043"), "units"), "0043")
    stack.callback(site.close)
    site.start()
    settings = {
        "pulp.media_root": site.pulp.media,
        "redis.url": site.pulp.redis_url,
        "throttle.status_url": f"http://127.0.0.1:{site.pulp.port}/pulp/api/v3/status/",
        "upgrade.command": site.replacing(pulpenv.venv("2.24")),
        "maintenance-mode.ports": site.pulp.port,
    }
    tool = units.Inside(site, "inside", settings)
    stack.callback(tool.close)
    found = {e["name"]: e["feature"] for e in tool.run("service", "list", code=0).of("service")}
    assert {name for name, feature in found.items() if feature == "pulp"} == set(unit_site.PULP)
    images = served(site.pulp)
    assert site.reached()
    tool.run("maintenance-mode", "start", code=0)
    assert not site.reached() and site.active() == set(unit_site.PULP)
    tool.run("health", "check", "--label", "pulp-status", code=0)  # the host itself is let in
    tool.run("maintenance-mode", "stop", code=0)
    assert site.reached()
    running = tool.start("upgrade", "run", "--to", "2.24", *AWAY)
    running.wait_for("step.end", label="host-firewall-close", seconds=300)
    assert not site.reached()
    running.wait_for("step.end", label="services-start", seconds=600)
    done = running.wait()
    assert done.code in (0, 78), done
    assert site.reached()
    assert (site.base / "active").read_text() == "", "the command finds nothing at work"
    assert done.one("step.end", label="pulp-status")["result"] == "ok"
    assert site.active() == set(unit_site.PULP) and tool.remembered() == set()
    assert (site.base / "venv").resolve() == pulpenv.venv("2.24").resolve()
    assert pending(site.pulp) == 0 and registry.wrong_pulls(site.pulp, images) == []
