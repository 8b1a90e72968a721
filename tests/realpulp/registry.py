# SPDX-License-Identifier: GPL-3.0-or-later
"""Pulls as a client does them: without a name, with every type accepted, redirects followed."""
import urllib.parse

import images

ACCEPT = ", ".join((images.V2, images.ML, images.OM, images.OI,
                    "application/vnd.docker.distribution.manifest.v1+json",
                    "application/vnd.docker.distribution.manifest.v1+prettyjws"))


def pull(pulp, repository, reference, what="manifests", connection=None):
    """GET through the registry, following redirects on the same server: status, type, body.

    The type is without parameters: 2.22 adds a character set to what it serves from its database.
    """
    path = f"/v2/{repository}/{what}/{reference}"
    for _ in range(4):
        status, h, body = pulp.http("GET", path, headers={"Accept": ACCEPT}, auth=False,
                                    connection=connection)
        if status not in (301, 302, 307, 308):
            break
        where = urllib.parse.urlsplit(h["location"])
        path = where.path + ("?" + where.query if where.query else "")
    return status, h.get("content-type", "").partition(";")[0], body
