# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes of manifests and image configurations of every kind that a registry holds; no database
here.

Each maker returns a Spec. `type` is what pulp_container 2.22 and later store for it in
container_manifest.type.
"""

import base64
import collections
import hashlib
import json

V1 = "application/vnd.docker.distribution.manifest.v1+json"
V1S = "application/vnd.docker.distribution.manifest.v1+prettyjws"
V2 = "application/vnd.docker.distribution.manifest.v2+json"
ML = "application/vnd.docker.distribution.manifest.list.v2+json"
OM = "application/vnd.oci.image.manifest.v1+json"
OI = "application/vnd.oci.image.index.v1+json"
LISTS = (ML, OI)
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
HELM_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
COSIGN_SIGNATURE = "application/vnd.dev.cosign.simplesigning.v1+json"
COSIGN_ATTESTATION = "application/vnd.dsse.envelope.v1+json"
COSIGN_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SBOM_LAYERS = (
    "application/vnd.cyclonedx",
    "application/vnd.cyclonedx+xml",
    "application/vnd.cyclonedx+json",
    "text/spdx",
    "text/spdx+xml",
    "text/spdx+json",
    "application/vnd.syft+json",
)
UNKNOWN = "application/vnd.example.unheard-of.v7+json"

# raw: the manifest's file; config: bytes of the configuration blob or None; digest: what the
# registry calls the manifest.
Spec = collections.namedtuple(
    "Spec", "raw media_type digest config type schema_version", defaults=(None, None, 2)
)


def sha256(raw):
    return hashlib.sha256(raw).hexdigest()


def digest_of(raw):
    return "sha256:" + sha256(raw)


def dumps(value, indent=None):
    """Docker writes manifests with three blanks, most OCI tools without any."""
    if indent is None:
        return json.dumps(value, separators=(",", ":")).encode()
    return json.dumps(value, indent=indent).encode()


def layers(rng, count, media_type=OCI_LAYER, largest=80_000_000):
    return [
        {
            "mediaType": media_type,
            "size": rng.randrange(200, largest),
            "digest": f"sha256:{rng.getrandbits(256):064x}",
        }
        for _ in range(count)
    ]


def image_config(rng, count=3, labels=None, arch="amd64", os="linux", extra=None):
    """An image configuration of ordinary size: environment, labels, one diff id and one line of
    history per layer.
    """
    config = {
        "architecture": arch,
        "config": {
            "Env": [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "LANG=C.UTF-8",
            ],
            "Cmd": ["/bin/sh", "-c", "exec /usr/bin/app"],
            "Labels": labels,
        },
        "created": "2023-04-05T06:07:08.000000009Z",
        "history": [
            {
                "created": "2023-04-05T06:07:08Z",
                "created_by": f"/bin/sh -c #(nop) COPY dir:{rng.getrandbits(256):064x} in / ",
            }
            for _ in range(count)
        ],
        "os": os,
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{rng.getrandbits(256):064x}" for _ in range(count)],
        },
    }
    for key in ("architecture", "os"):
        if config[key] is None:
            del config[key]
    config.update(extra or {})
    return dumps(config)


def descriptor(raw, media_type):
    return {"mediaType": media_type, "size": len(raw), "digest": digest_of(raw)}


def of(value, media_type, config=None, type_=None, indent=None, schema_version=2):
    """A Spec from the manifest as a Python value, or as bytes where Python's own writer would not
    make them.
    """
    raw = value if isinstance(value, bytes) else dumps(value, indent)
    return Spec(raw, media_type, digest_of(raw), config, type_, schema_version)


def oci_image(
    rng,
    count=3,
    labels=None,
    annotations=None,
    arch="amd64",
    os="linux",
    type_="image",
    config=None,
    **more,
):
    config = image_config(rng, count, labels, arch, os) if config is None else config
    value = {
        "schemaVersion": 2,
        "mediaType": OM,
        "config": descriptor(config, OCI_CONFIG),
        "layers": layers(rng, count),
    }
    if annotations is not None:
        value["annotations"] = annotations
    value.update(more)
    return of(value, OM, config, type_)


def docker_image(
    rng, count=3, labels=None, arch="amd64", os="linux", type_="image", config=None, **more
):
    config = image_config(rng, count, labels, arch, os) if config is None else config
    value = {
        "schemaVersion": 2,
        "mediaType": V2,
        "config": descriptor(config, DOCKER_CONFIG),
        "layers": layers(rng, count, DOCKER_LAYER),
    }
    value.update(more)
    return of(value, V2, config, type_, indent=3)


def bootable(rng, count=3, by="labels"):
    """A bootc image; the mark may be in the labels or in the annotations."""
    mark = {"containers.bootc": "1", "ostree.bootable": "1"}
    if by == "labels":
        return oci_image(rng, count, labels=mark, type_="bootable")
    return oci_image(rng, count, annotations=mark, type_="bootable")


def flatpak(rng, count=1):
    labels = {
        "org.flatpak.ref": f"app/org.example.App{rng.getrandbits(32):x}/x86_64/stable",
        "org.flatpak.metadata": "[Application]\n",
    }
    return oci_image(rng, count, labels=labels, type_="flatpak")


def helm(rng, **_):
    config = dumps(
        {"name": f"chart-{rng.getrandbits(32):x}", "version": "1.2.3", "apiVersion": "v2"}
    )
    value = {
        "schemaVersion": 2,
        "config": descriptor(config, HELM_CONFIG),
        "layers": layers(rng, 1, HELM_LAYER, 90_000),
    }
    return of(value, OM, config, "helm")


def _attached(rng, media_type, type_):
    """What cosign pushes beside an image: an image manifest whose layer says what it is."""
    config = image_config(rng, 1, arch="", os="")
    value = {
        "schemaVersion": 2,
        "mediaType": OM,
        "config": descriptor(config, OCI_CONFIG),
        "layers": [
            {
                **layers(rng, 1, media_type, 5000)[0],
                "annotations": {"dev.cosignproject.cosign/signature": "MEUCIQ=="},
            }
        ],
    }
    return of(value, OM, config, type_)


def cosign_signature(rng, **_):
    return _attached(rng, COSIGN_SIGNATURE, "cosign_signature")


def cosign_attestation(rng, **_):
    return _attached(rng, COSIGN_ATTESTATION, "cosign_attestation")


def cosign_bundle(rng, **_):
    return _attached(rng, COSIGN_BUNDLE, "cosign_attestation_bundle")


def cosign_sbom(rng, media_type=None, **_):
    return _attached(rng, media_type or rng.choice(SBOM_LAYERS), "cosign_sbom")


def oci_artifact(rng, **_):
    """As ORAS pushes it: an empty configuration and an artifact type."""
    config = b"{}"
    value = {
        "schemaVersion": 2,
        "mediaType": OM,
        "artifactType": "application/vnd.example.model.v1",
        "config": {"mediaType": OCI_EMPTY, "digest": digest_of(config), "size": 2, "data": "e30="},
        "layers": layers(rng, 1, "application/vnd.example.weights", 4000),
    }
    return of(value, OM, config, "artifact")


def _schema1(rng, count, arch):
    history = {"architecture": arch, "id": f"{rng.getrandbits(256):064x}", "os": "linux"}
    return {
        "schemaVersion": 1,
        "name": f"team/app{rng.getrandbits(32):x}",
        "tag": "latest",
        "architecture": arch,
        "fsLayers": [{"blobSum": f"sha256:{rng.getrandbits(256):064x}"} for _ in range(count)],
        "history": [{"v1Compatibility": json.dumps(history)} for _ in range(count)],
    }


def schema1(rng, count=2, arch="amd64"):
    return of(_schema1(rng, count, arch), V1, None, "image", indent=3, schema_version=1)


def _b64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def schema1_signed(rng, count=2, arch="amd64"):
    """A signed schema 1 manifest as Docker wrote it: a JWS whose payload is the file without its
    signatures.

    The protected header says how much of the file belongs to the payload (formatLength) and how the
    payload ends (formatTail). The digest is that of the payload, so sha256 of the file never equals
    it.
    """
    payload = dumps(_schema1(rng, count, arch), indent=3)
    tail = b"\n}"
    head = payload[: -len(tail)]
    protected = dumps(
        {"formatLength": len(head), "formatTail": _b64url(tail), "time": "2016-03-04T05:06:07Z"}
    )
    signature = {
        "header": {
            "jwk": {
                "crv": "P-256",
                "kid": "OD6I:6DRK:JXEJ:KBM4:255X:NSAA:MUSF:E4VM:ZI6W:CUN2:L4Z6:LSF4",
                "kty": "EC",
                "x": _b64url(rng.randbytes(32)),
                "y": _b64url(rng.randbytes(32)),
            },
            "alg": "ES256",
        },
        "signature": _b64url(rng.randbytes(64)),
        "protected": _b64url(protected),
    }
    signatures = json.dumps([signature], indent=3).replace("\n", "\n   ").encode()
    raw = head + b',\n   "signatures": ' + signatures + tail
    return Spec(raw, V1, digest_of(payload), None, "image", 1)


def signed_payload(raw):
    """The bytes that the digest of a signed schema 1 manifest is made of."""
    protected = json.loads(raw)["signatures"][0]["protected"]
    header = json.loads(base64.urlsafe_b64decode(protected + "=" * (-len(protected) % 4)))
    tail = header["formatTail"]
    return raw[: header["formatLength"]] + base64.urlsafe_b64decode(tail + "=" * (-len(tail) % 4))


def unknown(rng, **_):
    config = image_config(rng, 1)
    value = {"schemaVersion": 2, "config": descriptor(config, OCI_CONFIG), "layers": layers(rng, 1)}
    return of(value, UNKNOWN, config, None)


def _index(children, media_type, annotations, indent):
    value = {"schemaVersion": 2, "mediaType": media_type, "manifests": []}
    for child in children:
        entry = {"mediaType": child.media_type, "size": len(child.raw), "digest": child.digest}
        entry["platform"] = {"architecture": getattr(child, "arch", None) or "amd64", "os": "linux"}
        value["manifests"].append(entry)
    if annotations is not None:
        value["annotations"] = annotations
    return of(value, media_type, None, "index", indent)


def oci_index(children, annotations=None):
    return _index(children, OI, annotations, None)


def docker_list(children):
    return _index(children, ML, None, 3)


KINDS = {
    "oci": oci_image,
    "docker": docker_image,
    "bootable": bootable,
    "flatpak": flatpak,
    "helm": helm,
    "cosign_signature": cosign_signature,
    "cosign_attestation": cosign_attestation,
    "cosign_bundle": cosign_bundle,
    "cosign_sbom": cosign_sbom,
    "artifact": oci_artifact,
    "schema1": schema1,
    "schema1_signed": schema1_signed,
}
