# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Pulp to play with: `lab.py up` starts one and says how to reach it, `lab.py down` ends it.

The registry holds genuine images of every kind and some thousand more, all from before manifest
data moved into the database.  One process in the background holds the servers, which die with it.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pulpenv
import genuine
import multiply
import servers
from harness import process

PULPS = {"2.22": "0043"}


def state_file():
    return pulpenv.cache_root() / "lab.json"


def holder():
    """The state of the lab that runs, or None."""
    try:
        state = json.loads(state_file().read_text())
        words = Path(f"/proc/{state['pid']}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return state if b"hold" in words else None


def hold(level, rows):
    """The process in the background: everything started here ends with it."""
    base = Path(tempfile.mkdtemp(prefix="plm-lab-", dir="/tmp"))
    base.chmod(0o755)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    pg = site = None
    try:
        pg = servers.Postgres(base / "pg")
        pg.restore("pulp", genuine.directory() / f"{level}.dump")
        genuine.unpack_media(base / "pulp")
        with pg.session("pulp") as conn:
            multiply.add(conn, base / "pulp/media", genuine.TEAMS[0], rows)
        site = servers.Pulp(level, base / "pulp", pg, "pulp")
        site.start()
        state = {"pid": os.getpid(), "base": str(base), "port": site.port,
                 "settings": str(site.settings), "manager": str(site.venv / "bin/pulpcore-manager"),
                 "conninfo": pg.conninfo("pulp"), "rows": rows}
        tmp = state_file().with_suffix(".tmp")
        tmp.write_text(json.dumps(state, indent=1) + "\n")
        tmp.rename(state_file())
        signal.pause()
    finally:
        state_file().unlink(missing_ok=True)
        if site:
            site.close()
        if pg:
            pg.close()
        shutil.rmtree(base, ignore_errors=True)


def up(pulp, rows):
    if holder():
        sys.exit("a lab runs already; `make lab-down` ends it")
    for wanted in pulpenv.RELEASES:
        print(f"environment: {pulpenv.venv(wanted)}", flush=True)
    print(f"data: {genuine.directory()}", flush=True)
    with tempfile.NamedTemporaryFile("w+", prefix="plm-lab-", suffix=".log") as log:
        child = subprocess.Popen(
            [sys.executable, __file__, "hold", "--pulp", pulp, "--rows", str(rows)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/")

        def ready():
            if child.poll() is not None:
                log.seek(0)
                sys.exit(f"the lab did not start:\n{log.read()[-3000:]}")
            return holder()

        s = process.wait_until(ready, 180, "the lab is up", 0.2)
    print(f"""
Pulp {pulp} with {s['rows']} manifests to migrate and some genuine images of every kind.

  registry   http://127.0.0.1:{s['port']}/v2/            repositories {', '.join(genuine.TEAMS)}
  REST       http://127.0.0.1:{s['port']}/pulp/api/v3/   user {' password '.join(servers.ADMIN)}
  database   psql '{s['conninfo']}'
  settings   {s['settings']}

  skopeo inspect --tls-verify=false docker://127.0.0.1:{s['port']}/team/app:bootc
  build/plmaint --set pulp.settings={s['settings']} --set pulp.manager={s['manager']} \\
      --set general.state_dir={s['base']}/plmaint pre-migrate run

`make lab-down` ends it and removes everything.""")


def down():
    state = holder()
    if not state:
        print("no lab runs")
        return
    os.kill(state["pid"], signal.SIGTERM)
    process.wait_until(lambda: not process.alive(state["pid"]), 90, "the lab is down", 0.1)
    print("the lab is down")


def main():
    p = argparse.ArgumentParser(prog="lab.py")
    p.add_argument("action", choices=("up", "down", "hold"))
    p.add_argument("--pulp", choices=sorted(PULPS), default="2.22")
    p.add_argument("--rows", type=int, default=5000)
    args = p.parse_args()
    try:
        if args.action == "up":
            up(args.pulp, args.rows)
        elif args.action == "down":
            down()
        else:
            hold(PULPS[args.pulp], args.rows)
    except pulpenv.Unavailable as e:
        sys.exit(f"no real Pulp here: {e}")


if __name__ == "__main__":
    main()
