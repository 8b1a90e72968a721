# SPDX-License-Identifier: GPL-3.0-or-later
"""Which folder may include which: prints every include that points the wrong way.

    bin -> commands -> {checks, procedures} -> {pulp, host, store} -> batch -> pace -> report ->
    drivers -> core

Each may use any to its right. pulp, host and store do not use each other and none of them uses
batch; checks and procedures meet only in a scenario. Headers of other projects stand in lib/drivers,
so that what a library does is behind an interface of ours; popt's in lib/core/options.c.
"""

import re

RANK = {
    "bin": 0,
    "commands": 1,
    "checks": 2,
    "procedures": 2,
    "lib/pulp": 3,
    "lib/host": 3,
    "lib/store": 3,
    "lib/batch": 4,
    "lib/pace": 5,
    "lib/report": 6,
    "lib/drivers": 7,
    "lib/core": 8,
}
KNOWLEDGE = ("lib/pulp", "lib/host", "lib/store")
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)
FOREIGN = re.compile(
    r"^(libpq|postgres_ext|pg_config|curl/|json-c/|json\.h|popt|hiredis/|openssl/|ini\.h|archive|zstd|zlib)"
)


def layer(path):
    """The folder that decides, or None for what stands outside (tests)."""
    parts = path.split("/")
    name = "/".join(parts[:2]) if parts[0] == "lib" else parts[0]
    return name if name in RANK else None


def complaint(path, ours, theirs):
    """Why this include may not be, or None."""
    source = layer(path)
    if source is None:
        return None
    if theirs:
        at_home = source == "lib/drivers" or (theirs, path) == ("popt.h", "lib/core/options.c")
        return None if at_home or not FOREIGN.match(theirs) else "belongs into lib/drivers"
    target = layer(ours)
    if target is None or target == source:
        return None
    if RANK[target] < RANK[source]:
        return f"{source} may not look up to {target}"
    if RANK[target] == RANK[source]:
        return f"{source} and {target} do not know each other"
    if source in KNOWLEDGE and target == "lib/batch":
        return f"{source} knows nothing of batches"
    return None


def check(files):
    """files: {path: text}. Yields a sentence for each violation."""
    for path, text in sorted(files.items()):
        for match in INCLUDE.finditer(text):
            why = complaint(path, match[1], match[2])
            if why:
                line = text.count("\n", 0, match.start(1) if match[1] else match.start(2)) + 1
                yield f"{path}:{line}: includes {match[1] or match[2]}: {why}"
