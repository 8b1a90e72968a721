# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds up what several runners did and prints exactly one line: N passed, N failed, N skipped.

usage: summary.py FILE...    *.xml is pytest's junit XML, anything else TAP as `prove -v` has it

A program that died before its plan was done counts as failed for each test it still owed, and a run
in which nothing ran is a failure too: both would else look like success.
"""

import re
import sys
import xml.etree.ElementTree

RESULT = re.compile(r"^(not )?ok \d+\b(.*)$")  # prove itself says a bare "ok" after each program
PLAN = re.compile(r"^1\.\.(\d+)(.*)$")
DIRECTIVE = re.compile(r"#\s*(skip|todo)", re.IGNORECASE)


def tap(text):
    """(passed, failed, skipped) of a TAP stream, or of several one after the other."""
    passed = failed = skipped = planned = 0
    for line in text.splitlines():
        plan, result = PLAN.match(line), RESULT.match(line)
        if plan:
            planned += int(plan[1])
            if plan[1] == "0":
                skipped += 1
        elif result:
            directive = DIRECTIVE.search(result[2])
            word = directive[1].lower() if directive else ""
            if word == "skip":
                skipped += 1
            elif result[1] and word != "todo":
                failed += 1
            else:
                passed += 1
    empty = len(re.findall(r"^1\.\.0\b", text, re.MULTILINE))
    failed += max(0, planned - (passed + failed + skipped - empty))
    # prove also fails for what no line says: a program that ended with an error after its last
    # test, or that printed nothing.
    if failed == 0 and re.search(r"^Result: FAIL|^Bail out!", text, re.MULTILINE):
        failed = 1
    return passed, failed, skipped


def junit(text):
    """(passed, failed, skipped) of pytest's report. A test that fails in its teardown as well is
    two failures of one test.
    """
    passed = failed = skipped = 0
    for case in xml.etree.ElementTree.fromstring(text).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def main(paths):
    total = [0, 0, 0]
    for path in paths:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
            found = junit(text) if path.endswith(".xml") else tap(text)
        except (OSError, xml.etree.ElementTree.ParseError) as exc:
            print(f"summary: {path}: {exc}", file=sys.stderr)
            found = (0, 1, 0)
        total = [a + b for a, b in zip(total, found)]
    passed, failed, skipped = total
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
