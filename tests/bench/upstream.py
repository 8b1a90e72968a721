# SPDX-License-Identifier: GPL-3.0-or-later
"""plmaint against the command that it replaces, on the same genuine database, in the same run.

Both are measured as an operator starts them: upstream's pulpcore-manager with its start-up, plmaint
with everything on (ledger, guards, cache debt, vacuum). Needs the environments of tests/realpulp.
"""
import pathlib
import shutil
import sys
import tempfile
import time

from harness import cli

from . import measure

REALPULP = pathlib.Path(__file__).resolve().parents[1] / "realpulp"
sys.path.insert(0, str(REALPULP))

ROWS = 5000
COMMAND = "container-handle-image-data"


def migrate_upstream(oracle, rows):
    site = oracle.site(oracle.clone(rows.db, "upstream"), rows.media)
    site.start_redis()
    began = time.monotonic()
    said = site.manager(COMMAND).stdout
    wall = time.monotonic() - began
    site.close()
    assert "Successfully updated" in said, said
    return wall


def migrate_ours(oracle, rows, directory):
    site = oracle.site(oracle.clone(rows.db, "ours"), rows.media)
    site.start_redis()
    tool = cli.Plmaint(directory, site.pg.conninfo(site.db), site.media, site.redis_url)
    result = tool.run("pre-migrate", "run")
    site.close()
    assert result.code == 0, result
    return result.seconds


def run(_rows, rounds, out):
    import pulpenv  # its environments take minutes to make, so only who asks for this part pays
    import sites

    base = pathlib.Path(tempfile.mkdtemp(prefix="plm-", dir="/tmp"))
    base.chmod(0o755)
    try:
        for level in pulpenv.RELEASES:
            pulpenv.venv(level)
        oracle = sites.Oracle(base)
    except pulpenv.Unavailable as e:
        shutil.rmtree(base, ignore_errors=True)
        out(f"\n## Against upstream's command: not run, {e}")
        return
    try:
        rows = sites.make_multiplied(oracle, ROWS)
        theirs, ours = [], []
        for n in range(rounds):
            theirs.append(migrate_upstream(oracle, rows))
            ours.append(migrate_ours(oracle, rows, base / f"bench{n}"))
    finally:
        oracle.close()
        shutil.rmtree(base, ignore_errors=True)
    t, o = measure.median(theirs), measure.median(ours)
    out(f"\n## {ROWS} manifests against `pulpcore-manager {COMMAND}` (pulp_container 2.22), {rounds} rounds, medians\n")
    out("| what | wall s | manifests/s | times faster |\n|---|---|---|---|")
    out(f"| {COMMAND} | {t:.1f} | {ROWS / t:.0f} | 1 |")
    out(f"| plmaint pre-migrate run | {o:.3f} | {ROWS / o:.0f} | **{t / o:.0f}** |")
    out(f"\nAll rounds: {' '.join(f'{x:.1f}' for x in theirs)} against {' '.join(f'{x:.3f}' for x in ours)}")
