# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup repository as `plmaint backup` writes it, made of a fixture site with pg_dump and cp: what
README says of it is all that this module knows.
"""

import datetime
import hashlib
import json
import os
import pathlib
import socket
import subprocess
import time
import uuid

from . import pg

ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"}

SETTLED = 2  # seconds after its last change a file can be told by its times


def settle(root):
    """Waits until all files below can be."""
    newest = max(p.stat().st_ctime for p in pathlib.Path(root).rglob("*") if p.is_file())
    time.sleep(max(0, newest + SETTLED + 0.1 - time.time()))


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def escape(name):
    return "".join(ESCAPES.get(c, c) for c in name)


class Repository:
    """DIR with one backup, of the database and the media root of a site."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.id = None
        for name in ("store/tmp", "backups"):
            (self.dir / name).mkdir(parents=True, exist_ok=True)
        for i in range(256):
            (self.dir / "store" / f"{i:02x}").mkdir(exist_ok=True)
        mark = self.dir / "plmaint-backup.json"
        if not mark.exists():
            mark.write_text(
                json.dumps({"format": 1, "id": str(uuid.uuid4()), "created": self.now()})
            )

    @staticmethod
    def now():
        return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def backup(self):
        return self.dir / "backups" / self.id

    def object(self, digest):
        return self.dir / "store" / digest[:2] / digest[2:]

    def keep(self, path):
        digest = sha256(path)
        target = self.object(digest)
        if not target.exists():
            target.write_bytes(pathlib.Path(path).read_bytes())
            target.chmod(0o440)
        return digest

    def make(self, db, media_root, backup_id="20261121T213133Z", content=True):
        """One backup. db: a Database of the harness."""
        self.id = backup_id
        self.backup.mkdir()
        media = pathlib.Path(media_root)
        dump = self.backup / "databases" / "pulp"
        dump.parent.mkdir()
        subprocess.run(
            [str(pg.bindir() / "pg_dump"), "-Fd", "-f", str(dump), "-d", db.conninfo("postgres")],
            check=True,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        )
        artifacts = db.query("SELECT sha256, size, file FROM core_artifact ORDER BY 1")
        others = []
        if content:
            with open(self.backup / "artifacts.tsv", "w", newline="") as out:
                for digest, size, file in artifacts:
                    self.keep(media / file)
                    out.write(f"{digest}\t{size}\t{escape(file)}\n")
            others = sorted(
                p
                for p in media.rglob("*")
                if p.is_file() and not p.is_relative_to(media / "artifact")
            )
            with open(self.backup / "media.tsv", "w", newline="") as out:
                for path in others:
                    name = escape(str(path.relative_to(media)))
                    out.write(f"{self.keep(path)}\t{path.stat().st_size}\t{name}\n")
        migrations = dict(
            db.query("SELECT app, max(name) FROM django_migrations WHERE name ~ '^[0-9]' GROUP BY 1")
        )
        self.manifest = {
            "format": 1,
            "id": self.id,
            "plmaint": "test",
            "kind": "online",
            "host": socket.gethostname(),
            "interfaces": ["lo"],
            "started": self.now(),
            "ended": self.now(),
            "span_seconds": 0.1,
            "databases": [
                {
                    "feature": "pulp",
                    "name": db.name,
                    "directory": "databases/pulp",
                    "server_version": int(db.value("SHOW server_version_num")),
                    "encoding": "UTF8",
                    "collation": "C.UTF-8",
                    "owner": "pulp",
                    "bytes": db.value("SELECT pg_database_size(current_database())"),
                    "migrations": migrations,
                    "snapshot": "00000003-0000001B-1",
                }
            ],
            "versions": {},
            "artifacts": self.tally(len(artifacts), sum(a[1] for a in artifacts)),
            "media": self.tally(len(others), sum(p.stat().st_size for p in others)),
            "features": ["pulp"],
            "skipped": [] if content else ["pulp-content"],
            "encryption": None,
        }
        self.seal()
        return self

    @staticmethod
    def tally(count, size):
        return {"count": count, "bytes": size, "new_count": count, "new_bytes": size}

    def seal(self, **changes):
        """Writes the manifest of what is there now."""
        self.manifest.update(changes)
        self.manifest["files"] = [
            {
                "path": str(p.relative_to(self.backup)),
                "size": p.stat().st_size,
                "sha256": sha256(p),
            }
            for p in sorted(self.backup.rglob("*"))
            if p.is_file() and p.name != "manifest.json"
        ]
        self.write()

    def write(self):
        path = self.backup / "manifest.json"
        path.unlink(missing_ok=True)
        path.write_text(json.dumps(self.manifest))
