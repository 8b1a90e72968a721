# SPDX-License-Identifier: GPL-3.0-or-later
"""A Pulp site: rows as Pulp writes them and the artifact files that they name.

Rows are made for the level that the database has: a column that exists at other levels only is left
out, so that one test runs at every level. Everything comes from one random seed.
"""

import contextlib
import dataclasses
import datetime
import hashlib
import pathlib
import random
import uuid

from psycopg2.extras import Json

from . import manifests, oracle, schema
from .awkward import AWKWARD  # noqa: F401  (part of this module's interface)
from .bulk import bulk_images, every_kind
from .snapshot import diff, snapshot  # noqa: F401

MONTHS_AGO = 150  # days: content that came long before anything protects it


@dataclasses.dataclass
class Artifact:
    pk: str
    name: str  # core_artifact.file
    path: pathlib.Path  # where the bytes are
    raw: bytes
    sha256: str


@dataclasses.dataclass
class Content:
    """A blob or a manifest."""

    pk: str
    digest: str
    raw: bytes
    link: str | None  # core_contentartifact.pulp_id
    artifact: Artifact | None
    domain: str
    media_type: str | None = None
    type: str | None = None
    config: "Content | None" = None
    repo: "Repository | None" = None
    arch: str | None = None


@dataclasses.dataclass
class Repository:
    pk: str
    name: str
    version: str  # its newest version
    push: bool
    domain: str


class Site:
    """conn: a connection of its own to the database, as its owner. media_root: an existing
    directory.
    """

    def __init__(self, conn, media_root, level=None, seed=1):
        self.conn, self.media_root, self.level = conn, pathlib.Path(media_root), level
        conn.autocommit = False
        self.rng = random.Random(seed)
        self.now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        self.columns, self.count = {}, 0
        self._artifacts, self._blobs = {}, {}
        self._known = {
            (r.table, r.name) for name in schema.ORDER for r in schema.rows(name) if r.kind == "col"
        }
        with conn.cursor() as cur:
            cur.execute(
                "SELECT c.relname, a.attname, t.typname, a.attnotnull, a.attidentity <> '' FROM pg_attribute a"
                " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid"
                " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped"
            )
            for table, name, type_, notnull, identity in cur:
                self.columns.setdefault(table, {})[name] = (type_, notnull, identity)
            cur.execute("SELECT pulp_id FROM core_domain WHERE name = 'default'")
            self.default_domain = cur.fetchone()[0]
        conn.commit()
        self.domains = "_pulp_domain_id" in self.columns["container_manifest"]
        self.has_data = "data" in self.columns["container_manifest"]

    # -- rows in general

    def new_key(self):
        """Old releases made random keys, newer ones time-ordered ones; an old site has both."""
        self.count += 1
        return str(self.uuid4() if self.count % 2 else self.uuid7())

    def uuid4(self):
        return uuid.UUID(int=self.rng.getrandbits(128), version=4)

    def uuid7(self):
        millis = (
            int((self.now - datetime.timedelta(days=MONTHS_AGO)).timestamp() * 1000) + self.count
        )
        value = (
            (millis << 80)
            | (7 << 76)
            | (self.rng.getrandbits(12) << 64)
            | (2 << 62)
            | self.rng.getrandbits(62)
        )
        return uuid.UUID(int=value)

    made_at = None  # of what is made from now on; None: long ago

    def long_ago(self):
        return self.made_at or self.now - datetime.timedelta(
            days=MONTHS_AGO, seconds=self.rng.randrange(100 * 86400)
        )

    def _default(self, name, type_, domain):
        if name in ("pulp_domain_id", "_pulp_domain_id"):
            return domain
        if type_ == "uuid":
            return self.new_key()
        values = {
            "timestamptz": self.long_ago(),
            "bool": False,
            "int4": 0,
            "int8": 0,
            "jsonb": Json({}),
            "_uuid": "{}",
            "interval": datetime.timedelta(seconds=30),
        }
        return values.get(type_, "")

    def insert(self, table, domain=None, **values):
        """Inserts a row; NOT NULL columns that are not named get what Pulp's model would give them.
        Returns the values.
        """
        row = {}
        for name in values:
            if (table, name) not in self._known:
                raise KeyError(f"{table}.{name} exists at no schema level")
        for name, (type_, notnull, identity) in self.columns[table].items():
            if name in values:
                value = values[name]
                row[name] = (
                    Json(value)
                    if type_ == "jsonb" and value is not None and not isinstance(value, Json)
                    else value
                )
            elif notnull and not identity:
                row[name] = self._default(name, type_, domain or self.default_domain)
        names = ", ".join(f'"{n}"' for n in row)
        marks = ", ".join(
            f"%s::{'uuid[]'}" if self.columns[table][n][0] == "_uuid" else "%s" for n in row
        )
        with self.conn.cursor() as cur:
            cur.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))
        return row

    def sql(self, statement, args=None):
        """One statement, committed; its rows, or the number of rows it touched."""
        with self.conn.cursor() as cur:
            cur.execute(statement, args)
            out = cur.fetchall() if cur.description else cur.rowcount
        self.conn.commit()
        return out

    # -- domains, repositories, distributions, remotes

    def domain(self, name):
        """A second domain; its artifacts lie in a directory of its own."""
        pk = str(self.uuid7())
        self.insert(
            "core_domain",
            pulp_id=pk,
            name=name,
            storage_class="pulpcore.app.models.storage.FileSystem",
        )
        self.conn.commit()
        return pk

    def repository(self, name=None, push=True, domain=None, remote=None):
        domain = domain or self.default_domain
        pk, version = self.new_key(), self.new_key()
        name = name or f"team/repo{self.count}"
        kind = "container.container-push" if push else "container.container"
        self.insert(
            "core_repository",
            domain,
            pulp_id=pk,
            name=name,
            pulp_type=kind,
            next_version=2,
            remote_id=remote,
        )
        child = "container_containerpushrepository" if push else "container_containerrepository"
        self.insert(child, repository_ptr_id=pk)
        self.insert("core_repositoryversion", repository_id=pk, number=0, complete=True)
        self.insert(
            "core_repositoryversion", pulp_id=version, repository_id=pk, number=1, complete=True
        )
        self.conn.commit()
        return Repository(pk, name, version, push, domain)

    def new_version(self, repo, remove=()):
        """The next version of a repository; `remove` names content that it no longer has."""
        number = self.sql(
            "UPDATE core_repository SET next_version = next_version + 1 WHERE pulp_id = %s RETURNING next_version - 1",
            (repo.pk,),
        )[0][0]
        repo.version = self.new_key()
        self.insert(
            "core_repositoryversion",
            pulp_id=repo.version,
            repository_id=repo.pk,
            number=number,
            complete=True,
        )
        for content in remove:
            self.sql(
                "UPDATE core_repositorycontent SET version_removed_id = %s WHERE repository_id = %s AND content_id = %s"
                " AND version_removed_id IS NULL",
                (repo.version, repo.pk, content.pk),
            )
        self.conn.commit()
        return repo

    def distribution(self, base_path, repo=None, private=False, version=None, pull_through=None):
        pk = self.new_key()
        domain = repo.domain if repo else self.default_domain
        self.insert(
            "core_distribution",
            domain,
            pulp_id=pk,
            name=base_path.replace("/", "-"),
            base_path=base_path,
            pulp_type="container.container",
            repository_id=repo.pk if repo and not version else None,
            repository_version_id=version,
        )
        namespace = self._namespace(base_path.split("/")[0], domain)
        self.insert(
            "container_containerdistribution",
            distribution_ptr_id=pk,
            private=private,
            namespace_id=namespace,
            pull_through_distribution_id=pull_through,
        )
        self.conn.commit()
        return pk

    def pull_through(self, base_path, remote=None):
        pk = self.new_key()
        self.insert(
            "core_distribution",
            pulp_id=pk,
            name=base_path,
            base_path=base_path,
            pulp_type="container.pull-through",
            remote_id=remote,
        )
        self.insert(
            "container_containerpullthroughdistribution", distribution_ptr_id=pk, private=False
        )
        self.conn.commit()
        return pk

    def _namespace(self, name, domain):
        where, args = "name = %s", [name]
        if "pulp_domain_id" in self.columns["container_containernamespace"]:
            where, args = "name = %s AND pulp_domain_id = %s", [name, domain]
        found = self.sql(f"SELECT pulp_id FROM container_containernamespace WHERE {where}", args)
        return (
            found[0][0]
            if found
            else self.insert("container_containernamespace", domain, name=name)["pulp_id"]
        )

    def remote(self, name, policy="on_demand", domain=None):
        pk = self.new_key()
        self.insert(
            "core_remote",
            domain,
            pulp_id=pk,
            name=name,
            url="https://registry.example.org",
            policy=policy,
            pulp_type="container.container",
        )
        self.insert("container_containerremote", remote_ptr_id=pk, upstream_name=name)
        self.conn.commit()
        return pk

    # -- artifacts and content

    def file_name(self, sha256, domain=None):
        """Pulp's rule for core_artifact.file."""
        middle = "" if domain in (None, self.default_domain) else f"{domain}/"
        return f"artifact/{middle}{sha256[:2]}/{sha256[2:]}"

    def artifact(self, raw, domain=None, file=None, size=None, on_disk=True, written=None):
        """An artifact row and its file. written: bytes on disk that differ from what the row
        claims.
        """
        domain = domain or self.default_domain
        sha256 = manifests.sha256(raw)
        if (domain, sha256) in self._artifacts:
            return self._artifacts[domain, sha256]
        name = file or self.file_name(sha256, domain)
        path = self.media_root / name
        if on_disk:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw if written is None else written)
        hashes = {
            name_: hashlib.new(name_, raw).hexdigest() for name_ in ("sha224", "sha384", "sha512")
        }
        row = self.insert(
            "core_artifact",
            domain,
            pulp_id=self.new_key(),
            file=name,
            size=len(raw) if size is None else size,
            sha256=sha256,
            **hashes,
        )
        made = self._artifacts[domain, sha256] = Artifact(row["pulp_id"], name, path, raw, sha256)
        return made

    def link(self, content, digest, artifact):
        """The content artifact that ties content to its file; artifact None: not downloaded, or
        reclaimed.
        """
        return self.insert(
            "core_contentartifact",
            relative_path=digest,
            content_id=content,
            artifact_id=artifact.pk if artifact else None,
        )["pulp_id"]

    def add(self, content, repo):
        """Makes content a member of the newest version of a repository."""
        self.insert(
            "core_repositorycontent",
            content_id=content.pk,
            repository_id=repo.pk,
            version_added_id=repo.version,
        )
        if "content_ids" in self.columns["core_repositoryversion"]:
            with self.conn.cursor() as cur:
                cur.execute(
                    "UPDATE core_repositoryversion SET content_ids = coalesce(content_ids, '{}') || %s::uuid WHERE pulp_id = %s",
                    (content.pk, repo.version),
                )
        content.repo = repo

    def blob(self, raw, repo=None, link="artifact", domain=None, **artifact):
        """link: artifact, empty (a content artifact without artifact) or none."""
        domain = domain or (repo.domain if repo else self.default_domain)
        digest = manifests.digest_of(raw)
        if (domain, digest) in self._blobs:
            return self._blobs[domain, digest]
        pk = self.new_key()
        stored = self.artifact(raw, domain, **artifact) if link == "artifact" else None
        self.insert("core_content", domain, pulp_id=pk, pulp_type="container.blob")
        self.insert("container_blob", domain, content_ptr_id=pk, digest=digest)
        tie = None if link == "none" else self.link(pk, digest, stored)
        made = self._blobs[domain, digest] = Content(pk, digest, raw, tie, stored, domain)
        if repo:
            self.add(made, repo)
        self.conn.commit()
        return made

    def manifest(
        self,
        spec,
        repo=None,
        tag=None,
        link="artifact",
        config=None,
        config_link="artifact",
        config_options=None,
        domain=None,
        digest=None,
        columns=None,
        **artifact,
    ):
        """A manifest as it was before its data moved into the database.

        spec: bytes and media type; spec.config becomes the configuration blob unless `config` is
        one. link, config_link: artifact, empty or none. columns: values of container_manifest.
        artifact: options of artifact(), such as on_disk or written.
        """
        domain = domain or (repo.domain if repo else self.default_domain)
        digest = digest or spec.digest
        if config is None and spec.config is not None:
            config = self.blob(spec.config, repo, config_link, domain, **(config_options or {}))
        pk = self.new_key()
        stored = self.artifact(spec.raw, domain, **artifact) if link == "artifact" else None
        self.insert("core_content", domain, pulp_id=pk, pulp_type="container.manifest")
        row = {
            "schema_version": spec.schema_version,
            "media_type": spec.media_type,
            "config_blob_id": config and config.pk,
        }
        self.insert(
            "container_manifest",
            domain,
            content_ptr_id=pk,
            digest=digest,
            **{**row, **(columns or {})},
        )
        tie = None if link == "none" else self.link(pk, digest, stored)
        made = Content(
            pk, digest, spec.raw, tie, stored, domain, spec.media_type, spec.type, config
        )
        if config:
            self.insert("container_blobmanifest", manifest_id=pk, manifest_blob_id=config.pk)
        if repo:
            self.add(made, repo)
        if tag:
            self.tag(made, tag)
        self.conn.commit()
        return made

    def image(self, kind="oci", repo=None, tag=None, **options):
        """A sound manifest of one of manifests.KINDS; options are the maker's (labels, arch, count
        ...).
        """
        return self.manifest(manifests.KINDS[kind](self.rng, **options), repo, tag)

    def index(self, children, repo=None, tag=None, docker=False, annotations=None, **options):
        """An image index, or a Docker manifest list, with its rows that name the children."""
        spec = (
            manifests.docker_list(children)
            if docker
            else manifests.oci_index(children, annotations)
        )
        made = self.manifest(spec, repo, tag, **options)
        for child in children:
            self.list_child(made, child)
        return made

    def list_child(self, index, child):
        """Pulp's two foreign keys are swapped: image_manifest_id holds the list."""
        empty = dict.fromkeys(("os_version", "os_features", "features", "variant"), "")
        self.insert(
            "container_manifestlistmanifest",
            image_manifest_id=index.pk,
            manifest_list_id=child.pk,
            architecture=child.arch or "amd64",
            os="linux",
            **empty,
        )
        self.conn.commit()

    def tag(self, manifest, name):
        pk = self.new_key()
        self.insert("core_content", manifest.domain, pulp_id=pk, pulp_type="container.tag")
        self.insert(
            "container_tag",
            manifest.domain,
            content_ptr_id=pk,
            name=name,
            tagged_manifest_id=manifest.pk,
        )
        if manifest.repo:
            self.insert(
                "core_repositorycontent",
                content_id=pk,
                repository_id=manifest.repo.pk,
                version_added_id=manifest.repo.version,
            )
        self.conn.commit()
        return pk

    def pending(self, manifest, repo):
        """Served by a repository although no version has it yet."""
        word = "containerpushrepository" if repo.push else "containerrepository"
        self.insert(
            f"container_{word}_pending_manifests",
            **{f"{word}_id": repo.pk, "manifest_id": manifest.pk},
        )
        manifest.repo = repo
        self.conn.commit()

    def remote_artifact(self, content, remote):
        """Where the content could be downloaded from again."""
        row = self.insert(
            "core_remoteartifact",
            content.domain,
            content_artifact_id=content.link,
            remote_id=remote,
            url=f"https://registry.example.org/v2/x/manifests/{content.digest}",
            sha256=content.digest[7:],
        )
        self.conn.commit()
        return row["pulp_id"]

    def published_artifact(self, content):
        row = self.insert(
            "core_publishedartifact", relative_path=content.digest, content_artifact_id=content.link
        )
        self.conn.commit()
        return row["pulp_id"]

    # -- states that a migration leaves

    def fill(self, manifest, children=(), detach=False):
        """Stores what upstream would, and drops the link where `detach` says so."""
        config = manifest.config.raw if manifest.config else None
        values = oracle.upstream(manifest.raw, manifest.media_type, config, children, self.level)
        sets = ", ".join(f"{name} = %s" for name in values)
        args = [Json(v) if isinstance(v, dict) else v for v in values.values()]
        self.sql(
            f"UPDATE container_manifest SET {sets} WHERE content_ptr_id = %s", [*args, manifest.pk]
        )
        if detach:
            self.detach(manifest)
        return manifest

    def detach(self, manifest):
        """Drops the link and all that hangs on it; the artifact and its file stay."""
        for table in ("core_remoteartifact", "core_publishedartifact"):
            self.sql(
                f"DELETE FROM {table} WHERE content_artifact_id IN"
                " (SELECT pulp_id FROM core_contentartifact WHERE content_id = %s)",
                (manifest.pk,),
            )
        self.sql("DELETE FROM core_contentartifact WHERE content_id = %s", (manifest.pk,))
        manifest.link = None

    def lose(self, manifest, artifact=False):
        """What a kill of upstream's command leaves: no data and no link; with artifact=True orphan
        cleanup has been there too.
        """
        self.detach(manifest)
        if artifact:
            self.sql("DELETE FROM core_artifact WHERE pulp_id = %s", (manifest.artifact.pk,))
            with contextlib.suppress(FileNotFoundError):
                manifest.artifact.path.unlink()
        return manifest

    # -- processes of Pulp

    def heartbeat(self, kind="worker", age=0, name=None):
        """A service (api, content or worker) that gave a sign of life `age` seconds ago."""
        seen = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age)
        name = name or f"{4000 + self.count}@host.example.org"
        versions = '"core"=>"3.63.0", "container"=>"2.22.0"'
        if "core_appstatus" in self.columns:
            self.insert(
                "core_appstatus", app_type=kind, name=name, last_heartbeat=seen, versions=versions
            )
        if "core_worker" in self.columns:
            table = {
                "worker": "core_worker",
                "content": "core_contentappstatus",
                "api": "core_apiappstatus",
            }[kind]
            self.insert(table, name=name, last_heartbeat=seen, versions=versions)
        self.conn.commit()

    def task(self, name="pulp_container.app.tasks.synchronize", state="running", resources=()):
        started = datetime.datetime.now(datetime.timezone.utc) if state != "waiting" else None
        row = self.insert(
            "core_task",
            name=name,
            state=state,
            started_at=started,
            unblocked_at=started,
            reserved_resources_record=list(resources),
        )
        self.conn.commit()
        return row["pulp_id"]

    # -- many rows

    def every_kind(self, n=60, repo=None):
        """At least n sound manifests with every kind in them; see bulk.py."""
        return every_kind(self, n, repo)

    def bulk_images(self, n, **options):
        """n image manifests by COPY; see bulk.py."""
        return bulk_images(self, n, **options)
