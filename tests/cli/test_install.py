# SPDX-License-Identifier: GPL-3.0-or-later
"""`make install` puts program, man page and completion where they belong, and nothing else anywhere."""

import subprocess

from harness import cli
from harness.need import need


def installed(top, *more):
    cli.install(top, *more)
    return sorted(str(p.relative_to(top)) for p in top.rglob("*") if p.is_file())


def test_destdir_and_prefix(tmp_path):
    top = tmp_path / "a root"
    assert installed(top, "PREFIX=/usr") == [
        "usr/lib/systemd/system/multi-user.target.wants/plmaint-maintenance-mode.service",
        "usr/lib/systemd/system/plmaint-maintenance-mode.service",
        "usr/lib/systemd/system/plmaint-pre-migrate.service",
        "usr/sbin/plmaint",
        "usr/share/bash-completion/completions/plmaint",
        "usr/share/doc/plmaint/examples/plmaint-apt.conf",
        "usr/share/doc/plmaint/examples/plmaint-dnf.actions",
        "usr/share/doc/plmaint/examples/upgrade-gate",
        "usr/share/man/man8/plmaint.8",
    ]
    program = top / "usr/sbin/plmaint"
    said = subprocess.run([program, "version"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("plmaint ")


def test_man_page_and_completion_are_sound(tmp_path):
    need(programs=["mandoc", "bash"])
    installed(tmp_path)
    share = tmp_path / "usr/local/share"
    page = share / "man/man8/plmaint.8"
    subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], check=True)
    text = subprocess.run(["mandoc", "-T", "ascii", page], capture_output=True, text=True).stdout
    assert "pre-migrate run" in text and "EXIT STATUS" in text.upper()
    completion = share / "bash-completion/completions/plmaint"
    script = f"""
        . {completion}
        COMP_WORDS=(plmaint pre-migrate "$1") COMP_CWORD=2
        _plmaint
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "-c", script, "bash", "ver"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["verify"]
