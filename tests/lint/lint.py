# SPDX-License-Identifier: GPL-3.0-or-later
"""`make lint`: formatters, analysers and the rules of the tree, each with one line; exit 1 if any
complains.

usage: lint.py [NAME...]     all, or those named: clang-format, clang-tidy, ...
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True

import layers  # noqa: E402
import tree  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
AT_ONCE = os.cpu_count() or 2
MAKE = ["make", "--no-print-directory", "-s"]
LINES_SHOWN = 60
# What cppcheck 2.10 gets wrong here, and who sees it instead.
NOT_CPPCHECK = (
    "unknownMacro",  # lists that are expanded by the file that includes them
    "internalAstError",  # a conditional of compound literals
    "resourceLeak",  # cleanup attributes close it; the sanitizers see real ones
    "memleak",
    "uninitvar",  # set by a callee; both compilers warn, valgrind and the sanitizers see it
    "nullPointer",  # paths that the callers' arguments exclude
    "arrayIndexThenCheck",
)


def run(*argv):
    """What it printed, if it failed."""
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return []
    text = (done.stdout + done.stderr).strip()
    return text.splitlines() or [f"{argv[0]} ended with {done.returncode}"]


def each(command, paths):
    """One process for each file, a few at a time."""
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return [line for lines in pool.map(lambda p: run(*command(p)), paths) for line in lines]


def listed(*patterns):
    """Files that git knows, or would if they were added."""
    out = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-co", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [path for path in out.splitlines() if (ROOT / path).is_file()]


def flags():
    """The compiler's, as the Makefile has them."""
    text = subprocess.run(
        [*MAKE, "print-compile"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return text.split()[1:]


def texts():
    out = {}
    for path in listed():
        raw = (ROOT / path).read_bytes()
        out[path] = raw.decode("utf-8", errors="replace")
    return out


def product(suffix):
    tops = ("bin", "commands", "checks", "procedures", "lib")
    return listed(*(f"{top}/*{suffix}" for top in tops))


def clang_format():
    return run("clang-format", "--dry-run", "-Werror", *listed("*.c", "*.h"))


def clang_tidy():
    # One file at a time: over several, clang 14 loses sight of va_start.
    cflags = [f for f in flags() if not f.startswith("-fstack-clash")]
    lines = each(lambda p: ["clang-tidy", "--quiet", p, "--", *cflags], product(".c"))
    return [s for s in lines if not re.match(r"\d+ warnings? (generated|treated)|Suppressed|Use -h", s)]


def cppcheck():
    return run(
        *("cppcheck", "--quiet", "--error-exitcode=1", "--std=c11", "--inline-suppr", f"-j{AT_ONCE}"),
        *("--enable=warning,portability", "--suppress=missingIncludeSystem", "-D_GNU_SOURCE", "-I."),
        *(f"--suppress={name}" for name in NOT_CPPCHECK),
        *("-Ibuild", *product(".c")),
    )


def shellcheck():
    return run("shellcheck", *listed("*.sh", ".ci/run"))


def pyflakes():
    lines = run("/usr/bin/python3", "-m", "pyflakes", *listed("*.py"))
    return [line for line in lines if not excused(line)]


def excused(line):
    """A module that hands on what it imports says noqa there; pyflakes alone does not know it."""
    match = re.match(r"(.+?):(\d+):\d+: .* imported but unused", line)
    if not match:
        return False
    text = (ROOT / match[1]).read_text().splitlines()
    return any("noqa" in s for s in text[int(match[2]) - 1 : int(match[2]) + 1])


def headers_alone():
    """A header that needs another to stand before it breaks the next file that includes it."""
    cflags = flags()
    return each(
        lambda p: ["gcc", *cflags, "-fsyntax-only", "-w", "-x", "c", p], product(".h")
    )


def old_libpq():
    """The drivers as a libpq without pipeline mode (before 14) has them compiled."""
    argv = ["gcc", *flags(), "-DPLMAINT_NO_PIPELINE", "-c", "-o", "/dev/null"]
    return each(lambda p: [*argv, p], listed("lib/drivers/pg*.c"))


def documents():
    lines = run(*MAKE, "docs-check")
    return lines + run(*MAKE, "docs-lint")


def warnings():
    return run(*MAKE, "all", "units") + run(*MAKE, "VARIANT=clang", "all", "units")


STEPS = {
    "tree": lambda: list(tree.check(texts())),
    "layers": lambda: list(layers.check(texts())),
    "clang-format": clang_format,
    "headers-alone": headers_alone,
    "old-libpq": old_libpq,
    "shellcheck": shellcheck,
    "pyflakes": pyflakes,
    "documents": documents,
    "warnings": warnings,
    "cppcheck": cppcheck,
    "clang-tidy": clang_tidy,
}


def main(names):
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        print(f"lint: {unknown[0]} is none of {', '.join(STEPS)}", file=sys.stderr)
        return 2
    bad = 0
    for name in names or STEPS:
        began = time.monotonic()
        lines = STEPS[name]()
        bad += bool(lines)
        print(f"{'FAIL' if lines else 'ok  '} {name:14} {time.monotonic() - began:5.1f} s", flush=True)
        for line in lines[:LINES_SHOWN]:
            print(f"     {line}")
        if len(lines) > LINES_SHOWN:
            print(f"     and {len(lines) - LINES_SHOWN} lines more")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
