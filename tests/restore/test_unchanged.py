# SPDX-License-Identifier: GPL-3.0-or-later
"""What has not changed since it was backed up is not read by a restore, whatever has is, and
--checksum reads all.
"""

import os
import re
import shutil
import subprocess
import time

import pytest

from harness import fernet
from harness.backups import settle
from harness.need import need

SECOND = 10**9


def stamp(path):
    """What README says of an object's mtime, of a file as it is now."""
    there = path.stat()
    told = 1 + (there.st_ino * 0x9E3779B97F4A7C15 % 2**64 >> 32) % (SECOND - 1)
    return there.st_ctime_ns // SECOND * SECOND + (there.st_ctime_ns + told) % SECOND


def set_mtime(path, ns):
    os.utime(path, ns=(path.stat().st_atime_ns, ns))


def rot(path):
    """Other bytes of the same size, in place."""
    raw = path.read_bytes()
    path.write_bytes(bytes(b ^ 1 for b in raw))


class Kept:
    """A site that has been backed up, and the store."""

    def __init__(self, restored, directory):
        self.restored, self.directory = restored, directory
        self.media = restored.site.media_root
        rows = restored.ask("SELECT sha256, file FROM core_artifact ORDER BY 1")
        self.digests = {self.media / file: digest for digest, file in rows}
        self.files = sorted(self.digests)

    def object(self, path):
        digest = self.digests[path]
        return self.directory / "store" / digest[:2] / digest[2:]

    def back_up(self, directory=None, wrap=()):
        self.restored.plmaint.run(
            "backup", "online", directory or self.directory, "--features", "pulp", code=(0, 78), wrap=wrap
        )

    def put_back(self, *params, directory=None):
        """(read, taken for unchanged, replaced)"""
        argv = [w for p in (f"dir={directory or self.directory}", *params) for w in ("--param", p)]
        done = self.restored.plmaint.run("procedure", "run", "restore-media", *argv, code=(0, 78))
        told = done.one("step.end", label="restore-media")["message"]
        counts = re.search(r"; (\d+) w(?:as|ere) read(?:, (\d+) ha(?:s|ve) not changed since)?", told)
        return int(counts[1]), int(counts[2] or 0), "damaged ones were replaced" in told

    def whole(self):
        return all(subprocess.run(["sha256sum", p], capture_output=True, text=True).stdout[:64] == d
                   for p, d in self.digests.items())


@pytest.fixture
def kept(restored, tmp_path):
    need(programs=("openssl",))
    restored.site.bulk_images(6, repos=1)
    (restored.site.media_root / "upload").mkdir()
    (restored.site.media_root / "upload" / "part").write_text("uploaded")
    key = tmp_path / "key"
    key.write_text(fernet.new_key() + "\n")
    restored.plmaint.configure({"pulp.encryption_key": key})
    restored.let_go()
    settle(restored.site.media_root)
    made = Kept(restored, tmp_path / "kept")
    made.back_up()
    return made


def test_only_what_has_changed_is_read(kept):
    all_of_them = len(kept.files) + 1  # other media
    assert all(kept.object(p).stat().st_mtime_ns == stamp(p) for p in kept.files)
    assert kept.put_back() == (0, all_of_them, False)
    written, touched, replaced, lost, gone = kept.files[:5]
    rot(written)
    touched.chmod(0o600)
    shutil.copy(replaced, replaced.with_name("new"))
    replaced.with_name("new").rename(replaced)
    set_mtime(kept.object(lost), time.time_ns())
    gone.unlink()
    assert kept.put_back() == (4, all_of_them - 5, True)
    assert kept.whole()
    # What came back is new on this disk, and other media is told by its times as well.
    (kept.media / "upload" / "part").write_text("UPLOADED")
    assert kept.put_back() == (6, all_of_them - 6, False)


def test_rot_is_found_by_those_who_ask_for_it(kept):
    """The times say that nothing has changed: here by a change that the store is told of."""
    bad = kept.files[0]
    rot(bad)
    set_mtime(kept.object(bad), stamp(bad))
    assert kept.put_back() == (0, len(kept.files) + 1, False) and not kept.whole()
    assert kept.put_back("checksum=yes") == (len(kept.files) + 1, 0, True) and kept.whole()
    rot(bad)
    set_mtime(kept.object(bad), stamp(bad))
    done = kept.restored.run("run", kept.directory, "--checksum", code=(0, 78))
    told = done.one("step.end", label="restore-media")["message"]
    assert f"{len(kept.files) + 1} were read" in told and "not changed" not in told
    assert kept.whole()


def test_the_store_keeps_it(kept, tmp_path):
    """Through the next backup and a copy with times; where it is lost all is read, and good."""
    everything = len(kept.files) + 1
    (kept.media / "upload" / "more").write_text("later")
    settle(kept.media)
    kept.back_up()
    assert kept.put_back() == (0, everything + 1, False)
    for flag, read in (("-a", 0), ("-r", everything + 1)):
        copy = tmp_path / f"copy{flag}"
        subprocess.run(["cp", flag, kept.directory, copy], check=True)
        assert kept.put_back(directory=copy) == (read, everything + 1 - read, False)


def test_a_store_that_takes_no_times(kept, tmp_path):
    """It is as good, and all is read."""
    need(programs=("strace",))
    directory = tmp_path / "timeless"
    refuse = ("-e", "trace=utimensat", "-e", "inject=utimensat:error=EPERM")
    kept.back_up(directory, wrap=("strace", "-f", "-qq", "-o", tmp_path / "trace", *refuse))
    assert "EPERM" in (tmp_path / "trace").read_text()
    assert kept.put_back(directory=directory) == (len(kept.files) + 1, 0, False)
