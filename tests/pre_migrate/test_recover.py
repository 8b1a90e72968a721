# SPDX-License-Identifier: GPL-3.0-or-later
"""What upstream's command lost when it was killed: manifests with neither data nor link come back
while their artifacts are there.
"""

import pytest

from harness import after, manifests, oracle
from harness.process import wait_until
from harness.pulpdata import snapshot


def test_lost_manifests_come_back_before_anything_else(site, plmaint):
    repo = site.repository()
    lost = [site.lose(site.image(kind, repo)) for kind in ("oci", "docker", "bootable", "helm")]
    sound = site.image("oci", repo)
    listed = site.lose(site.index([lost[2]], repo))
    assert after.with_nothing(site) == {m.digest for m in (*lost, listed)}
    ran = plmaint.run("pre-migrate", "run", code=0)
    first = ran.of("step.start")[0]
    assert first["label"] == "pulp-manifests-recover"
    assert ran.one("step.end", label="pulp-manifests-recover")["rows"] == 5
    for m in (*lost, sound):
        config = m.config.raw if m.config else None
        assert after.columns(site, m) == oracle.upstream(
            m.raw, m.media_type, config, (), site.level
        )
    assert after.columns(site, listed)["data"].encode() == listed.raw
    assert after.columns(site, listed)["is_bootable"] is True
    assert after.with_nothing(site) == set()


def test_recover_alone_leaves_other_rows_and_links(site, plmaint):
    repo = site.repository()
    lost, sound = site.lose(site.image("oci", repo)), site.image("oci", repo)
    plmaint.run("pre-migrate", "recover", code=0)
    assert after.columns(site, lost)["data"].encode() == lost.raw
    assert after.columns(site, sound)["data"] is None and after.links(site, sound) == 1


@pytest.mark.parametrize("level", ["0050"], indirect=True)
def test_artifact_of_another_domain_is_not_taken(site, plmaint):
    """The same image in two domains: each manifest has its own artifact, or none."""
    spec = manifests.KINDS["oci"](site.rng)
    here, there = site.repository("here/app"), site.repository(
        "there/app", domain=site.domain("other")
    )
    mine = site.lose(site.manifest(spec, here), artifact=True)
    theirs = site.lose(site.manifest(spec, there))
    plmaint.configure({"pulp.domain_roots": f"other={site.media_root}"})
    ran = plmaint.run("pre-migrate", "recover", code=78)
    assert after.columns(site, mine)["data"] is None
    assert after.columns(site, theirs)["data"].encode() == spec.raw
    assert ran.one("step.end", label="pulp-manifests-recover")["examples"] == [
        "gone: 1 manifest of here/app (push them again)"
    ]


def test_what_is_gone_is_listed_by_repository_pushed_images_first(site, plmaint):
    synced = site.repository("synced/app", push=False)
    pushed = site.repository("pushed/app")
    for _ in range(3):
        site.lose(site.image("oci", synced), artifact=True)
    site.lose(site.image("oci", pushed), artifact=True)
    site.lose(site.image("oci", pushed)).artifact.path.unlink()
    site.lose(site.image("oci"), artifact=True)
    on_demand = site.manifest(manifests.KINDS["oci"](site.rng), synced, link="empty")
    ran = plmaint.run("pre-migrate", "recover", code=78)
    end = ran.one("step.end", label="pulp-manifests-recover")
    gone = [e for e in end["examples"] if e.startswith("gone")]
    assert gone == [
        "gone: 2 manifests of pushed/app (push them again)",
        "gone: 3 manifests of synced/app (sync or push them again)",
        "gone: 1 manifest of (no repository) (sync or push them again)",
    ]
    assert end["result"] == "warning" and on_demand.link


def test_what_is_gone_is_told_by_every_run(site, plmaint):
    """Also when nothing is left that could be recovered."""
    repo = site.repository("pushed/app")
    site.lose(site.image("oci", repo), artifact=True)
    for _ in range(2):
        ran = plmaint.run("pre-migrate", "run", code=78)
    end = ran.one("step.end", label="pulp-manifests-pending")
    assert "1 manifest is quarantined" in end["message"]


def test_recovered_manifest_survives_the_orphan_cleanup_that_follows(site, plmaint):
    made = site.lose(site.image("oci", site.repository()))
    plmaint.run("pre-migrate", "recover", code=0)
    # What Pulp's cleanup does with an artifact that nothing links to.
    site.sql(
        "DELETE FROM core_artifact a WHERE NOT EXISTS (SELECT FROM core_contentartifact c WHERE c.artifact_id = a.pulp_id)"
    )
    made.artifact.path.unlink()
    plmaint.run("pre-migrate", "run", code=0)
    assert after.columns(site, made)["data"].encode() == made.raw
    assert plmaint.run("pre-migrate", "verify").code == 0


def test_cleanup_that_took_the_artifact_meanwhile_leaves_the_row_as_it_was(site, pg_db, plmaint):
    """The artifact row is held by a cleanup that then commits its deletion: recovery waits for it,
    finds the artifact gone and fills nothing."""
    made = site.lose(site.image("oci", site.repository()))
    cleanup = pg_db.connect(autocommit=False)
    with cleanup.cursor() as cur:
        cur.execute("DELETE FROM core_artifact WHERE pulp_id = %s", (made.artifact.pk,))
    running = plmaint.start("pre-migrate", "recover")
    wait_until(
        lambda: pg_db.value("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0,
        20,
        "recovery waits for the cleanup",
    )
    cleanup.commit()
    cleanup.close()
    ran = running.wait()
    assert ran.code in (75, 78), ran
    assert after.columns(site, made)["data"] is None
    again = plmaint.run("pre-migrate", "run", code=78)
    assert snapshot(site.conn)["container_manifest"][made.pk]["data"] is None
    assert again.code == 78


def test_damaged_artifact_of_a_lost_row_is_not_stored(site, plmaint):
    made = site.lose(site.image("oci", site.repository()))
    made.artifact.path.write_bytes(b"x" * len(made.raw))
    ran = plmaint.run("pre-migrate", "recover", code=78)
    assert ran.one("quarantine", digest=made.digest)["reason"] == "sha256-mismatch"
    assert after.columns(site, made)["data"] is None
    made.artifact.path.write_bytes(made.raw)
    plmaint.run("pre-migrate", "run", code=0)
    assert after.columns(site, made)["data"].encode() == made.raw
