# SPDX-License-Identifier: GPL-3.0-or-later
"""--help of every level and every plan are what the files of tests/golden say."""
import importlib.util
import pathlib

import pytest

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
spec = importlib.util.spec_from_file_location("regenerate", GOLDEN / "regenerate.py")
regenerate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(regenerate)
FILES = regenerate.wanted() if regenerate.binary().exists() else {"help.txt": ("--help",)}


@pytest.mark.parametrize("name", sorted(FILES))
def test_text(name):
    path = GOLDEN / name
    assert path.exists(), f"{name} is missing: run `make golden` and look at what it adds"
    assert regenerate.output(*FILES[name]) == path.read_text(), "run `make golden` and look at the difference"


def test_no_file_is_left_over():
    assert {p.name for p in GOLDEN.glob("*.txt")} == set(FILES)


@pytest.mark.parametrize("name", sorted(n for n in FILES if n.startswith("help")))
def test_help_begins_with_an_example_and_fits(name):
    text = (GOLDEN / name).read_text()
    assert text.startswith("Example: ")
    assert text.endswith("exit: 0\n")
    # A command line is not broken: it is there to be copied.
    assert max(map(len, text.splitlines()[1:])) <= 80


def test_global_options_are_listed_once():
    assert [p.name for p in sorted(GOLDEN.glob("help*.txt")) if "--assumeyes" in p.read_text().split("Usage:")[-1]] == ["help.txt"]
