# SPDX-License-Identifier: GPL-3.0-or-later
"""The packaged systemd unit: sound, and with the exit statuses that the program has."""

import configparser
import os
import subprocess

import pytest

from harness import cli
from harness.need import need

FOLDER = "usr/lib/systemd/system"


@pytest.fixture
def unit(tmp_path):
    """Installed below a directory of its own."""
    cli.install(tmp_path, "PREFIX=/usr")
    return tmp_path / FOLDER / "plmaint-pre-migrate.service"


def service(path):
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read(path)
    return parser["Service"]


def test_it_is_sound(unit, tmp_path):
    need(programs=("systemd-analyze",))
    there = tmp_path / unit.name
    program = tmp_path / "usr/sbin/plmaint"
    user = "root" if os.geteuid() == 0 else os.environ.get("USER", "nobody")
    text = unit.read_text()
    assert "ExecStart=/usr/sbin/plmaint pre-migrate run\n" in text
    # What is verified is the unit: the program is where this test put it, and the user exists here.
    there.write_text(text.replace("/usr/sbin/plmaint", str(program)).replace("=pulp\n", f"={user}\n"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", there], capture_output=True, text=True
    )
    ours = [line for line in done.stderr.splitlines() if unit.stem in line]
    assert done.returncode == 0 and not ours, done.stderr


def test_exit_statuses_are_the_programs(unit):
    """An operator's stop is a success and stays; 75 is run again, and not at once."""
    got = service(unit)
    assert got["SuccessExitStatus"].split() == ["130", "143"]
    assert got["RestartForceExitStatus"] == "75" and got["Restart"] == "on-abnormal"
    assert got["RestartSec"] == "5min"
    page = subprocess.run([cli.binary(), "--dump=man"], capture_output=True, text=True, check=True)
    for status in ("75", "130", "143"):
        assert f"\n.B {status}\n" in page.stdout


def test_the_unit_of_maintenance_mode_is_sound(unit, tmp_path):
    """It is in place without being enabled."""
    need(programs=("systemd-analyze",))
    name = "plmaint-maintenance-mode.service"
    link = tmp_path / FOLDER / "multi-user.target.wants" / name
    text = link.read_text()
    assert "ExecStart=/usr/sbin/plmaint maintenance-mode resume\n" in text
    there = tmp_path / name
    there.write_text(text.replace("/usr/sbin/plmaint", str(tmp_path / "usr/sbin/plmaint")))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", there], capture_output=True, text=True
    )
    ours = [line for line in done.stderr.splitlines() if there.stem in line]
    assert done.returncode == 0 and not ours, done.stderr
