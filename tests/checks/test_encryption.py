# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of Pulp's encrypted columns: right, one of several, another one, damaged, gone."""

import json

import pytest
from harness import fernet
from harness.need import need

LABEL = "pulp-encryption-key"


def one(plmaint, code):
    return plmaint.run("health", "check", "--label", LABEL, code=code).one("step.end", label=LABEL)


@pytest.fixture
def key(site, plmaint, tmp_path):
    """A site with the credentials of three remotes and of a domain's storage."""
    need(programs=("openssl",))
    key = fernet.new_key()
    for name in ("one", "two", "three"):
        row = site.remote(name)
        site.sql(
            "UPDATE core_remote SET username = %s, password = %s, proxy_password = NULL, client_key = ''"
            " WHERE pulp_id = %s",
            (fernet.token(key, "admin"), fernet.token(key, "hunter2"), row),
        )
    site.domain("far")
    settings = {"access_key": fernet.token(key, '"AKIA"'), "more": [fernet.token(key, '"x"')]}
    site.sql("UPDATE core_domain SET storage_settings = %s WHERE name = 'far'", (json.dumps(settings),))
    path = tmp_path / "database_fields.symmetric.key"
    path.write_text(key + "\n")
    path.chmod(0o640)
    plmaint.configure({"pulp.encryption_key": path})
    return path


LEVELS = pytest.mark.parametrize("level", ["0043", "0050"], indirect=True)


@LEVELS
def test_it_opens_all(plmaint, key):
    assert one(plmaint, 0)["message"] == f"1 key in {key}, which open all of 8 values"
    # Rotated: the first encrypts, the older ones still open.
    key.write_text(f"# rotated\n{fernet.new_key()}\n{key.read_text()}")
    assert one(plmaint, 0)["message"].startswith("2 keys in")


@LEVELS
def test_another_key(plmaint, key):
    key.write_text(fernet.new_key() + "\n")
    found = one(plmaint, 1)
    assert (found["result"], found["found"]) == ("finding", 8)
    assert found["message"] == f"8 of 8 encrypted values are opened by no key of {key}"
    assert "password of the remote two" in found["examples"]
    assert "storage_settings of the domain far" in found["examples"]


def test_a_rotation_that_broke_off(plmaint, site, key):
    """One value was written with a key that is no longer in the file."""
    old = fernet.token(fernet.new_key(), "hunter2")
    site.sql("UPDATE core_remote SET password = %s WHERE name = 'two'", (old,))
    found = one(plmaint, 1)
    assert (found["found"], found["examples"]) == (1, ["password of the remote two"])


def test_text_that_is_not_encrypted(plmaint, site, key):
    site.sql("UPDATE core_remote SET password = 'hunter2' WHERE name = 'two'")
    found = one(plmaint, 78)
    assert found["examples"] == ["password of the remote two, not encrypted"]
    assert "hunter2" not in json.dumps(found)


def test_no_key(plmaint, key):
    key.unlink()
    found = one(plmaint, 1)
    assert found["result"] == "finding" and "No such file" in found["message"]
    assert "backup" in found["hint"]


@pytest.mark.parametrize("text", ["", "# only a comment\n", "hunter2\n"], ids=["empty", "comment", "no-key"])
def test_a_damaged_file(plmaint, key, text):
    key.write_text(text)
    found = one(plmaint, 1)
    assert found["result"] == "finding" and "hunter2" not in json.dumps(found)


def test_a_key_that_everybody_can_read(plmaint, key):
    key.chmod(0o644)
    assert "open to everybody" in one(plmaint, 78)["message"]


def test_where_the_settings_say(plmaint, key, tmp_path):
    """Without a key of the configuration Pulp's settings decide; without either nothing is known."""
    plmaint.configure({"pulp.encryption_key": None})
    assert one(plmaint, 0)["result"] == "skipped"
    settings = tmp_path / "settings.py"
    settings.write_text(f"DB_ENCRYPTION_KEY = {str(key)!r}\n")
    plmaint.configure({"pulp.settings": settings})
    assert one(plmaint, 0)["result"] == "ok"


def test_upgrade_check_looks_at_it(plmaint, key):
    key.unlink()
    ends = {e["label"]: e["result"] for e in plmaint.run("upgrade", "check").of("step.end")}
    assert ends[LABEL] == "finding"
