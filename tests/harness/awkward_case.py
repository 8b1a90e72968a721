# SPDX-License-Identifier: GPL-3.0-or-later
"""What a case of awkward.py is, and the images that cases start from."""

from . import manifests as m

AWKWARD = {}


class Case:
    def __init__(self, name, build, upstream, ours, since):
        self.name, self.build, self.upstream, self.ours, self.since = (
            name,
            build,
            upstream,
            ours,
            since,
        )
        self.doc = build.__doc__

    def __call__(self, site, repo=None):
        if repo is None:
            repo = site.repository(f"awkward/{self.name.replace('_', '-')}")
            site.distribution(repo.name, repo)
        made = self.build(site, repo)
        site.conn.commit()
        return made

    def verdict(self, level):
        """`upstream` at a level in one word: filled, SKIP, ABORT, LOST (links gone, data not saved)
        or other.
        """
        text = self.upstream
        if "; from 0045 on " in text:
            text = text.split("; from 0045 on ")[0 if level < "0045" else 1]
        for newest in ("later 2.22: ", "; later "):
            text = text.rpartition(newest)[2]
        if text.startswith("DATA LOST") or "after the links are gone" in text:
            return "LOST"
        if text.startswith("stores"):
            return "filled"
        word = text.replace(":", " ").replace(",", " ").replace(";", " ").split()[0]
        return word if word in ("filled", "SKIP", "ABORT") else "other"

    def __repr__(self):
        return f"AWKWARD[{self.name!r}]"


def case(upstream, *ours, since="0038"):
    def wrap(fn):
        AWKWARD[fn.__name__] = Case(fn.__name__, fn, upstream, ours, since)
        return fn

    return wrap


def oci(site, change=None, config=None, **options):
    """An OCI image whose manifest `change(dict)` has been at."""
    config = m.image_config(site.rng, 2, **options) if config is None else config
    value = {
        "schemaVersion": 2,
        "mediaType": m.OM,
        "config": m.descriptor(config, m.OCI_CONFIG),
        "layers": m.layers(site.rng, 2),
    }
    if change:
        change(value)
    return m.of(value, m.OM, config, "image")


def every_layer(size):
    return lambda value: value.update(layers=[{**layer, "size": size} for layer in value["layers"]])


def changed_bytes(site, make):
    """An OCI image whose bytes `make` has been at; the digest is that of the result."""
    spec = oci(site)
    return m.of(make(spec.raw), m.OM, spec.config)
