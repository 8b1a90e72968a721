# SPDX-License-Identifier: GPL-3.0-or-later
"""What is found on a host: each feature present in a tree that has it and absent with a reason in
one that has not.
"""

import os

import pytest
from harness.need import need

NAMES = [
    "pulp",
    "pulp-container",
    "pulp-services",
    "postgresql",
    "redis",
    "foreman",
    "katello",
    "smart-proxy",
]


def features(plmaint, **options):
    found = plmaint.run("features", code=0, **options).of("feature")
    assert [f["name"] for f in found] == NAMES
    assert all(f["message"] for f in found)
    return {f["name"]: f for f in found}


def test_a_database_of_pulp(plmaint):
    found = features(plmaint)
    assert [n for n in NAMES if found[n]["present"]] == ["pulp", "pulp-container", "postgresql"]


def test_a_database_that_is_not_pulps(plmaint, cluster):
    db = cluster.create("no_pulp")
    plmaint.configure({"database.pulp.conninfo": db.conninfo()})
    found = features(plmaint)
    assert found["postgresql"]["present"]
    assert not found["pulp-container"]["present"]
    assert "no table container_manifest" in found["pulp-container"]["message"]
    db.drop()


def test_no_database(plmaint, tmp_path):
    plmaint.configure({"database.pulp.conninfo": f"host={tmp_path} dbname=x"})
    found = features(plmaint)
    assert not found["postgresql"]["present"]
    assert "not connected" in found["postgresql"]["message"]
    assert "no connection" in found["pulp-container"]["message"]


@pytest.mark.parametrize("enabled", [True, False])
def test_redis(plmaint, tmp_path, enabled):
    settings = tmp_path / "settings.py"
    settings.write_text(f"CACHE_ENABLED = {enabled}\nREDIS_HOST = 'localhost'\n")
    plmaint.configure({"pulp.settings": settings})
    found = features(plmaint)
    assert found["redis"]["present"] is enabled
    assert found["pulp"]["message"] == "its settings were read"


TREES = {
    "pulp-services": ["/etc/systemd/system/pulpcore-worker@.service"],
    "foreman": ["/etc/foreman/settings.yaml"],
    "katello": ["/etc/foreman/plugins/katello.yaml"],
    "smart-proxy": ["/etc/foreman-proxy/settings.yml"],
}


@pytest.mark.parametrize("name", TREES)
def test_a_host_that_has_it(plmaint, tmp_path, name):
    """Files laid over /etc for this one process alone."""
    may = os.geteuid() == 0 and os.system("unshare -m true 2>/dev/null") == 0
    need(when=may, why="needs a mount namespace of its own")
    assert not features(plmaint)[name]["present"]
    script = tmp_path / "wrap"
    makes = "\n".join(f"mkdir -p $(dirname {p}); : >{p}" for p in TREES[name])
    script.write_text(
        "#!/bin/sh\nset -e\nmkdir /tmp/over; mount -t tmpfs tmpfs /tmp/over\n"
        "mkdir /tmp/over/upper /tmp/over/work\n"
        "mount -t overlay overlay -o lowerdir=/etc,upperdir=/tmp/over/upper,workdir=/tmp/over/work /etc\n"
        f'{makes}\nexec "$@"\n'.replace("/tmp/over", str(tmp_path / "over"))
    )
    script.chmod(0o755)
    found = features(plmaint, wrap=["unshare", "-m", str(script)])
    assert found[name]["present"]
    assert TREES[name][0] in found[name]["message"] or "units" in found[name]["message"]
