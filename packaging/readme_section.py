# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills the parts of README.md that nobody types: the tables that the program prints of itself, the
tour that the demo wrote, the recordings of a run in the background, a refused upgrade and backups.

usage: readme_section.py [--check] PLMAINT README.md     tables; --check only says whether they agree
       readme_section.py --tour FILE README.md           what `demo.py --tour FILE` wrote
       readme_section.py --recording FILE README.md      what `recording.py FILE` wrote
       readme_section.py --refusal FILE README.md        what `refusal.py FILE` wrote
       readme_section.py --backup FILE README.md         what `backup.py FILE` wrote
"""

import pathlib
import subprocess
import sys


def replaced(text, name, inside):
    """The text with what stands between the markers of a section replaced."""
    begin, end = f"<!-- generated:{name} -->", f"<!-- /generated:{name} -->"
    if begin not in text or end not in text:
        sys.exit(f"README.md: no markers {begin} and {end}")
    before, rest = text.split(begin, 1)
    return f"{before}{begin}\n{inside.strip()}\n{end}{rest.split(end, 1)[1]}"


def main(argv):
    check = "--check" in argv
    written = [name for name in ("tour", "recording", "refusal", "backup") if f"--{name}" in argv]
    source, readme = [a for a in argv if not a.startswith("--")]
    path = pathlib.Path(readme)
    text = path.read_text()
    if written:
        wanted = replaced(text, written[0], pathlib.Path(source).read_text())
    else:
        tables = subprocess.run(
            [source, "--dump=markdown"], capture_output=True, text=True, check=True, timeout=30
        ).stdout
        wanted = replaced(text, "commands", tables)
    if wanted == text:
        return 0
    if check:
        print(f"{readme}: its tables differ from the program's: run `make docs`", file=sys.stderr)
        return 1
    path.write_text(wanted)
    print(f"{readme}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
