# SPDX-License-Identifier: GPL-3.0-or-later
"""Thousands of ordinary images on top of a genuine database, in seconds, served by its registry."""
import collections
import json
import random

import images
import rows

Added = collections.namedtuple("Added", "kind media_type tag digest")

LAYERS = 8


def document(rng, i, kind, layers):
    """Manifest, config and labels of the i-th image. Sizes are what a registry usually holds."""
    arch = rng.choice(("amd64", "amd64", "amd64", "arm64", "s390x", "ppc64le"))
    labels = {"name": f"multiplied-{i}", "version": str(rng.randrange(1000)),
              "description": "x" * rng.randrange(200)}
    if kind == "bootable":
        labels["containers.bootc"] = "1"
    if kind == "flatpak":
        labels["org.flatpak.ref"] = f"app/org.example.M{i}/x86_64/stable"
    if kind == "bare":
        labels = None
    inner = {"Env": ["PATH=/usr/bin"], "Cmd": ["/bin/sh"]}
    if labels is not None:
        inner["Labels"] = labels
    config = json.dumps({
        "architecture": arch, "os": "linux", "created": "2024-02-03T04:05:06Z", "config": inner,
        "history": [{"created_by": f"RUN step {n} of {i}"} for n in range(LAYERS)],
        "rootfs": {"type": "layers", "diff_ids": [images.sha(d) for d in layers]}}).encode()
    oci = kind in ("oci", "bootable", "bare", "artifact") or i % 3 == 0
    config_type = images.OCI_CONFIG if oci else images.DOCKER_CONFIG
    layer_type = images.OCI_LAYER if oci else images.DOCKER_LAYER
    doc = {"schemaVersion": 2, "mediaType": images.OM if oci else images.V2,
           "config": images.descriptor(config_type, config),
           "layers": [images.descriptor(layer_type, d) for d in layers]}
    annotations = {}
    if kind == "artifact":
        doc["artifactType"] = "application/vnd.example.thing"
    if oci and i % 4:
        annotations = {"org.opencontainers.image.title": f"multiplied {i}"}
        doc["annotations"] = annotations
    return doc["mediaType"], json.dumps(doc).encode(), config, labels or {}, annotations


KINDS = ("docker",) * 10 + ("oci",) * 6 + ("bare", "bootable", "flatpak", "artifact")


def add(conn, media, repository, count, seed=1, lists=True):
    """Adds `count` manifests to the repository's latest version; what was added, in order.

    Every 40th is an index over the two images before it.  Half of the images have labels and annotations
    filled, as 2.19 leaves them, half have not, as releases before it did.
    """
    rng = random.Random(seed)
    w = rows.Writer(conn, media, rng, repository)
    pool = [images.layer(f"multiplied layer {seed} {n}") for n in range(64)]
    added, last = [], []
    for i in range(count):
        tag = f"m{seed}-{i:06d}"
        if lists and i % 40 == 39:
            pair = last[-2:]
            if {p[3] for p in pair} == {"bootable", "flatpak"}:
                # Which nature the index takes would depend on the order of its children's rows.
                pair = pair[1:]
            children = [p[0] for p in pair]
            doc = json.dumps({
                "schemaVersion": 2, "mediaType": images.OI, "number": f"{seed}-{i}",
                "manifests": [dict(images.descriptor(t, m),
                                   platform={"architecture": "amd64", "os": "linux"})
                              for _, t, m, _ in pair]}).encode()
            w.manifest(doc, images.OI, children=children, tag=tag)
            added.append(Added("index", images.OI, tag, images.sha(doc)))
            continue
        kind = rng.choice(KINDS)
        layers = rng.sample(pool, LAYERS)
        media_type, doc, config, labels, annotations = document(rng, i, kind, layers)
        filled = i % 2
        pk = w.manifest(doc, media_type, w.blob(config), blobs=[w.blob(d) for d in layers],
                        tag=tag, labels=labels if filled else {},
                        annotations=annotations if filled else {})
        last.append((pk, media_type, doc, kind))
        added.append(Added(kind, media_type, tag, images.sha(doc)))
    w.finish()
    return added
