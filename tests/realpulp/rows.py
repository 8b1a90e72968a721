# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of a Pulp database from before manifest data moved into it, written by COPY with their files.

A push into a real Pulp costs seconds, so tests that need thousands of manifests write what a push
of pulp_container 2.19 leaves behind: content, artifact, link between the two, the file.  Artifact
rows carry all four checksums that pulpcore demands (its check `pulpcore.E002`).
"""
import hashlib
import json
import os
import uuid
from pathlib import Path

SUMS = ("sha224", "sha256", "sha384", "sha512")
COLUMNS = {
    "core_content": ("pulp_id", "pulp_created", "pulp_type", "timestamp_of_interest",
                     "pulp_domain_id"),
    "core_artifact": ("pulp_id", "pulp_created", "file", "size", *SUMS, "timestamp_of_interest",
                      "pulp_domain_id"),
    "container_blob": ("content_ptr_id", "digest"),
    "container_manifest": ("content_ptr_id", "digest", "schema_version", "media_type",
                           "config_blob_id", "annotations", "labels", "is_bootable",
                           "is_flatpak"),
    "container_tag": ("content_ptr_id", "name", "tagged_manifest_id"),
    "core_contentartifact": ("pulp_id", "pulp_created", "relative_path", "artifact_id",
                             "content_id"),
    "container_blobmanifest": ("manifest_id", "manifest_blob_id"),
    "container_manifestlistmanifest": ("architecture", "os", "os_version", "os_features",
                                       "features", "variant", "image_manifest_id",
                                       "manifest_list_id"),
    "core_repositorycontent": ("pulp_id", "pulp_created", "content_id", "repository_id",
                               "version_added_id"),
}


class Writer:
    """Collects rows; finish() writes them all. Ids come from a seeded source, so runs repeat."""

    def __init__(self, conn, media, rng, repository=None, age="900 days"):
        self.conn, self.media, self.rng = conn, Path(media), rng
        self.rows = {table: [] for table in COLUMNS}
        self.artifacts = dict(conn.execute("SELECT sha256, pulp_id FROM core_artifact"))
        self.blobs = dict(conn.execute("SELECT digest, content_ptr_id FROM container_blob"))
        one = conn.execute("SELECT now() - %s::interval, (SELECT pulp_id FROM core_domain"
                           " WHERE name = 'default')", (age,)).fetchone()
        self.then, self.domain = one
        self.member = None
        if repository:
            self.member = conn.execute(
                "SELECT r.pulp_id, v.pulp_id FROM core_repository r JOIN core_repositoryversion v"
                " ON v.repository_id = r.pulp_id WHERE r.name = %s ORDER BY v.number DESC LIMIT 1",
                (repository,)).fetchone()

    def id(self):
        return uuid.UUID(int=self.rng.getrandbits(128), version=4)

    def artifact(self, data):
        """The artifact row of these bytes; a second call with the same bytes shares it."""
        h = hashlib.sha256(data).hexdigest()
        if h in self.artifacts:
            return self.artifacts[h]
        name = f"artifact/{h[:2]}/{h[2:]}"
        path = self.media / name
        if not path.exists():
            os.makedirs(path.parent, exist_ok=True)
            path.write_bytes(data)
        pk = self.artifacts[h] = self.id()
        self.rows["core_artifact"].append(
            (pk, self.then, name, len(data), *(hashlib.new(s, data).hexdigest() for s in SUMS),
             self.then, self.domain))
        return pk

    def content(self, kind, member=True):
        pk = self.id()
        self.rows["core_content"].append(
            (pk, self.then, f"container.{kind}", self.then, self.domain))
        if member and self.member:
            self.rows["core_repositorycontent"].append(
                (self.id(), self.then, pk, self.member[0], self.member[1]))
        return pk

    def link(self, content, digest, artifact):
        self.rows["core_contentartifact"].append(
            (self.id(), self.then, digest, artifact, content))

    def blob(self, data, linked=True, digest=None):
        """A blob row with its artifact (or, not linked, a blob whose artifact was reclaimed)."""
        digest = digest or "sha256:" + hashlib.sha256(data).hexdigest()
        if digest in self.blobs:
            return self.blobs[digest]
        pk = self.blobs[digest] = self.content("blob")
        self.rows["container_blob"].append((pk, digest))
        self.link(pk, digest, self.artifact(data) if linked else None)
        return pk

    def manifest(self, data, media_type, config=None, *, digest=None, annotations=None,
                 labels=None, blobs=(), children=(), tag=None, links=1, schema_version=2):
        """A manifest row without data; `links` 0 leaves out its link to the artifact."""
        digest = digest or "sha256:" + hashlib.sha256(data).hexdigest()
        pk = self.content("manifest")
        self.rows["container_manifest"].append(
            (pk, digest, schema_version, media_type, config, json.dumps(annotations or {}),
             json.dumps(labels or {}), False, False))
        if links:
            self.link(pk, digest, self.artifact(data))
        for b in blobs:
            self.rows["container_blobmanifest"].append((pk, b))
        for child in children:
            # The names of these two columns are swapped in Pulp: image_manifest_id is the list.
            self.rows["container_manifestlistmanifest"].append(
                ("amd64", "linux", "", "", "", "", pk, child))
        if tag:
            self.tag(tag, pk)
        return pk

    def tag(self, name, manifest):
        pk = self.content("tag")
        self.rows["container_tag"].append((pk, name, manifest))

    def finish(self):
        self.conn.execute("BEGIN")
        for table, rows in self.rows.items():
            self.conn.copy(table, COLUMNS[table], rows)
            rows.clear()
        self.conn.execute("COMMIT")
        self.conn.execute("ANALYZE container_manifest, core_content, core_contentartifact,"
                          " core_artifact, container_blob, core_repositorycontent, container_tag")
