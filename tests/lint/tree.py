# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the tree that no compiler knows: licence lines, forbidden calls, the length of files, and
that lists, files and tests name the same things.

Each function takes {path: text} and yields a sentence for each violation.
"""

import re

LICENCE = "SPDX-License-Identifier: GPL-3.0-or-later"
# What has no place for such a line, or is data that a program reads to its first byte.
WITHOUT_LICENCE = re.compile(
    r"^LICENSE$|^tests/golden/.*\.txt$|^tests/fuzz/corpus/|\.tsv$|\.json$|\.trace$"
)
# Each has a sister that reports an error or knows the size of its buffer.
FORBIDDEN = re.compile(
    r"\b(system|popen|strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atof|alloca)\s*\("
)
LONGEST = 600  # lines; longer files hold more than one idea
LONGEST_TEST = 700  # a table of cases may go on for a while
LEFT_OPEN = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
STRINGS = re.compile(r'"(?:\\.|[^"\\\n])*"|/\*.*?\*/', re.S)
# A tenth of a second paces a loop; longer ones hope that something has happened meanwhile.
SLEEP = re.compile(r"(?<![\w.])(?:time\.)?sleep\s*\(\s*(?!0?\.[01]\d*\s*\))[\d.]+\s*\)")


def licences(files):
    for path, text in sorted(files.items()):
        if text and not WITHOUT_LICENCE.search(path) and LICENCE not in "\n".join(text.split("\n", 4)[:4]):
            yield f"{path}: no line with {LICENCE}"


def _bare(text):
    """C without strings and comments; the number of lines stays."""
    return STRINGS.sub(lambda m: "\n" * m[0].count("\n"), text)


def forbidden_calls(files):
    for path, text in sorted(files.items()):
        if path.endswith((".c", ".h")):
            bare = _bare(text)
            for match in FORBIDDEN.finditer(bare):
                line = bare.count("\n", 0, match.start()) + 1
                yield f"{path}:{line}: {match[1]}() has a better sister"


def lengths(files):
    for path, text in sorted(files.items()):
        most = LONGEST_TEST if path.startswith("tests/") else LONGEST
        if path.endswith((".c", ".h", ".py", ".sh")) and text.count("\n") > most:
            yield f"{path}: {text.count(chr(10))} lines; one file, one idea, at most {most}"


def left_open(files):
    for path, text in sorted(files.items()):
        if path.startswith(("tests/lint/", "tests/fuzz/corpus/", "tests/test_harness")):
            continue
        for match in LEFT_OPEN.finditer(text):
            yield f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {match[1]}: do it or say it in prose"


def wall_clock(files):
    """What is waited for goes by the monotonic clock: the other one is put back now and then, and a
    moment would last an hour.
    """
    for path, text in sorted(files.items()):
        if path.endswith((".c", ".h")) and not path.startswith(("lib/core/clock.", "tests/")):
            bare = _bare(text)
            for match in re.finditer(r"\bCLOCK_REALTIME\b", bare):
                line = bare.count("\n", 0, match.start()) + 1
                yield f"{path}:{line}: {match[0]} is for lib/core/clock.c alone"


def sleeping_tests(files):
    for path, text in sorted(files.items()):
        if path.startswith("tests/") and path.endswith(".py") and "/lint/" not in path:
            for match in SLEEP.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                yield f"{path}:{line}: {match[0]}: wait for the event, with a deadline"


def catalogue(files):
    """A line of a list is a file with that struct, and some test names its label."""
    told = "\n".join(t for p, t in files.items() if p.startswith("tests/") and "/golden/" not in p)
    for folder, kind in (("checks", "check"), ("procedures", "procedure"), ("commands", "command")):
        listed = re.findall(rf"^{kind.upper()}\((\w+)\)", files[f"{folder}/{folder}.def"], re.M)
        defined = {}
        for path, text in files.items():
            if path.startswith(f"{folder}/") and path.endswith(".c"):
                for name in re.findall(rf"^const struct {kind} {kind}_(\w+) = {{", text, re.M):
                    defined[name] = path
        for name in listed:
            if name not in defined:
                yield f"{folder}/{folder}.def: {name} is listed and no file defines {kind}_{name}"
            elif defined[name] != f"{folder}/{name}.c":
                yield f"{defined[name]}: defines {kind}_{name}, which belongs into {folder}/{name}.c"
            label = name.replace("_", "-")
            if not re.search(rf"\b({re.escape(label)}|{re.escape(name)})\b", told):
                yield f"{folder}/{name}.c: no test names {label}"
        for name, path in sorted(defined.items()):
            if name not in listed:
                yield f"{path}: {kind}_{name} is not listed in {folder}/{folder}.def"


def _steps(files):
    """(path, text, kind, body) of each check and procedure."""
    for path, text in sorted(files.items()):
        kind = {"checks": "check", "procedures": "procedure"}.get(path.split("/")[0])
        if kind and path.endswith(".c"):
            for match in re.finditer(rf"^const struct {kind} {kind}_\w+ = {{\n(.*?)^}};", text, re.M | re.S):
                yield path, text, kind, match[1]


def needs(files):
    """What a step uses, its needs say: else a run would find out in the middle.  A pointer that is
    looked at first (`!p->db`) asks for nothing.
    """
    for path, text, _, body in _steps(files):
        bare = _bare(text)
        if re.search(r"\b(?:p|look)->db\b", bare) and not re.search(r"!p->db\b", bare):
            if not re.search(r"\bNEED_(DB|LEDGER)\b", body):
                yield f"{path}: asks the database and does not say NEED_DB"
        if "storage_open(" in bare and "NEED_MEDIA" not in body:
            yield f"{path}: reads artifacts and does not say NEED_MEDIA"


def deprecated(files):
    """A procedure whose release has come goes, or says why it stays."""
    now = re.search(r'^#define PLMAINT_VERSION "([\d.]+)', files.get("lib/core/version.h", ""), re.M)
    for path, _, _, body in _steps(files):
        until = re.search(r'\.deprecated_in = "([\d.]+)"', body)
        if until and now and _release(until[1]) <= _release(now[1]):
            yield f"{path}: was to go in {until[1]}, and this is {now[1]}"


def _release(text):
    return [int(n) for n in text.split(".")]


RULES = (
    *(licences, forbidden_calls, lengths, left_open, wall_clock, sleeping_tests, catalogue, needs),
    deprecated,
)


def check(files):
    for rule in RULES:
        yield from rule(files)
