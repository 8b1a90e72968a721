# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of manifests: each sees what it is for, says where, and is content with a sound site."""

import subprocess

import pytest

from drivers import built
from harness.awkward import AWKWARD


def asked(db, label):
    """(result, text, hint, examples) of a check that stands in no scenario."""
    done = subprocess.run(
        [str(built.program("../checks/check_tool")), db.conninfo(), label],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result, text, hint, *examples = done.stdout.splitlines()
    return result, text, hint, examples


def verified(plmaint, label, code):
    return plmaint.run("pre-migrate", "verify", code=code).one("step.end", label=label)


@pytest.fixture
def migrated(site, plmaint):
    made = site.every_kind(30)
    plmaint.run("pre-migrate", "run", code=0)
    return made


def test_unmigrated_before_and_after(pg_db, site, plmaint):
    site.bulk_images(20)
    result, text, hint, examples = asked(pg_db, "pulp-manifests-unmigrated")
    assert (result, text) == ("finding", "20 of 20 manifests have no data (20 can be migrated now)")
    assert "plmaint pre-migrate run" in hint
    assert len(examples) == 10 and all(e.endswith(": pending") for e in examples)
    plmaint.run("pre-migrate", "run", code=0)
    result, text, _, examples = asked(pg_db, "pulp-manifests-unmigrated")
    assert (result, text, examples) == ("ok", "all 20 manifests have their data", [])


def test_unmigrated_names_the_quarantined(pg_db, site, plmaint):
    site.bulk_images(20)
    bad = AWKWARD["file_missing"](site)
    plmaint.run("pre-migrate", "run", code=78)
    result, text, hint, examples = asked(pg_db, "pulp-manifests-unmigrated")
    assert (result, text) == ("finding", "1 of 21 manifests has no data (0 can be migrated now)")
    assert "quarantine list" in hint
    assert examples == [f"{bad.digest} in {bad.repo.name}: file-missing"]


@pytest.mark.parametrize("level", ["0038"], indirect=True)
def test_unmigrated_where_no_column_is(pg_db, site):
    result, text, hint, _ = asked(pg_db, "pulp-manifests-unmigrated")
    assert result == "finding" and "0038 has no column for manifest data" in text and hint


def test_digest_sees_one_changed_byte(site, plmaint, migrated):
    label = "pulp-manifests-digest"
    assert verified(plmaint, label, 0)["result"] == "ok"
    image = next(m for m in migrated if m.type == "image" and m.media_type.endswith(".v2+json"))
    site.sql(
        "UPDATE container_manifest SET data = data || ' ' WHERE content_ptr_id = %s", (image.pk,)
    )
    found = verified(plmaint, label, 1)
    assert found["result"] == "finding" and found["examples"] == [image.digest] and found["hint"]


@pytest.mark.parametrize(
    "column, value",
    [
        ("architecture", "'sparc'"),
        ("os", "'plan9'"),
        ("labels", """'{"a": "b"}'"""),
        ("type", "'helm'"),
        ("compressed_image_size", "1"),
        ("compressed_image_size", "NULL"),
        ("is_bootable", "true"),
        ("is_flatpak", "true"),
        ("annotations", """'{"a": "b"}'"""),
    ],
)
def test_sample_sees_a_wrong_column(site, plmaint, migrated, column, value):
    label = "pulp-manifests-sample"
    assert verified(plmaint, label, 0)["result"] == "ok"
    docker = column != "annotations"
    image = next(
        m for m in migrated if m.type == "image" and m.media_type.endswith(".v2+json") == docker
    )
    site.sql(
        f"UPDATE container_manifest SET {column} = {value} WHERE content_ptr_id = %s", (image.pk,)
    )
    found = verified(plmaint, label, 78)
    assert found["result"] == "warning" and found["examples"] == [f"{image.digest}: {column}"]


@pytest.mark.parametrize(
    "children, flags, wrong",
    [
        (["oci"], (True, False), "is_bootable"),
        (["oci", "flatpak"], (True, False), "is_bootable"),
        (["oci", "flatpak"], (False, False), "is_flatpak"),
        (["oci", "bootable"], (False, True), "is_bootable"),
        (["bootable", "flatpak"], (True, False), None),
        (["bootable", "flatpak"], (False, True), None),
    ],
)
def test_sample_asks_the_children_of_a_list(site, plmaint, children, flags, wrong):
    repo = site.repository()
    index = site.index([site.image(kind, repo) for kind in children], repo)
    plmaint.run("pre-migrate", "run", code=0)
    site.sql(
        "UPDATE container_manifest SET is_bootable = %s, is_flatpak = %s WHERE content_ptr_id = %s",
        (*flags, index.pk),
    )
    # A list with no flag at all is seen by the check of pending rows as well, with its own status.
    found = verified(plmaint, "pulp-manifests-sample", (0, 1, 78))
    assert found.get("examples", []) == ([f"{index.digest}: {wrong}"] if wrong else [])


def test_pending_sees_what_came_after_the_run(site, plmaint, migrated):
    label = "pulp-manifests-pending"
    assert verified(plmaint, label, 0)["result"] == "ok"
    site.image("oci")
    assert verified(plmaint, label, 1)["result"] == "finding"
