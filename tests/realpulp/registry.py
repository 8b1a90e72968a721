# SPDX-License-Identifier: GPL-3.0-or-later
"""Pulls as a client does them: without a name, with every type accepted, redirects followed."""
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

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


SERVED = """
SELECT DISTINCT d.base_path, m.digest, m.media_type
  FROM core_distribution d
  JOIN core_repositorycontent r ON r.repository_id = d.repository_id AND r.version_removed_id IS NULL
  JOIN container_manifest m ON m.content_ptr_id = r.content_id
"""


def wrong_pulls(site, served):
    """Pulls (repository, digest, media type) and lists what does not come as it should."""

    def some(part):
        c = site.connection(60)
        out = []
        for repository, digest, media_type in part:
            status, got_type, body = pull(site, repository, digest, connection=c)
            got = (status, got_type, images.sha(body))
            if got != (200, media_type, digest):
                out.append(f"{repository}@{digest}: {got} {body[:80]!r}")
        c.close()
        return out

    with ThreadPoolExecutor(3) as pool:
        return sum(pool.map(some, [served[n::3] for n in range(3)]), [])
