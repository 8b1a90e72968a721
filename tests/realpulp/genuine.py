# SPDX-License-Identifier: GPL-3.0-or-later
"""A genuine database from before manifest data moved into it, and what it becomes after upgrade.

Images of every kind are pushed to pulpcore 3.49 with pulp_container 2.19, some are synced, then
the services stop and the database is migrated with 3.63 and 2.22, as a site does it.  Dumps from
before and after, the media files and a list of what was pushed go to the cache: restoring them
takes seconds, making them takes minutes.
"""
import contextlib
import json
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import images
import pulpenv
import servers

TEAMS = ("team/app", "team/tools", "other/base")
HERE = Path(__file__).resolve().parent


def recipe():
    """Whatever changes the data set changes its key: releases and the code that makes it."""
    sources = [(HERE / f).read_text() for f in ("genuine.py", "images.py")]
    return {"releases": pulpenv.RELEASES, "sources": [pulpenv.key_of(s) for s in sources],
            "db_key": servers.DB_KEY}


def push_team(pulp, team):
    done = []
    for img in images.every_kind(team.replace("/", "")):
        tags = [img.kind, img.kind + "-old"]
        images.push(pulp, team, img, *tags)
        done.append((img, tags))
    return done


def sync(pulp, name, policy, upstream):
    """Mirrors one of this Pulp's own repositories under another path."""
    remote = pulp.api("POST", "remotes/container/container/", {
        "name": name, "url": f"http://127.0.0.1:{pulp.port}", "upstream_name": upstream,
        "policy": policy})
    repo = pulp.api("POST", "repositories/container/container/", {"name": name})
    pulp.wait_task(pulp.api("POST", repo["pulp_href"] + "sync/", {"remote": remote["pulp_href"]}))
    pulp.wait_task(pulp.api("POST", "distributions/container/container/", {
        "name": name, "base_path": name, "repository": repo["pulp_href"]}))


def build(path):
    with tempfile.TemporaryDirectory(prefix="plm-", dir="/tmp") as tmp, \
            contextlib.ExitStack() as stack:
        tmp = Path(tmp)
        tmp.chmod(0o755)
        pg = servers.Postgres(tmp / "pg")
        stack.callback(pg.close)
        pg.create("pulp")
        old = servers.Pulp("0038", tmp / "pulp", pg, "pulp")
        stack.callback(old.close)
        old.manager("migrate", "--noinput")
        old.manager("reset-admin-password", "-p", servers.ADMIN[1])
        old.start(workers=2)
        facts = {"pushed": [], "synced": []}
        with ThreadPoolExecutor(len(TEAMS)) as pool:
            results = list(pool.map(lambda t: push_team(old, t), TEAMS))
        for team, done in zip(TEAMS, results):
            for img, tags in done:
                facts["pushed"].append({"repository": team, "kind": img.kind, "tags": tags,
                                        "digest": img.digest, "media_type": img.media_type,
                                        "children": [c.digest for c in img.children]})
        for policy in ("immediate", "on_demand"):
            name = f"mirror/{policy}"
            sync(old, name, policy, TEAMS[0])
            facts["synced"].append(name)
        old.stop()
        pg.dump("pulp", path / "0038.dump")
        new = servers.Pulp("0043", tmp / "pulp", pg, "pulp")
        new.manager("migrate", "--noinput")
        new.close()
        pg.dump("pulp", path / "0043.dump")
        subprocess.run(["tar", "-cf", path / "media.tar", "-C", tmp / "pulp", "media"], check=True)
        (path / "facts.json").write_text(json.dumps(facts, indent=1))


def directory():
    return pulpenv.once("genuine", recipe(), build)


def facts():
    return json.loads((directory() / "facts.json").read_text())


def unpack_media(base):
    Path(base).mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "-xf", directory() / "media.tar", "-C", base], check=True)


if __name__ == "__main__":
    print(directory())
