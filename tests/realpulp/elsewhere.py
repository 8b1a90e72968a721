# SPDX-License-Identifier: GPL-3.0-or-later
"""Another host for a backup: a PostgreSQL of its own with nothing in it, an empty media root, and a
Pulp that starts when `restore run` says so.
"""
import servers
from harness import schema
from harness.process import wait_until
from images import sha

# What runs as restore's command has to be done when Pulp is up.
START = """#!/bin/sh
touch {base}/asked
while [ ! -e {base}/up ]; do sleep 0.1; done
"""


class Elsewhere:
    def __init__(self, base, level, key):
        """key: where the first host has its key of encrypted columns, which is its name in a backup."""
        base.mkdir()
        self.base, self.key = base, key
        self.pg = servers.Postgres(base / "pg")
        self.pg.role(schema.OWNER)
        self.pulp = servers.Pulp(level, base / "site", self.pg, "pulp")

    @property
    def settings(self):
        start = self.base / "start"
        start.write_text(START.format(base=self.base))
        start.chmod(0o755)
        return {
            "pulp.encryption_key": self.key,
            "restore.conninfo": self.pg.conninfo("postgres", "postgres"),
            "restore.pull_url": f"http://127.0.0.1:{self.pulp.port}/v2/",
            "upgrade.stop_command": "/bin/true",
            "upgrade.start_command": start,
        }

    def restore(self, tool, repository):
        """What `restore run` did, with Pulp started in its midst."""
        self.pulp.start_redis()
        running = tool.start("restore", "run", repository, "--whitelist", "restore-versions")
        wait_until(lambda: (self.base / "asked").exists() or running.proc.poll() is not None, 120,
                   "the restore asks for Pulp")
        if running.proc.poll() is None:
            self.pulp.start()
            (self.base / "up").touch()
        return running.wait()

    def wrong(self):
        """Artifacts that the restored database names and the media root has not, or otherwise."""
        with self.pg.session(self.pulp.db) as conn:
            named = conn.execute("SELECT sha256, file FROM core_artifact").fetchall()
        assert named
        bad = [file for digest, file in named if not self._holds(file, digest)]
        # A cleanup that was waiting at the moment of the backup is done here, too: the row goes before the file.
        with self.pg.session(self.pulp.db) as conn:
            return [row[0] for row in conn.execute("SELECT file FROM core_artifact WHERE file = ANY(%s)", (bad,))]

    def _holds(self, file, digest):
        try:
            return sha((self.pulp.media / file).read_bytes()) == f"sha256:{digest}"
        except FileNotFoundError:
            return False

    def close(self):
        self.pulp.close()
        self.pg.close()
