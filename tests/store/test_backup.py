# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of a site: what is in one, what the next one copies, what verify finds, and what is
refused.
"""

import contextlib
import datetime
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading

import psycopg2
import pytest

from harness import cli
from harness.backups import settle
from harness.brake import held_copying
from harness.process import wait_until

PG = pathlib.Path(
    subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True).stdout.strip()
)


@pytest.fixture
def made(site):
    """Artifacts of several sizes, other files of the media, and a worker that says what it runs."""
    site.heartbeat("worker")
    for i in range(30):
        site.artifact(os.urandom(i * 997))
    site.conn.commit()
    for name, raw in {"assets/logo.svg": b"<svg/>", "tmp/files/x": b"no", "exports/y": b"no"}.items():
        path = site.media_root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    return site


@pytest.fixture(autouse=True)
def key(plmaint, tmp_path):
    """Without the key of Pulp's encrypted columns there is no backup."""
    path = tmp_path / "database_fields.symmetric.key"
    path.write_text("not for others")
    plmaint.configure({"pulp.encryption_key": path})
    return path


@pytest.fixture
def store(tmp_path):
    return tmp_path / "backups"


def online(plmaint, store, *args, code=0, **options):
    """Its id, or None."""
    result = plmaint.run("backup", "online", store, "--features", "pulp", *args, code=code, **options)
    whole = result.of("backup", state="whole")
    return (whole[0]["id"] if whole else None), result


def manifest(store, id_):
    return json.loads((store / "backups" / id_ / "manifest.json").read_text())


def objects(store):
    return {
        d.name + f.name: f
        for d in (store / "store").iterdir()
        if d.name != "tmp"
        for f in d.iterdir()
    }


def artifacts(site):
    return {row[0]: row[1] for row in site.sql("SELECT sha256, file FROM core_artifact")}


def test_a_backup_holds_every_artifact_once_and_a_dump(plmaint, made, store):
    id_, result = online(plmaint, store)
    for label in ("backup-ready", "backup-content", "backup-databases", "backup-media", "backup-config", "backup-finish"):
        assert result.one("step.end", label=label)["result"] == "ok"
    assert "on the file system that it is of" in result.one("notice")["message"]
    m, named = manifest(store, id_), artifacts(made)
    assert m["versions"]["container"]
    kept = objects(store)
    assert set(named) <= set(kept)
    for digest, path in kept.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
        assert path.stat().st_mode & 0o777 == 0o440
    assert m["artifacts"]["count"] == m["artifacts"]["new_count"] == len(named)
    assert m["kind"] == "online" and m["databases"][0]["feature"] == "pulp"
    assert m["databases"][0]["migrations"]["container"].startswith("0043")
    directory = store / "backups" / id_
    for file in m["files"]:
        raw = (directory / file["path"]).read_bytes()
        assert len(raw) == file["size"] and hashlib.sha256(raw).hexdigest() == file["sha256"]
    names = {f["path"] for f in m["files"]}
    assert {"config.tar.zst", "artifacts.tsv", "media.tsv", "databases/globals.sql", "databases/pulp/toc.dat"} <= names
    # Other media are in it, temporary files and exports are not.
    media = [line.split("\t") for line in (directory / "media.tsv").read_text().splitlines()]
    assert [(m[0], m[2]) for m in media] == [(hashlib.sha256(b"<svg/>").hexdigest(), "assets/logo.svg")]


def test_the_dump_is_of_the_database(plmaint, made, store):
    id_, _ = online(plmaint, store)
    out = subprocess.run(
        [PG / "pg_restore", "--data-only", "--table=core_artifact", "--file=-",
         store / "backups" / id_ / "databases" / "pulp"],
        capture_output=True, text=True, check=True,
    ).stdout
    assert all(digest in out for digest in artifacts(made))


def test_the_next_one_copies_only_what_is_new(plmaint, made, store):
    first, _ = online(plmaint, store)
    logo = hashlib.sha256(b"<svg/>").hexdigest()  # is read each time
    before = {d: p.stat().st_ino for d, p in objects(store).items() if d != logo}
    made.artifact(b"a new layer")
    made.conn.commit()
    second, result = online(plmaint, store)
    m = manifest(store, second)
    assert second > first
    assert m["artifacts"]["new_count"] == 1 and m["artifacts"]["count"] == len(artifacts(made))
    after = {d: p.stat().st_ino for d, p in objects(store).items() if d != logo}
    new = after.pop(hashlib.sha256(b"a new layer").hexdigest())
    assert after == before and new
    listed = plmaint.run("backup", "list", store, code=0).of("backup")
    assert [b["state"] for b in listed] == ["whole", "whole"]
    assert [b["unique_bytes"] for b in listed] == [0, len(b"a new layer")]


def test_what_was_made_lately_is_copied_before_the_snapshot(plmaint, made, store):
    """What bears an older date and is new all the same is found by the snapshot's own list; what is
    little is left to it.
    """

    def content(result):
        return result.one("step.end", label="backup-content")["message"]

    assert "30 of 30 artifacts copied" in content(online(plmaint, store)[1])
    made.made_at = made.now
    little = made.artifact(b"of today")
    made.made_at = made.now - datetime.timedelta(days=2)
    late = made.artifact(b"of long ago, and committed late")
    made.conn.commit()
    id_, result = online(plmaint, store)
    assert "1 artifact made lately, 8 B: so little" in content(result)
    assert {little.sha256, late.sha256} <= set(objects(store)) and manifest(store, id_)["artifacts"]["new_count"] == 2
    made.made_at = made.now
    much = made.artifact(b"as it seems")
    made.sql("UPDATE core_artifact SET size = 300000000 WHERE sha256 = %s", (much.sha256,))
    id_, result = online(plmaint, store)
    assert "1 of 2 artifacts made lately copied" in content(result)
    assert manifest(store, id_)["artifacts"]["new_count"] == 1
    # A backup without content says nothing about the store.
    online(plmaint, store, "--skip-pulp-content")
    assert "0 of 33 artifacts copied" in content(online(plmaint, store)[1])


def test_the_end_of_much_is_copied_beside_the_dump(plmaint, site, store):
    """As much as is copied in the time of a dump."""
    site.bulk_images(6000)
    site.conn.commit()
    plmaint.configure({"backup.duty": "0.05", "backup.threads": 1})
    id_, result = online(plmaint, store)
    found = re.match(r"(\d+) of 12000 artifacts copied, .*; (\d+) are copied while", result.one("step.end", label="backup-content")["message"])
    copied, left = map(int, found.groups())
    assert copied > left > 0 and copied + left == 12000
    m = manifest(store, id_)
    assert m["artifacts"]["new_count"] == m["artifacts"]["count"] == 12000 and m["snapshots"] == 1
    assert set(objects(store)) >= set(artifacts(site))


def test_a_row_that_is_none_of_an_artifact_is_refused(plmaint, made, store):
    made.sql("UPDATE core_artifact SET sha256 = 'zz' WHERE pulp_id = (SELECT min(pulp_id::text)::uuid FROM core_artifact)")
    id_, result = online(plmaint, store, code=1)
    assert id_ is None
    assert "row 30 of core_artifact is none of an artifact" in result.one("step.end", label="backup-content")["message"]


def test_an_artifact_that_cannot_be_had_is_named(plmaint, made, store):
    digest, file = next(iter(artifacts(made).items()))
    (made.media_root / file).unlink()
    id_, result = online(plmaint, store, code=1)
    assert id_ is None and file in result.one("step.end", label="backup-databases")["message"]
    (listed,) = plmaint.run("backup", "list", store, code=0).of("backup")
    assert listed["state"] == "unfinished"
    # What was copied is kept, and the next one, which finds all, removes the unfinished one.
    assert len(objects(store)) == len(artifacts(made)) - 1
    made.sql("DELETE FROM core_artifact WHERE sha256 = %s", (digest,))
    id_, result = online(plmaint, store)
    assert manifest(store, id_)["artifacts"]["new_count"] == 0
    assert [p.name for p in (store / "backups").iterdir()] == [id_]


def test_what_is_deleted_meanwhile_costs_a_new_snapshot(plmaint, made, store):
    """Between a snapshot that names an artifact and its copy: the copying is held there until it is gone."""
    running, gone = held_copying(plmaint, store, made)
    made.sql("DELETE FROM core_artifact WHERE sha256 = %s", (gone.sha256,))
    result = running.wait()
    assert result.code == 0, result
    whole = result.one("backup", state="whole")
    assert whole["snapshots"] == 2 == manifest(store, whole["id"])["snapshots"]
    assert gone.sha256 not in (store / "backups" / whole["id"] / "artifacts.tsv").read_text()
    assert "took 2 snapshots" in result.one("step.end", label="backup-databases")["message"]


def test_an_artifact_with_other_bytes_is_no_artifact(plmaint, made, store):
    digest, file = max(artifacts(made).items(), key=lambda a: (made.media_root / a[1]).stat().st_size)
    path = made.media_root / file
    path.chmod(0o600)
    raw = bytearray(path.read_bytes())
    raw[7] ^= 1
    path.write_bytes(raw)
    _, result = online(plmaint, store, code=1)
    assert "other bytes" in result.one("step.end", label="backup-databases")["message"]
    assert digest not in objects(store)


def test_verify_finds_what_is_wrong(plmaint, made, store):
    id_, _ = online(plmaint, store)
    listed = lambda: plmaint.run("backup", "list", store, code=0).one("backup")  # noqa: E731
    before = (store / "backups" / id_ / "manifest.json").read_bytes()
    assert "verified" not in listed()
    assert plmaint.run("backup", "verify", store, code=0).one("backup")["state"] == "good"
    assert listed()["verified_percent"] == 100 and "message" not in listed()
    assert plmaint.run("backup", "verify", store, id_, "--sample", 1, code=0).one("backup")["state"] == "good"
    assert listed()["verified_percent"] == 1 and listed()["verified"].startswith("20")
    assert (store / "backups" / id_ / "manifest.json").read_bytes() == before
    kept = sorted(p for p in objects(store).values() if p.stat().st_size > 10)
    kept[0].chmod(0o600)
    raw = bytearray(kept[0].read_bytes())
    raw[3] ^= 1
    kept[0].write_bytes(raw)
    kept[1].unlink()
    kept[2].unlink()
    kept[2].symlink_to("/etc/passwd")
    result = plmaint.run("backup", "verify", store, code=1)
    assert sorted(e["message"] for e in result.of("backup.damage")) == ["damaged", "missing", "no regular file"]
    # What is missing is seen without reading, too; the flipped byte may not be.
    result = plmaint.run("backup", "verify", store, "--sample", 1, code=1)
    assert {"missing", "no regular file"} <= {e["message"] for e in result.of("backup.damage")}
    assert "of its files were wrong on 20" in listed()["message"]
    # A sample that misses what a whole reading has found takes nothing back.
    path, raw = store / "backups" / id_ / "verified.json", bytes(raw)
    path.chmod(0o600)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"damaged": 1, "percent": 100}))
    kept[0].write_bytes(raw[:3] + bytes([raw[3] ^ 1]) + raw[4:])
    for name in kept[1:3]:
        name.unlink(missing_ok=True)
    online(plmaint, store)
    plmaint.run("backup", "verify", store, id_, "--sample", 1, code=0)
    assert [b.get("message") is None for b in plmaint.run("backup", "list", store, code=0).of("backup")] == [False, True]
    plmaint.run("backup", "verify", store, id_, code=0)
    assert all("message" not in b for b in plmaint.run("backup", "list", store, code=0).of("backup"))


def test_a_truncated_dump_is_seen(plmaint, made, store):
    id_, _ = online(plmaint, store)
    dump = max((store / "backups" / id_ / "databases" / "pulp").iterdir(), key=lambda p: p.stat().st_size)
    with open(dump, "r+b") as f:
        f.truncate(dump.stat().st_size // 2)
    result = plmaint.run("backup", "verify", store, code=1)
    assert f"databases/pulp/{dump.name}" in {e["path"] for e in result.of("backup.damage")}


def test_without_content(plmaint, made, store):
    id_, result = online(plmaint, store, "--skip-pulp-content")
    assert manifest(store, id_)["skipped"] == ["pulp-content"] and objects(store) == {}
    assert result.one("step.end", label="backup-content")["result"] == "skipped"
    assert plmaint.run("backup", "verify", store, code=0).one("backup")["state"] == "good"


def test_two_at_once(plmaint, made, store):
    online(plmaint, store)
    with open(store / "lock", "rb") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        _, result = online(plmaint, store, code=75)
    assert "another process" in result.one("step.end", label="backup-ready")["message"]
    online(plmaint, store)


@pytest.mark.parametrize(
    "name, words",
    [("metadata.yml", "foreman-maintain"), ("notes.txt", "not empty"), ("plmaint-backup.json", "not JSON")],
)
def test_a_directory_of_something_else_is_refused(plmaint, made, store, name, words):
    store.mkdir()
    (store / name).write_text("something")
    _, result = online(plmaint, store, code=(1, 2))
    assert words in str(result) and [p.name for p in store.iterdir()] == [name]
    assert words in str(plmaint.run("backup", "list", store, code=(1, 2)))


def test_names_with_newlines(plmaint, made, store):
    (made.media_root / "odd\nname\tx\\y").write_bytes(b"odd")
    id_, _ = online(plmaint, store)
    text = (store / "backups" / id_ / "media.tsv").read_text()
    assert "\todd\\nname\\tx\\\\y\n" in text
    assert plmaint.run("backup", "verify", store, code=0).one("backup")["state"] == "good"


def test_no_room(plmaint, made, store):
    """A file system that is full: one clear error, and the next run goes on."""
    store.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "none", store], capture_output=True)
    if done.returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        _, result = online(plmaint, store, code=1)
        assert "has room for" in result.one("step.end", label="backup-ready")["message"]
        subprocess.run(["mount", "-o", "remount,size=200m", store], check=True)
        id_, _ = online(plmaint, store)
        assert manifest(store, id_)["artifacts"]["count"] == len(artifacts(made))
    finally:
        subprocess.run(["umount", "-l", store], check=True)


def test_a_killed_backup_is_gone_on_with(plmaint, made, store):
    # Killed in the dump, which is after all artifacts were copied and named.
    plmaint.configure({"database.programs": plmaint.directory / "bin"})
    (plmaint.directory / "bin").mkdir()
    for name in ("pg_dump", "pg_dumpall"):
        script = plmaint.directory / "bin" / name
        script.write_text(f"#!/bin/sh\necho $$ > {plmaint.directory}/child\nexec sleep 600\n")
        script.chmod(0o755)
    running = plmaint.start("backup", "online", store, "--features", "pulp")
    running.wait_for("progress", phase=f"dump of {made.conn.info.dbname}", seconds=60)
    child = plmaint.directory / "child"
    wait_until(lambda: child.exists() and child.read_text(), 30, "the dump has begun")
    pid = int(child.read_text())
    assert os.getpriority(os.PRIO_PROCESS, pid) >= 5  # backup.nice
    running.signal(signal.SIGKILL)
    running.wait()
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 30, "the dump has ended with it")
    plmaint.configure({"database.programs": None})
    id_, result = online(plmaint, store)
    assert manifest(store, id_)["artifacts"]["new_count"] == 0
    assert result.one("run.start")["resumes"]
    assert [p.name for p in (store / "backups").iterdir()] == [id_]
    assert list((store / "store" / "tmp").iterdir()) == []


def test_prune_keeps_what_is_needed(plmaint, made, store):
    old = made.artifact(b"only the old one has it")
    made.conn.commit()
    first, _ = online(plmaint, store)
    made.sql("DELETE FROM core_artifact WHERE pulp_id = %s", (old.pk,))
    second, _ = online(plmaint, store)
    before = objects(store)
    plmaint.run("backup", "prune", store, code=(1, 2))  # what is to be kept?
    plmaint.run("backup", "prune", store, "--keep-last", 1, "--dry-run", code=0)
    assert objects(store) == before and (store / "backups" / first).exists()
    result = plmaint.run("backup", "prune", store, "--keep-last", 1, code=0)
    assert {e["id"]: e["state"] for e in result.of("backup")} == {first: "pruned", second: "kept"}
    assert set(before) - set(objects(store)) == {old.sha256}
    assert not (store / "backups" / first).exists()
    assert plmaint.run("backup", "verify", store, code=0).one("backup")["id"] == second
    assert result.one("step.end", label="backup-prune")["result"] == "ok"


def test_prune_removes_nothing_where_a_list_is_damaged(plmaint, made, store):
    first, _ = online(plmaint, store)
    second, _ = online(plmaint, store)
    before = objects(store)
    (store / "backups" / second / "artifacts.tsv").unlink()
    told = plmaint.run("backup", "prune", store, "--keep-last", 1, code=1).one("step.end", label="backup-prune")
    assert told["message"] == f"nothing is removed: artifacts.tsv of backup {second} is missing"
    assert objects(store) == before and (store / "backups" / first).exists()
    # The other one is listed with its size all the same, and is what a prune keeps without this one.
    listed = {b["id"]: b for b in plmaint.run("backup", "list", store, code=1).of("backup")}
    assert listed[first]["state"] == "whole" and listed[first]["unique_bytes"] == listed[first]["bytes"] > 0
    assert listed[second]["state"] == "damaged" and "artifacts.tsv" in listed[second]["message"]
    assert "artifacts.tsv" in str(plmaint.run("backup", "verify", store, code=1).of("backup.damage"))
    (store / "backups" / second / "manifest.json").write_text("{")
    listed = {b["id"]: b["state"] for b in plmaint.run("backup", "list", store, code=1).of("backup")}
    assert listed == {first: "whole", second: "damaged"}
    assert "not JSON" in str(plmaint.run("backup", "prune", store, "--keep-last", 1, code=1))


def test_what_was_pruned_half_way_is_pruned_by_the_next(plmaint, made, store):
    first, _ = online(plmaint, store)
    made.sql("DELETE FROM core_artifact")
    online(plmaint, store)
    (store / "backups" / first / "manifest.json").unlink()  # killed right after that
    plmaint.run("backup", "prune", store, "--keep-last", 5, code=0)
    assert set(objects(store)) == {hashlib.sha256(b"<svg/>").hexdigest()}
    assert plmaint.run("backup", "list", store, code=0).one("backup")["state"] == "whole"


def by_hand():
    """The commands of README.md."""
    text = (cli.ROOT / "README.md").read_text()
    return text.split("<!-- restore-by-hand -->\n```\n")[1].split("```")[0]


def test_a_backup_is_restored_by_hand(plmaint, made, store, cluster, tmp_path, key):
    id_, _ = online(plmaint, store)
    media = tmp_path / "restored"
    name = f"byhand{os.getpid()}"
    info = made.conn.info
    env = {
        "PATH": f"{PG}:/usr/bin:/bin",
        "PGHOST": info.host,
        "PGPORT": str(info.port),
        "PGUSER": "postgres",
        "DIR": str(store),
        "ID": id_,
        "MEDIA": str(media),
    }
    script = by_hand().replace("--owner=pulp pulp", f"--owner={info.user} {name}")
    (tmp_path / "root").mkdir()
    script = script.replace("-C /", f"-C {tmp_path}/root")
    script = script.replace("--role=pulp", f"--role={info.user}").replace("--dbname=pulp", f"--dbname={name}")
    subprocess.run(["sh", "-e", "-c", script], env=env, check=True)
    try:
        for digest, file in artifacts(made).items():
            assert hashlib.sha256((media / file).read_bytes()).hexdigest() == digest
        assert (media / "assets/logo.svg").read_bytes() == b"<svg/>"
        assert (tmp_path / "root" / key.relative_to("/")).read_text() == "not for others"
        query = "SELECT count(*), max(sha256) FROM core_artifact"
        out = subprocess.run(
            ["psql", "-AtX", "-d", name, "-c", query], env=env, capture_output=True, text=True, check=True
        ).stdout
        assert out.strip() == "|".join(map(str, made.sql(query)[0]))
    finally:
        subprocess.run(["dropdb", name], env=env, check=True)


def test_a_stop_keeps_what_was_copied(plmaint, made, store):
    for _ in range(400):
        made.artifact(os.urandom(50))
    made.conn.commit()
    plmaint.configure({"backup.duty": "0.01", "backup.threads": 1})
    running = plmaint.start("backup", "online", store, "--features", "pulp")
    wait_until(lambda: len(list((store / "store").glob("tmp/*/*"))) > 3, 30, "some are copied")
    running.interrupt()
    assert running.wait().code == 130
    kept, wanted = len(objects(store)), len(artifacts(made))
    assert 3 < kept < wanted
    plmaint.configure({"backup.duty": None, "backup.threads": None})
    id_, _ = online(plmaint, store)
    assert manifest(store, id_)["artifacts"]["new_count"] == wanted - kept


def test_it_copies_as_fast_as_the_site_bears_and_says_why_not(plmaint, made, store, tmp_path):
    """Also in the midst of a large file, whose copying alone would take seconds at this duty."""
    go = tmp_path / "go"
    made.artifact(os.urandom(16 << 20))
    made.conn.commit()
    brake = {"throttle.command": f"/usr/bin/test -e {go}", "throttle.calm": "1s"}
    plmaint.configure({"backup.duty": "0.02", **brake})
    running = plmaint.start("backup", "online", store, "--features", "pulp")
    told = running.wait_for("progress", lambda e: e["duty"] == 0, seconds=60, label="backup-content")
    assert told["reason"] == "throttle.command says stop" and told["done"] < told["total"]
    go.touch()
    result = running.wait()
    assert result.code == 0 and result.one("slowed", label="backup-content", reason=told["reason"])
    # So does who reads it again.
    plmaint.configure({"backup.duty": None})
    go.unlink()
    running = plmaint.start("backup", "verify", store)
    told = running.wait_for("progress", lambda e: e["duty"] == 0, seconds=60, label="backup-verify")
    assert told["reason"] == "throttle.command says stop" and told["done"] < told["total"]
    go.touch()
    result = running.wait()
    assert result.code == 0 and result.one("slowed", label="backup-verify", reason=told["reason"])


@contextlib.contextmanager
def somebody_at_work(db):
    with contextlib.closing(db.connect()) as conn:

        def work():
            with contextlib.suppress(psycopg2.Error):
                conn.cursor().execute("SELECT pg_sleep(600)")

        thread = threading.Thread(target=work)
        thread.start()
        asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
        try:
            wait_until(lambda: db.value(asleep) == 1, 30, "somebody is at work")
            yield
        finally:
            conn.cancel()
            thread.join()


def test_how_others_fare_is_found_out_once(plmaint, made, store, tmp_path, pg_db):
    """Somebody is at work all the time: before the first artifact it looks for seconds, and not before the others."""
    trace = tmp_path / "trace"
    plmaint.configure({"throttle.trace": trace})
    with somebody_at_work(pg_db):
        _, result = online(plmaint, store)
    assert [e["label"] for e in result.of("step.end")].count("backup-media") == 1
    looks, since = [], None
    for line in trace.read_text().splitlines():
        at = float(line.split()[0])
        if " away " not in line and since:
            looks.append(at - since)
        since = (since or at) if " away " in line else None
    assert len([seconds for seconds in looks if seconds > 2.5]) == 1, looks


def test_nothing_is_finished_that_was_not_begun(plmaint, made, store):
    plmaint.run("procedure", "run", "backup-finish", "--param", f"dir={store}", code=(1, 2))
    assert plmaint.run("backup", "list", store, code=0).one("backup")["state"] == "unfinished"


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
def test_reflinks_where_the_file_system_has_them(plmaint, made, tmp_path, kind):
    image, disk = tmp_path / "image", tmp_path / "disk"
    if not shutil.which(f"mkfs.{kind}"):
        pytest.skip(f"there is no mkfs.{kind}")
    with open(image, "wb") as f:
        f.truncate(512 << 20)
    disk.mkdir()
    subprocess.run([f"mkfs.{kind}", "-q", image], check=True)
    if subprocess.run(["mount", "-o", "loop", image, disk], capture_output=True).returncode:
        pytest.skip("a loop device cannot be mounted here")
    try:
        shutil.copytree(made.media_root, disk / "media")
        settle(disk / "media")
        plmaint.configure({"pulp.media_root": disk / "media"})
        id_, _ = online(plmaint, disk / "backups", "--reflink")
        assert plmaint.run("backup", "verify", disk / "backups", code=0).one("backup")["state"] == "good"
        largest = max(objects(disk / "backups").values(), key=lambda p: p.stat().st_size)
        extents = subprocess.run(["filefrag", "-v", largest], capture_output=True, text=True).stdout
        assert ("shared" in extents) == (kind != "ext4"), extents
        back = plmaint.run("procedure", "run", "restore-media", "--param", f"dir={disk / 'backups'}", code=0)
        assert "; 0 were read, " in back.one("step.end", label="restore-media")["message"]
        # A clone is a file of its own: what is written to the source afterwards is not in it.
        name = artifacts(made)[largest.parent.name + largest.name]
        (disk / "media" / name).write_bytes(b"rot")
        assert plmaint.run("backup", "verify", disk / "backups", code=0).one("backup")["state"] == "good"
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_what_would_end_it_is_told_before_anything_is_written(plmaint, made, store, key, pg_db, tmp_path):
    """All of it at once: the key, a recipient that is none, a table that may not be read, a dead server."""
    key.unlink()
    pg_db.query("CREATE TABLE public.others AS SELECT 1", user="postgres")
    yml = tmp_path / "database.yml"
    yml.write_text("production:\n  database: <%= secret %>\n")
    settings = {"database.foreman.conninfo": "host=/nonexistent"}
    plmaint.configure({"database.foreman.settings": yml})
    step = online(plmaint, store, code=(1, 2))[1].one("step.end", label="backup-ready")
    for word in (f"{yml} cannot be understood", str(key), "may not read others"):
        assert any(word in e for e in step["examples"]), (word, step)
    plmaint.configure({"database.foreman.settings": None})
    plmaint.configure(settings)
    id_, result = online(plmaint, store, code=(1, 2))
    step = result.one("step.end", label="backup-ready")
    for word in (str(key), "may not read others", "database of foreman"):
        assert any(word in e for e in step["examples"]), (word, step)
    assert id_ is None and not store.exists()
    assert not result.of("step.end", label="backup-content")
    key.write_text("not for others")
    plmaint.configure(dict.fromkeys(settings))
    (tmp_path / "recipients").write_text("nobody")
    pg_db.query("DROP TABLE public.others", user="postgres")
    if shutil.which("age"):
        _, result = online(plmaint, store, "--encrypt", f"age:{tmp_path}/recipients", code=1)
        assert "encryption to age:" in result.one("step.end", label="backup-ready")["message"]
        assert not store.exists()
    online(plmaint, store)
