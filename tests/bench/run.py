# SPDX-License-Identifier: GPL-3.0-or-later
"""make bench: figures with their peers in the same run, as a table in build/bench/.

ONLY=migrate|workers|memory|upstream|classify|control|eta|throttle|health|backup chooses; ROWS and ROUNDS change the
size (100000 and 5), and MIXES what ONLY=eta runs.
"""
import os
import pathlib
import sys
import tempfile
import textwrap
import time

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1]))
sys.dont_write_bytecode = True

from bench import backup, classify, control, eta, health, measure, memory, migrate, throttle, upstream, workers  # noqa: E402

PARTS = {
    "migrate": migrate.run,
    "workers": workers.run,
    "memory": memory.run,
    "upstream": upstream.run,
    "classify": classify.run,
    "control": control.run,
    "eta": eta.run,
    "throttle": throttle.run,
    "health": health.run,
    "backup": backup.run,
}


def main():
    only = os.environ.get("ONLY")
    if only and only not in PARTS:
        sys.exit(f"ONLY={only} is not one of {', '.join(PARTS)}")
    rows, rounds = int(os.environ.get("ROWS", "100000")), int(os.environ.get("ROUNDS", "5"))
    folder = HERE.parents[2] / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{only or 'all'}.md"
    with open(path, "w", encoding="utf-8") as report:

        def out(line):
            print(line, flush=True)
            print(line, file=report, flush=True)

        with tempfile.TemporaryDirectory(prefix="plmaint-bench-") as directory:
            middle, worst = measure.fsync_ms(directory)
        noise = measure.noise()
        out(f"Machine: {os.cpu_count()} cores; the same computation ten times differs by {100 * noise:.0f} %;"
            f" a small write with fsync takes {middle:.2f} ms, at worst {worst:.1f} ms.")
        for name, part in PARTS.items():
            if not only or only == name:
                began = time.monotonic()
                lines = part(rows, rounds, out)
                after = measure.noise()
                out(f"\nMachine afterwards: {100 * after:.0f} %. It took {(time.monotonic() - began) / 60:.1f} minutes.")
                if lines:
                    words = (f"`make bench ONLY={name}`; {os.cpu_count()} cores; the same computation differed by {100 * noise:.0f} %"
                             f" from one time to the next before it and by {100 * after:.0f} % after it, and a small write with"
                             f" fsync took {middle:.2f} ms:")
                    out("\n## Lines for README.md\n")
                    for line in (*textwrap.wrap(words, 112, break_long_words=False, break_on_hyphens=False), "", *lines):
                        out(line)
                noise = after
    print(f"\nwritten to {path}")


if __name__ == "__main__":
    main()
