# SPDX-License-Identifier: GPL-3.0-or-later
"""Records `upgrade check` refusing, what it says to type being typed, and its consent.

usage: refusal.py FILE

Everything is real and thrown away at the end: PostgreSQL, Pulp's tables, files. It fails when what
is shown is not so. README.md has what it writes (`make tour`).
"""

import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from recording import Recording, save, stage  # noqa: E402
from harness import manifests  # noqa: E402

LEVEL = "0045"  # pulpcore 3.73 and pulp_container 2.24


def damaged(site):
    """A site in use: images of before 2.20, one that Pulp's own command has lost when it was killed,
    one whose file is gone.
    """
    site.bulk_images(400, repos=3)
    repo = site.repository("team/app")
    site.lose(site.image("oci", repo))
    return site.manifest(manifests.KINDS["oci"](site.rng), repo, on_disk=False)


def story(recording, gone):
    ask = ("upgrade", "check", "--to", "2.29")
    refused = recording.run(*ask, code=1)
    assert "`None`" in refused and "plmaint pre-migrate recover" in refused
    recording.run("pre-migrate", "run", "--quiet", code=78)
    assert "not reviewed" in recording.run(*ask, "--quiet", code=1)
    recording.run("pre-migrate", "quarantine", "accept", gone.digest, "--why", "'nobody uses it'")
    recording.run(*ask)


def main():
    with stage(LEVEL) as (_, site, tool):
        gone = damaged(site)
        site.sql("ANALYZE")
        recording = Recording(tool, 0)
        story(recording, gone)
    save(recording, sys.argv[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
