# SPDX-License-Identifier: GPL-3.0-or-later
"""What plmaint calls done survives a crash of the server in the next moment.

Fills commit asynchronously. The server here flushes by itself every ten seconds only, so that
what nobody has waited for is lost when it dies at once.
"""

import pytest
from harness import cli, pg
from harness.pulpdata import Site

LEVEL = "0043"
LAZY = {"wal_writer_delay": "10s", "wal_writer_flush_after": "1GB", "synchronous_commit": "on"}
ROWS = 40


@pytest.fixture
def lazy_cluster():
    with pg.Cluster(fsync=True, settings=LAZY) as cluster:
        yield cluster


@pytest.mark.parametrize("shared", [True, False], ids=["shared-ledger", "single-worker"])
def test_done_survives_a_crash(lazy_cluster, shared, media_root, tmp_path):
    db = lazy_cluster.database(LEVEL)
    conn = db.connect()
    Site(conn, media_root, LEVEL).bulk_images(ROWS)
    conn.commit()
    conn.close()
    if not shared:
        lazy_cluster.admin(f'ALTER DATABASE "{db.name}" OWNER TO postgres')
        lazy_cluster.admin(f'REVOKE CREATE ON DATABASE "{db.name}" FROM PUBLIC')
    tool = cli.Plmaint(tmp_path / "tool", db.conninfo(), media_root)
    # The procedure alone: no later step may do the flushing.
    result = tool.run("procedure", "run", "pulp-manifests-fill")
    lazy_cluster.stop_immediate()
    assert result.code == 0, result
    lazy_cluster.start()
    left = db.value("SELECT count(*) FROM container_manifest WHERE data IS NULL")
    assert left == 0, f"{left} of {ROWS} manifests lost their data although the run was done"
