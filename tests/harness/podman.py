# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Podman on a machine of the tests, and a Pulp in one of its containers. The files of the container
are the machine's own, so that no image is needed; its settings, its media and its programs are volumes.
"""

import base64
import pathlib

from .machine import OUTER
from .need import need

UNITS = {"registry-box.service": "worker", "pulp-content.service": "content"}
FILES = "/srv/files"
USER = 2000  # pulp, who is known in the container
CONF = {
    "/etc/containers/containers.conf": '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "crun"\n',
    "/etc/containers/storage.conf": '[storage]\ndriver = "vfs"\ngraphroot = "/run/graph"\nrunroot = "/run/containers/storage"\n',
}
# As Podman's generator makes it of a quadlet. The machine's kernel has no control groups to spare.
QUADLET = """[Service]
Environment=PODMAN_SYSTEMD_UNIT=%n
KillMode=mixed
Type=notify
NotifyAccess=all
ExecStart=/usr/bin/podman run --name=systemd-%N --cidfile=%t/%N.cid --replace --rm -d --sdnotify=conmon \
    --cgroups=disabled --network=host --user=pulp --env=PULP_DATABASES__default__NAME={database} {volumes} \
    --rootfs {files} /usr/bin/python3 /opt/pulp/pulpcore-{kind} {kind} "{conninfo}"
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
    """Two containers, of a worker and of a content app. With the network they share the name of the host, and
    both processes are the first of their own: they sign on under one name.
    """

    def __init__(self, host, owner):
        self.machine = host.machine
        self.outer = pathlib.Path(host.outer) / "box"
        prepare(self.machine)
        with open(self.machine.path("/etc/passwd"), "a", encoding="utf-8") as users:
            users.write(f"pulp:x:{USER}:{USER}::/:/bin/sh\n")
        self._put("etc/settings.py", SETTINGS.format(outer=OUTER, user=owner))
        self._put("etc/certs/database_fields.symmetric.key", base64.urlsafe_b64encode(bytes(32)).decode())
        self._put("bin/dynaconf", DYNACONF)
        self._put("bin/pulpcore-manager", MANAGER)
        for kind in UNITS.values():
            self._put(f"programs/pulpcore-{kind}", (host.outer / "fake_pulpcore.py").read_text())
        (self.outer / "media" / "artifact").mkdir(parents=True)
        volumes = {"etc": "/etc/pulp", "bin": "/usr/local/bin", "programs": "/opt/pulp", "media": "/data/media"}
        words = [f"--volume={OUTER}/box/{name}:{there}" for name, there in volumes.items()]
        for unit, kind in UNITS.items():
            text = QUADLET.format(
                kind=kind,
                files=FILES,
                database=host.databases[host.level],
                conninfo=host.conninfo(),
                volumes=" ".join([f"--volume={OUTER}/s:{OUTER}/s", *words]),
            )
            host.write_unit(unit, text)
        host.systemctl("daemon-reload")

    def _put(self, name, text):
        path = self.outer / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def containers(self):
        return self.machine.run("podman", "ps", "-a", "--format", "{{.Names}}").split()

    def close(self):
        self.machine.run("systemctl", "stop", *UNITS, check=False)
        self.machine.run("umount", FILES, check=False)
