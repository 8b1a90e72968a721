# SPDX-License-Identifier: GPL-3.0-or-later
"""Records a backup of a site, the next one after a push, their proof, and a restore that only looks.

usage: backup.py FILE

Everything is real and thrown away at the end: PostgreSQL, Pulp's tables, files. It fails when what
is shown is not so. README.md has what it writes (`make tour`).
"""

import os
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import fernet  # noqa: E402
from recording import Recording, save, stage  # noqa: E402

LEVEL = "0043"
IMAGES, PUSHED = 2000, 3
SHOWN = "/var/backup/pulp"
ONLINE = ("backup", "online")


def objects(store):
    return {p for p in (store / "store").glob("??/*") if p.parent.name != "tmp"}


def story(recording, db, site, store):
    recording.run(*ONLINE, str(store), "--features", "pulp")
    first = objects(store)
    site.made_at = site.now
    for _ in range(PUSHED):
        site.artifact(os.urandom(100_000))
    site.conn.commit()
    recording.run(*ONLINE, str(store), "--features", "pulp")
    assert len(first) > IMAGES and len(objects(store) - first) == PUSHED
    assert "is good" in recording.run("backup", "verify", str(store))
    databases = db.cluster.admin("SELECT oid, datname FROM pg_database")
    recording.run("restore", "run", str(store), "--check-only")
    assert db.cluster.admin("SELECT oid, datname FROM pg_database") == databases


def settings(tool, db):
    key = tool.directory / "database_fields.symmetric.key"
    key.write_text(fernet.new_key() + "\n")
    key.chmod(0o640)
    return {
        "pulp.encryption_key": key,
        "restore.conninfo": db.cluster.conninfo("postgres", "postgres"),
    }


def main():
    # A disk of its own, where there is one.
    disk = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with stage(LEVEL) as (db, site, tool), tempfile.TemporaryDirectory(dir=disk) as directory:
        tool.configure(settings(tool, db))
        site.bulk_images(IMAGES, repos=3)
        site.sql("ANALYZE")
        site.conn.commit()
        recording = Recording(tool, IMAGES)
        recording.replace.insert(0, (directory, SHOWN))
        story(recording, db, site, pathlib.Path(directory))
    save(recording, sys.argv[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
