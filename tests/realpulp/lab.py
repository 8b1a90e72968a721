# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Pulp to play with, until Ctrl-C: `make lab PULP=2.22 ROWS=5000`.

Its registry holds genuine images of every kind, which were pushed to it, and as many more as ROWS
says, all from before manifest data moved into the database. Nothing of it is left behind.
"""
import argparse
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pulpenv
import genuine
import multiply
import servers

PULPS = {"2.22": "0043"}  # the releases that have something to migrate and an environment


class Lab:
    """Database, media and services; renew() begins again with all rows to migrate."""

    def __init__(self, pulp, rows, fsync=False, settings=None):
        self.level, self.rows = PULPS[pulp], rows
        self.base = Path(tempfile.mkdtemp(prefix="plm-lab-"))
        self.base.chmod(0o755)
        self.pg = self.site = None
        try:
            self.pg = servers.Postgres(self.base / "pg", fsync, settings)
            self.pg.restore("prepared", genuine.directory() / f"{self.level}.dump")
            genuine.unpack_media(self.base / "pulp")
            with self.pg.session("prepared") as conn:
                self.added = multiply.add(conn, self.base / "pulp/media", genuine.TEAMS[0], rows)
                conn.execute("ANALYZE")
            self.site = servers.Pulp(self.level, self.base / "pulp", self.pg, "pulp")
            self.renew()
        except BaseException:
            self.close()
            raise

    def renew(self):
        self.site.stop()
        self.pg.drop("pulp")
        self.pg.clone("prepared", "pulp")
        self.site.start()

    def close(self):
        if self.site:
            self.site.close()
        if self.pg:
            self.pg.close()
        shutil.rmtree(self.base, ignore_errors=True)

    def words(self, pulp):
        """How to reach it, and how to point the program at it."""
        site, plmaint = self.site, Path(__file__).resolve().parents[2] / "build/plmaint"
        return f"""
Pulp {pulp} with {self.rows} manifests to migrate and some genuine images of every kind.

  registry   http://127.0.0.1:{site.port}/v2/            repositories {', '.join(genuine.TEAMS)}
  REST       http://127.0.0.1:{site.port}/pulp/api/v3/   user {' password '.join(servers.ADMIN)}
  database   psql '{self.pg.conninfo("pulp")}'
  settings   {site.settings}

  export PLMAINT_PULP_SETTINGS={site.settings}
  export PLMAINT_PULP_MANAGER={site.venv}/bin/pulpcore-manager
  export PLMAINT_GENERAL_STATE_DIR={self.base}/plmaint
  export PLMAINT_THROTTLE_STATUS_URL=http://127.0.0.1:{site.port}/pulp/api/v3/status/
  export PLMAINT_THROTTLE_ACCESS_LOG={site.access_log}
  {plmaint} pre-migrate run
  skopeo inspect --tls-verify=false docker://127.0.0.1:{site.port}/team/app:bootc

Ctrl-C ends it and removes everything.
"""


def main():
    p = argparse.ArgumentParser(prog="lab.py")
    p.add_argument("--pulp", default="2.22")
    p.add_argument("--rows", type=int, default=5000)
    args = p.parse_args()
    if args.pulp not in PULPS:
        sys.exit(f"PULP={args.pulp} is none of {', '.join(sorted(PULPS))}")
    if args.rows < 1:
        sys.exit(f"ROWS={args.rows} leaves nothing to migrate")
    # However it is ended, what it started is ended too.
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    lab = None
    try:
        print("environments and data: made once, which takes minutes", flush=True)
        for wanted in pulpenv.RELEASES:
            pulpenv.venv(wanted)
        lab = Lab(args.pulp, args.rows)
        (lab.base / "plmaint").mkdir()
        print(lab.words(args.pulp), flush=True)
        signal.pause()
    except pulpenv.Unavailable as e:
        sys.exit(f"no real Pulp here: {e}")
    finally:
        # A second Ctrl-C must not leave half of it.
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        if lab:
            lab.close()
            print(f"gone: {os.fspath(lab.base)}", flush=True)


if __name__ == "__main__":
    main()
