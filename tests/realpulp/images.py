# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of every kind that a registry holds, made from nothing, and their push.

Content is deterministic: the same name gives the same bytes and so the same digest.  Pushes
speak the registry API itself (OCI distribution spec, "Pushing Manifests" and "Pushing Blobs").
"""
import dataclasses
import gzip
import hashlib
import http.client
import io
import json
import tarfile
import urllib.parse

V2 = "application/vnd.docker.distribution.manifest.v2+json"
ML = "application/vnd.docker.distribution.manifest.list.v2+json"
OM = "application/vnd.oci.image.manifest.v1+json"
OI = "application/vnd.oci.image.index.v1+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
HELM_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
COSIGN = "application/vnd.dev.cosign.simplesigning.v1+json"
DSSE = "application/vnd.dsse.envelope.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SPDX = "text/spdx+json"


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclasses.dataclass
class Image:
    kind: str
    media_type: str
    manifest: bytes
    blobs: list = dataclasses.field(default_factory=list)
    children: list = dataclasses.field(default_factory=list)

    @property
    def digest(self):
        return sha(self.manifest)


def layer(text):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as t:
        info = tarfile.TarInfo("etc/motd")
        info.size = len(text)
        t.addfile(info, io.BytesIO(text.encode()))
    return gzip.compress(raw.getvalue(), mtime=0)


def descriptor(media_type, data, **more):
    return {"mediaType": media_type, "size": len(data), "digest": sha(data), **more}


def config(name, arch="amd64", labels=None, os="linux"):
    inner = {"Env": ["PATH=/usr/bin:/bin"], "Cmd": ["/bin/" + name.split("-")[0]]}
    if labels is not None:
        inner["Labels"] = labels
    return json.dumps({"created": "2024-05-01T00:00:00Z", "architecture": arch, "os": os,
                       "config": inner, "rootfs": {"type": "layers", "diff_ids": []}}).encode()


def image(kind, name, *, oci=True, config_type=None, config_data=None, layers=None,
          annotations=None, artifact_type=None, layer_count=3, **kw):
    if config_data is None:
        config_data = config(name, **kw)
    if layers is None:
        kind_of_layer = OCI_LAYER if oci else DOCKER_LAYER
        layers = [(kind_of_layer, layer(f"{name} {n}")) for n in range(layer_count)]
    media_type = OM if oci else V2
    doc = {"schemaVersion": 2, "mediaType": media_type}
    if artifact_type:
        doc["artifactType"] = artifact_type
    doc["config"] = descriptor(config_type or (OCI_CONFIG if oci else DOCKER_CONFIG), config_data)
    doc["layers"] = [descriptor(t, d) for t, d in layers]
    if annotations:
        doc["annotations"] = annotations
    return Image(kind, media_type, json.dumps(doc, indent=2).encode(),
                 [config_data] + [d for _, d in layers])


def index(kind, children, *, oci=True, annotations=None):
    media_type = OI if oci else ML
    listed = []
    for n, c in enumerate(children):
        d = descriptor(c.media_type, c.manifest)
        d["platform"] = {"architecture": ("amd64", "arm64", "s390x")[n % 3], "os": "linux"}
        listed.append(d)
    doc = {"schemaVersion": 2, "mediaType": media_type, "manifests": listed}
    if annotations:
        doc["annotations"] = annotations
    return Image(kind, media_type, json.dumps(doc, indent=2).encode(), children=children)


def every_kind(name):
    """One image of each kind that a push of 2.19 accepts; `name` makes them unlike others'."""
    flatpak = {"org.flatpak.ref": f"app/org.example.{name}/x86_64/stable",
               "org.flatpak.metadata": "[Application]\nname=" + name}
    bootc = {"containers.bootc": "1", "ostree.linux": "6.1"}
    empty = b"{}"
    return [
        image("docker", f"{name}-docker", oci=False, labels={"maintainer": name}),
        image("docker-bare", f"{name}-bare", oci=False),
        image("oci", f"{name}-oci", labels={"a": "1", "ü": "ß"},
              annotations={"org.opencontainers.image.title": name}),
        image("oci-bare", f"{name}-ocibare"),
        image("bootc", f"{name}-bootc", labels=bootc),
        image("bootc-annotation", f"{name}-bootca", annotations={"containers.bootc": "1"}),
        image("flatpak", f"{name}-flatpak", labels=flatpak),
        image("helm", f"{name}-helm", config_type=HELM_CONFIG,
              config_data=json.dumps({"name": name, "version": "1.0.0"}).encode(),
              layers=[(HELM_LAYER, layer(f"{name} chart"))]),
        image("cosign", f"{name}-cosign",
              layers=[(COSIGN, json.dumps({"critical": {"identity": name}}).encode())]),
        image("cosign-attestation", f"{name}-att",
              layers=[(DSSE, json.dumps({"payload": name}).encode())]),
        image("cosign-bundle", f"{name}-bundle",
              layers=[(BUNDLE, json.dumps({"bundle": name}).encode())]),
        image("cosign-sbom", f"{name}-sbom",
              layers=[(SPDX, json.dumps({"spdxVersion": name}).encode())]),
        image("artifact", f"{name}-artifact", config_type=OCI_EMPTY, config_data=empty,
              artifact_type="application/vnd.example.thing",
              layers=[("application/vnd.example.thing.v1", name.encode() * 9)]),
        index("index", [image("oci", f"{name}-i{a}", arch=a, labels={"arch": a})
                        for a in ("amd64", "arm64")],
              annotations={"org.opencontainers.image.title": f"{name} index"}),
        index("index-bare", [image("oci", f"{name}-j{a}", arch=a)
                             for a in ("amd64", "arm64")]),
        index("index-bootc", [image("bootc", f"{name}-b{a}", arch=a, labels=bootc)
                              for a in ("amd64", "arm64")]),
        index("index-flatpak", [image("flatpak", f"{name}-f{a}", arch=a, labels=flatpak)
                                for a in ("amd64", "arm64")]),
        index("list", [image("docker", f"{name}-l{a}", oci=False, arch=a, labels={"l": a})
                       for a in ("amd64", "arm64", "s390x")], oci=False),
    ]


class Refused(Exception):
    """The registry did not take a push; args: status, body."""


def push(pulp, repository, img, *references):
    """Pushes an image with its blobs and children under each of the references."""
    c = http.client.HTTPConnection("127.0.0.1", pulp.port, timeout=120)

    def ask(method, path, body=None, headers=None, expect=()):
        status, h, data = pulp.http(method, path, body, headers, connection=c)
        if status not in expect:
            raise Refused(status, f"{method} {path}: {data[:600]!r}")
        return h

    for child in img.children:
        push(pulp, repository, child, child.digest)
    for blob in img.blobs:
        h = ask("POST", f"/v2/{repository}/blobs/uploads/", b"", expect=(202,))
        where = urllib.parse.urlsplit(h["location"])
        h = ask("PATCH", where.path, blob, {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"0-{len(blob) - 1}"}, expect=(202,))
        where = urllib.parse.urlsplit(h["location"])
        ask("PUT", where.path + "?digest=" + urllib.parse.quote(sha(blob)), b"",
            {"Content-Type": "application/octet-stream"}, expect=(201,))
    for ref in references:
        ask("PUT", f"/v2/{repository}/manifests/{ref}", img.manifest,
            {"Content-Type": img.media_type}, expect=(201,))
    c.close()
