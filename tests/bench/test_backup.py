# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bench of backups removes for an arm to have room, and not before it has to."""

import pytest

from bench import backup

KEPT = [("peer", 3, 30), ("bound", 200000, 31), ("store", 200000, 32)]


@pytest.mark.parametrize(
    "free, needed, gone",
    [
        (40, 35, []),  # they stand beside each other
        (35, 35, []),
        (10, 35, ["peer"]),
        (3, 35, ["peer", "bound"]),
        (0, 94, None),
    ],
)
def test_the_oldest_go_as_far_as_they_have_to(free, needed, gone):
    removed = backup.to_remove(KEPT, free, needed)
    assert (removed if removed is None else [name for name, _, _ in removed]) == gone


def test_files_below_a_directory_and_what_they_take_of_the_disk(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "large").write_bytes(b"x" * 100_000)
    (tmp_path / "small").write_bytes(b"x")
    (tmp_path / "link").symlink_to("/nowhere")
    files, size = backup.usage(tmp_path)
    assert files == 3
    assert 100_001 <= size < 200_000
