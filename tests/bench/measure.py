# SPDX-License-Identifier: GPL-3.0-or-later
"""Wall time, CPU of the program and of the server, peak memory; and what the machine's own noise is."""
import os
import pathlib
import resource
import statistics
import time

TICK = os.sysconf("SC_CLK_TCK")


def server_cpu(cluster):
    """CPU seconds of a PostgreSQL and all its sessions, ended ones too."""
    total = 0
    parent = cluster.proc.pid
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(entry.name) == parent:
            total += sum(int(f) for f in fields[11:15])  # with its reaped children
        elif int(fields[1]) == parent:
            total += int(fields[11]) + int(fields[12])
    return total / TICK


def process_cpu(pid):
    """CPU seconds of one process and all its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Timed:
    """with Timed(cluster) as t: ...; then t.wall, t.client, t.server in seconds."""

    def __init__(self, cluster):
        self.cluster = cluster

    def __enter__(self):
        self._server = server_cpu(self.cluster)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        self._client = used.ru_utime + used.ru_stime
        self._wall = time.monotonic()
        return self

    def __exit__(self, *_):
        self.wall = time.monotonic() - self._wall
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.client = used.ru_utime + used.ru_stime - self._client
        self.server = server_cpu(self.cluster) - self._server


def noise(seconds=0.2, rounds=10):
    """Spread of a fixed amount of work: (max - min) / median, as a share."""
    took = []
    for _ in range(rounds):
        began, x = time.monotonic(), 0
        for i in range(int(seconds * 10_000_000)):
            x += i
        took.append(time.monotonic() - began)
    return (max(took) - min(took)) / statistics.median(took)


def new_file_us(directory, files=2000):
    """What a new small file takes, in microseconds. They stay: removed, they would slow what is made next."""
    folder = pathlib.Path(directory) / "new-files"
    folder.mkdir()
    began = time.monotonic()
    for i in range(files):
        (folder / str(i)).write_bytes(b"x" * 512)
    return (time.monotonic() - began) / files * 1e6


def fsync_ms(directory, rounds=50):
    """Median and largest time of a small write with fsync, in milliseconds."""
    path, took = pathlib.Path(directory) / "fsync-probe", []
    with open(path, "wb") as f:
        for _ in range(rounds):
            began = time.monotonic()
            f.write(b"x" * 512)
            f.flush()
            os.fsync(f.fileno())
            took.append((time.monotonic() - began) * 1000)
    path.unlink()
    return statistics.median(took), max(took)


def median(values):
    return statistics.median(values)
