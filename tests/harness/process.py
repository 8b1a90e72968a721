# SPDX-License-Identifier: GPL-3.0-or-later
"""What the throwaway servers share: a child that dies with the test, and waiting for an event with
a deadline.
"""

import ctypes
import os
import pathlib
import select
import signal
import time

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def die_with_parent():
    """For Popen(preexec_fn=...). Runs after the change of user, which would clear the setting.

    Tests that were started under nohup hand an ignored SIGHUP down, which the program respects.
    """
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def wait_until(condition, seconds, what, poll=0.01):
    """Calls condition until it returns something true, and returns that; fails after the deadline
    with the words given.
    """
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what() if callable(what) else what}: not within {seconds:g} s")
        time.sleep(poll)


def wait(proc, seconds):
    """Popen.wait() with a timeout looks every 50 ms; this is woken at the end of the process."""
    if proc.returncode is not None:
        return proc.returncode
    try:
        fd = os.pidfd_open(proc.pid)
    except OSError:  # a kernel without pidfd_open(2)
        return proc.wait(seconds)
    try:
        ended = select.poll()
        ended.register(fd, select.POLLIN)
        over = ended.poll(seconds * 1000)
    finally:
        os.close(fd)
    return proc.wait(None if over else 0)


def state(pid):
    """The one-letter state of a process as in proc(5); empty once it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return text.rpartition(")")[2].split()[0]


def alive(pid):
    """A zombie does not count: nothing of it runs, whether or not somebody reaps it."""
    return state(pid) not in ("", "Z", "X")


def children(pid):
    """Direct children of a process."""
    found = []
    for path in pathlib.Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                text = (path / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if text.rpartition(")")[2].split()[1] == str(pid):
                found.append(int(path.name))
    return found


def kill_hard(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
