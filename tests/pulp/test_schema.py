# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema probe: every level that is known, and every way in which a database is not one that
may be worked on.
"""

import contextlib
import pathlib
import shutil
import subprocess
import tempfile

import pytest
from harness import pg, process, pulptool, schema
from harness.need import need

LEVELS = list(schema.LEVELS)


def probe(conninfo, *words):
    return pulptool.run("schema", conninfo, *words)


def refused(conninfo, code, text, hint, *words):
    """The one error that is expected: its code, and words of its text and hint."""
    answer = probe(conninfo, *words)
    assert answer.code == 1, answer.pairs
    assert answer["code"] == code, answer.pairs
    assert text in answer["text"], answer.pairs
    assert hint in answer["hint"], answer.pairs
    assert answer["hint"].endswith("."), answer.pairs


@pytest.mark.parametrize("level", LEVELS, indirect=True)
@pytest.mark.parametrize("words", [(), ("write",)], ids=["look", "write"])
def test_level(pg_db, level, words):
    found = probe(pg_db.conninfo(), *words).one()
    has = {(r.table, r.name): r.definition for r in schema.rows(level) if r.kind == "col"}
    manifest = {name for table, name in has if table == "container_manifest"}
    tables = {table for table, _ in has}
    assert found["level"] == str(schema.LEVELS[level].container)
    assert found["known"] == "1"
    assert found["owner"] == schema.OWNER
    assert len(found["migrations"]) == 64
    expected = {
        "data": "data" in manifest,
        "type": "compressed_image_size" in manifest,
        "int4": has.get(("container_manifest", "compressed_image_size"), "").startswith("integer"),
        "domain": "_pulp_domain_id" in manifest,
        "appstatus": "core_appstatus" in tables,
        "old": "core_worker" in tables,
        "published": True,
        "pullthrough": True,
    }
    assert {name: found[name] == "1" for name in expected} == expected


def test_the_hash_of_migrations_tells_when_pulp_migrates(pg_db):
    before = probe(pg_db.conninfo()).one()["migrations"]
    assert probe(pg_db.conninfo()).one()["migrations"] == before
    pg_db.query(
        "INSERT INTO django_migrations (app, name, applied) VALUES ('file', '0099_other', now())"
    )
    assert probe(pg_db.conninfo()).one()["migrations"] == before
    pg_db.query(
        "INSERT INTO django_migrations (app, name, applied) VALUES ('core', '0200_new', now())"
    )
    assert probe(pg_db.conninfo()).one()["migrations"] != before


def test_no_such_database(cluster):
    refused(cluster.conninfo("nowhere"), "connect", "nowhere", "")


def test_a_database_that_is_not_pulps(cluster):
    db = cluster.create("empty_one")
    refused(db.conninfo(), "config", 'database "empty_one"', "database.pulp.conninfo")
    assert "django_migrations" in probe(db.conninfo())["text"]
    db.drop()


def test_a_pulp_without_containers(pg_db):
    pg_db.query("DROP TABLE container_manifest CASCADE")
    refused(pg_db.conninfo(), "config", "no table container_manifest", "pulp_container")


def test_not_utf8(cluster):
    db = cluster.create("latin_one", "LATIN1")
    # The tables of a level, in an encoding that Pulp never has.
    with contextlib.closing(db.connect("postgres", autocommit=False)) as conn:
        schema.create(conn, "0043")
    refused(db.conninfo(), "unsupported", "LATIN1", "UTF8")
    db.drop()


@pytest.mark.parametrize("level", ["0038"], indirect=True)
def test_before_the_first_level(pg_db):
    pg_db.query("DELETE FROM django_migrations WHERE app = 'container' AND name LIKE '0038%%'")
    refused(pg_db.conninfo(), "unsupported", "0037", "2.19")


@pytest.mark.parametrize("level", ["0050"], indirect=True)
def test_an_unknown_newer_level(pg_db):
    pg_db.query(
        "INSERT INTO django_migrations (app, name, applied) VALUES ('container', '0051_later',"
        " now())"
    )
    refused(pg_db.conninfo(), "unsupported", "0051", "--assume-schema")
    found = probe(pg_db.conninfo(), "write", "assume").one()
    assert (found["level"], found["known"]) == ("51", "0")
    pg_db.query("ALTER TABLE container_manifest DROP COLUMN is_bootable")
    refused(pg_db.conninfo(), "unsupported", "no column is_bootable", "newer", "write", "assume")


def test_a_migrate_under_way(pg_db):
    pg_db.query(
        "INSERT INTO django_migrations (app, name, applied) VALUES ('container', '0044_add_domain',"
        " now())"
    )
    refused(pg_db.conninfo(), "unsupported", "no column _pulp_domain_id", "migrate")


def test_a_gap_in_the_migrations(pg_db):
    pg_db.query("DELETE FROM django_migrations WHERE app = 'container' AND name LIKE '0041%%'")
    refused(pg_db.conninfo(), "unsupported", "0043 without 0041", "migrate")


RIGHTS = [
    ("container_manifest", "UPDATE"),
    ("container_manifest", "SELECT"),
    ("core_contentartifact", "DELETE"),
    ("core_remoteartifact", "DELETE"),
    ("core_publishedartifact", "DELETE"),
    ("core_artifact", "UPDATE"),
    ("core_artifact", "SELECT"),
    ("django_migrations", "SELECT"),
]


@pytest.mark.parametrize("table,right", RIGHTS, ids=[f"{right}-{table}" for table, right in RIGHTS])
def test_a_right_is_missing_on_one_table(pg_db, table, right):
    pg_db.cluster.role("helper")
    pg_db.query("GRANT SELECT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO helper")
    assert probe(pg_db.conninfo("helper"), "write").code == 0
    pg_db.query(f"REVOKE {right} ON {table} FROM helper")
    refused(
        pg_db.conninfo("helper"),
        "denied",
        f"{right} on {table}",
        f"GRANT {right} on {table} TO helper",
        "write",
    )
    if right != "SELECT":
        assert probe(pg_db.conninfo("helper")).code == 0


def test_a_schema_that_the_role_may_not_use(pg_db):
    pg_db.cluster.role("helper")
    pg_db.query("CREATE SCHEMA other", user="postgres")
    pg_db.query("ALTER TABLE django_migrations SET SCHEMA other", user="postgres")
    refused(pg_db.conninfo("helper"), "denied", "schema other", "search_path")


def test_a_read_only_database(pg_db):
    pg_db.cluster.admin(f'ALTER DATABASE "{pg_db.name}" SET default_transaction_read_only = on')
    refused(pg_db.conninfo(), "denied", "read only", "default_transaction_read_only", "write")
    assert probe(pg_db.conninfo()).code == 0


def test_a_standby():
    with pg.Cluster() as primary:
        db = primary.database("0043")
        with contextlib.closing(primary.standby()) as standby:
            conninfo = standby.conninfo(db.name)
            process.wait_until(
                lambda: probe(conninfo).code == 0, 30, "the standby has the database"
            )
            refused(conninfo, "config", "standby", "primary", "write")


@pytest.mark.parametrize("settled", [False, True], ids=["options-dropped", "options-hold"])
@pytest.mark.parametrize("mode", ["transaction", "session", "statement"])
def test_a_pooler(pg_db, mode, settled):
    """Where the pooler drops start-up options the driver sees it; where all seems right, the
    backend's number tells.
    """
    need(programs=["pgbouncer"])
    if settled:
        pg_db.query(
            f'ALTER ROLE {schema.OWNER} IN DATABASE "{pg_db.name}" SET IntervalStyle = iso_8601',
            user="postgres",
        )
    port = pg.free_port()
    directory = pathlib.Path(
        tempfile.mkdtemp(prefix="plpb")
    )  # pytest's own cannot be entered by the server's user
    users = directory / "users"
    users.write_text(f'"{schema.OWNER}" ""\n')
    ini = directory / "pgbouncer.ini"
    ini.write_text(
        f"[databases]\n{pg_db.name} = host={pg_db.cluster.sockets} port={pg.PORT}"
        f" dbname={pg_db.name}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port ="
        f" {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {users}\npool_mode ="
        f" {mode}\nlogfile = {directory}/log\nignore_startup_parameters ="
        " extra_float_digits,options\n"
    )
    user = pg.server_user()
    for path in (directory, users, ini):
        pg_db.cluster.owned(path)
    proc = subprocess.Popen(
        ["pgbouncer", str(ini)],
        preexec_fn=process.die_with_parent,
        user=user,
        extra_groups=[] if user else None,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        conninfo = f"host=127.0.0.1 port={port} dbname={pg_db.name} user={schema.OWNER}"
        process.wait_until(
            lambda: "connect" not in probe(conninfo).all("code"), 15, "pgbouncer answers"
        )
        if settled:
            refused(conninfo, "config", "pooler", "6432", "write")
        else:
            refused(conninfo, "unsupported", "settings it was opened with", "pooler", "write")
    finally:
        proc.kill()
        proc.wait()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.mark.parametrize("level", LEVELS, indirect=True)
def test_services_online(pg_db, level):
    """One fresh and one stale heartbeat of each kind, in whatever tables the level has."""
    tables = {r.table for r in schema.rows(level) if r.kind == "col"}
    beats = {"api": 100, "content": 25, "worker": 25}  # seconds of age that are still fresh
    assert pulptool.run("services", pg_db.conninfo()).one() == {
        "api": "0",
        "content": "0",
        "workers": "0",
    }
    old = {"api": "core_apiappstatus", "content": "core_contentappstatus", "worker": "core_worker"}
    for kind, fresh in beats.items():
        for name, age in ((f"1@{kind}", fresh), (f"2@{kind}", fresh + 30)):
            if "core_appstatus" in tables:
                pg_db.query(
                    "INSERT INTO core_appstatus (pulp_id, pulp_created, app_type, name, versions,"
                    " ttl, last_heartbeat) VALUES (gen_random_uuid(), now(), %s, %s, '', %s *"
                    " interval '1 s', now() - %s * interval '1 s')",
                    (kind, name, fresh + 10, age),
                )
            else:
                extra, value = ("", "")
                if any(r.table == old[kind] and r.name == "cleaned_up" for r in schema.rows(level)):
                    extra, value = ", cleaned_up", ", false"
                pg_db.query(
                    f"INSERT INTO {old[kind]} (pulp_id, pulp_created, name, versions,"
                    f" last_heartbeat{extra}) VALUES (gen_random_uuid(), now(), %s, '', now() - %s"
                    f" * interval '1 s'{value})",
                    (name, age),
                )
    assert pulptool.run("services", pg_db.conninfo()).one() == {
        "api": "1",
        "content": "1",
        "workers": "1",
    }
    if "core_appstatus" not in tables:
        # The time to live is a setting there.
        assert pulptool.run("services", pg_db.conninfo(), 200, 200, 200).one() == {
            "api": "2",
            "content": "2",
            "workers": "2",
        }
        assert pulptool.run("services", pg_db.conninfo(), 5, 5, 5).one() == {
            "api": "0",
            "content": "0",
            "workers": "0",
        }


@pytest.mark.parametrize("level", ["0045+0138"], indirect=True)
def test_services_of_the_time_of_both_tables(pg_db):
    """pulpcore 3.85 to 3.89 has both generations; the old one counts while the new one is empty."""
    pg_db.query(
        "INSERT INTO core_worker (pulp_id, pulp_created, name, versions, last_heartbeat) VALUES"
        " (gen_random_uuid(), now(), '1@host', '', now())"
    )
    assert pulptool.run("services", pg_db.conninfo()).one()["workers"] == "1"
    pg_db.query(
        "INSERT INTO core_appstatus (pulp_id, pulp_created, app_type, name, versions, ttl,"
        " last_heartbeat) VALUES (gen_random_uuid(), now(), 'api', '1@host', '', interval '120 s',"
        " now())"
    )
    assert pulptool.run("services", pg_db.conninfo()).one() == {
        "api": "1",
        "content": "0",
        "workers": "0",
    }
