# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of how this host keeps files, and of who looks: mounts, speed, the user."""

import os
import pathlib
import subprocess

import pytest

from harness.apart import apart
from harness.need import need

MB = 1 << 20
# Every name of /proc/self but the table of mounts, which is ours.
OTHER_TABLE = (
    "mkdir {proc}; mount --rbind /proc {proc}; mount -t tmpfs tmpfs /proc; mkdir /proc/self",
    "for f in $(ls {proc}/self); do ln -s {proc}/self/$f /proc/self/$f; done",
    "rm /proc/self/mountinfo; cp {table} /proc/self/mountinfo",
)
SLOW = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/types.h>
#include <unistd.h>
ssize_t read(int fd, void *to, size_t n)
{
	static ssize_t (*real)(int, void *, size_t);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "read");
	if (n >= 1 << 20)
		usleep(30000); /* 33 MB/s at best */
	return real(fd, to, n);
}
"""


def one(plmaint, label, code, *words, **options):
    done = plmaint.run("health", "check", "--label", label, *words, code=code, **options)
    return done.one("step.end", label=label)


# -- mounts


def test_media_that_can_be_written(plmaint, tmp_path, media_root):
    wrap = apart(tmp_path, f"mount -t tmpfs tmpfs {media_root}")
    found = one(plmaint, "host-mounts", 0, wrap=wrap)
    assert found["message"] == f"the media directory is on tmpfs of {media_root}, read-write"


def test_media_read_only(plmaint, tmp_path, media_root):
    wrap = apart(tmp_path, f"mount -t tmpfs -o ro tmpfs {media_root}")
    found = one(plmaint, "host-mounts", 1, wrap=wrap)
    assert found["found"] == 1
    assert found["examples"] == [f"{media_root} (tmpfs) has ro: nothing can be written"]


@pytest.mark.parametrize(
    "kind, options, code", [("nfs4", "rw,soft", 78), ("nfs4", "rw,hard", 0), ("ext4", "rw,barrier=0", 78)]
)
def test_media_on_a_mount_that_loses(plmaint, tmp_path, media_root, kind, options, code):
    """Nothing of this kind can be mounted here: the kernel's table is another one."""
    table = tmp_path / "table"
    table.write_text(f"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:9 / {media_root} rw - {kind} it {options}\n")
    lines = [line.format(proc=tmp_path / "proc", table=table) for line in OTHER_TABLE]
    found = one(plmaint, "host-mounts", code, wrap=apart(tmp_path, *lines))
    assert found["found"] == (code != 0)


def test_tmp(plmaint, tmp_path):
    usual = [f"mount --bind {d} {d}; mount -o remount,bind,exec {d}" for d in ("/tmp", "/var/tmp")]
    assert one(plmaint, "host-tmp", 0, wrap=apart(tmp_path, *usual))["result"] == "ok"
    hard = "mount --bind /var/tmp /var/tmp; mount -o remount,bind,noexec /var/tmp"
    found = one(plmaint, "host-tmp", 78, wrap=apart(tmp_path, *usual, hard))
    assert found["examples"] == ["/var/tmp is on /var/tmp, mounted noexec"]


# -- speed


@pytest.fixture
def slow(tmp_path):
    """A library to preload: every large read takes long."""
    need(programs=("cc",))
    (tmp_path / "slow.c").write_text(SLOW)
    library = tmp_path / "slow.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "slow.c", "-ldl"], check=True)
    return library


def test_speed_of_the_media(plmaint, site, tmp_path, media_root, slow):
    """In memory it is fast on every machine."""
    label = "host-disk-speed"
    assert one(plmaint, label, 0)["message"] == "there are too few large files to tell"
    site.artifact(os.urandom(16 * MB))
    site.conn.commit()
    wrap = apart(
        tmp_path,
        f"mount -t tmpfs tmpfs /mnt; cp -a {media_root}/. /mnt; mount --move /mnt {media_root}",
        f"dd if={next(pathlib.Path(media_root).rglob('*/*/*'))} of=/dev/null iflag=direct bs=1M count=1 2>/dev/null"
        " || echo no > " + str(tmp_path / "no"),
    )
    found = one(plmaint, label, 0, wrap=wrap)
    need(when=not (tmp_path / "no").exists(), why="tmpfs has no direct reads before Linux 6.6")
    assert found["result"] == "ok" and found["message"].endswith("MB/s, seen on 16 MB")
    found = one(plmaint, label, 78, wrap=[*wrap, "env", f"LD_PRELOAD={slow}"])
    assert found["message"].endswith("less than 60 MB/s")


# -- the user


def test_user(plmaint):
    need(root=True, when=os.system("unshare --user true 2>/dev/null") == 0, why="needs unshare --user")
    assert one(plmaint, "host-user", 0)["result"] == "ok"
    assert one(plmaint, "host-user", 78, wrap=["unshare", "--user"])["message"].startswith("this is not root")
