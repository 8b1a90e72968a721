# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites for the tests: databases cloned from the genuine one, each with its media and settings."""
import os
import shutil
import tempfile
import time
from pathlib import Path

import pulpenv  # noqa: F401 - first, for the path of the harness
import genuine
import multiply
import servers


def scratch():
    """A directory for a session: in memory where there is plenty, since nothing here is kept.

    A few hundred MB of databases and tens of thousands of small files are made and removed.
    """
    try:
        memory = os.statvfs("/dev/shm")
        plenty = memory.f_bavail * memory.f_frsize > 4 << 30
    except OSError:
        plenty = False
    parent = Path("/dev/shm" if plenty else "/tmp")
    for old in parent.glob("plm-test-*"):
        # Of a run that was killed: memory that nobody would give back.
        owner = old.name.split("-")[2]
        if not Path(f"/proc/{owner}").exists():
            shutil.rmtree(old, ignore_errors=True)
    base = Path(tempfile.mkdtemp(prefix=f"plm-test-{os.getpid()}-", dir=parent))
    base.chmod(0o755)
    return base


class Oracle:
    """The session's servers and templates; sites (database, media, settings) are made from it."""

    def __init__(self, base):
        self.base = base
        self.facts = genuine.facts()
        self.pg = servers.Postgres(base / "pg")
        self.count = 0
        self.templates, self.sites = {}, []

    def template(self, level):
        """A database with the genuine data at this level, restored once per session."""
        if level not in self.templates:
            name = f"genuine_{level}"
            self.pg.restore(name, genuine.directory() / f"{level}.dump")
            self.templates[level] = name
        return self.templates[level]

    def clone(self, source, label="t"):
        self.count += 1
        name = f"{label}_{self.count}"
        self.pg.clone(source, name)
        return name

    def site(self, db, media=None, level="0043"):
        """A Pulp over a database; its media is a copy of `media` or the genuine one."""
        self.count += 1
        base = self.base / f"site{self.count}"
        if media:
            # Links will do: Pulp deletes artifact files but never writes into them.
            shutil.copytree(media, base / "media", copy_function=os.link)
        else:
            genuine.unpack_media(base)
        self.sites.append(servers.Pulp(level, base, self.pg, db))
        return self.sites[-1]

    def close(self):
        for site in self.sites:
            site.close()
        self.pg.close()


def say(*words):
    print(time.strftime("%H:%M:%S"), *words, flush=True)


def make_multiplied(oracle, count):
    db = oracle.clone(oracle.template("0043"), f"multiplied{count}")
    media = oracle.base / f"multiplied{count}"
    genuine.unpack_media(media)
    with oracle.pg.session(db) as conn:
        added = multiply.add(conn, media / "media", genuine.TEAMS[0], count)
    return Multiplied(db, media / "media", added)


class Multiplied:
    def __init__(self, db, media, added):
        self.db, self.media, self.added = db, media, added
