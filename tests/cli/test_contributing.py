# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of CONTRIBUTING.md are compiled as a new check and a new procedure would be: one file
and one line each, without a change anywhere else; then the program knows them.
"""

import os
import re
import subprocess

import pytest

from harness import cli

EXAMPLE = re.compile(r"<!-- example: (\S+) -->\n```c\n(.*?)```", re.S)


def make_says(target):
    build = os.environ.get("BUILD", "build")
    done = subprocess.run(
        ["make", "-s", "--no-print-directory", f"BUILD={build}", target],
        cwd=cli.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def cc(*argv):
    done = subprocess.run(argv, cwd=cli.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """plmaint with the examples in it."""
    top = tmp_path_factory.mktemp("contributing")
    sources = ["bin/catalogue.c"]
    for name, text in EXAMPLE.findall((cli.ROOT / "CONTRIBUTING.md").read_text()):
        path = top / name
        path.parent.mkdir(exist_ok=True)
        if name.endswith(".def"):
            text = (cli.ROOT / name).read_text() + text
        else:
            sources.append(name)
        path.write_text(text)
    assert len(sources) == 3
    compiler, *flags = make_says("print-compile")
    objects = make_says("print-objects")
    made = []
    for name in sources:
        here = top / name
        source, out = here if here.exists() else cli.ROOT / name, top / f"{len(made)}.o"
        cc(compiler, f"-I{top}", *flags, "-c", "-o", str(out), str(source))
        made.append(str(out))
    rest = [o for o in objects if not o.endswith("/bin/catalogue.o")]
    program = top / "plmaint"
    cc(compiler, *make_says("print-link"), "-o", str(program), *made, *rest, *make_says("print-libs"))
    return program


def says(program, *args):
    done = subprocess.run([str(program), *args], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_program_knows_them(program):
    assert "is answered with 404" in says(program, "explain", "pulp-distributions-idle")
    assert "pulp-manifests-analyze" in says(program, "procedure", "list")
    assert "pulp-distributions-idle" in says(program, "--dump=man").replace("\\-", "-")
    assert "pulp-manifests-analyze" in says(program, "completion", "bash")


def test_the_procedure_runs(program, plmaint, site, monkeypatch):
    monkeypatch.setenv("PLMAINT_BIN", str(program))
    site.bulk_images(20, files=False)
    site.sql("SELECT pg_stat_force_next_flush()")
    for wanted in ("ok", "not-needed"):
        ran = plmaint.run("procedure", "run", "pulp-manifests-analyze", code=0)
        assert ran.one("step.end", label="pulp-manifests-analyze")["result"] == wanted
