# SPDX-License-Identifier: GPL-3.0-or-later
"""Broken states of a Pulp database: what is done to a sound one, and what the check says of it."""

import contextlib
import dataclasses

from harness import manifests

ALL = ("0038", "0043", "0045+0138", "0050")
USUAL = ("0043", "0050")
HEARTBEATS = ("core_appstatus", "core_apiappstatus", "core_contentappstatus", "core_worker")


@dataclasses.dataclass
class Made:
    site: object
    repo: object
    image: object
    index: object

    def relist(self):
        """Lists of content as Pulp keeps them: of every version of the repository."""
        if "content_ids" in self.site.columns["core_repositoryversion"]:
            self.site.sql(
                "UPDATE core_repositoryversion v SET content_ids = ARRAY(SELECT content_id"
                " FROM core_repositorycontent c WHERE c.repository_id = v.repository_id AND v.number > 0)"
            )


def sound(site):
    """A small site in good health."""
    repo = site.repository("team/app")
    image, other = site.image("oci", repo, tag="sound"), site.image("docker", repo)
    index = site.index([image, other], repo, tag="list")
    site.distribution("team/app", repo)
    for manifest in (image, other, index):
        if site.has_data:
            site.fill(manifest, children=[{}, {}] if manifest is index else ())
    for kind in ("api", "content", "worker"):
        site.heartbeat(kind)
    made = Made(site, repo, image, index)
    made.relist()
    return made


@dataclasses.dataclass
class Broken:
    result: str
    found: int | None  # None: the check counts nothing
    text: str  # part of the message
    example: str  # part of an example, or "" where there is none
    spoil: object  # SQL, or a function of (site, made, db) that may return the example
    levels: tuple = USUAL


def task(site, **values):
    """A task with an owner that is online, unless the values say otherwise."""
    age = values.pop("age", "1 min")
    row = site.insert("core_task", name="app.tasks.sync", **values)
    site.sql(
        "UPDATE core_task SET pulp_created = now() - %s::interval, started_at = now() - %s::interval"
        " WHERE pulp_id = %s",
        (age, age, row["pulp_id"]),
    )
    return row["pulp_id"]


def of_task(age="1 min", after="", **values):
    """A function that makes such a task and says how it is named in an example."""

    def spoil(site, made, db):
        pk = task(site, age=age, **values)
        if after:
            site.sql(f"UPDATE core_task SET {after} WHERE pulp_id = %s", (pk,))
        return f"app.tasks.sync {pk}"

    return spoil


def no_heartbeat(kind):
    def spoil(site, made, db):
        old = {"worker": "core_worker", "content": "core_contentappstatus"}[kind]
        for table in HEARTBEATS:
            if table == old and table in site.columns:
                site.sql(f"DELETE FROM {table}")
            elif table == "core_appstatus" and table in site.columns:
                site.sql("DELETE FROM core_appstatus WHERE app_type = %s", (kind,))

    return spoil


def stale(site, made, db):
    site.heartbeat("worker", age=9999, name="77@killed")
    return "worker 77@killed, last seen 20"


def other_version(site, made, db):
    site.heartbeat("content", name="78@old")
    for table in HEARTBEATS:
        if table in site.columns:
            site.sql(f"""UPDATE {table} SET versions = '"core"=>"3.1"' WHERE name = '78@old'""")
    return "1 service such as content 78@old: core=>3.1"


def owner_gone(site, made, db):
    pk = task(site, state="running")
    if "app_lock_id" in site.columns["core_task"]:
        site.heartbeat("worker", age=9999, name="79@killed")
        site.sql(
            "UPDATE core_task SET app_lock_id = (SELECT pulp_id FROM core_appstatus"
            " WHERE name = '79@killed') WHERE pulp_id = %s",
            (pk,),
        )
    return f"app.tasks.sync {pk}, running since"


def no_program(site, made, db):
    site.insert("core_signingservice", name="sound", script="/bin/sh")
    site.insert("core_signingservice", name="zebra", script="/no/such/signer")
    site.conn.commit()
    return "zebra: /no/such/signer: No such file"


# A document that two keys have signed; the migration looks at the first, 6360CF6EBB18D0FB.
SIGNED = (
    "kA0DAAgWvMGNa/EqOEoAkA0DAAgWY2DPbrsY0PsBrEdiAWRrAnG3eyJjcml0aWNhbCI6IHsiaW1hZ2UiOiB7ImRvY2tlci1tYW5p"
    "ZmVzdC1kaWdlc3QiOiAic2hhMjU2OjAifX19Coh6BAAWCAAiFiEEhSTLUSPhr0j4BiJ1Y2DPbrsY0PsFAmsCcbcEHGFAeAAKCRBj"
    "YM9uuxjQ+2wxAQCzfvBlgzDYdWBsUGKlCUJKAtOMaBBer0YOgCkGhaKSZAEA4Zzmn5DsLL2lNWiyMN+BecQzKHSGF6ub0pyerhod"
    "fQqIegQAFggAIhYhBNEsYujSBy5aHAInSrzBjWvxKjhKBQJrAnG3BBxiQHgACgkQvMGNa/EqOEoFswD7Bhy5YKLMU/iWL+LoGjtM"
    "Xfva9IVXdfO8lBT4x4IzHHAA/3/Vj43lom1MnkP4gS6T7+HY8Fsq/ZW3jiZ3zruGITQP"
)


def signature(site, made, db, key="BCC18D6BF12A384A"):
    """As releases before 2.28 note such a one: by the last key."""
    for noted in ("6360CF6EBB18D0FB", key):
        pk = site.new_key()
        site.insert("core_content", pulp_id=pk, pulp_type="container.signature")
        site.insert(
            "container_manifestsignature",
            **{"content_ptr_id": pk, "name": f"{made.image.digest}@{pk}", "digest": f"sha256:{pk}"},
            **{"type": "atomic", "key_id": noted, "timestamp": 0, "creator": "", "data": SIGNED},
            signed_manifest_id=made.image.pk,
        )
    site.conn.commit()
    return f"{pk}: key_id {key}, and the key is 6360CF6EBB18D0FB"


def invalid_index(site, made, db):
    """As a migration leaves it that fails to build a unique index concurrently."""
    site.insert("core_signingservice", name="a")
    site.insert("core_signingservice", name="b")
    site.conn.commit()
    with contextlib.closing(db.connect()) as conn, conn.cursor() as cur:
        with contextlib.suppress(Exception):
            cur.execute("CREATE UNIQUE INDEX CONCURRENTLY zebra ON core_signingservice (script)")
    return "zebra on core_signingservice"


def same_key_twice(site, made, db):
    """As an index does that sorts by other rules: it does not find the one and lets the other in."""
    site.insert("core_signingservice", name="twice")
    site.conn.commit()
    of = "indrelid = 'core_signingservice'::regclass AND indisunique AND NOT indisprimary"
    with contextlib.closing(db.connect("postgres")) as conn, conn.cursor() as cur:
        cur.execute(f"UPDATE pg_index SET indisready = false, indisvalid = false WHERE {of}")
        site.insert("core_signingservice", name="twice")
        site.conn.commit()
        cur.execute(f"UPDATE pg_index SET indisready = true, indisvalid = true WHERE {of}")
    return "twice in core_signingservice"


def other_collation(site, made, db):
    with contextlib.closing(db.connect("postgres")) as conn, conn.cursor() as cur:
        cur.execute(
            "UPDATE pg_database SET datcollversion = '0.1' WHERE datname = current_database()"
        )
    return f"{db.name}: made with 0.1, now"


def without_hstore(site, made, db):
    with contextlib.closing(db.connect("postgres")) as conn, conn.cursor() as cur:
        cur.execute("DROP EXTENSION hstore CASCADE")


def open_for_hours(site, made, db):
    """Nobody waits an hour for a test: the role sees sessions through a view that is older."""
    with contextlib.closing(db.connect("postgres")) as conn, conn.cursor() as cur:
        cur.execute("CREATE SCHEMA older")
        cur.execute(
            "CREATE VIEW older.pg_stat_activity AS SELECT datname, 1 AS pid, 'psql' AS application_name,"
            " usename, 'idle in transaction' AS state, now() - interval '2 h' AS xact_start,"
            " now() - interval '2 h' AS state_change FROM pg_catalog.pg_stat_activity"
            " WHERE pid = pg_backend_pid()"
        )
        cur.execute("GRANT USAGE ON SCHEMA older TO pulp; GRANT SELECT ON older.pg_stat_activity TO pulp")
        cur.execute(f'ALTER DATABASE "{db.name}" SET search_path = older, pg_catalog, public')
    return "psql 1 of pulp, idle in transaction since"


def dead_rows(site, made, db):
    site.sql("ALTER TABLE core_pulptemporaryfile SET (autovacuum_enabled = off)")
    site.sql(
        "INSERT INTO core_pulptemporaryfile (pulp_id, pulp_created, file, pulp_domain_id)"
        " SELECT gen_random_uuid(), now(), i::text, %s FROM generate_series(1, 10001) i",
        (site.default_domain,),
    )
    site.sql("DELETE FROM core_pulptemporaryfile")
    site.sql("SELECT pg_stat_force_next_flush()")
    return "core_pulptemporaryfile: 10001 dead, 0 live"


def stuck_report(site, made, db):
    pk = task(site, state="failed", finished_at=site.now)
    site.insert("core_progressreport", task_id=pk, state="running", message="Downloading")
    site.conn.commit()
    return f"Downloading of app.tasks.sync {pk}"


def pushed(site, made, db):
    image = site.image("oci", made.repo)
    made.relist()
    return f"{image.digest} in {made.repo.name}"


def lost_link(site, made, db):
    site.lose(site.image("oci", made.repo))
    return "1 unlinked, with their artifact still there"


def gone_config(site, made, db):
    image = site.manifest(manifests.KINDS["oci"](site.rng), made.repo, config_link="empty")
    return f"{image.digest} in {made.repo.name}"


def blob_elsewhere(site, made, db):
    site.sql("DELETE FROM core_repositorycontent WHERE content_id = %s", (made.image.config.pk,))
    return f"{made.image.digest} in {made.repo.name} lacks {made.image.config.digest}"


def child_elsewhere(site, made, db):
    child = site.image("oci")
    site.list_child(made.index, child)
    return f"{made.index.digest} in {made.repo.name} lacks {child.digest} (linux/"


def manifest_removed(site, made, db):
    site.sql("DELETE FROM core_repositorycontent WHERE content_id = %s", (made.image.pk,))
    return f"{made.repo.name}:sound"


def reclaimed(site, made, db):
    site.sql(
        "UPDATE core_contentartifact SET artifact_id = NULL WHERE content_id = %s",
        (made.image.config.pk,),
    )
    return f"container.blob {made.image.config.digest}"


def left_artifact(site, made, db):
    artifact = site.artifact(b"zebra")
    site.conn.commit()
    return f"{artifact.name}, 5 bytes"


def left_content(site, made, db):
    return f"container.blob {site.blob(b'zebra').pk}"


def upload(site, made, db):
    pk = site.insert("core_upload", size=7)["pulp_id"]
    site.conn.commit()
    return f"{pk}, 7 bytes since 20"


def temporary(site, made, db):
    site.insert("core_pulptemporaryfile", file="tmp/files/aa/zebra")
    site.conn.commit()
    return "tmp/files/aa/zebra since 20"


def incomplete(site, made, db):
    site.insert("core_repositoryversion", repository_id=made.repo.pk, number=9, complete=False)
    site.conn.commit()
    made.relist()
    return f"{made.repo.name} version 9"


def forgotten(site, made, db):
    site.sql(
        "UPDATE core_repositoryversion SET content_ids = '{}' WHERE pulp_id = %s",
        (made.repo.version,),
    )
    return f"{made.repo.name} version 1: lists 0, has"


def blank_in_path(site, made, db):
    site.distribution("team/a b", made.repo)
    return "base path team/a b"


def near_the_limit(site, made, db):
    site.pending(site.image("oci"), made.repo)
    site.sql("UPDATE container_containerpushrepository_pending_manifests SET id = 1900000000")
    site.sql("UPDATE container_blobmanifest SET id = 2000000000 WHERE manifest_id = %s", (made.image.pk,))
    return "container_blobmanifest: 2000000000"


def one_byte(site, made, db):
    site.sql("UPDATE container_manifest SET data = data || ' ' WHERE content_ptr_id = %s", (made.image.pk,))
    return made.image.digest


FINAL = "state = 'completed', finished_at = now() - interval '40 days'"
FAILED = """finished_at = now() - interval '1 h', error = '{"description": "no route"}'"""
FINDING, WARNING = "finding", "warning"

BROKEN = {
    "pulp-database": Broken(FINDING, None, "no extension hstore", "", without_hstore),
    "pulp-migrations": Broken(
        FINDING, None, "without 0037", "", "DELETE FROM django_migrations WHERE name LIKE '0037%'"
    ),
    "pulp-collation": Broken(FINDING, 1, "sorts text by other rules", "", other_collation),
    "pulp-indexes-invalid": Broken(FINDING, 1, "1 index of Pulp is invalid", "", invalid_index),
    "pulp-rows-unique": Broken(FINDING, 1, "1 unique key is there more than once", "", same_key_twice, ALL),
    "pulp-ids-exhausted": Broken(
        FINDING, 2, "run out of numbers", "pushrepository_pending_manifests: 1900000000", near_the_limit, ("0038",)
    ),
    "pulp-transactions-long": Broken(WARNING, 1, "1 transaction has been open", "", open_for_hours),
    "pulp-tables-bloat": Broken(WARNING, 1, "more dead rows", "", dead_rows),
    "pulp-workers-online": Broken(FINDING, None, "no worker", "", no_heartbeat("worker"), ALL),
    "pulp-apps-online": Broken(
        FINDING, None, "1 process of the service api and 0 of content", "", no_heartbeat("content"), ALL
    ),
    "pulp-apps-stale": Broken(WARNING, 1, "1 service has vanished", "", stale, ALL),
    "pulp-apps-versions": Broken(FINDING, 2, "sets of versions", "", other_version, ALL),
    "pulp-signing-services": Broken(WARNING, 1, "has no program", "", no_program, ALL),
    "pulp-tasks-abandoned": Broken(FINDING, 1, "no worker has it", "", owner_gone, ALL),
    "pulp-tasks-backlog": Broken(
        WARNING, 1, "ready for more than 5 s", "",
        of_task(state="waiting", after="unblocked_at = now() - interval '1 min'"),
    ),
    "pulp-tasks-blocked": Broken(
        WARNING, 1, "blocked for more than an hour", "wants zebra",
        of_task(age="2 h", state="waiting", reserved_resources_record=["zebra"]),
    ),
    "pulp-tasks-long": Broken(WARNING, 1, "more than 6 hours", "", of_task(age="7 h", state="running")),
    "pulp-tasks-canceling": Broken(FINDING, 1, "does not end", "", of_task(age="1 h", state="canceling")),
    "pulp-tasks-failed": Broken(
        WARNING, 1, "failed in the last 24 hours", "1 time app.tasks.sync: no route",
        lambda site, made, db: of_task(state="failed", after=FAILED)(site, made, db) and None,
    ),
    "pulp-tasks-incomplete": Broken(FINDING, 1, "waiting or at work", "", of_task(state="running")),
    "pulp-tasks-old": Broken(
        WARNING, 1, "older than 30 days", "1 completed, the oldest from 20",
        lambda site, made, db: of_task(state="running", after=FINAL)(site, made, db) and None,
    ),
    "pulp-progress-stuck": Broken(WARNING, 1, "1 progress report says running", "", stuck_report),
    "pulp-manifests-unmigrated": Broken(FINDING, 1, "1 of 4 manifests has no data", "", pushed),
    "pulp-manifests-pushed": Broken(FINDING, 1, "cannot be synced again", "", pushed),
    "pulp-manifests-recoverable": Broken(FINDING, 1, "1 manifest has no data", "", lost_link),
    "pulp-manifests-digest": Broken(FINDING, 1, "does not hash", "", one_byte),
    "pulp-manifests-typed": Broken(
        WARNING, 3, "lack type or platform", ": no type", "UPDATE container_manifest SET type = NULL"
    ),
    "pulp-manifests-config": Broken(FINDING, 1, "configuration that is gone", "", gone_config),
    "pulp-manifests-blobs": Broken(FINDING, 1, "1 blob is missing", "", blob_elsewhere),
    "pulp-lists-children": Broken(WARNING, 1, "1 image of a list is missing", "", child_elsewhere),
    "pulp-tags-manifest": Broken(FINDING, 1, "1 tag names a manifest", "", manifest_removed),
    "pulp-content-unfetchable": Broken(FINDING, 1, "neither a file nor a remote", "", reclaimed),
    "pulp-versions-incomplete": Broken(FINDING, 1, "no task works on it", "", incomplete),
    "pulp-versions-content": Broken(
        WARNING, 1, "differs from its rows", "", forgotten, ("0045+0138", "0046", "0050")
    ),
    "pulp-paths": Broken(FINDING, 1, "refused by pulpcore 3.117", "", blank_in_path),
    "pulp-signatures-keys": Broken(FINDING, 1, "1 of 2 signatures names another key", "", signature, ("0038", "0046")),
    "pulp-artifacts-orphaned": Broken(WARNING, 1, "in use by no content", "", left_artifact),
    "pulp-content-orphaned": Broken(WARNING, 1, "in no repository", "", left_content),
    "pulp-uploads-old": Broken(WARNING, 1, "never finished", "", upload),
    "pulp-files-temporary": Broken(WARNING, 1, "older than a day", "", temporary),
}
