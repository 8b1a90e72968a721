# SPDX-License-Identifier: GPL-3.0-or-later
"""What upstream's command stores for a manifest, written from its observed rules and not from its
code.

A second opinion for tests that have no real Pulp at hand. It raises Skip where upstream leaves the
row as it is and Abort where the whole command would die.
"""

import json
import math

from . import manifests as m
from . import schema

SIGNATURES = {
    m.COSIGN_SIGNATURE: "cosign_signature",
    m.COSIGN_ATTESTATION: "cosign_attestation",
    m.COSIGN_BUNDLE: "cosign_attestation_bundle",
    **{name: "cosign_sbom" for name in m.SBOM_LAYERS},
}
LAYER = "application/vnd.oci.image.layer.v1.tar"
NONDISTRIBUTABLE = "application/vnd.oci.image.layer.nondistributable.v1.tar"
# A configuration of any other type makes an OCI manifest an artifact.
KNOWN_CONFIGS = {
    m.V1,
    m.V1S,
    m.V2,
    m.ML,
    m.OM,
    m.OI,
    m.DOCKER_CONFIG,
    m.DOCKER_LAYER,
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    m.OCI_CONFIG,
    m.OCI_EMPTY,
    m.HELM_CONFIG,
    m.COSIGN_SIGNATURE,
    m.COSIGN_ATTESTATION,
    m.COSIGN_BUNDLE,
    *(base + suffix for base in (LAYER, NONDISTRIBUTABLE) for suffix in ("", "+gzip", "+zstd")),
}
EMPTY = {
    "annotations": {},
    "labels": {},
    "is_bootable": False,
    "is_flatpak": False,
    "data": None,
    "type": None,
    "architecture": None,
    "os": None,
    "compressed_image_size": None,
}


class Skip(Exception):
    """Upstream leaves the row as it is."""


class Abort(Exception):
    """Upstream's whole command ends with a traceback."""


def _load(raw):
    try:
        return json.loads(raw)
    except UnicodeDecodeError as exc:
        raise Abort(str(exc)) from exc
    except ValueError as exc:
        raise Skip(str(exc)) from exc


def _type(row, manifest, media_type):
    labels, annotations = row["labels"], row["annotations"]
    if annotations.get("containers.bootc") == "1" or labels.get("containers.bootc") == "1":
        return "bootable"
    if labels.get("org.flatpak.ref"):
        return "flatpak"
    config_type = None
    if "config" in manifest:
        config_type = manifest["config"].get("mediaType")
    if config_type == m.HELM_CONFIG:
        return "helm"
    for layer in manifest.get("layers") or []:
        if layer["mediaType"] in SIGNATURES:
            return SIGNATURES[layer["mediaType"]]
    if media_type == m.OM:
        if (
            manifest.get("artifactType")
            or manifest["config"]["mediaType"] not in KNOWN_CONFIGS
            or config_type == m.OCI_EMPTY
        ):
            return "artifact"
    return "image" if media_type in (m.V1, m.V1S, m.V2, m.OM) else None


def _text(value):
    return value if value is None or isinstance(value, str) else str(value)


def upstream(raw, media_type, config=None, children=(), level="0050"):
    """The columns of a row that had none of them. children: dicts with `type` (and the booleans) of
    the listed images.
    """
    try:
        row = _fill(raw, media_type, config, children)
    except (AttributeError, KeyError, TypeError, OverflowError, RecursionError) as exc:
        raise Abort(repr(exc)) from exc
    size = row["compressed_image_size"]
    if size is not None:
        if schema.LEVELS[level].container < 45 and size > 2**31 - 1:
            size = None
        elif size in (math.inf, -math.inf):
            raise Abort("OverflowError")
        else:
            size = int(size)
    row["compressed_image_size"] = size
    _storable(row, size)
    present = {
        r.name for r in schema.rows(level) if r.kind == "col" and r.table == "container_manifest"
    }
    return {name: value for name, value in row.items() if name in present}


def _storable(row, size):
    """PostgreSQL refuses what Python let pass; the statement that fails is the one that should have
    saved the data.
    """
    try:
        for name in ("annotations", "labels"):
            text = json.dumps(row[name], ensure_ascii=False, allow_nan=False)
            text.encode()
            if "\\u0000" in text:
                raise ValueError("NUL in jsonb")
        for name in ("architecture", "os"):
            if "\0" in (row[name] or ""):
                raise ValueError("NUL in text")
            (row[name] or "").encode()
        if size is not None and size > 2**63 - 1:
            raise ValueError("bigint out of range")
    except ValueError as exc:
        raise Abort(f"DataError: {exc}") from exc


def _fill(raw, media_type, config, children):
    row = dict(EMPTY)
    manifest = _load(raw)
    try:
        row["data"] = raw.decode()
    except UnicodeDecodeError as exc:
        raise Abort(str(exc)) from exc
    if "\0" in row["data"]:
        raise Skip("NUL in the text")
    if media_type not in m.LISTS:
        _load(row["data"])  # the text is parsed again, and a BOM is then an error
    if media_type in (m.OM, m.OI):
        row["annotations"] = manifest.get("annotations", {})
    settings = None
    if config is not None:
        settings = _load(config)
        row["labels"] = settings.get("config", {}).get("Labels") or {}
    if media_type in m.LISTS:
        row["type"] = "index"
        for child in children:
            if child.get("type") == "bootable":
                row["is_bootable"] = True
                break
            if child.get("type") == "flatpak":
                row["is_flatpak"] = True
                break
        return row
    row["type"] = _type(row, manifest, media_type)
    row["is_bootable"], row["is_flatpak"] = row["type"] == "bootable", row["type"] == "flatpak"
    if manifest.get("architecture") or manifest.get("os"):
        row["architecture"], row["os"] = _text(manifest.get("architecture")), _text(
            manifest.get("os")
        )
    elif settings is not None:
        row["architecture"], row["os"] = _text(settings.get("architecture")), _text(
            settings.get("os")
        )
    if manifest.get("fsLayers"):
        row["compressed_image_size"] = 0
    else:
        row["compressed_image_size"] = sum(layer["size"] for layer in manifest["layers"])
    return row
