# SPDX-License-Identifier: GPL-3.0-or-later
"""Awkward places: links, artifacts, files, leftovers of earlier runs, repositories, domains."""

import os

from . import manifests as m
from .awkward_case import case, oci

# -- links and artifacts


@case("SKIP for ever", "gone")
def no_contentartifact(site, repo):
    return site.manifest(oci(site), repo, link="none")


@case("SKIP for ever", "quarantine")
def on_demand(site, repo):
    """Never downloaded: a link without artifact, and where it could be had."""
    made = site.manifest(oci(site), repo, link="empty")
    site.remote_artifact(made, site.remote(f"on-demand-{site.count}"))
    return made


@case("SKIP for ever", "quarantine")
def reclaimed(site, repo):
    """Reclaim space took manifest and configuration."""
    made = site.manifest(oci(site), repo, link="empty", config_link="empty")
    remote = site.remote(f"reclaimed-{site.count}")
    site.remote_artifact(made, remote)
    site.remote_artifact(made.config, remote)
    return made


@case("SKIP for ever", "quarantine")
def unfetchable(site, repo):
    return site.manifest(oci(site), repo, link="empty")


@case("ABORT MultipleObjectsReturned", "filled", "partial", "quarantine")
def two_artifacts(site, repo):
    made = site.manifest(oci(site), repo)
    site.link(made.pk, "another/path", site.artifact(m.dumps({"other": made.digest})))
    return made


@case("filled; remote and published artifact rows are deleted with the link", "filled")
def remote_and_published(site, repo):
    made = site.manifest(oci(site), repo)
    site.remote_artifact(made, site.remote(f"both-{site.count}", "immediate"))
    site.published_artifact(made)
    return made


@case("SKIP for ever; the image can be had again while its artifact is there", "filled")
def lost_recoverable(site, repo):
    return site.lose(site.manifest(oci(site), repo))


@case("SKIP for ever", "gone")
def lost_for_good(site, repo):
    return site.lose(site.manifest(oci(site), repo), artifact=True)


@case("SKIP for ever", "quarantine", "gone")
def lost_file_missing(site, repo):
    made = site.lose(site.manifest(oci(site), repo))
    made.artifact.path.unlink()
    return made


@case("SKIP for ever; its artifact cannot be found by digest", "gone", "filled")
def lost_schema1_signed(site, repo):
    return site.lose(site.manifest(m.schema1_signed(site.rng), repo))


# -- files


@case("ABORT FileNotFoundError", "quarantine")
def file_missing(site, repo):
    return site.manifest(oci(site), repo, on_disk=False)


@case("stores the wrong bytes as long as they are JSON", "quarantine")
def wrong_bytes(site, repo):
    return site.manifest(oci(site), repo, written=oci(site).raw)


@case("SKIP: JSONDecodeError", "quarantine")
def truncated(site, repo):
    spec = oci(site)
    return site.manifest(spec, repo, written=spec.raw[:-20])


@case("filled", "quarantine", "filled")
def wrong_size_column(site, repo):
    spec = oci(site)
    return site.manifest(spec, repo, size=len(spec.raw) + 5)


@case("stores the bytes of the other image", "quarantine")
def foreign_artifact(site, repo):
    """The link names an artifact of another image, sound in itself."""
    made = site.manifest(oci(site), repo)
    other = site.artifact(oci(site).raw)
    site.sql(
        "UPDATE core_contentartifact SET artifact_id = %s WHERE pulp_id = %s", (other.pk, made.link)
    )
    return made


def _moved(site, repo, name, place):
    """An image whose artifact row says `name`; place(bytes) puts them somewhere."""
    spec = oci(site)
    made = site.manifest(spec, repo, file=name, on_disk=False)
    place(spec.raw)
    return made


def _outside(site):
    path = site.media_root.parent / f"outside-{site.media_root.name}"
    path.mkdir(exist_ok=True)
    return path / f"manifest{site.count}"


@case("filled with what the link leads to", "quarantine")
def symlink_out(site, repo):
    target = _outside(site)

    def place(raw):
        target.write_bytes(raw)
        (site.media_root / "artifact").mkdir(parents=True, exist_ok=True)
        os.symlink(target, site.media_root / "artifact" / target.name)

    return _moved(site, repo, f"artifact/{target.name}", place)


@case("filled with what the link leads to", "filled", "quarantine")
def symlink_within(site, repo):
    """A symlink below the media root, as an administrator makes who moves a directory."""
    name = f"link{site.count}"

    def place(raw):
        real = site.media_root / "moved"
        real.mkdir(exist_ok=True)
        (real / name).write_bytes(raw)
        (site.media_root / "artifact").mkdir(parents=True, exist_ok=True)
        os.symlink(f"../moved/{name}", site.media_root / "artifact" / name)

    return _moved(site, repo, f"artifact/{name}", place)


@case("ABORT SuspiciousFileOperation", "quarantine")
def absolute_path_outside(site, repo):
    target = _outside(site)
    return _moved(site, repo, str(target), target.write_bytes)


@case("filled; old rows have such paths", "filled")
def absolute_path_within(site, repo):
    spec = oci(site)
    return site.manifest(spec, repo, file=str(site.media_root / site.file_name(m.sha256(spec.raw))))


@case("ABORT SuspiciousFileOperation", "quarantine")
def dotdot_path(site, repo):
    target = _outside(site)
    return _moved(
        site, repo, f"artifact/../../{target.parent.name}/{target.name}", target.write_bytes
    )


@case("hangs for ever", "quarantine")
def fifo(site, repo):
    path = site.media_root / "artifact" / f"fifo{site.count}"

    def place(_raw):
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(path)

    return _moved(site, repo, f"artifact/{path.name}", place)


@case("ABORT IsADirectoryError", "quarantine")
def directory_as_file(site, repo):
    path = site.media_root / "artifact" / f"directory{site.count}"
    return _moved(site, repo, f"artifact/{path.name}", lambda _raw: path.mkdir(parents=True))


# -- states that earlier runs and releases left


@case("never selected: type stays NULL for ever", "untouched", since="0043")
def list_without_type(site, repo):
    """Migrated by 2.20 or 2.21, which knew no type."""
    made = site.index([site.image("oci", repo)], repo, annotations={"note": f"2.20 {site.count}"})
    site.fill(made, detach=True)
    site.sql("UPDATE container_manifest SET type = NULL WHERE content_ptr_id = %s", (made.pk,))
    return made


@case("the booleans of the list are not computed again", "filled", "untouched", since="0043")
def list_child_becomes_bootable(site, repo):
    """The list is done, its bootable child is not."""
    child = site.image("bootable", repo)
    return site.fill(site.index([child], repo), detach=True)


@case("labels are never filled", "untouched", since="0043")
def labels_missing_since_push(site, repo):
    made = site.fill(site.manifest(oci(site, labels={"a": "b"}), repo), detach=True)
    site.sql("UPDATE container_manifest SET labels = '{}' WHERE content_ptr_id = %s", (made.pk,))
    return made


@case("filled; labels are kept, annotations not read", "filled")
def labels_from_2_19(site, repo):
    spec = oci(site, lambda v: v.update(annotations={"from": "manifest"}), labels={"kept": "no"})
    return site.manifest(spec, repo, columns={"labels": {"kept": "yes"}})


@case("filled when another column selects the row", "filled", since="0039")
def data_empty_text(site, repo):
    return site.manifest(oci(site), repo, columns={"data": ""})


@case("the link stays", "filled", since="0039")
def filled_not_detached(site, repo):
    return site.fill(site.manifest(oci(site, labels={"a": "b"}), repo))


@case("the link stays", "untouched", "quarantine", since="0039")
def filled_with_other_data(site, repo):
    """Data and artifact disagree: the link is the only way back and must not be dropped."""
    made = site.fill(site.manifest(oci(site, labels={"a": "b"}), repo))
    site.sql(
        "UPDATE container_manifest SET data = data || ' ' WHERE content_ptr_id = %s", (made.pk,)
    )
    return made


# -- where they are


@case("filled", "filled")
def orphan(site, _repo):
    return site.manifest(oci(site))


@case("filled", "filled")
def pending_manifest(site, repo):
    made = site.manifest(oci(site))
    site.pending(made, repo)
    return made


@case(
    "read through the storage of the default domain: ABORT FileNotFoundError where that is another place",
    "filled",
    since="0044",
)
def second_domain(site, _repo):
    repo = site.repository(f"domain/app{site.count}", domain=site.domain(f"domain{site.count}"))
    return site.manifest(oci(site), repo)


@case("filled, both", "filled", since="0044")
def same_digest_in_two_domains(site, repo):
    spec = oci(site)
    site.manifest(spec, repo)
    other = site.repository(f"domain/same{site.count}", domain=site.domain(f"same{site.count}"))
    return site.manifest(spec, other)


@case("filled", "filled")
def index_of_index(site, repo):
    inner = site.index([site.image("bootable", repo)], repo)
    return site.index([inner], repo)


@case("filled", "filled")
def index_with_absent_child(site, repo):
    """A sparse sync: the list names an image that this registry does not have."""
    return site.manifest(m.oci_index([oci(site)], {"sparse": str(site.count)}), repo)
