# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Pulp whose processes are units of a systemd: api, content, workers, Redis and nginx on a machine of
their own, with a network of its own; who asks it does so from another host. PostgreSQL stays outside, too.
"""
import http.client
import shutil

import servers
from harness import cli, netns
from harness.machine import OUTER, Machine
from harness.process import wait_until

# One has a name that nobody could guess.
PULP = ("pulpcore-api.service", "registry-files.service", "pulpcore-worker@1.service", "pulpcore-worker@2.service")
OTHERS = ("redis-server.service", "nginx.service")
UNIT = """[Service]
{environment}
ExecStart={command}
[Install]
WantedBy=basic.target
"""
REPLACE = """#!/bin/sh -e
systemctl list-units --plain --no-legend --state=active 'pulpcore-*' 'registry-*' >{base}/active
ln -sfn {coming} {base}/venv
exec env {environment} {base}/venv/bin/pulpcore-manager migrate --noinput
"""


HERE, THERE = "192.0.2.1", "192.0.2.2"  # of who asks, and of the site


class FromOutside(http.client.HTTPConnection):
    def __init__(self, outside, port, timeout):
        super().__init__(THERE, port, timeout=timeout)
        self.outside = outside

    def connect(self):
        self.sock = self.outside.socket()
        self.sock.settimeout(self.timeout)
        self.sock.connect((self.host, self.port))


class UnitSite:
    def __init__(self, oracle, db, release):
        self.pulp, self.outer = oracle.site(db, level=release), oracle.base
        self.base = self.pulp.base
        (self.base / "venv").symlink_to(self.pulp.venv)
        nginx = servers.NGINX.replace("127.0.0.1:", "").format(base=self.base, port=self.pulp.port)
        (self.base / "nginx.conf").write_text(nginx)
        shutil.copy(cli.binary(), self.outer / "plmaint")
        self.outside, self.machine = netns.Host(), Machine(self.outer, own_network=True)
        netns.cable(self.outside, netns.Inside(self.machine), "site0", [(f"{HERE}/24", f"{THERE}/24")])
        self.pulp.connection = lambda timeout=120: FromOutside(self.outside, self.pulp.port, timeout)
        # The same files by the same names as outside.
        self.machine.run("mkdir", "-p", self.outer)
        self.machine.run("mount", "--bind", OUTER, self.outer)
        self._write_units()

    def _write_units(self):
        b = self.base / "venv" / "bin"
        redis = f"/usr/bin/redis-server --bind 127.0.0.1 --port {self.pulp.redis_port} --save '' --dir /run"
        commands = {
            "pulpcore-api": f"{b}/pulpcore-api -b unix:{self.base}/api.sock -w 2 --timeout 120",
            "registry-files": f"{b}/pulpcore-content -b unix:{self.base}/content.sock -w 2",
            "pulpcore-worker@": f"{b}/pulpcore-worker",
            "redis-server": redis,
            "nginx": f"/usr/sbin/nginx -c {self.base}/nginx.conf -e stderr",
        }
        environment = "\n".join(f'Environment="{k}={v}"' for k, v in self.pulp.env.items())
        for name, command in commands.items():
            path = self.machine.path(f"/etc/systemd/system/{name}.service")
            path.unlink(missing_ok=True)
            path.write_text(UNIT.format(environment=environment, command=command))
        self.machine.run("systemctl", "daemon-reload")
        self.machine.run("systemctl", "enable", *PULP, *OTHERS)

    def conninfo(self):
        return self.pulp.pg.conninfo(self.pulp.db)

    def start(self):
        self.machine.run("systemctl", "start", *OTHERS, *PULP)
        wait_until(self.answers, 120, "Pulp is up", poll=0.2)

    def answers(self):
        try:
            told = self.pulp.api("GET", "status/")
        except (OSError, AssertionError):
            return False
        return len(told["online_workers"]) == 2 and told["online_content_apps"]

    def active(self):
        states = self.machine.run("systemctl", "is-active", *PULP, check=False).split()
        return {u for u, state in zip(PULP, states) if state == "active"}

    def replacing(self, venv):
        """The command that brings a release."""
        command = self.base / "replace"
        environment = " ".join(f"'{k}={v}'" for k, v in self.pulp.env.items())
        command.write_text(REPLACE.format(base=self.base, coming=venv, environment=environment))
        command.chmod(0o755)
        return command

    def reached(self):
        """Whether the site is open: it is well, or nobody is let in."""
        try:
            status = self.pulp.http("GET", "/pulp/api/v3/status/")[0]
        except ConnectionRefusedError:
            return False
        assert status == 200
        return True

    def close(self):
        self.machine.close()
        self.outside.close()
