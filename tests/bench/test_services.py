# SPDX-License-Identifier: GPL-3.0-or-later
"""For how long nobody has answered, as the bench of backups counts it."""

import socket
import time

from bench.services import Silence
from harness.process import wait_until


def test_only_the_time_without_an_answer_counts():
    first = socket.create_server(("127.0.0.1", 0), backlog=1000)
    port = first.getsockname()[1]
    began = time.monotonic()
    with Silence(port) as silence:
        wait_until(lambda: time.monotonic() - began > 0.2 and silence.answers(), 30, "it has looked")
        assert silence.seconds == 0
        gone = time.monotonic()
        first.close()
        wait_until(lambda: silence.seconds > 0.2, 30, "it hears nothing")
        with socket.create_server(("127.0.0.1", port), backlog=1000):
            wait_until(silence.answers, 30, "it hears again")
            back = time.monotonic()
            wait_until(lambda: time.monotonic() - back > 0.3, 30, "and it goes on")
            counted = silence.seconds
            wait_until(lambda: time.monotonic() - back > 0.6, 30, "nothing is added")
            assert silence.seconds == counted and counted <= time.monotonic() - gone
