# SPDX-License-Identifier: GPL-3.0-or-later
"""health: which checks run, in which order, and how they answer people, programs and monitoring."""

import contextlib
import json
import re
import socket

import pytest

from harness.metrics import judged, parse

UNMIGRATED = "pulp-manifests-unmigrated"


def labels(done):
    return [e["label"] for e in done.of("catalogue")]


def ran(done):
    return [e["label"] for e in done.of("step.end")]


def test_list_and_its_tags(plmaint):
    everything = plmaint.run("health", "list", code=0)
    assert UNMIGRATED in labels(everything)
    for event in plmaint.run("health", "list-tags", code=0).of("tag"):
        some = plmaint.run("health", "list", "--tags", event["name"], code=0)
        others = plmaint.run("health", "list", "--exclude-tags", event["name"], code=0)
        assert event["checks"] == len(labels(some)) > 0
        assert all(event["name"] in e["tags"] for e in some.of("catalogue"))
        assert sorted(labels(some) + labels(others)) == sorted(labels(everything))


def test_each_names_its_terms(plmaint):
    told = plmaint.run("explain", "pulp-artifacts-files", "pulp-apps-remove", "host-tmout", code=0).of("explain")
    check, procedure, moments = told
    assert (check["tags"], check["needs"]) == (["storage"], ["database", "media"])
    assert check["remedies"] == ["pulp-artifacts-repair"] and "--full" in check["cost"]
    assert "vanished" in procedure["deletes"] and procedure["changes"] and moments["cost"].startswith("moments")
    said = plmaint.run("explain", "pulp-artifacts-files", json=False, code=0).out
    assert check["source"].startswith("core_artifact, ") and "source" not in procedure
    assert "\n  needs: database, media\n  reads: core_artifact, and" in said and "\n  costs: " in said and "\n  mended by: pulp-artifacts-repair\n" in said
    every = json.loads(plmaint.run("--dump=json", json=False, config=False, code=0).out)["checks"]
    assert all(c["source"] and c["tags"] and c["explain"] for c in every)
    sampled = [c for c in every if any(p["name"] == "full" for p in c["params"])]
    assert len(sampled) > 10 and all("--full" in c["cost"] for c in sampled)


def test_choice_is_in_the_order_of_the_list(plmaint, site):
    site.image("oci")
    words = ("--label", "pulp-manifests-digest,pulp-manifests-unmigrated")
    assert ran(plmaint.run("health", "check", *words, code=1)) == [
        "pulp-manifests-unmigrated",
        "pulp-manifests-digest",
    ]
    words += ("--tags", "pre-upgrade,default")
    assert ran(plmaint.run("health", "check", *words, code=1)) == [UNMIGRATED]
    default = labels(plmaint.run("health", "list", "--tags", "default", code=0))
    assert ran(plmaint.run("health", "check")) == default
    everything = labels(plmaint.run("health", "list", code=0))
    assert ran(plmaint.run("health", "check", "--all")) == everything
    assert ran(plmaint.run("health", "check", "--all", "--exclude-tags", "default")) == [
        label for label in everything if label not in default
    ]


def test_three_answers(plmaint, site, pg_db):
    image = site.image("oci")
    words = ("health", "check", "--label", UNMIGRATED)
    found = plmaint.run(*words, code=1)
    assert found.one("step.end")["result"] == "finding"
    assert found.one("run.end")["failing"] == [UNMIGRATED]
    site.fill(image)
    assert plmaint.run(*words, code=0).one("step.end")["result"] == "ok"
    plmaint.configure({"database.pulp.conninfo": pg_db.conninfo() + " port=1"})
    assert plmaint.run(*words, code=3).one("step.end")["result"] == "unknown"


def test_a_check_that_hangs_is_given_up(plmaint, site):
    site.fill(site.image("oci"))
    with site.conn.cursor() as cur:
        cur.execute("LOCK TABLE container_manifest")
        done = plmaint.run(
            *("health", "check", "--label", f"{UNMIGRATED},pulp-manifests-digest"),
            *("--set", "health.timeout=200ms"),
            code=3,
        )
    site.conn.rollback()
    assert [e["result"] for e in done.of("step.end")] == ["unknown"] * 2


@pytest.mark.parametrize("parallel", [1, ""])
def test_others_go_on_while_one_hangs(plmaint, site, parallel):
    with site.conn.cursor() as cur:
        cur.execute("LOCK TABLE core_upload")
        done = plmaint.run(
            *("health", "check", "--label", "pulp-uploads-old,pulp-files-temporary,pulp-tasks-long"),
            *("--set", "health.timeout=200ms", "--set", f"health.parallel={parallel}"),
            code=3,
        )
    site.conn.rollback()
    ends = done.of("step.end")
    assert [(e["label"], e["result"]) for e in ends] == [
        ("pulp-tasks-long", "ok"),
        ("pulp-uploads-old", "unknown"),
        ("pulp-files-temporary", "ok"),
    ]
    assert ends[1]["message"] == "the database did not answer in time"


def test_a_server_that_hangs_is_given_up(plmaint):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        plmaint.configure({"database.pulp.conninfo": f"host=127.0.0.1 port={port} dbname=pulp user=pulp"})
        done = plmaint.run(
            *("health", "check", "--label", "pulp-uploads-old,host-tmout"),
            *("--set", "health.timeout=200ms"),
            wrap=["env", "-u", "TMOUT"],
            code=3,
        )
    hangs, other = done.of("step.end")
    assert hangs["result"] == "unknown" and hangs["message"].startswith("it did not end within 1")
    assert other["result"] == "ok"


@pytest.fixture
def prom(plmaint, tmp_path):
    path = tmp_path / "collector" / "plmaint-health.prom"
    path.parent.mkdir()
    plmaint.configure({"health.textfile": path})
    return path


def test_textfile(plmaint, site, prom):
    """Also beside the plugin's answer, which goes to somebody else."""
    site.image("oci")
    done = plmaint.run("health", "check")
    got = parse(prom.read_text())
    assert got["plmaint_health_exit_status", ""] == done.code == 1
    assert got["plmaint_health_check_result", f'label="{UNMIGRATED}",result="finding"'] == 1
    assert got["plmaint_health_check_found_cases", f'label="{UNMIGRATED}"'] == 1
    results = [labels for name, labels in got if name == "plmaint_health_check_result"]
    ends = [f'label="{e["label"]}",result="{e["result"]}"' for e in done.of("step.end")]
    assert results == ends, "of every check, those that were skipped too"
    assert [p.name for p in prom.parent.iterdir()] == [prom.name], "nothing of its making is left"
    before = prom.read_text()
    plmaint.run("health", "check", "--label", UNMIGRATED, code=1)
    assert prom.read_text() == before, "a look at one check tells nothing of the others"
    plmaint.run("health", "check", "--output", "nagios", json=False)
    assert prom.read_text() != before


def test_textfile_that_cannot_be_written_stops_nothing(plmaint, site):
    plmaint.configure({"health.textfile": "/nowhere/plmaint.prom"})
    done = plmaint.run("health", "check", "--tags", "tasks", code=0)
    assert done.err.count("no metrics") == 1


@pytest.mark.slow
def test_prometheus_finds_nothing_to_complain_of(plmaint, site, prom):
    site.image("oci")
    plmaint.run("health", "check", "--exclude-tags", "services", code=1)
    assert judged(prom) == ""


def plugin(plmaint, code, *words):
    """(state, text, performance data, long output) of the plugin's answer."""
    done = plmaint.run("health", "check", "--output", "nagios", *words, json=False, code=code)
    first, *rest = done.out.splitlines()
    state, text, perf = re.fullmatch(r"PLMAINT ([A-Z]+) - ([^|]*)(?: \| (.*))?", first).groups()
    for word in (perf or "").split():
        assert re.fullmatch(r"[a-z_-]+=[0-9.]+s?", word), word
    assert all("|" not in line for line in rest)
    return state, text, perf, rest


def test_plugin(plmaint, site, pg_db):
    repo = site.repository("a|b")
    image = site.image("oci", repo)
    words = ("--label", UNMIGRATED)
    state, text, perf, rest = plugin(plmaint, 2, *words)
    assert (state, text) == ("CRITICAL", f"0 checks passed, 1 did not, 0 skipped: {UNMIGRATED}")
    assert "not_passed=1" in perf.split()
    assert rest[0].startswith(f"finding: {UNMIGRATED}: 1 of 1 manifest")
    assert rest[1] == f"  {image.digest} in a/b: pending"
    site.fill(image)
    assert plugin(plmaint, 0, *words)[::3] == ("OK", [])
    # Classified anew, it would say something else: a warning.
    site.sql("UPDATE container_manifest SET os = 'plan9'")
    assert plugin(plmaint, 1, "--label", "pulp-manifests-sample")[0] == "WARNING"
    plmaint.configure({"database.pulp.conninfo": pg_db.conninfo() + " port=1"})
    assert plugin(plmaint, 3, *words)[0] == "UNKNOWN"


@pytest.mark.parametrize(
    "words, text",
    [
        (("--label", "zebra"), "there is no 'zebra'"),
        (("--set", "general.mode=zebra"), "general.mode"),
        (("--whitelist", "zebra"), "unknown label 'zebra'"),
    ],
)
def test_plugin_tells_a_mistake_as_unknown(plmaint, words, text):
    state, said, _, _ = plugin(plmaint, 3, *words)
    assert state == "UNKNOWN" and text in said
