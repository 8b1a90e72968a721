# SPDX-License-Identifier: GPL-3.0-or-later
"""A real site that goes through the releases one after the other, and the commands that it names to plmaint.

The services are the test's own children, so that none outlives it: a command that plmaint starts only asks
over a socket, as a package manager asks systemd, and waits for the answer.
"""
import contextlib
import socket
import sys
import threading

import servers

COMMAND = """#!{python} -B
import socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.connect({path!r})
    s.sendall({word!r})
    said = s.makefile().read()
print(said[1:], end="")
sys.exit(int(said[0]))
"""


class Site:
    """One database and one media directory; which release works on them changes."""

    def __init__(self, oracle, db, release):
        self.oracle = oracle
        self.pulp = oracle.site(db, level=release)
        self.coming = None  # the release that `replace` brings
        self.words = []  # what was asked, in order
        self.listener = socket.socket(socket.AF_UNIX)
        path = self.pulp.base / "ask"
        self.listener.bind(str(path))
        self.listener.listen()
        self.commands = {w: self._command(w, str(path)) for w in ("stop", "replace", "start")}
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _command(self, word, path):
        command = self.pulp.base / word
        command.write_text(COMMAND.format(python=sys.executable, path=path, word=word.encode()))
        command.chmod(0o755)
        return command

    def _serve(self):
        """Children die with the thread that started them, so that one thread starts them all."""
        while True:
            client, _ = self.listener.accept()
            with client:
                word = client.recv(64).decode()
                if word == "end":
                    self.pulp.close()
                    return
                self.words.append(word)
                try:
                    said = f"0{getattr(self, '_' + word)()}"
                except (AssertionError, OSError, TimeoutError) as e:
                    said = f"1{e}"
                with contextlib.suppress(OSError):  # whoever asked may have been killed
                    client.sendall(said.encode())

    def ask(self, word):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.listener.getsockname())
            s.sendall(word.encode())
            return s.makefile().read()

    def _stop(self):
        for name in sorted(self.pulp.running, reverse=True):
            servers.end(self.pulp.running.pop(name))
        return "stopped\n"

    def _replace(self):
        old = self.pulp
        self.pulp = servers.Pulp(self.coming, old.base, old.pg, old.db)
        self.pulp.redis, self.pulp.redis_port = old.redis, old.redis_port
        self.pulp.write_settings()
        old.redis = None
        old.close()
        return self.pulp.manager("migrate", "--noinput").stdout

    def _start(self):
        self.pulp.start()
        return "started\n"

    def upgrade_without(self, release):
        """As a site does it that knows nothing of pre-migrations."""
        self.coming = release
        for word in ("stop", "replace"):
            said = self.ask(word)
            assert said[0] == "0", said

    def close(self):
        self.ask("end")
        self.thread.join(60)
        self.listener.close()
