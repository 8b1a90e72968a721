# SPDX-License-Identifier: GPL-3.0-or-later
"""Many manifests: a few dozen of every kind, or images by the thousand through COPY.

The first half of the keys is random, as old releases made them, the second half time-ordered.
Images are half Docker, half OCI; sizes are ordinary: eight layers, a configuration of about 3 KB
with its history. Layer blobs have no rows unless asked for, since nothing that reads manifests
looks at them.
"""

import hashlib
import io
import os

from . import manifests

CHUNK = 4000  # images per round of COPY
EPOCH_MS = 1_600_000_000_000
HISTORY = (
    '{"created":"2023-04-05T06:07:08.123456789Z","created_by":"/bin/sh -c #(nop) COPY dir:%s in /opt/app/lib/components ",'
    '"comment":"buildkit.dockerfile.v0"}'
)
CONFIG = (
    '{"architecture":"%s","config":{"User":"1001","ExposedPorts":{"8080/tcp":{}},"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:'
    '/usr/bin:/sbin:/bin","LANG=C.UTF-8","APP_VERSION=%s"],"Entrypoint":["/usr/bin/app"],"WorkingDir":"/opt/app","Labels":%s},'
    '"created":"2023-04-05T06:07:08.123456789Z","history":[%s],"os":"linux","rootfs":{"type":"layers","diff_ids":[%s]}}'
)
LABELS = (
    '{"maintainer":"team@example.org","org.opencontainers.image.revision":"%s","org.opencontainers.image.source":'
    '"https://git.example.org/team/app","org.opencontainers.image.licenses":"Apache-2.0","version":"%s"}'
)


class _Table:
    """One COPY stream: columns that vary, and the constants that fill the other NOT NULL ones."""

    CONSTANT = {"bool": "f", "int4": "0", "int8": "0", "jsonb": "{}", "_uuid": "{}"}

    def __init__(self, site, table, varying):
        columns = site.columns[table]
        self.table, self.names, tail = table, [], []
        self.names = [v for v in varying if v in columns]
        if len(self.names) != len(varying):
            raise KeyError(f"{table} lacks one of {varying}")
        old = site.long_ago().isoformat()
        for name, (type_, notnull, identity) in columns.items():
            if notnull and not identity and name not in varying:
                self.names.append(name)
                if name in ("pulp_domain_id", "_pulp_domain_id"):
                    tail.append(site.default_domain)
                else:
                    tail.append(old if type_ == "timestamptz" else self.CONSTANT.get(type_, ""))
        self.format = "\t".join(["%s"] * len(varying) + tail) + "\n"
        self.out = []

    def row(self, *values):
        self.out.append(self.format % values)

    def flush(self, cur):
        names = ", ".join(f'"{n}"' for n in self.names)
        cur.copy_expert(f"COPY {self.table} ({names}) FROM STDIN", io.StringIO("".join(self.out)))
        self.out.clear()


def _write(path, raw):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(fd, raw)
    os.close(fd)


def bulk_images(
    site,
    n,
    layers=8,
    own_config=True,
    repos=10,
    tags=0,
    blobmanifest=False,
    bootable=0.02,
    files=True,
):
    """Makes n images and returns [(key, digest)].

    own_config: each image has its own configuration blob, else 50 share one. repos: spread over so
    many new repositories with a distribution each. tags: every so many-th image gets a tag.
    blobmanifest: rows that tie each manifest to its configuration. bootable: share of bootc images.
    files=False leaves the disk alone, for tests that look at rows only.
    """
    rng = site.rng
    places = [site.repository(f"bulk/app{site.count}") for _ in range(repos)]
    for repo in places:
        site.distribution(repo.name, repo)
    content = _Table(site, "core_content", ("pulp_id", "pulp_type"))
    blob = _Table(site, "container_blob", ("content_ptr_id", "digest"))
    manifest = _Table(
        site,
        "container_manifest",
        ("content_ptr_id", "digest", "schema_version", "media_type", "config_blob_id"),
    )
    artifact = _Table(
        site, "core_artifact", ("pulp_id", "file", "size", "sha224", "sha256", "sha384", "sha512")
    )
    link = _Table(
        site, "core_contentartifact", ("pulp_id", "relative_path", "artifact_id", "content_id")
    )
    member = _Table(
        site,
        "core_repositorycontent",
        ("pulp_id", "content_id", "repository_id", "version_added_id"),
    )
    pair = _Table(site, "container_blobmanifest", ("manifest_id", "manifest_blob_id"))
    tag = _Table(site, "container_tag", ("content_ptr_id", "name", "tagged_manifest_id"))
    tables = (content, blob, manifest, artifact, link, member, pair, tag)
    root = os.fspath(site.media_root)
    if files:
        for first in range(256):
            os.makedirs(f"{root}/artifact/{first:02x}", exist_ok=True)
    sha224, sha256, sha384, sha512 = hashlib.sha224, hashlib.sha256, hashlib.sha384, hashlib.sha512
    made, serial = [], 0

    def key(ordered):
        nonlocal serial
        serial += 1
        bits = rng.getrandbits(74)
        if ordered:
            return f"{(EPOCH_MS + serial) << 80 | 7 << 76 | (bits >> 62) << 64 | 2 << 62 | bits & (1 << 62) - 1:032x}"
        return f"{rng.getrandbits(48) << 80 | 4 << 76 | (bits >> 62) << 64 | 2 << 62 | bits & (1 << 62) - 1:032x}"

    def store(raw, kind, ordered):
        """The rows and the file that a blob and a manifest have alike: (key of the content, digest,
        rows to follow).
        """
        pk, stored, hexed = key(ordered), key(ordered), sha256(raw).hexdigest()
        name = f"artifact/{hexed[:2]}/{hexed[2:]}"
        if files:
            _write(f"{root}/{name}", raw)
        digest = f"sha256:{hexed}"
        content.row(pk, kind)
        artifact.row(
            stored,
            name,
            len(raw),
            sha224(raw).hexdigest(),
            hexed,
            sha384(raw).hexdigest(),
            sha512(raw).hexdigest(),
        )
        link.row(key(ordered), digest, stored, pk)
        return pk, digest

    config = None
    for i in range(n):
        ordered = i >= n // 2
        docker = i % 2 == 0
        repo = places[i % len(places)] if places else None
        random_hex = f"{rng.getrandbits(256 * layers * 2):0{64 * layers * 2}x}"
        ids = [random_hex[64 * k : 64 * k + 64] for k in range(layers * 2)]
        if config is None or own_config or i % 50 == 0:
            boot = bootable and i % max(1, round(1 / bootable)) == 0
            labels = '{"containers.bootc":"1"}' if boot else LABELS % (ids[0][:40], f"1.{i}.0")
            raw = (
                CONFIG
                % (
                    "arm64" if i % 7 == 0 else "amd64",
                    f"1.{i}.0",
                    labels,
                    ",".join(HISTORY % h for h in ids[:layers]),
                    ",".join(f'"sha256:{h}"' for h in ids[:layers]),
                )
            ).encode()
            pk, digest = store(raw, "container.blob", ordered)
            blob.row(pk, digest)
            config = (pk, digest, len(raw))
            if repo:
                member.row(key(ordered), pk, repo.pk, repo.version)
        layer_type = manifests.DOCKER_LAYER if docker else manifests.OCI_LAYER
        media_type = manifests.V2 if docker else manifests.OM
        config_type = manifests.DOCKER_CONFIG if docker else manifests.OCI_CONFIG
        parts = ",".join(
            f'{{"mediaType":"{layer_type}","size":{int(h[:6], 16) + 1000},"digest":"sha256:{h}"}}'
            for h in ids[layers:]
        )
        notes = "" if docker else f',"annotations":{{"org.opencontainers.image.version":"1.{i}.0"}}'
        raw = (
            f'{{"schemaVersion":2,"mediaType":"{media_type}","config":{{"mediaType":"{config_type}","size":{config[2]},'
            f'"digest":"{config[1]}"}},"layers":[{parts}]{notes}}}'
        ).encode()
        pk, digest = store(raw, "container.manifest", ordered)
        manifest.row(pk, digest, 2, media_type, config[0])
        made.append((pk, digest))
        if repo:
            member.row(key(ordered), pk, repo.pk, repo.version)
        if blobmanifest:
            pair.row(pk, config[0])
        if tags and i % tags == 0:
            name = key(ordered)
            content.row(name, "container.tag")
            tag.row(name, f"v{i}", pk)
            if repo:
                member.row(key(ordered), name, repo.pk, repo.version)
        if i % CHUNK == CHUNK - 1 or i == n - 1:
            with site.conn.cursor() as cur:
                for table in tables:
                    if table.out:
                        table.flush(cur)
            site.conn.commit()
    _content_ids(site, places)
    return made


def bulk_artifacts(site, n, size):
    """n artifacts of so many bytes, which no content names.

    As layers, they differ and cannot be compressed. That they are the same but for their beginning,
    and that only their sha256 is that of their bytes, nobody sees, and gigabytes are made as fast as
    they are written.
    """
    artifact = _Table(
        site, "core_artifact", ("pulp_id", "file", "size", "sha224", "sha256", "sha384", "sha512")
    )
    root = os.fspath(site.media_root)
    for first in range(256):
        os.makedirs(f"{root}/artifact/{first:02x}", exist_ok=True)
    head, tail = min(size, 64), os.urandom(max(0, size - 64))
    for _ in range(n):
        begin = os.urandom(head)
        raw = begin + tail
        digests = [
            hashlib.new(f"sha{bits}", raw if bits == 256 else begin).hexdigest()
            for bits in (224, 256, 384, 512)
        ]
        name = f"artifact/{digests[1][:2]}/{digests[1][2:]}"
        _write(f"{root}/{name}", raw)
        artifact.row(site.new_key(), name, size, *digests)
    with site.conn.cursor() as cur:
        artifact.flush(cur)
    site.conn.commit()


def _content_ids(site, places):
    """From pulpcore 3.83 on a version also lists its content."""
    if "content_ids" in site.columns["core_repositoryversion"]:
        for repo in places:
            site.sql(
                "UPDATE core_repositoryversion SET content_ids = ARRAY(SELECT content_id FROM core_repositorycontent"
                " WHERE repository_id = %s) WHERE pulp_id = %s",
                (repo.pk, repo.version),
            )


def every_kind(site, n=60, repo=None):
    """At least n sound manifests with every kind in them, lists of both sorts, and an index of
    an index. Returns all.
    """
    repo = repo or site.repository(f"every/kind{site.count}")
    kinds = list(manifests.KINDS)
    made, lists = [], 0
    while len(made) + lists < n:
        made.append(site.image(kinds[len(made) % len(kinds)], repo, tag=f"t{len(made)}"))
        if len(made) % len(kinds) == 0:
            lists += 5
    out = list(made)
    for first in range(0, len(made) - len(kinds) + 1, len(kinds)):
        group = made[first : first + len(kinds)]
        by = dict(zip(kinds, group))
        plain = site.index([by["oci"]], repo, annotations={"org.example.note": f"n{first}"})
        out += [
            plain,
            site.index([by["oci"], by["bootable"]], repo, tag=f"boot{first}"),
            site.index([by["docker"]], repo, docker=True),
            site.index([by["oci"], by["flatpak"]], repo),
            site.index([plain], repo),
        ]
    return out
