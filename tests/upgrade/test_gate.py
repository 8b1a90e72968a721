# SPDX-License-Identifier: GPL-3.0-or-later
"""The example for package managers: asks about the version that is about to come, and only then."""

import shutil
import subprocess

import pytest

from harness import cli

GATE = cli.ROOT / "packaging" / "examples" / "upgrade-gate"
DEBS = "/var/cache/apt/archives/zsh_5.9-4_amd64.deb\n/tmp/a b/python3-pulp-container_{}_all.deb\n"


@pytest.fixture
def gate(tmp_path):
    """Runs it with a plmaint that ends with this status and tells its arguments."""

    def run(*args, status=0, stdin=""):
        program = tmp_path / "plmaint"
        program.write_text(f'#!/bin/sh\necho "$*"\nexit {status}\n')
        program.chmod(0o755)
        return subprocess.run(
            [GATE, *args],
            input=stdin,
            env={"PATH": "/usr/bin:/bin", "PLMAINT": str(program)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    "version, asked",
    [("2.29.1-1", "2.29.1"), ("1%3a2.29.1-1", "2.29.1"), ("2.30.0~rc1-1", "2.30.0")],
)
def test_apt_names_the_version(gate, version, asked):
    done = gate(stdin=DEBS.format(version))
    assert (done.returncode, done.stdout) == (0, f"upgrade check --to {asked}\n")


def test_other_packages_are_none_of_its_business(gate):
    done = gate(stdin="/var/cache/apt/archives/zsh_5.9-4_amd64.deb\n", status=1)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("status, code", [(0, 0), (78, 0), (1, 1), (3, 1), (2, 1), (75, 1)])
def test_only_yes_is_yes(gate, status, code):
    done = gate("2.29.1", status=status)
    assert done.returncode == code
    assert ("not installed" in done.stderr) == (code == 1)


def test_apt_understands_the_example(tmp_path):
    if not shutil.which("apt-config"):
        pytest.skip("no apt on this machine")
    conf = GATE.with_name("plmaint-apt.conf")
    told = subprocess.run(
        ["apt-config", "-c", conf, "dump", "DPkg::Pre-Install-Pkgs"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert '"/usr/share/doc/plmaint/examples/upgrade-gate"' in told
