# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Podman on a machine of the tests, and a Pulp in one of its containers. The files of the container
are the machine's own, so that no image is needed; its settings, its media and its programs are volumes.
"""

import base64
import pathlib

from .machine import OUTER
from .need import need

UNITS = {"registry-box.service": "worker", "pulp-content.service": "content"}
WHOLE = {**UNITS, "pulp-api.service": "api"}
FILES = "/srv/files"
USER = 2000  # pulp, who is known in the container
CONF = {
    "/etc/containers/containers.conf": '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "crun"\n',
    "/etc/containers/storage.conf": '[storage]\ndriver = "vfs"\ngraphroot = "/run/graph"\nrunroot = "/run/containers/storage"\n',
}
# The machine's kernel has no control groups to spare.
WORDS = "--cgroups=disabled --network=host --user=pulp"
# As Podman's generator makes it of a quadlet.
QUADLET = """[Service]
Environment=PODMAN_SYSTEMD_UNIT=%n
KillMode=mixed
Type=notify
NotifyAccess=all
ExecStart=/usr/bin/podman run --name=systemd-%N --cidfile=%t/%N.cid --replace --rm -d --sdnotify=conmon \
    {words} --env=RELEASE=old --rootfs {files} /usr/bin/python3 /opt/pulp/pulpcore-{kind} {kind} "{conninfo}" {port}
ExecStop=/usr/bin/podman rm -f -i --cidfile=%t/%N.cid
ExecStopPost=-/usr/bin/podman rm -f -i --cidfile=%t/%N.cid
ExecStopPost=-rm -f %t/%N.cid
"""
SETTINGS = """CACHE_ENABLED = False
MEDIA_ROOT = "/data/media"
DATABASES = {{"default": {{"HOST": "{outer}/s", "PORT": "5432", "NAME": "another", "USER": "{user}"}}}}
"""
# The variable of the unit counts, which the file does not know of.
DYNACONF = """#!/usr/bin/python3
import json, os
exec(open(os.environ["PULP_SETTINGS"]).read())
DATABASES["default"]["NAME"] = os.environ["PULP_DATABASES__default__NAME"]
print(json.dumps({"CACHE_ENABLED": CACHE_ENABLED, "MEDIA_ROOT": MEDIA_ROOT, "DATABASES": DATABASES}))
"""
MANAGER = """#!/bin/sh
test -e /run/.containerenv && echo "contained $(id -u) $PWD $PULP_SETTINGS $*"
test "$1" != datarepair || exec sleep 7272
test "$1" != migrate || exec psql -qX -h {outer}/s -U {user} -d "$PULP_DATABASES__default__NAME" -c \
    "INSERT INTO django_migrations (app, name, applied) VALUES ('core', '0999_new', now())"
"""


def prepare(machine):
    """Podman's own configuration, and the machine's files as those of containers."""
    need(programs=("podman", "crun"))
    for name, text in CONF.items():
        path = machine.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    machine.run("mkdir", "-p", FILES)
    machine.run("mount", "--bind", "/", FILES)
    trial = f"podman run --rm --cgroups=disabled --network=host --rootfs {FILES} /bin/echo fine"
    said = machine.run("sh", "-c", trial, check=False).strip()
    need(when=said.endswith("fine"), why=f"no container can be run here: {said[-300:]}")


class Box:
    """Containers of a worker and of a content app, or of all that Pulp is. With the network they share the name of
    the host, and each process is the first of its own: they sign on under one name.

    media: the directory below outer that they have as theirs.
    """

    def __init__(self, host, owner, units=None, media="box/media"):
        self.machine, self.units = host.machine, units or UNITS
        self.outer = pathlib.Path(host.outer) / "box"
        prepare(self.machine)
        with open(self.machine.path("/etc/passwd"), "a", encoding="utf-8") as users:
            users.write(f"pulp:x:{USER}:{USER}::/:/bin/sh\n")
        self._put("etc/settings.py", SETTINGS.format(outer=OUTER, user=owner))
        self._put("etc/certs/database_fields.symmetric.key", base64.urlsafe_b64encode(bytes(32)).decode())
        self._put("bin/dynaconf", DYNACONF)
        self._put("bin/pulpcore-manager", MANAGER.format(outer=OUTER, user=owner))
        for kind in self.units.values():
            self._put(f"programs/pulpcore-{kind}", (host.outer / "fake_pulpcore.py").read_text())
        (host.outer / media / "artifact").mkdir(parents=True, exist_ok=True)
        volumes = {"s": f"{OUTER}/s", "box/etc": "/etc/pulp", "box/bin": "/usr/local/bin"}
        volumes |= {"box/programs": "/opt/pulp", media: "/data/media"}
        words = [f"--volume={OUTER}/{name}:{there}" for name, there in volumes.items()]
        name = f"--env=PULP_DATABASES__default__NAME={host.databases[host.level]}"
        self.words = " ".join([WORDS, name, *words])
        for unit, kind in self.units.items():
            port = host.port if kind == "api" else ""
            host.write_unit(
                unit, QUADLET.format(words=self.words, files=FILES, kind=kind, conninfo=host.conninfo(), port=port)
            )
        host.systemctl("daemon-reload")

    def _put(self, name, text):
        path = self.outer / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def containers(self):
        return self.machine.run("podman", "ps", "-a", "--format", "{{.Names}}").split()

    def releases(self):
        """What each container that runs is of."""
        names = self.machine.run("podman", "ps", "--format", "{{.Names}}").split()
        return [self.machine.run("podman", "exec", name, "printenv", "RELEASE").strip() for name in names]

    def replace(self):
        """A command for the machine's shell that migrates in a container of its own and lets the units run the
        release to come.
        """
        files = " ".join(f"/etc/systemd/system/{unit}" for unit in self.units)
        return (
            f"podman run --rm {self.words} --rootfs {FILES} /usr/local/bin/pulpcore-manager migrate\n"
            f"sed -i s/RELEASE=old/RELEASE=new/ {files}\n"
            "systemctl daemon-reload"
        )

    def close(self):
        self.machine.run("systemctl", "stop", *self.units, check=False)
        self.machine.run("umount", FILES, check=False)
