# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that share this machine's files and processes and have a network of their own: namespaces
joined by cables, with sockets in them that the test holds.
"""

import contextlib
import ctypes
import os
import pathlib
import selectors
import socket
import subprocess
import threading

from . import process
from .need import need

PROGRAMS = ("ip", "unshare", "nsenter")
CLONE_NEWNET = 0x40000000
PATIENCE = 5  # seconds; an answer takes microseconds, and what is dropped never comes
_LIBC = ctypes.CDLL(None, use_errno=True)


class Host:
    """A network namespace, kept by a process that waits."""

    def __init__(self):
        need(root=True, programs=PROGRAMS)
        self.proc = subprocess.Popen(
            ["unshare", "--net", "cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=process.die_with_parent,
        )
        self.pid, self.servers = self.proc.pid, []
        ours = os.readlink("/proc/self/ns/net")
        process.wait_until(lambda: self._has_left(ours), 10, "a network namespace")
        self.ip("link", "set", "lo", "up")

    def _has_left(self, ours):
        if self.proc.poll() is not None:
            said = self.proc.stderr.read().decode().strip()
            need(when=False, why=f"no network namespace can be made here: {said}")
        return os.readlink(f"/proc/{self.pid}/ns/net") != ours

    @property
    def enter(self):
        """What stands before a command that is to run there."""
        return ("nsenter", f"--net=/proc/{self.pid}/ns/net")

    def run(self, *argv, stdin=None, check=True):
        done = subprocess.run(
            [*self.enter, *map(str, argv)], input=stdin, capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def ip(self, *argv):
        self.run("ip", *argv)

    def nft(self, script):
        self.run("nft", "-f", "-", stdin=script)

    def socket(self, family=socket.AF_INET):
        """A TCP socket belongs to the network it was made in, whoever uses it."""
        made = []

        def make():
            with open(f"/proc/{self.pid}/ns/net") as ns:
                if _LIBC.setns(ns.fileno(), CLONE_NEWNET) == 0:
                    made.append(socket.socket(family, socket.SOCK_STREAM))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        assert made, f"no socket in the network of process {self.pid}"
        made[0].settimeout(PATIENCE)
        return made[0]

    def serve(self, *ports):
        """Sends back what it gets, on all addresses of both families."""
        self.servers.append(Server([self._listen(port) for port in ports]))

    def _listen(self, port):
        made = self.socket(socket.AF_INET6)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.bind(("::", port))
        made.listen(64)
        return made

    def connect(self, address, port):
        """A connection that has carried a word there and back."""
        made = self.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        try:
            made.connect((address, port))
            say(made)
        except BaseException:
            made.close()
            raise
        return made

    def reaches(self, address, port):
        """True, or False where the other side refuses; silence is an error."""
        try:
            self.connect(address, port).close()
        except ConnectionError:
            return False
        return True

    def hears(self, address):
        """Whether the other side is there at all: a port without a server refuses."""
        try:
            self.connect(address, 1).close()
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        return True

    def silence(self):
        """What listened does so no more."""
        while self.servers:
            self.servers.pop().close()

    def close(self):
        self.silence()
        self.proc.stdin.close()
        self.proc.wait()
        self.proc.stderr.close()


def say(connection):
    connection.sendall(b"hello\n")
    if connection.recv(16) != b"hello\n":
        raise ConnectionResetError("closed by the other side")


class Server:
    """One thread for all its connections."""

    def __init__(self, listening):
        self.selector = selectors.DefaultSelector()
        self.wake, waker = socket.socketpair()
        for each in listening:
            self.selector.register(each, selectors.EVENT_READ, self._accept)
        self.selector.register(waker, selectors.EVENT_READ, None)
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self):
        while True:
            for key, _ in self.selector.select():
                if key.data is None:
                    return
                key.data(key.fileobj)

    def _accept(self, listening):
        connection, _ = listening.accept()
        self.selector.register(connection, selectors.EVENT_READ, self._answer)

    def _answer(self, connection):
        data = b""
        with contextlib.suppress(OSError):
            data = connection.recv(4096)
            connection.sendall(data)
        if not data:
            self.selector.unregister(connection)
            connection.close()

    def close(self):
        self.wake.close()
        self.thread.join(10)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


class Inside:
    """A machine of harness/machine.py as one end of a cable."""

    def __init__(self, machine):
        self.machine, self.pid = machine, machine.pid
        self.ip("link", "set", "lo", "up")

    def ip(self, *argv):
        self.machine.run("ip", *argv)


def cable(one, other, name, addresses):
    """addresses: those of one and of the other, with their prefixes, in pairs."""
    peer = f"{name}-peer"
    one.ip("link", "add", name, "type", "veth", "peer", "name", peer, "netns", str(other.pid))
    for here, there in addresses:
        # An address that is still being looked for elsewhere cannot be used.
        more = ("nodad",) if ":" in here else ()
        one.ip("addr", "add", here, "dev", name, *more)
        other.ip("addr", "add", there, "dev", peer, *more)
    one.ip("link", "set", name, "up")
    other.ip("link", "set", peer, "up")
    for _, there in addresses:
        address = there.partition("/")[0]
        process.wait_until(lambda address=address: one.hears(address), 30, f"{address} answers")


# A program that the kernel knows by another name, and that listens. argv: NAME ADDRESS PORT
NAMED = """
import ctypes, signal, socket, sys
ctypes.CDLL(None).prctl(15, sys.argv[1].encode(), 0, 0, 0)
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((sys.argv[2], int(sys.argv[3])))
s.listen()
print("ready", flush=True)
signal.pause()
"""


@contextlib.contextmanager
def listening_as(host, name, port, address="0.0.0.0"):
    """A process of the host that listens under a name."""
    proc = subprocess.Popen(
        [*host.enter, "/usr/bin/python3", "-c", NAMED, name, address, str(port)],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=process.die_with_parent,
    )
    try:
        assert proc.stdout.readline() == "ready\n"
        yield pathlib.Path(f"/proc/{proc.pid}")
    finally:
        proc.kill()
        proc.wait()
        proc.stdout.close()
