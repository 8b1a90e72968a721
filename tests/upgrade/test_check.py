# SPDX-License-Identifier: GPL-3.0-or-later
"""`upgrade check` refuses what would lose images or fail half way, says what to type, and is content
with a site that can be upgraded; it changes nothing.
"""

import contextlib
import datetime
import hashlib
import json
import socket
import subprocess
import types
import uuid

import pytest

from checks import broken
from harness import manifests
from harness.process import die_with_parent

# How full the disks of this machine are is not the site's fault.
WORDS = ("upgrade", "check", "--whitelist", "host-disk")
BRIDGED = "0045"  # the first level that pulpcore 3.85 can be reached from


def check(plmaint, code, *words):
    """The ends of all steps by label; a target that is "" is not named."""
    words = () if words == ("--to", "") else words
    done = plmaint.run(*WORDS, *words, code=code)
    return {e["label"]: e for e in done.of("step.end")}


def bad(ends):
    return {k: e["result"] for k, e in ends.items() if e["result"] not in ("ok", "skipped", "not-needed")}


@pytest.mark.parametrize("level", [BRIDGED, "0045+0138", "0046", "0050"], indirect=True)
def test_what_was_not_migrated_refuses_until_it_is(plmaint, site):
    repo = site.repository("team/app")
    for _ in range(3):
        site.image("oci", repo)
    ends = check(plmaint, 1)
    assert bad(ends) == {"pulp-manifests-served": "finding"}
    served = ends["pulp-manifests-served"]
    assert served["message"].startswith("3 of 3 manifests have no data: the newest Pulp answers")
    assert served["examples"] == ["team/app: 3"] and served["found"] == 3
    assert "`plmaint pre-migrate run`" in served["hint"]
    plmaint.run("pre-migrate", "run", code=0)
    assert bad(check(plmaint, 0)) == {}
    assert bad(check(plmaint, 0, "--to", "2.30")) == {}


def test_a_release_that_reads_artifacts_may_come(plmaint, site):
    site.bulk_images(5)
    ends = check(plmaint, 0, "--to", "2.24")
    assert "reads the artifacts of the 5 manifests" in ends["pulp-manifests-served"]["message"]
    assert check(plmaint, 1, "--to", "2.25")["pulp-manifests-served"]["result"] == "finding"
    assert check(plmaint, 78, "--to", "2.26.15")["pulp-manifests-served"]["result"] == "ok"
    assert check(plmaint, 1, "--to", "2.26.14")["pulp-manifests-served"]["result"] == "finding"
    # Nor has it to be told that what is left will not fit.
    space = ends["pulp-upgrade-space"]
    assert space["result"] == "ok" and space["message"].startswith("5 manifests take up to ")
    assert space["message"].endswith("B are free"), "the server of the tests is on this host"
    site.sql("UPDATE core_artifact SET size = 10 ^ 15")
    space = check(plmaint, 1, "--to", "2.24")["pulp-upgrade-space"]
    assert space["result"] == "finding" and "where only" in space["message"] and space["hint"].endswith(".")


@pytest.mark.parametrize("level", ["0038"], indirect=True)
def test_a_level_without_the_column_is_shown_the_way(plmaint, site):
    site.bulk_images(5)
    assert bad(check(plmaint, 0, "--to", "2.22")) == {}
    ends = check(plmaint, 1)
    assert bad(ends) == {"pulp-upgrade-path": "warning", "pulp-manifests-served": "finding"}
    assert "level 0038 has no column" in ends["pulp-manifests-served"]["message"]
    assert "pulp_container 2.22 or 2.24 first" in ends["pulp-manifests-served"]["hint"]
    # All of it is still to come into the database.
    assert ends["pulp-upgrade-space"]["message"].startswith("5 manifests take up to ")


PATH, SERVED = "pulp-upgrade-path", "pulp-manifests-served"
BEFORE_THE_TYPE = {
    "2.22": {},
    "2.24,3.73": {},
    "2.25": {SERVED: "finding"},
    "2.26.19,3.85": {PATH: "finding"},
    "2.29": {PATH: "finding", SERVED: "finding"},
    "2.19": {PATH: "finding"},
    "": {PATH: "warning", SERVED: "finding"},
}


@pytest.mark.parametrize("level", ["0039", "0041"], indirect=True)
def test_levels_with_the_column_and_without_the_type(plmaint, site, level):
    """2.20 and 2.21; no release ends at 0040, and a migrate that was broken off may."""
    site.bulk_images(3)
    for last in ("0041", "0040") if level == "0041" else ("0039",):
        if last == "0040":
            site.sql("DELETE FROM django_migrations WHERE app = 'container' AND name LIKE '0041%'")
        for to, wanted in BEFORE_THE_TYPE.items():
            code = 1 if "finding" in wanted.values() else 0
            ends = check(plmaint, code, "--to", to)
            assert bad(ends) == wanted, (last, to)
            if wanted.get(PATH) and to != "2.19":
                assert "pulpcore 3.73 with pulp_container 2.24" in ends[PATH]["hint"]
            if wanted.get(SERVED):
                assert "`plmaint pre-migrate run`" in ends[SERVED]["hint"]
    plmaint.run("pre-migrate", "run", code=0)
    assert bad(check(plmaint, 78)) == {PATH: "warning"}
    assert bad(check(plmaint, 0, "--to", "2.25")) == {}


@pytest.mark.parametrize(
    "level, to, result, text",
    [
        ("0043", "2.24", "ok", "can be reached in one hop"),
        ("0043", "3.73", "ok", "can be reached in one hop"),
        ("0043", "2.26", "warning", "only with pulpcore before 3.85"),
        ("0043", "2.26,3.73", "ok", "can be reached"),
        ("0043", "2.26.19,3.85.34", "finding", "InconsistentMigrationHistory"),
        ("0043", "2.29", "finding", "InconsistentMigrationHistory"),
        ("0045", "2.29", "ok", "can be reached"),
        ("0050", "2.24", "finding", "is older than this database"),
        ("0050", "3.116", "ok", "can be reached"),
    ],
    indirect=["level"],
)
def test_hops_that_cannot_work(plmaint, site, level, to, result, text):
    code = {"ok": 0, "warning": 78, "finding": 1}[result]
    path = check(plmaint, code, "--to", to)["pulp-upgrade-path"]
    assert path["result"] == result and text in path["message"]
    if "Inconsistent" in text:
        assert "pulpcore 3.73 with pulp_container 2.24" in path["hint"]


@pytest.mark.parametrize("level", [BRIDGED], indirect=True)
def test_quarantine_has_to_be_reviewed(plmaint, site):
    repo = site.repository("team/app")
    site.image("oci", repo)
    gone = site.manifest(manifests.KINDS["oci"](site.rng), repo, on_disk=False)
    plmaint.run("pre-migrate", "run", code=78)
    ends = check(plmaint, 1)
    assert bad(ends) == {"pulp-manifests-served": "finding", "pulp-quarantine-reviewed": "finding"}
    reviewed = ends["pulp-quarantine-reviewed"]
    assert reviewed["examples"] == [f"{gone.digest} in team/app: file-missing"]
    assert "quarantine accept" in reviewed["hint"]
    assert "quarantine list" in ends["pulp-manifests-served"]["hint"]
    plmaint.run("pre-migrate", "quarantine", "accept", gone.digest, "--why", "not used", code=0)
    assert bad(check(plmaint, 0)) == {}
    # A new one beside it is not covered by what was accepted.
    site.image("oci", repo)
    assert check(plmaint, 1)["pulp-manifests-served"]["found"] == 1


@pytest.mark.parametrize("level", [BRIDGED], indirect=True)
def test_what_an_orphan_cleanup_would_take_refuses_for_every_target(plmaint, site):
    repo = site.repository("team/app")
    lost = site.image("oci", repo)
    site.lose(lost)
    for to in ("2.26.19", "2.29"):
        ends = check(plmaint, 1, "--to", to)
        assert ends["pulp-manifests-lost"]["result"] == "finding"
    assert ends["pulp-manifests-lost"]["examples"] == [lost.digest]
    assert "`plmaint pre-migrate recover`" in ends["pulp-manifests-lost"]["hint"]
    plmaint.run("pre-migrate", "recover", code=0)
    assert check(plmaint, 0)["pulp-manifests-lost"]["result"] == "ok"


@pytest.mark.parametrize("level", ["0050"], indirect=True)
def test_a_service_that_was_killed_is_waited_for(plmaint, site):
    site.heartbeat("worker")
    site.heartbeat("api", age=12, name="77@killed")
    site.sql("UPDATE core_appstatus SET ttl = '20 s' WHERE name = '77@killed'")
    settled = check(plmaint, 78)["pulp-apps-settled"]
    assert settled["message"] == "1 service is online; those that were killed do not count any more"


def backup(repository, age, feature="pulp"):
    """A whole one that holds one file."""
    began = datetime.datetime.now(datetime.timezone.utc) - age
    name = began.strftime("%Y%m%dT%H%M%SZ")
    made = repository / "backups" / name
    made.mkdir(parents=True)
    (repository / "store" / "tmp").mkdir(parents=True, exist_ok=True)
    (repository / "lock").touch()
    identity = {"format": 1, "id": str(uuid.uuid4()), "created": began.isoformat()}
    (repository / "plmaint-backup.json").write_text(json.dumps(identity))
    (made / "toc.dat").write_text("zebra")
    none = {"count": 0, "bytes": 0, "new_count": 0, "new_bytes": 0}
    database = {"feature": feature, "name": "pulp", "directory": "databases/pulp", "encoding": "UTF8"}
    database |= {"server_version": 150000, "collation": "C", "owner": "pulp", "bytes": 1, "snapshot": "1"}
    manifest = {"format": 1, "id": name, "plmaint": "0.1.0", "kind": "online", "host": "h", "interfaces": []}
    manifest |= {"started": began.isoformat(), "ended": began.isoformat(), "span_seconds": 0.1}
    manifest |= {"databases": [database | {"migrations": {}}], "versions": {}, "artifacts": none, "media": none}
    manifest |= {"features": [feature], "skipped": [], "encryption": None}
    files = [{"path": "toc.dat", "size": 5, "sha256": hashlib.sha256(b"zebra").hexdigest()}]
    (made / "manifest.json").write_text(json.dumps(manifest | {"files": files}))
    return made


@pytest.mark.parametrize("level", [BRIDGED], indirect=True)
def test_a_backup_is_asked_for_where_it_is_known_where_they_are(plmaint, site, tmp_path):
    hours = lambda n: datetime.timedelta(hours=n)  # noqa: E731
    recent = lambda code: check(plmaint, code)["pulp-backup-recent"]  # noqa: E731
    assert "backup.directory is not set" in recent(0)["message"]
    where = tmp_path / "backups"
    plmaint.configure({"backup.directory": where})
    backup(where, hours(2), feature="foreman")
    unfinished = backup(where, hours(1))
    (unfinished / "manifest.json").unlink()
    told = recent(1)
    assert told["result"] == "finding" and "no backup of Pulp's database" in told["message"]
    backup(where, hours(50))
    assert "is the limit" in recent(1)["message"]
    plmaint.configure({"upgrade.backup_max_age": "3d"})
    assert recent(0)["result"] == "ok"
    newest = backup(where, hours(3))
    plmaint.configure({"upgrade.backup_max_age": None})
    assert newest.name in recent(0)["message"] and "never verified" in recent(0)["message"]
    mark = {"at": "2026-11-21T21:31:33.000Z", "percent": 100, "damaged": 0}
    (newest / "verified.json").write_text(json.dumps(mark))
    assert "verified on 2026-11-21" in recent(0)["message"]
    (newest / "verified.json").write_text(json.dumps(mark | {"damaged": 3}))
    assert "3 of its files were wrong on 2026-11-21" in recent(1)["message"]
    (newest / "toc.dat").write_text("zeb")
    told = recent(1)
    assert told["examples"] == [str(newest / "toc.dat")] and "lacks 1 of its files" in told["message"]


@pytest.mark.parametrize("level", [BRIDGED, "0050"], indirect=True)
def test_services_of_other_hosts_are_named(plmaint, site, request):
    """This one's are stopped by the upgrade; the others go on unless a command stops them too."""
    here = subprocess.Popen(["pulpcore-api", "infinity"], executable="/bin/sleep", preexec_fn=die_with_parent)
    request.addfinalizer(here.wait)
    request.addfinalizer(here.kill)
    site.heartbeat("api", name=f"{here.pid}@{socket.gethostname()}")
    # Whether one of this test's own processes is in a unit is the machine's affair.
    assert check(plmaint, (0, 1))["pulp-apps-elsewhere"]["result"] == "ok"
    site.heartbeat("worker", name="77@other.example.org")
    told = check(plmaint, (1, 78))["pulp-apps-elsewhere"]
    assert (told["result"], told["examples"]) == ("warning", ["worker 77@other.example.org"])
    assert "upgrade.stop_command" in told["hint"]
    plmaint.configure({"upgrade.stop_command": "/bin/true"})
    assert check(plmaint, 0)["pulp-apps-elsewhere"]["result"] == "skipped"


@pytest.mark.parametrize("level", ["0046"], indirect=True)
def test_a_signature_that_the_migrate_would_stumble_over(plmaint, site):
    image = site.image("oci", site.repository("team/app"))
    site.fill(image)
    broken.signature(site, types.SimpleNamespace(image=image), None)
    for to in ("2.28", "2.29", "3.116", "2.31", ""):
        ends = check(plmaint, 1, "--to", to)
        assert bad(ends) == {"pulp-signatures-keys": "finding"}, to
    assert "UPDATE container_manifestsignature" in ends["pulp-signatures-keys"]["hint"]
    assert check(plmaint, 0, "--to", "2.27")["pulp-signatures-keys"]["result"] == "skipped"
    site.sql("UPDATE container_manifestsignature SET key_id = '6360CF6EBB18D0FB'")
    assert bad(check(plmaint, 0)) == {}


@pytest.mark.parametrize("level", [BRIDGED], indirect=True)
def test_a_task_at_work_and_a_path_refuse(plmaint, site):
    site.task(state="running")
    site.distribution("team/a b", site.repository("team/app"))
    assert bad(check(plmaint, 1)) == {"pulp-tasks-incomplete": "finding", "pulp-paths": "finding"}
    assert bad(check(plmaint, 1, "--to", "2.27")) == {"pulp-tasks-incomplete": "finding"}


def test_a_long_standstill_is_a_warning(plmaint, site):
    site.bulk_images(20)
    told = check(plmaint, 0, "--to", "2.24")["pulp-upgrade-estimate"]
    assert "the upgrade would stand still for about" in told["message"]
    told = check(plmaint, 78, "--to", "2.24", "--max-downtime", "1ms")["pulp-upgrade-estimate"]
    assert told["result"] == "warning" and "`plmaint pre-migrate run`" in told["hint"]


PULPS_OWN = """
INSERT INTO core_repositorycontent (pulp_id, pulp_created, content_id, repository_id, version_added_id)
SELECT gen_random_uuid(), now(), content_ptr_id, v.repository_id, v.pulp_id
  FROM container_manifest, (SELECT * FROM core_repositoryversion LIMIT 1) v ON CONFLICT DO NOTHING
"""


@pytest.mark.parametrize("level", ["0043"], indirect=True)
def test_what_pulps_own_migrations_take_is_foretold(plmaint, site):
    """Counted are the rows of those that the release to come brings, and of no others."""
    site.bulk_images(20)
    told = check(plmaint, 0, "--to", "2.24.0,3.68")["pulp-upgrade-estimate"]
    assert "for Pulp's own migrations" in told["message"] and "unknown" not in told["message"]
    rows = {e.split(":")[0]: int(e.split(" rows")[0].split()[-1]) for e in told["examples"]}
    counts = [site.sql(f"SELECT count(*) FROM container_{t}")[0][0] for t in ("manifest", "blob", "tag")]
    assert rows["container 0044"] == sum(counts) and "container 0045" not in rows
    rows = check(plmaint, 0, "--to", "2.24.15,3.73")["pulp-upgrade-estimate"]["examples"]
    assert any(e.startswith("container 0045") and f"{counts[0]} rows" in e for e in rows)
    assert not any(e.startswith("core 0152") for e in rows)
    # Of the newest, each version is given its list of content, and nobody knows what a type takes.
    site.sql(PULPS_OWN)
    worst = check(plmaint, 1)["pulp-upgrade-estimate"]
    seen = "SELECT sum((SELECT count(*) FROM core_repositorycontent c USING (repository_id))) FROM core_repositoryversion"
    seen = seen.replace("c USING (repository_id)", "c WHERE c.repository_id = v.repository_id") + " v"
    (content,) = (e for e in worst["examples"] if e.startswith("core 0152"))
    assert f" {site.sql(seen)[0][0]} rows" in content
    assert any(e.startswith("core 0155: unknown for ") for e in worst["examples"])
    assert "beside 1 of unknown length" in worst["message"]


def test_nothing_is_changed_and_a_reader_may_ask(plmaint, pg_db, cluster, site):
    site.bulk_images(5)
    cluster.role("gatekeeper")
    site.sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO gatekeeper")
    plmaint.configure(
        {"database.pulp.conninfo": pg_db.conninfo("gatekeeper"), "general.mode": "check-only"}
    )
    ends = check(plmaint, 1, "--to", "2.25")
    assert ends["pulp-upgrade-estimate"]["result"] == "ok"
    assert site.sql("SELECT to_regnamespace('plmaint') IS NULL") == [(True,)]


def test_without_an_answer_it_is_neither_yes_nor_no(plmaint, pg_db, cluster):
    plmaint.configure({"database.pulp.conninfo": pg_db.conninfo() + " port=1"})
    assert set(bad(check(plmaint, 3)).values()) == {"unknown"}


@pytest.mark.parametrize("level", [BRIDGED], indirect=True)
def test_a_guard_is_not_passed_over_by_a_word(plmaint, site):
    site.image("oci")
    words = ("upgrade", "check", "--whitelist", "host-disk,pulp-manifests-served")
    refused = plmaint.run(*words, code=2)
    assert "guards your data" in refused.err and "--force" in refused.err
    forced = plmaint.run(*words, "--force", code=0)
    assert forced.one("step.end", label="pulp-manifests-served")["message"] == "whitelisted with --force"


@pytest.mark.parametrize("to", ["4.2", "zebra", "2.18", "2.29,3.63"])
def test_a_target_that_is_none(plmaint, to):
    refused = plmaint.run("upgrade", "check", "--to", to, code=2)
    assert "--to" in refused.err


@pytest.mark.parametrize("level", [BRIDGED], indirect=True)
def test_every_finding_says_what_to_type(plmaint, site):
    site.image("oci")
    site.lose(site.image("oci"))
    site.task(state="running")
    text = plmaint.run(*WORDS, json=False, code=1).out
    for words in ("plmaint pre-migrate run", "plmaint pre-migrate recover", "pulp task cancel"):
        assert words in text.replace("\n  ", " "), text


def test_a_migrate_that_runs_is_seen(plmaint, pg_db, site):
    with contextlib.closing(pg_db.connect()) as conn, conn.cursor() as cur:
        cur.execute("DELETE FROM django_migrations WHERE name LIKE '0037%'")
        conn.commit()
    assert check(plmaint, 1, "--to", "2.24")["pulp-migrations"]["result"] == "finding"
