# SPDX-License-Identifier: GPL-3.0-or-later
"""Artifacts by name: what is read, what is refused, and what is an outage instead of a bad row."""

import os
import pathlib
import shutil
import tempfile

import pytest
from harness import pulptool
from harness.need import need


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "media"
    (path / "artifact" / "ab").mkdir(parents=True)
    (path / "artifact" / "ab" / "cd").write_bytes(b"12345")
    return path


def read(root, file="artifact/ab/cd", size=5, domain="", **options):
    words = [f"{name.replace('__', '.')}={value}" for name, value in options.items()]
    return pulptool.run("storage", domain, file, size, f"pulp.media_root={root}", *words)


def verdict(*args, **options):
    """The reason's code, and that no bytes came with it."""
    found = read(*args, **options).one()
    assert found["reason"] == "(none)" or found["length"] == "0"
    return found["reason"]


def refused(answer, code, text, hint):
    assert answer.code == 1, answer.pairs
    assert answer["code"] == code, answer.pairs
    assert text in answer["text"], answer.pairs
    assert hint in answer["hint"] and answer["hint"].endswith("."), answer.pairs


def test_a_file_is_read(root):
    assert read(root).one() == {"reason": "(none)", "length": "5", "stat": "yes", "size": "5"}
    assert verdict(root, domain="default") == "(none)"
    assert verdict(root, str(root / "artifact" / "ab" / "cd")) == "(none)"


def test_an_empty_file(root):
    (root / "artifact" / "empty").touch()
    assert verdict(root, "artifact/empty", 0) == "(none)"


@pytest.mark.parametrize("size", [4, 6, 0, -1])
def test_another_size_than_recorded(root, size):
    assert verdict(root, size=size) == "size-mismatch"


def test_a_size_that_no_manifest_has(root):
    assert verdict(root, size=1 << 40) == "file-too-large"


def test_missing(root):
    assert verdict(root, "artifact/ab/none") == "file-missing"
    assert verdict(root, "artifact/ab/cd/below-a-file") == "file-missing"
    assert read(root, "artifact/ab/none").one()["stat"] == "no"


def test_outside_of_the_root(root):
    secret = root.parent / "secret"
    secret.write_bytes(b"12345")
    (root / "artifact" / "absolute").symlink_to(secret)
    (root / "artifact" / "relative").symlink_to("../../secret")
    (root / "artifact" / "directory").symlink_to(root.parent)
    for name in (
        "../secret",
        "artifact/../../secret",
        "artifact/absolute",
        "artifact/relative",
        "artifact/directory/secret",
        str(secret),
        "/etc/passwd",
    ):
        assert verdict(root, name) == "file-outside-root", name


def test_not_a_regular_file(root):
    os.mkfifo(root / "artifact" / "fifo")
    (root / "artifact" / "directory").mkdir()
    assert verdict(root, "artifact/fifo") == "file-not-regular"
    assert verdict(root, "artifact/directory") == "file-not-regular"


def test_denied():
    need(root=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="plst"))
    try:
        directory.chmod(0o755)
        (directory / "artifact").mkdir()
        (directory / "artifact" / "cd").write_bytes(b"12345")
        (directory / "artifact" / "cd").chmod(0o600)
        found = pulptool.run(
            "storage", "", "artifact/cd", 5, f"pulp.media_root={directory}", wrap=AS_NOBODY
        )
        assert found.one()["reason"] == "file-denied"
        (directory / "artifact").chmod(0o700)
        directory.chmod(0o700)
        refused(
            pulptool.run(
                "storage", "", "artifact/cd", 5, f"pulp.media_root={directory}", wrap=AS_NOBODY
            ),
            "denied",
            str(directory),
            "user pulp",
        )
    finally:
        shutil.rmtree(directory)


AS_NOBODY = ["setpriv", "--reuid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"]


def test_roots_that_are_not_pulps(tmp_path):
    refused(read(tmp_path / "none"), "not-found", "media root", "pulp.media_root")
    file = tmp_path / "file"
    file.touch()
    assert read(file).code == 1
    # Where another host's path or an unmounted disk leaves an empty directory.
    (tmp_path / "empty").mkdir()
    refused(
        read(tmp_path / "empty"), "io", "no readable directory artifact", "mount the file system"
    )
    refused(read("relative/path"), "config", "relative/path", "pulp.media_root")


def test_other_domains(root, tmp_path):
    other = tmp_path / "dom1 media"
    (other / "artifact" / "uuid").mkdir(parents=True)
    (other / "artifact" / "uuid" / "x").write_bytes(b"other")
    name = "artifact/uuid/x"
    assert verdict(root, name, domain="dom1") == "storage-unsupported"
    roots = f"dom2={root}, dom1={other} ,"
    assert verdict(root, name, domain="dom1", pulp__domain_roots=roots) == "(none)"
    assert verdict(root, name, domain="dom3", pulp__domain_roots=roots) == "storage-unsupported"
    assert verdict(root, name, pulp__domain_roots=roots) == "file-missing"


@pytest.mark.parametrize("roots", ["dom1", "dom1=", "dom1=relative", "=/x"])
def test_domain_roots_that_are_not_understood(root, roots):
    refused(read(root, pulp__domain_roots=roots), "config", "NAME=/path", "absolute path")


def test_a_domain_root_that_is_missing(root, tmp_path):
    refused(
        read(root, pulp__domain_roots=f"dom1={tmp_path}/none"),
        "not-found",
        'domain "dom1"',
        "pulp.domain_roots",
    )


def test_the_disk_goes_away_in_mid_run(tmp_path):
    """Another file system under the path is an outage, not a thousand missing files."""
    need(
        when=os.geteuid() == 0 and os.system("unshare -m true 2>/dev/null") == 0,
        why="needs a mount namespace of its own",
    )
    disk, root = tmp_path / "disk", tmp_path / "root"
    for path in (disk, root):
        path.mkdir()
    script = tmp_path / "wrap"
    script.write_text(
        f'#!/bin/sh\nset -e\nmount -t tmpfs tmpfs {root}\nmkdir {root}/artifact\nexec "$@"\n'
    )
    script.chmod(0o755)
    found = pulptool.run(
        "storage-gone",
        "artifact/ab/cd",
        f"pulp.media_root={root}",
        wrap=["unshare", "-m", str(script)],
    )
    assert found.one() == {"before": "file-missing", "after": "media-gone"}
