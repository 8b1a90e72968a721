# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows that were set aside: told, kept, looked at again when they have changed; and the trip wire
that knows an outage from bad rows.
"""

import os

import pytest

from harness import after, manifests
from harness.brake import Brake
from harness.process import wait_until


@pytest.fixture
def missing(site):
    """An image whose file is gone, beside a sound one."""
    repo = site.repository("team/app")
    site.image("oci", repo)
    return site.manifest(manifests.KINDS["oci"](site.rng), repo, on_disk=False)


def restore(manifest):
    manifest.artifact.path.parent.mkdir(parents=True, exist_ok=True)
    manifest.artifact.path.write_bytes(manifest.raw)


def many(site, n):
    """n images; the paths of their files in the order in which they are read."""
    site.bulk_images(n, repos=1, own_config=False)
    return [
        site.media_root / name
        for (name,) in site.sql(
            "SELECT a.file FROM core_artifact a JOIN core_contentartifact c ON c.artifact_id = a.pulp_id"
            " JOIN container_manifest m ON m.content_ptr_id = c.content_id ORDER BY m.content_ptr_id"
        )
    ]


def refuse(db, when, sqlstate):
    """The database refuses an update of a manifest with this SQLSTATE when the condition holds."""
    db.query(
        "CREATE SCHEMA refusal; CREATE SEQUENCE refusal.nth; CREATE FUNCTION refusal.refuse()"
        " RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
        f" IF {when} THEN RAISE EXCEPTION 'not this one' USING ERRCODE = '{sqlstate}'; END IF;"
        " RETURN NEW; END $$;"
        "CREATE TRIGGER refusal BEFORE UPDATE ON container_manifest FOR EACH ROW"
        " EXECUTE FUNCTION refusal.refuse()",
        user="postgres",
    )


@pytest.mark.parametrize("sqlstate", ["22023", "23514"])
def test_row_that_the_database_refuses_is_found_among_its_neighbours(
    site, pg_db, plmaint, tmp_path, sqlstate
):
    """Nothing that we know is wrong with it: only halving the batch tells which one it is."""
    site.bulk_images(60, repos=1, own_config=False)
    bad = site.image("oci", site.repository("team/app"))
    refuse(pg_db, f"NEW.content_ptr_id = '{bad.pk}'", sqlstate)
    ran = plmaint.run("pre-migrate", "run", code=78)
    told = ran.one("quarantine")
    assert (told["digest"], told["reason"], told["sqlstate"]) == (
        *(bad.digest, "row-refused", sqlstate),
    )
    assert told["repositories"] == ["team/app"] and told["message"] and told["hint"]
    assert after.pending(site) == 1 and after.links(site, bad) == 1
    assert after.columns(site, bad)["data"] is None
    listed = plmaint.run("pre-migrate", "quarantine", "list", code=0).one("quarantine")
    assert listed["sqlstate"] == sqlstate
    shown = plmaint.run("pre-migrate", "quarantine", "show", bad.digest, json=False, code=0).out
    assert sqlstate in shown and "not this one" in shown
    trace = tmp_path / "trace"
    more = site.image("oci", bad.repo)
    plmaint.run("pre-migrate", "run", code=78, wrap=(*after.STRACE, trace))
    opened = after.opened_artifacts(trace)
    assert more.artifact.name in opened and bad.artifact.name not in opened


@pytest.mark.parametrize("sqlstate", ["40P01", "40001", "55P03"])
def test_conflict_is_tried_again_and_no_row_set_aside(site, pg_db, plmaint, sqlstate):
    """Not even by the sixth time, when halving has come down to the one row."""
    site.bulk_images(60, repos=1, own_config=False)
    first = "(SELECT min(content_ptr_id::text) FROM container_manifest)"
    refuse(pg_db, f"NEW.content_ptr_id::text = {first} AND nextval('refusal.nth') <= 6", sqlstate)
    ran = plmaint.run("pre-migrate", "run", code=0)
    assert pg_db.value("SELECT last_value FROM refusal.nth", user="postgres") > 6
    assert after.pending(site) == 0 and not ran.of("quarantine")


def test_list_show_and_export_say_all_that_is_known(site, plmaint, missing):
    plmaint.run("pre-migrate", "run", code=78)
    listed = plmaint.run("pre-migrate", "quarantine", "list", code=0)
    told = listed.one("quarantine")
    assert (told["digest"], told["reason"]) == (missing.digest, "file-missing")
    assert told["repositories"] == ["team/app"] and told["message"] and told["hint"]
    plain = plmaint.run("pre-migrate", "quarantine", "list", json=False, code=0).out
    assert missing.digest in plain and "team/app" in plain
    shown = plmaint.run("pre-migrate", "quarantine", "show", missing.digest, json=False, code=0).out
    for words in (missing.digest, "Restore the file", missing.media_type, missing.artifact.name):
        assert words in shown, words
    lines = plmaint.run("pre-migrate", "quarantine", "export", json=False, code=0).out.splitlines()
    row = dict(zip(lines[0].split("\t"), lines[1].split("\t")))
    assert row["digest"] == missing.digest and row["repositories"] == "team/app"
    assert row["detail"] == missing.artifact.name and len(lines) == 2


def test_hostile_repository_name_cannot_steer_the_terminal(site, plmaint):
    repo = site.repository("evil\x1b[2J\nname")
    site.manifest(manifests.KINDS["oci"](site.rng), repo, on_disk=False)
    ran = plmaint.run("pre-migrate", "run", json=False, code=78)
    listed = plmaint.run("pre-migrate", "quarantine", "list", json=False, code=0)
    for text in (ran.out, ran.err, listed.out):
        assert "\x1b" not in text and "evil" in text or text is ran.err


def test_quarantined_row_is_not_read_again(site, plmaint, missing, tmp_path):
    plmaint.run("pre-migrate", "run", code=78)
    trace = tmp_path / "trace"
    more = site.image("oci", missing.repo)  # there is work, but not for the quarantined row
    ran = plmaint.run("pre-migrate", "run", code=78, wrap=(*after.STRACE, trace))
    opened = after.opened_artifacts(trace)
    assert more.artifact.name in opened and missing.artifact.name not in opened
    assert not ran.of("quarantine")


def test_mended_file_is_filled_by_the_next_run_without_retry(site, plmaint, missing):
    plmaint.run("pre-migrate", "run", code=78)
    restore(missing)
    plmaint.run("pre-migrate", "run", code=0)
    assert after.columns(site, missing)["data"].encode() == missing.raw
    assert plmaint.run("pre-migrate", "quarantine", "list", code=0).of("quarantine") == []


def test_file_that_a_backup_puts_back_with_its_old_times_is_seen(site, plmaint):
    """Bits had flipped: neither size nor mtime tell the sound file from the other."""
    made = site.image("oci", site.repository())
    path = made.artifact.path
    times = path.stat()
    path.write_bytes(b"x" * len(made.raw))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    ran = plmaint.run("pre-migrate", "run", code=78)
    assert ran.one("quarantine")["reason"] == "sha256-mismatch"
    restore(made)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    plmaint.run("pre-migrate", "run", code=0)
    assert after.columns(site, made)["data"].encode() == made.raw


def test_artifact_that_was_downloaded_meanwhile_is_seen(site, plmaint):
    made = site.manifest(manifests.KINDS["oci"](site.rng), site.repository(), link="empty")
    plmaint.run("pre-migrate", "run", code=78)
    site.sql(
        "UPDATE core_contentartifact SET artifact_id = %s WHERE pulp_id = %s",
        (site.artifact(made.raw).pk, made.link),
    )
    plmaint.run("pre-migrate", "run", code=0)
    assert after.columns(site, made)["data"].encode() == made.raw


def test_row_that_pulp_removed_is_forgotten(site, plmaint, missing):
    plmaint.run("pre-migrate", "run", code=78)
    for table, key in (
        ("core_repositorycontent", "content_id"),
        ("container_blobmanifest", "manifest_id"),
        ("core_contentartifact", "content_id"),
        ("container_manifest", "content_ptr_id"),
        ("core_content", "pulp_id"),
    ):
        site.sql(f"DELETE FROM {table} WHERE {key} = %s", (missing.pk,))
    plmaint.run("pre-migrate", "run", code=0)
    assert plmaint.run("pre-migrate", "quarantine", "list", code=0).of("quarantine") == []


def test_configuration_that_comes_back_completes_a_partial_row(site, plmaint):
    """The type depends on the labels: both are derived once the configuration is there."""
    spec = manifests.KINDS["bootable"](site.rng)
    made = site.manifest(spec, site.repository(), config_link="empty")
    plmaint.run("pre-migrate", "run", code=78)
    assert after.columns(site, made)["type"] is None
    site.sql(
        "UPDATE core_contentartifact SET artifact_id = %s WHERE content_id = %s",
        (site.artifact(spec.config).pk, made.config.pk),
    )
    plmaint.run("pre-migrate", "run", code=0)
    row = after.columns(site, made)
    assert (row["type"], row["is_bootable"], row["architecture"]) == ("bootable", True, "amd64")
    assert row["labels"]["containers.bootc"] == "1"


def test_retry_looks_at_a_row_again(site, plmaint, missing):
    plmaint.run("pre-migrate", "run", code=78)
    answer = plmaint.run("pre-migrate", "quarantine", "retry", missing.digest, code=0).one("done")
    assert answer["rows"] == 1 and answer["message"] == "1 row will be looked at by the next run"
    ran = plmaint.run("pre-migrate", "run", code=78)
    assert ran.one("quarantine")["digest"] == missing.digest
    plmaint.run("pre-migrate", "quarantine", "retry", "--all", code=0)
    assert plmaint.run("pre-migrate", "quarantine", "list", code=0).of("quarantine") == []


def test_accepted_row_does_not_warn_any_more(site, plmaint, missing):
    plmaint.run("pre-migrate", "run", code=78)
    plmaint.run(
        "pre-migrate", "quarantine", "accept", missing.digest, "--why", "image is not used", code=0
    )
    ran = plmaint.run("pre-migrate", "run", code=0)
    assert ran.one("step.end", label="pulp-manifests-pending")["result"] == "ok"
    listed = plmaint.run("pre-migrate", "quarantine", "list", code=0)
    assert listed.one("quarantine")["accepted"] == "image is not used"
    plmaint.run("pre-migrate", "quarantine", "retry", "--all", code=0)  # leaves accepted ones
    plmaint.run("pre-migrate", "run", code=0)
    # Named twice, as in a list that nobody has sorted.
    plmaint.run("pre-migrate", "quarantine", "retry", missing.digest, missing.digest, code=0)
    plmaint.run("pre-migrate", "run", code=78)


def test_wrong_words_are_explained(site, plmaint, missing):
    """And change nothing, also where only one of them is wrong."""
    plmaint.run("pre-migrate", "run", code=78)
    good, why = missing.digest, ("--why", "image is not used")
    for words, hint in (
        (["accept", "sha256:0"], "--why"),
        (["accept", good, "sha256:0", *why], "quarantine list"),
        (["accept", good, *why, "--all"], "quarantine --help"),
        (["retry"], "--all"),
        (["retry", good, "sha256:0"], "quarantine list"),
        (["retry", good, "--all"], "--all"),
        (["retry", good, *why], "quarantine --help"),
        (["show", "sha256:0"], "quarantine list"),
        (["show"], "quarantine list"),
        (["list", good], "quarantine show"),
        (["acept", "sha256:0"], "the nearest is accept"),
    ):
        answer = plmaint.run("pre-migrate", "quarantine", *words, code=2)
        assert hint in answer.one("error")["hint"], words
    listed = plmaint.run("pre-migrate", "quarantine", "list", code=0)
    assert "accepted" not in listed.one("quarantine", digest=good)


def test_without_a_ledger_there_is_nothing_to_list(site, plmaint):
    answer = plmaint.run("pre-migrate", "quarantine", "list", code=1)
    assert "pre-migrate run" in answer.one("error")["hint"]


def test_fail_on_the_first_bad_row_when_asked_to(site, plmaint, missing):
    plmaint.configure({"pre-migrate.on_bad_row": "fail"})
    ran = plmaint.run("pre-migrate", "run", code=1)
    end = ran.one("step.end", label="pulp-manifests-fill")
    assert end["result"] == "failed" and "on_bad_row" in end["message"]
    listed = plmaint.run("pre-migrate", "quarantine", "list", code=0)
    assert listed.one("quarantine")["digest"] == missing.digest
    plmaint.configure({"pre-migrate.on_bad_row": "quarantine"})
    plmaint.run("pre-migrate", "run", code=78)
    assert after.pending(site) == 1


def test_word_for_bad_rows_that_is_none_is_refused(site, plmaint):
    plmaint.configure({"pre-migrate.on_bad_row": "ignore"})
    site.image("oci", site.repository())
    ran = plmaint.run("pre-migrate", "run", code=2)
    assert "on_bad_row" in ran.err and after.pending(site) == 1


@pytest.mark.slow
def test_hundred_missing_files_in_a_row_stop_the_run(site, pg_db, plmaint):
    """An empty directory where a file system was mounted looks like this."""
    paths = many(site, 400)
    for path in paths[100:260]:
        path.unlink()
    ran = plmaint.run("pre-migrate", "run", code=1)
    end = ran.one("step.end", label="pulp-manifests-fill")
    assert "outage" in end["message"] and end["hint"]
    assert after.ledger(pg_db)["verdict"] == [], "what an outage caused is withdrawn"
    assert after.with_nothing(site) == set()
    again = [p for p in paths if not p.exists()]
    assert len(again) == 160


@pytest.mark.slow
def test_too_large_a_share_of_missing_files_stops_the_run(site, pg_db, plmaint):
    paths = many(site, 1200)
    for path in paths[::8]:
        path.unlink()
    ran = plmaint.run("pre-migrate", "run", code=1)
    assert "outage" in ran.one("step.end", label="pulp-manifests-fill")["message"]
    assert after.ledger(pg_db)["verdict"] == []
    assert after.pending(site) >= len([p for p in paths if not p.exists()])


@pytest.mark.slow
def test_few_missing_files_do_not_stop_the_run(site, plmaint):
    paths = many(site, 600)
    for path in paths[::100]:
        path.unlink()
    ran = plmaint.run("pre-migrate", "run", code=78)
    assert len(ran.of("quarantine")) == 6 and after.pending(site) == 6


@pytest.mark.slow
def test_images_that_were_never_downloaded_are_no_outage(site, plmaint):
    """A mirror with the on-demand policy has thousands of them, one after the other."""
    repo = site.repository("mirror/app", push=False)
    site.image("oci", repo)
    spec = manifests.KINDS["oci"]
    for _ in range(150):
        site.manifest(spec(site.rng)._replace(config=None), repo, link="empty")
    ran = plmaint.run("pre-migrate", "run", code=78)
    assert len(ran.of("quarantine", reason="link-without-artifact")) == 150


@pytest.mark.slow
def test_batch_that_is_tried_again_tells_of_a_row_once(site, pg_db, plmaint, missing):
    held = site.image("oci", missing.repo)
    holder = pg_db.connect(autocommit=False)
    with holder.cursor() as cur:
        cur.execute(
            "SELECT 1 FROM container_manifest WHERE content_ptr_id = %s FOR UPDATE", (held.pk,)
        )
    try:
        ran = plmaint.run("pre-migrate", "run", code=75)
    finally:
        holder.rollback()
        holder.close()
    assert len(ran.of("quarantine")) == 1
    plmaint.run("pre-migrate", "run", code=78)


@pytest.mark.slow
def test_media_that_goes_away_is_an_outage_and_not_a_thousand_bad_rows(
    site, pg_db, plmaint, media_root
):
    site.bulk_images(800, repos=1)
    plmaint.configure({"pre-migrate.batch_rows": "10"})
    brake = Brake(pg_db)
    running = plmaint.start("pre-migrate", "run")
    wait_until(lambda: after.pending(site) < 800, 60, "it works")
    (media_root / "artifact").rename(media_root / "away")
    brake.let_go()
    ran = running.wait()
    assert ran.code == 1, ran
    end = ran.one("step.end", label="pulp-manifests-fill")
    assert "media root" in end["message"] and "Mount it" in end["hint"]
    assert after.ledger(pg_db)["verdict"] == [] and after.pending(site) > 0
    refused = plmaint.run("pre-migrate", "run", code=1)
    assert "artifact" in refused.of("step.end", result="failed")[0]["message"]
    (media_root / "away").rename(media_root / "artifact")
    plmaint.run("pre-migrate", "run", code=0)
    assert after.pending(site) == 0 and after.with_nothing(site) == set()


@pytest.mark.slow
def test_media_root_that_is_renamed_while_it_works_stays_readable(
    site, pg_db, plmaint, media_root
):
    """It is held by a descriptor; the next run needs it in its place again."""
    site.bulk_images(400, repos=1)
    plmaint.configure({"pre-migrate.batch_rows": "10"})
    brake = Brake(pg_db)
    running = plmaint.start("pre-migrate", "run")
    wait_until(lambda: after.pending(site) < 400, 60, "it works")
    media_root.rename(media_root.with_name("elsewhere"))
    brake.let_go()
    assert running.wait().code == 0 and after.pending(site) == 0
