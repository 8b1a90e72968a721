# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests that an old release has called schema 1 and that are something else: before and after their
data moved into the database, and those whose bytes are gone.
"""

import json

import pytest

from harness import manifests as m
from procedures.fixing import killed_in_its_second_batch

WORDS = ("procedure", "run", "pulp-manifests-retype")
ALL = ["0038", "0043", "0045", "0050"]


def called(site, manifest):
    return site.sql("SELECT media_type FROM container_manifest WHERE content_ptr_id = %s", (manifest.pk,))[0][0]


def without(spec, *keys):
    """The same document without these keys, as a registry sent it that left the type to a header."""
    value = {k: v for k, v in json.loads(spec.raw).items() if k not in keys}
    return m.of(value, m.V1, spec.config, spec.type)


def wrong(site, spec, name=m.V1, **options):
    return site.manifest(spec._replace(media_type=name), **options)


@pytest.fixture
def repo(site):
    return site.repository("team/app")


@pytest.mark.parametrize("level", ALL, indirect=True)
def test_each_gets_what_it_speaks_of(plmaint, site, repo):
    """The rule is upstream's: mediaType, else the children, else the configuration."""
    oci, docker = m.oci_image(site.rng), m.docker_image(site.rng)
    children = [site.image("oci", repo), site.image("docker", repo)]
    expected = {
        wrong(site, oci, repo=repo).pk: m.OM,
        wrong(site, without(docker, "mediaType"), repo=repo).pk: m.V2,
        wrong(site, without(m.oci_image(site.rng), "mediaType"), repo=repo).pk: m.OM,
        wrong(site, m.oci_index(children[:1]), repo=repo).pk: m.OI,
        wrong(site, without(m.oci_index(children), "mediaType"), repo=repo).pk: m.OI,
        wrong(site, without(m.docker_list(children[1:]), "mediaType"), repo=repo).pk: m.ML,
        wrong(site, m.schema1(site.rng), m.V1S, repo=repo).pk: m.V1,
        site.manifest(m.schema1_signed(site.rng), repo).pk: m.V1,
        site.manifest(m.schema1(site.rng), repo, on_disk=False).pk: m.V1,
        wrong(site, m.oci_image(site.rng), repo=repo, on_disk=False).pk: m.V1,
    }
    done = plmaint.run(*WORDS, code=0)
    assert done.one("step.end")["rows"] == 7
    found = site.sql("SELECT content_ptr_id, media_type FROM container_manifest")
    assert {pk: t for pk, t in found if pk in expected} == expected
    assert plmaint.run(*WORDS, code=0).one("step.end")["result"] == "not-needed"


@pytest.mark.parametrize("level", ALL[1:], indirect=True)
def test_also_where_the_data_is_in_the_database_already(plmaint, site, repo):
    """Upstream's own command dies on such a row; nothing of the file is asked for."""
    made = wrong(site, m.oci_image(site.rng), repo=repo)
    site.fill(made, detach=True)
    site.conn.commit()
    made.artifact.path.unlink()
    plmaint.run(*WORDS, code=0)
    assert called(site, made) == m.OM


def before_the_fill(site, made):
    """What the fill has made of these rows is undone."""
    sets = {"media_type": f"'{m.V1}'", "annotations": "'{}'", "labels": "'{}'"}
    sets |= {"is_bootable": "false", "is_flatpak": "false"}
    for name in ("data", "type", "architecture", "os", "compressed_image_size"):
        if name in site.columns["container_manifest"]:
            sets[name] = "NULL"
    sets = ", ".join(f"{name} = {value}" for name, value in sets.items())
    site.sql(f"UPDATE container_manifest SET {sets} WHERE content_ptr_id = ANY(%s::uuid[])", (list(made),))
    site.sql("DROP SCHEMA plmaint CASCADE")


@pytest.mark.parametrize("level", ["0038", "0039", "0043", "0050"], indirect=True)
def test_before_the_fill_or_after_it(plmaint, site, repo):
    """What follows from the media type is derived anew; a verdict of before does not stand in the way."""
    booted = wrong(site, m.bootable(site.rng, by="annotations"), repo=repo)
    kinds = [m.oci_image, m.docker_image, m.bootable, m.flatpak, m.helm, m.oci_artifact, m.cosign_sbom]
    made = {wrong(site, kind(site.rng), repo=repo).pk: kind.__name__ for kind in kinds}
    made[booted.pk] = "booted"
    index = wrong(site, m.oci_index([booted], {"a": "b"}), repo=repo)
    site.list_child(index, booted)
    made[index.pk] = "index"
    made[wrong(site, m.bootable(site.rng), repo=repo, config_link="none").pk] = "no configuration"

    def rows():
        found = site.sql("SELECT content_ptr_id, to_jsonb(m) FROM container_manifest m")
        return {made[pk]: row for pk, row in found}

    fill = ("pre-migrate", "run", "--keep-links")
    plmaint.run(*fill, code=(0, 78))
    plmaint.run(*WORDS, code=0)
    alone = rows()
    plmaint.run(*fill, code=(0, 78))
    after = rows()
    before_the_fill(site, made)
    plmaint.run(*WORDS, code=0)
    plmaint.run(*fill, code=(0, 78))
    assert after == rows()
    # Without a place for data, a row that was found empty is left to the next fill.
    assert alone == after or "data" not in site.columns["container_manifest"]
    assert after["index"]["is_bootable"] and after["index"]["annotations"] == {"a": "b"}
    assert after["booted"]["is_bootable"] and after["booted"]["media_type"] == m.OM
    assert after["oci_artifact"].get("type") == ("artifact" if "type" in after["index"] else None)


@pytest.mark.parametrize("level", ["0045"], indirect=True)
def test_killed_between_two_batches(plmaint, pg_db, site, repo):
    many = [wrong(site, m.oci_image(site.rng, 1), repo=repo) for _ in range(250)]
    killed_in_its_second_batch(plmaint, pg_db, site, "UPDATE", "container_manifest", *WORDS)
    left = "SELECT count(*) FROM container_manifest WHERE media_type = %s"
    assert site.sql(left, (m.V1,)) == [(50,)]
    assert (plmaint.state_dir / "cache-debt").exists()
    assert plmaint.run(*WORDS, code=0).one("step.end")["rows"] == 50
    assert site.sql(left, (m.OM,)) == [(len(many),)]
