# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics in Prometheus's text format: as values, and as Prometheus judges them."""

import re
import subprocess

from .promtool import promtool

NAME = r"[a-z][a-z0-9_]*"
SAMPLE = re.compile(rf'^({NAME})(?:\{{((?:{NAME}="(?:[^"\\\n]|\\[\\"n])*",?)+)\}})? (\S+)$')


def parse(text):
    """The samples, {(name, labels): value}; fails where the text exposition format is broken."""
    assert text.endswith("\n")
    types, helps, samples, family = {}, set(), {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family, words = line[7:].split(" ", 1)
            assert family not in helps and words, "one help text a family, and families whole"
            helps.add(family)
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            assert name == family and name not in types
            types[name] = kind
            assert kind in ("gauge", "counter") and name.endswith("_total") == (kind == "counter")
        else:
            found = SAMPLE.match(line)
            assert found, line
            name, labels, value = found.groups()
            assert name == family and name in types, "a sample of another family"
            assert (name, labels or "") not in samples, "twice"
            samples[name, labels or ""] = float(value)
    assert helps == set(types) == {name for name, _ in samples}
    return samples


def judged(path):
    """What promtool has to say of a file: nothing, where all is well."""
    judge = [promtool(), "check", "metrics"]
    wrong = subprocess.run(judge, input="a_total{} 1\n", text=True, capture_output=True)
    assert wrong.returncode != 0, "it does judge"
    done = subprocess.run(judge, input=path.read_text(), text=True, capture_output=True)
    return done.stdout + done.stderr + ("" if done.returncode == 0 else "it is refused")
