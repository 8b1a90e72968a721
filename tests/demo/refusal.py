# SPDX-License-Identifier: GPL-3.0-or-later
"""Records `upgrade check` refusing, what it says to type being typed, and its consent.

usage: refusal.py FILE

Everything is real and thrown away at the end: PostgreSQL, Pulp's tables, files. It fails when what
is shown is not so. README.md has what it writes (`make tour`).
"""

import contextlib
import pathlib
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from recording import Recording  # noqa: E402
from harness import cli, manifests, pg, pulpdata  # noqa: E402

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
    base = pathlib.Path(tempfile.mkdtemp(prefix="plmaint-refusal"))
    try:
        with contextlib.ExitStack() as stack:
            cluster = stack.enter_context(pg.Cluster())
            db = cluster.database(LEVEL)
            conn = stack.enter_context(contextlib.closing(db.connect()))
            (base / "media").mkdir()
            site = pulpdata.Site(conn, base / "media", LEVEL)
            gone = damaged(site)
            site.sql("ANALYZE")
            tool = cli.Plmaint(base / "plmaint", db.conninfo(), base / "media")
            stack.callback(tool.close)
            recording = Recording(tool, 0)
            story(recording, gone)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    text = "\n".join(recording.lines)
    pathlib.Path(sys.argv[1]).write_text(f"```console\n{text}\n```\n")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
