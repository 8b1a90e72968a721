# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that a backup may meet: read only, full, gone in the middle; and a repository in which
somebody has put links or which another release has written.
"""

import json
import os
import shutil
import subprocess

import pytest

from crash import faults
from drivers import built
from harness import pg

ONLY = ("--features", "pulp")


@pytest.fixture
def made(site, plmaint, tmp_path):
    site.heartbeat("worker")
    for i in range(20):
        site.artifact(os.urandom(100 + i))
    site.conn.commit()
    key = tmp_path / "key"
    key.write_text("not for others")
    plmaint.configure({"pulp.encryption_key": key})
    return site


def mounted(path, *words):
    path.mkdir(exist_ok=True)
    if subprocess.run(["mount", *words, path], capture_output=True).returncode:
        pytest.skip(f"mount {' '.join(map(str, words))} is not allowed here")


@pytest.fixture
def disk(tmp_path):
    """A file system of 200 MB, in memory."""
    path = tmp_path / "disk"
    mounted(path, "-t", "tmpfs", "-o", "size=200m", "none")
    yield path
    subprocess.run(["umount", "-l", path], capture_output=True)


@pytest.fixture
def ext4(tmp_path):
    path, image = tmp_path / "ext4", tmp_path / "image"
    if not shutil.which("mkfs.ext4"):
        pytest.skip("there is no mkfs.ext4")
    with open(image, "wb") as f:
        f.truncate(200 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    mounted(path, "-o", "loop", image)
    yield path
    subprocess.run(["umount", "-l", path], capture_output=True)


def meddle(plmaint, script):
    """Has the script run where the dump begins: all artifacts are copied and named then."""
    programs = plmaint.directory / "bin"
    programs.mkdir(exist_ok=True)
    for name in ("pg_dump", "pg_dumpall"):
        own = script if name == "pg_dump" else ""
        (programs / name).write_text(f'#!/bin/sh\n{own}\nexec {pg.bindir() / name} "$@"\n')
        (programs / name).chmod(0o755)
    plmaint.configure({"database.programs": programs})


def online(plmaint, store, **options):
    return plmaint.run("backup", "online", store, *ONLY, **options)


def whole(plmaint, store):
    """Ids of what is listed as whole; each of them is."""
    ids = [b["id"] for b in plmaint.run("backup", "list", store, code=0).of("backup", state="whole")]
    for id_ in ids:
        plmaint.run("backup", "verify", store, id_, code=0)
    return ids


def failed(result, text):
    """One step has failed and says why."""
    (step,) = result.of("step.end", result="failed")
    assert text in step["message"], result


def new_count(store, id_):
    return json.loads((store / "backups" / id_ / "manifest.json").read_text())["artifacts"]["new_count"]


def test_a_target_that_is_read_only_can_be_read(plmaint, made, disk):
    store = disk / "backups"
    online(plmaint, store, code=0)
    ids = whole(plmaint, store)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    failed(online(plmaint, store, code=1), "Read-only file system")
    failed(plmaint.run("backup", "prune", store, "--keep-last", 1, code=1), "Read-only file system")
    failed(online(plmaint, disk / "others", code=1), "Read-only file system")
    assert whole(plmaint, store) == ids


def media_of(store, id_):
    return [line.split("\t")[2] for line in (store / "backups" / id_ / "media.tsv").read_text().splitlines()]


def test_a_target_below_what_is_backed_up(plmaint, made):
    """Backups that hold what holds them would be twice as many each time."""
    (made.media_root / "lost+found").mkdir()
    (made.media_root / "lost+found" / "#1").write_bytes(b"of fsck")
    (made.media_root / "logo.svg").write_bytes(b"<svg/>")
    store = made.media_root / "own" / "backups"
    for _ in range(2):
        online(plmaint, store, code=0)
        assert media_of(store, max(whole(plmaint, store))) == ["logo.svg"]
    assert len(list(store.glob("store/[0-9a-f][0-9a-f]/*"))) == 21


def test_what_is_mounted_below_the_media_root_belongs_to_it(plmaint, made, tmp_path):
    place = made.media_root / "mounted"
    mounted(place, "-t", "tmpfs", "none")
    try:
        (place / "part").write_bytes(b"of an upload")
        online(plmaint, tmp_path / "backups", code=0)
        (id_,) = whole(plmaint, tmp_path / "backups")
        assert media_of(tmp_path / "backups", id_) == ["mounted/part"]
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("how", ["unmounted", "removed"])
def test_a_target_that_vanishes(plmaint, made, disk, how):
    """One clear error, and nothing is written to where it was mounted."""
    store = disk / "backups"
    meddle(plmaint, f"umount -l {disk}" if how == "unmounted" else f"rm -rf {store}")
    failed(online(plmaint, store, code=1), "No such file or directory")
    assert list(disk.iterdir()) == []
    plmaint.configure({"database.programs": None})
    online(plmaint, store, code=0)
    assert len(whole(plmaint, store)) == 1


@pytest.mark.parametrize("kind", ["disk", "ext4"])
def test_a_disk_that_fills_up(plmaint, made, request, kind):
    """While the dump is written. With room again only what was not copied is."""
    disk = request.getfixturevalue(kind)
    store = disk / "backups"
    fill = f"cat /dev/zero >> {disk}/other 2>/dev/null; sync"
    meddle(plmaint, "\n".join([fill] * 3))
    failed(online(plmaint, store, code=1), "No space left on device")
    assert whole(plmaint, store) == []
    (disk / "other").unlink()
    plmaint.configure({"database.programs": None})
    online(plmaint, store, code=0)
    (id_,) = whole(plmaint, store)
    assert new_count(store, id_) == 0
    assert [p.name for p in (store / "backups").iterdir()] == [id_]


def test_what_was_copied_before_the_disk_was_full_is_kept(plmaint, made, tmp_path):
    store = tmp_path / "backups"
    online(plmaint, store, code=0)
    for path in store.glob("store/??/*"):
        path.unlink()
    plmaint.configure({"backup.threads": 1})
    env = faults.Case.environment(10, "ENOSPC", "disk", tmp_path / "log")
    failed(online(plmaint, store, env={**env, "FAULT_PATH": "/store/tmp/"}), "cannot write to")
    kept = len(list(store.glob("store/??/*")))
    assert kept == 9 and not list(store.glob("store/tmp/*"))
    online(plmaint, store, code=0)
    assert new_count(store, max(whole(plmaint, store))) == 20 - kept


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
def test_what_the_disk_refuses_behind_the_writer_is_not_named(plmaint, site, tmp_path, error):
    """Nor is what was written before it: which of that has been lost nobody says."""
    site.heartbeat("worker")
    for i in range(20):
        site.artifact(os.urandom(100_000 + i))  # large enough to be written behind
    site.conn.commit()
    store, log, key = tmp_path / "backups", tmp_path / "log", tmp_path / "key"
    key.write_text("not for others")
    plmaint.configure({"pulp.encryption_key": key, "backup.threads": 1})
    at = 2 * 12  # of each file a write and the word to the disk
    env = {**faults.Case.environment(at, error, "disk", log), "FAULT_PATH": "/store/tmp/"}
    failed(online(plmaint, store, env=env), "cannot write to")
    assert f"call {at}: sync_file_range" in log.read_text()
    assert not list(store.glob("store/[0-9a-f][0-9a-f]/*"))
    online(plmaint, store, code=0)
    (id_,) = whole(plmaint, store)
    assert new_count(store, id_) == 20


@pytest.mark.parametrize("room, said", [(4, ["lost", "lost"]), (100, ["durable", "durable"])])
def test_each_writer_hears_of_what_was_lost(tmp_path, room, said):
    """A disk that takes bytes for which it has no room tells of it when they are made durable, and each
    open file only once: what one writer was told, another must hear, too.
    """
    below, image, top = tmp_path / "below", tmp_path / "below" / "image", tmp_path / "top"
    if not shutil.which("mkfs.ext4"):
        pytest.skip("there is no mkfs.ext4")
    mounted(below, "-t", "tmpfs", "-o", f"size={room}m", "none")
    try:
        with open(image, "wb") as f:
            f.truncate(200 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", image], check=True)
        files = [tmp_path / "one", tmp_path / "other"]
        for path in files:
            path.write_bytes(os.urandom(3 << 20))  # so little is waited for at the end only
        mounted(top, "-o", "loop", image)
        store = top / "backups"
        done = subprocess.run([built.program("store_writers"), store, *files], stdout=subprocess.PIPE, text=True, timeout=60)
        assert (done.returncode, done.stdout.split()) == (0, said)
        assert len(list(store.glob("store/[0-9a-f][0-9a-f]/*"))) == said.count("durable")
    finally:
        subprocess.run(["umount", "-l", top], capture_output=True)
        subprocess.run(["umount", "-l", below], capture_output=True)


def test_a_backup_of_a_later_release_stays(plmaint, made, tmp_path):
    """It is told, it is neither read nor taken away, and does not hinder the next one."""
    store = tmp_path / "backups"
    online(plmaint, store, code=0)
    (later,) = whole(plmaint, store)
    path = store / "backups" / later / "manifest.json"
    text = path.read_text().replace('"format":1', '"format":2').replace('"format": 1', '"format": 2')
    path.unlink()
    path.write_text(text)
    listed = plmaint.run("backup", "list", store, code=1).one("backup", id=later)
    assert listed["state"] == "damaged" and "format 2" in listed["message"]
    assert "format 2" in str(plmaint.run("backup", "verify", store, later, code=(1, 2)))
    before = sorted(store.rglob("*"))
    assert "format 2" in str(plmaint.run("backup", "prune", store, "--keep-last", 1, code=1))
    assert sorted(set(store.rglob("*")) - {store / "lock"}) == sorted(set(before) - {store / "lock"})
    online(plmaint, store, code=0)


def test_links_in_a_repository_lead_nowhere(plmaint, made, tmp_path):
    """What is outside of it is neither written nor taken away."""
    store, outside = tmp_path / "backups", tmp_path / "outside"
    online(plmaint, store, code=0)
    shelf = next(p for p in store.glob("store/??") if list(p.iterdir()))
    shutil.copytree(shelf, outside)
    shutil.rmtree(shelf)
    shelf.symlink_to(outside)
    before = sorted(outside.iterdir())
    failed(online(plmaint, store, code=1), str(shelf))
    failed(plmaint.run("backup", "prune", store, "--keep-last", 1, code=1), str(shelf))
    assert sorted(outside.iterdir()) == before
