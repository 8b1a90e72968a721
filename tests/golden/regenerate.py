# SPDX-License-Identifier: GPL-3.0-or-later
"""What the program prints of itself, held in files: --help of every level and the plan of every scenario.

`make golden` writes them anew; tests/cli/test_golden.py compares. A change of a text is then a change that a reviewer sees.
"""
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# No configuration of the machine, no terminal, no database: the same text everywhere.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
NOWHERE = ("--set", "pulp.settings=/nonexistent/settings.py", "--set", "general.state_dir=/nonexistent")


def binary():
    return pathlib.Path(os.environ.get("PLMAINT_BIN") or ROOT / "build" / "plmaint").resolve()


def output(*args):
    done = subprocess.run([str(binary()), *args], env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    # Whether there is work now is this machine's, where no database has to be asked for it.
    said = "".join(line for line in done.stdout.splitlines(True) if not line.startswith("    now: "))
    return said + "".join(f"stderr: {line}\n" for line in done.stderr.splitlines()) + f"exit: {done.returncode}\n"


def wanted():
    """File name -> arguments, from the catalogue of the binary itself."""
    dump = subprocess.run([str(binary()), "--dump=json"], env=ENVIRONMENT, capture_output=True, text=True, timeout=30, check=True)
    out = {"help.txt": ("--help",)}
    for command in json.loads(dump.stdout)["commands"]:
        out[f"help-{command['name']}.txt"] = (command["name"], "--help")
        for action in command["actions"]:
            words = [command["name"]] + ([action["name"]] if "name" in action else [])
            if "name" in action:
                out[f"help-{'-'.join(words)}.txt"] = (*words, "--help")
            if "steps" in action:
                out[f"plan-{'-'.join(words)}.txt"] = ("plan", *words, *NOWHERE)
    return out


def main():
    files = wanted()
    for old in HERE.glob("*.txt"):
        if old.name not in files:
            old.unlink()
    for name, args in files.items():
        (HERE / name).write_text(output(*args))
    print(f"{len(files)} files in {HERE.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
