# SPDX-License-Identifier: GPL-3.0-or-later
"""Image indexes and manifest lists: what they inherit from the images they name, and rows that
upstream's command never selects.
"""

import pytest

from harness import after, manifests, oracle

both_levels = pytest.mark.parametrize("level", ["0041", "0043", "0050"], indirect=True)


def nature(site, manifest):
    row = after.columns(site, manifest)
    return row.get("type"), row["is_bootable"], row["is_flatpak"]


def unlabelled(plmaint, ran):
    """How many images without labels a run and the status after it tell of."""
    examples = ran.one("step.end", label="pulp-manifests-pending").get("examples", ())
    told = [int(e.split()[0]) for e in examples if "a configuration and no labels" in e]
    status = plmaint.run("pre-migrate", "status", code=0).one("pending")["labels"]
    plain = plmaint.run("pre-migrate", "status", json=False, code=0).out
    assert told == [status] * len(told) and bool(told) == (status > 0)
    assert (f"{status} images have a configuration and no labels" in plain) == (status > 0)
    return status


@both_levels
def test_list_is_bootable_or_flatpak_when_a_child_is(site, plmaint, level):
    repo = site.repository()
    oci, boot, flat = (site.image(kind, repo) for kind in ("oci", "bootable", "flatpak"))
    made = {
        (False, False): site.index([oci], repo),
        (True, False): site.index([oci, boot], repo),
        (False, True): site.index([oci, flat], repo, docker=True),
    }
    inner = made[True, False]
    outer = site.index([inner], repo, annotations={"of": "an index"})
    plmaint.run("pre-migrate", "run", code=0)
    for flags, index in made.items():
        assert nature(site, index)[1:] == flags
        assert nature(site, index)[0] == ("index" if level >= "0043" else None)
    assert nature(site, outer)[1:] == (False, False), "what a child inherited is not handed on"


def test_list_goes_wrong_the_other_way_round(site, plmaint):
    """The two foreign keys are swapped in Pulp's schema: read by their names, the image would
    inherit from its list.
    """
    repo = site.repository()
    child = site.image("oci", repo)
    index = site.index([child, site.image("bootable", repo)], repo)
    plmaint.run("pre-migrate", "run", code=0)
    assert nature(site, index) == ("index", True, False)
    assert nature(site, child) == ("image", False, False)


def test_list_is_computed_again_when_its_quarantined_child_is_mended(site, plmaint):
    repo = site.repository()
    child = site.manifest(manifests.KINDS["bootable"](site.rng), repo, on_disk=False)
    index = site.index([site.image("oci", repo), child], repo)
    plmaint.run("pre-migrate", "run", code=78)
    assert nature(site, index) == ("index", False, False)
    assert after.links(site, index) == 0
    child.artifact.path.parent.mkdir(parents=True, exist_ok=True)
    child.artifact.path.write_bytes(child.raw)
    plmaint.run("pre-migrate", "quarantine", "retry", child.digest, code=0)
    plmaint.run("pre-migrate", "run", code=0)
    assert nature(site, child) == ("bootable", True, False)
    assert nature(site, index) == ("index", True, False)


def test_list_that_an_older_release_did_follows_its_child(site, plmaint):
    repo = site.repository()
    flat, boot = site.image("flatpak", repo), site.image("bootable", repo)
    done = [site.fill(site.index([m], repo), detach=True) for m in (flat, boot)]
    plain = site.fill(site.index([site.image("oci", repo)], repo), detach=True)
    plmaint.run("pre-migrate", "run", code=0)
    assert [nature(site, m) for m in done] == [("index", False, True), ("index", True, False)]
    assert nature(site, plain) == ("index", False, False)


def test_list_with_data_but_no_type_is_told_and_filled_on_request(site, plmaint):
    repo = site.repository()
    child = site.fill(site.image("bootable", repo), detach=True)
    made = site.index([child], repo, annotations={"by": "2.20"})
    site.fill(made, [{"type": "bootable"}], detach=True)
    site.sql(
        "UPDATE container_manifest SET type = NULL, is_bootable = false WHERE content_ptr_id = %s",
        (made.pk,),
    )
    ran = plmaint.run("pre-migrate", "run", code=0)
    check = ran.one("step.end", label="pulp-manifests-pending")
    assert any("1 list has data and no type" in e for e in check["examples"])
    assert nature(site, made) == (None, False, False)
    plmaint.run("pre-migrate", "run", "--refill", code=0)
    assert nature(site, made) == ("index", True, False)
    ran = plmaint.run("pre-migrate", "run", "--refill", code=0)
    assert ran.one("step.end", label="pulp-manifests-fill")["result"] == "not-needed"


def test_labels_missing_since_the_push_are_filled_on_request(site, plmaint, tmp_path):
    repo = site.repository()
    spec = manifests.KINDS["oci"](site.rng, labels={"a": "b"})
    made = site.fill(site.manifest(spec, repo), detach=True)
    site.sql("UPDATE container_manifest SET labels = '{}' WHERE content_ptr_id = %s", (made.pk,))
    bare = site.fill(site.image("oci", repo, labels={}), detach=True)
    ran = plmaint.run("pre-migrate", "run", code=0)
    assert after.columns(site, made)["labels"] == {}
    assert unlabelled(plmaint, ran) == 2
    assert unlabelled(plmaint, plmaint.run("pre-migrate", "run", "--refill", code=0)) == 0
    assert after.columns(site, made)["labels"] == {"a": "b"}
    assert after.columns(site, bare)["labels"] == {}
    for m in (made, bare):
        wanted = oracle.upstream(m.raw, m.media_type, m.config.raw, (), site.level)
        assert after.columns(site, m) == wanted
    trace = tmp_path / "trace"
    ran = plmaint.run(
        "pre-migrate", "run", "--refill", code=0, wrap=(*after.STRACE, trace)
    )
    assert after.opened_artifacts(trace) == [], "no labels there: known since the last run"
    assert ran.one("step.end", label="pulp-manifests-fill")["result"] == "not-needed"
