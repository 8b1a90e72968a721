# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of the settings share."""

import pathlib
import shutil
import tempfile

import pytest


@pytest.fixture
def open_path():
    """A directory that every user may enter, unlike pytest's own."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="plset"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)
