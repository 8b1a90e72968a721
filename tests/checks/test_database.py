# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of Pulp's database: silent on a sound one of every level, and each sees the state that it is
for, with its number and an example.
"""

import contextlib
import re

import pytest

from checks.broken import BROKEN, same_key_twice, sound
from harness import cli

# Those that ask more than the database are broken in these tests, and sound in them or beside them.
HERE, HOST, FILES = "checks/test_database.py", "checks/test_host.py", "checks/test_host_files.py"
CHECK, RUN = "upgrade/test_check.py", "upgrade/test_run.py"
ELSEWHERE = {
    "pulp-migrations-applied": (HERE, "test_programs_that_are_newer_than_the_database"),
    "pulp-indexes-corrupt": (HERE, "test_indexes_that_amcheck_may_read"),
    "pulp-encryption-key": ("checks/test_encryption.py", "test_another_key"),
    "pulp-status": (HOST, "test_status"),
    "pulp-registry": (HOST, "test_registry"),
    "pulp-content": (HOST, "test_content"),
    "redis-ping": (HOST, "test_redis"),
    "redis-memory": (HOST, "test_redis_that_is_full"),
    "pulp-apps-elsewhere": (CHECK, "test_services_of_other_hosts_are_named"),
    "pulp-apps-loose": ("host/test_services.py", "test_a_process_in_no_unit"),
    "pulp-apps-settled": (RUN, "test_a_service_that_goes_on_is_not_migrated_under"),
    "pulp-upgrade-unfinished": (RUN, "test_a_command_that_fails_leaves_the_site_closed"),
    "pulp-backup-recent": (CHECK, "test_a_backup_is_asked_for_where_it_is_known_where_they_are"),
    "pulp-upgrade-path": (CHECK, "test_hops_that_cannot_work"),
    "pulp-upgrade-space": (CHECK, "test_a_release_that_reads_artifacts_may_come"),
    "pulp-manifests-served": (CHECK, "test_what_was_not_migrated_refuses_until_it_is"),
    "pulp-manifests-lost": (CHECK, "test_what_an_orphan_cleanup_would_take_refuses_for_every_target"),
    "pulp-quarantine-reviewed": (CHECK, "test_quarantine_has_to_be_reviewed"),
    "pulp-manifests-pending": ("checks/test_pulp_manifests.py", "test_pending_sees_what_came_after_the_run"),
    "pulp-manifests-sample": ("checks/test_pulp_manifests.py", "test_sample_sees_a_wrong_column"),
    "pulp-artifacts-files": (HOST, "test_files_of_artifacts"),
    "pulp-artifacts-digest": (HOST, "test_files_of_artifacts"),
    "pulp-files-leaked": (HOST, "test_files_that_no_artifact_names"),
    "host-services": ("checks/test_host_services.py", "test_units"),
    "host-disk": (HOST, "test_disk"),
    "host-mounts": (FILES, "test_media_read_only"),
    "host-disk-speed": (FILES, "test_speed_of_the_media"),
    "host-clock": (HOST, "test_clock"),
    "host-user": (FILES, "test_user"),
    "host-tmout": (HOST, "test_shell"),
    "host-proxy": (HOST, "test_shell"),
    "host-umask": (HOST, "test_shell"),
    "host-tmp": (FILES, "test_tmp"),
    "host-certificates": (HOST, "test_certificates"),
    "host-chains": (HOST, "test_chains"),
    "host-sha1": (HOST, "test_signatures"),
}
# The services of a site of rows are no processes.
NOWHERE = {"pulp-apps-elsewhere": "warning"}
# What the level itself is about; all else is sound or not there.
OLD_LEVEL = {
    "pulp-manifests-unmigrated": "finding",
    "pulp-manifests-pending": "finding",
    "pulp-manifests-served": "finding",
}
# No Pulp is, nor the extension that reads indexes.
NOT_HERE = {"pulp-indexes-corrupt", "pulp-migrations-applied", "pulp-status", "pulp-registry", "pulp-content"}
UNBRIDGED = ("0038", "0039", "0041", "0043", "0044")  # the newest pulpcore is not one hop away


@pytest.fixture
def made(site):
    return sound(site)


def one(plmaint, label, code, *words):
    done = plmaint.run("health", "check", "--label", label, *words, code=code)
    return done.one("step.end", label=label)


LEVELS = ["0038", "0039", "0041", "0043", "0044", "0045", "0045+0138", "0046", "0050", "3.117"]


@pytest.mark.parametrize(
    "level, full",
    [(level, ()) for level in LEVELS] + [(level, ("--full",)) for level in ("0043", "0050")],
    indirect=["level"],
)
def test_a_sound_site(plmaint, made, level, full):
    everything = [e["label"] for e in plmaint.run("health", "list", code=0).of("catalogue")]
    pulp = [label for label in everything if label.startswith("pulp-")]
    done = plmaint.run("health", "check", *full, "--label", ",".join(pulp))
    ends = {e["label"]: e for e in done.of("step.end")}
    assert list(ends) == pulp
    odd = {k: (e["result"], e["message"]) for k, e in ends.items() if e["result"] not in ("ok", "skipped")}
    wanted = {**NOWHERE, **(OLD_LEVEL if level == "0038" else {})}
    if level in UNBRIDGED:
        wanted["pulp-upgrade-path"] = "warning"
    assert {k: result for k, (result, _) in odd.items()} == wanted, odd
    if level in ("0050", "3.117"):
        skipped = {k for k, e in ends.items() if e["result"] == "skipped"}
        assert skipped == {"pulp-encryption-key", "pulp-backup-recent"} | NOT_HERE


CASES = [(level, label) for label, broken in BROKEN.items() for level in broken.levels]


@pytest.mark.parametrize("level, label", CASES, indirect=["level"])
def test_a_broken_site(plmaint, pg_db, site, made, label):
    broken = BROKEN[label]
    if callable(broken.spoil):
        example = broken.spoil(site, made, pg_db) or broken.example
    else:
        site.sql(broken.spoil)
        example = broken.example
    found = one(plmaint, label, 1 if broken.result == "finding" else 78)
    assert found["result"] == broken.result
    assert broken.text in found["message"] and found["hint"].endswith(".")
    if broken.found is not None:
        assert found["found"] == broken.found
        assert found["message"].startswith(str(broken.found))
    assert any(example in e for e in found.get("examples", [""])), found
    assert broken.example in " ".join(found.get("examples", []))


def test_indexes_that_amcheck_may_read(plmaint, pg_db, site, made):
    label = "pulp-indexes-corrupt"
    absent = one(plmaint, label, 0)
    assert absent["result"] == "skipped" and "amcheck is not in this database" in absent["message"]
    with contextlib.closing(pg_db.connect("postgres")) as conn, conn.cursor() as cur:
        cur.execute("CREATE SCHEMA tools; GRANT USAGE ON SCHEMA tools TO pulp; CREATE EXTENSION amcheck SCHEMA tools")
        denied = one(plmaint, label, 3)
        assert denied["message"] == "role pulp may not call bt_index_check: EXECUTE is missing"
        cur.execute(re.search("GRANT .* TO pulp", denied["hint"])[0])
    assert "more are read with --full" in one(plmaint, label, 0)["message"]
    assert one(plmaint, label, 0, "--full")["message"].endswith(" MB/s")
    same_key_twice(site, made, pg_db)
    found = one(plmaint, label, 1)
    assert found["found"] == 1 and "on core_signingservice: heap tuple" in found["examples"][0]


def test_every_check_has_its_broken_state(plmaint):
    listed = {e["label"] for e in plmaint.run("health", "list", code=0).of("catalogue")}
    assert listed - set(ELSEWHERE) == set(BROKEN)
    for label, (name, test) in ELSEWHERE.items():
        text = (cli.ROOT / "tests" / name).read_text()
        assert f"\ndef {test}(" in text and f'"{label}"' in text, label


def test_programs_that_are_newer_than_the_database(plmaint, site, tmp_path):
    """By their files: a link to pulpcore-manager leads to where they are."""
    label, applied = "pulp-migrations-applied", site.sql("SELECT app, name FROM django_migrations")
    venv = tmp_path / "venv"
    folders = {}
    for app, package in (("core", "pulpcore"), ("container", "pulp_container")):
        folders[app] = venv / "lib/python3.11/site-packages" / package / "app/migrations"
        folders[app].mkdir(parents=True)
        (folders[app] / "__init__.py").touch()
    for app, name in applied:
        if app in folders:
            (folders[app] / f"{name}.py").touch()
    (venv / "bin").mkdir()
    (venv / "bin/pulpcore-manager").touch(mode=0o755)
    link = tmp_path / "pulpcore-manager"
    link.symlink_to(venv / "bin/pulpcore-manager")
    plmaint.configure({"pulp.manager": link})
    assert "migrations of the installed Pulp were applied" in one(plmaint, label, 0)["message"]
    (folders["core"] / "0999_squashed_1234_other.py").touch()
    (folders["core"] / "0157_zebra.py").touch()
    (folders["container"] / "0051_zebra.py").touch()
    found = one(plmaint, label, 1)
    assert found["found"] == 2 and found["examples"] == ["container 0051_zebra", "core 0157_zebra"]


@pytest.mark.parametrize("level", ["0043", "0045+0138"], indirect=True)
def test_a_task_whose_worker_holds_its_lock_is_not_abandoned(plmaint, pg_db, site, made):
    pk = site.task(state="running")
    key = (
        "(('x' || translate(substr(%s, 1, 18), '-', ''))::bit(64)"
        " # ('x' || translate(substr(%s, 20), '-', ''))::bit(64))::int8 & 9223372036854775807"
    )
    label = "pulp-tasks-abandoned"
    assert one(plmaint, label, 1)["found"] == 1
    with contextlib.closing(pg_db.connect()) as worker, worker.cursor() as cur:
        cur.execute(f"SELECT pg_advisory_lock({key})", (pk, pk))
        assert one(plmaint, label, 0)["result"] == "ok"


def test_more_than_ten_cases_are_counted_and_ten_are_shown(plmaint, site, made):
    for _ in range(12):
        site.insert("core_upload", size=1)
    site.conn.commit()
    found = one(plmaint, "pulp-uploads-old", 78)
    assert found["found"] == 12 and len(found["examples"]) == 10


def test_a_missing_right_is_named_and_the_rest_goes_on(plmaint, pg_db, cluster, site, made):
    cluster.role("onlooker")
    for table in ("core_upload", "core_pulptemporaryfile", "core_task"):
        site.sql(f"GRANT SELECT ON {table} TO onlooker")
    site.sql("REVOKE SELECT ON core_upload FROM onlooker")
    plmaint.configure({"database.pulp.conninfo": pg_db.conninfo("onlooker")})
    done = plmaint.run(
        "health", "check", "--label", "pulp-uploads-old,pulp-files-temporary,pulp-tasks-long", code=3
    )
    ends = {e["label"]: e for e in done.of("step.end")}
    assert [ends[k]["result"] for k in ends] == ["ok", "unknown", "ok"]
    denied = ends["pulp-uploads-old"]
    assert denied["message"] == "role onlooker may not read core_upload: SELECT is missing"
    assert "GRANT SELECT ON core_upload TO onlooker" in denied["hint"]


def test_a_large_table_is_sampled_unless_full(plmaint, pg_db, site, made):
    with contextlib.closing(pg_db.connect("postgres")) as conn, conn.cursor() as cur:
        cur.execute("UPDATE pg_class SET reltuples = 1000000 WHERE relname = 'core_content'")
    label = "pulp-content-orphaned"
    site.blob(b"zebra")
    words = ("health", "check", "--label", label)
    sampled = plmaint.run(*words).one("step.end")
    assert "in a sample of about 2 % of core_content" in sampled["message"]
    assert plmaint.run(*words, "--full", code=78).one("step.end")["found"] == 1


def test_unique_keys_of_a_large_table_are_read_with_full(plmaint, pg_db, site, made):
    """A page of the table has few rows, so that it is large with few."""
    label, table = "pulp-rows-unique", "core_signingservice"
    with contextlib.closing(pg_db.connect("postgres")) as conn, conn.cursor() as cur:
        cur.execute(f"ALTER TABLE {table} SET (fillfactor = 10)")
    same_key_twice(site, made, pg_db)
    site.sql(
        f"INSERT INTO {table} (pulp_id, pulp_created, name, script, public_key, pubkey_fingerprint)"
        " SELECT gen_random_uuid(), now(), i::text, '', '', '' FROM generate_series(1, 8000) i"
    )
    sampled = one(plmaint, label, 0)
    assert sampled["message"] == f"no unique key of Pulp is there twice; of the large tables only --full reads {table}"
    assert one(plmaint, label, 1, "--full")["examples"] == [f"twice in {table}"]
