# SPDX-License-Identifier: GPL-3.0-or-later
"""With nothing configured but Pulp's own settings file, plmaint finds database, files and Redis."""
import getpass

import pytest

import registry

PENDING = "SELECT count(*) FROM container_manifest WHERE data IS NULL"


def only_settings(plmaint, site, **settings):
    """Configured without a word of database, media and Redis."""
    nothing = dict.fromkeys(("database.pulp.conninfo", "pulp.media_root", "redis.url"))
    return plmaint(site, {**nothing, "pre-migrate.grace": "1s", **{f"pulp.{k}": v for k, v in settings.items()}})


@pytest.fixture
def site(oracle, stack):
    site = oracle.site(oracle.clone(oracle.template("0043"), "settings"))
    stack.callback(site.close)
    site.start()
    # Pulp itself works with these settings, and Redis holds an entry that must go.
    assert registry.pull(site, "team/app", "oci")[0] == 200
    assert site.redis.client().exists("team/app")
    return site


def migrate(oracle, site, tool):
    with oracle.pg.session(site.db) as conn:
        assert conn.one(PENDING)[0] > 50
        tool.run("pre-migrate", "run", code=0)
        assert conn.one(PENDING)[0] == 0
    assert not site.redis.client().exists("team/app")
    assert registry.pull(site, "team/app", "oci")[0] == 200


def test_settings_of_literals(oracle, site, plmaint):
    """Read without Python: a pulpcore-manager that does not exist is not missed."""
    migrate(oracle, site, only_settings(plmaint, site, settings=site.settings,
                                        manager="/nonexistent/manager"))


def test_settings_with_code(oracle, site, plmaint):
    """What code computes only Pulp's own dynaconf can tell."""
    text = site.settings.read_text()
    code = (f"import os\nBASE = os.path.join('/', {str(site.base)!r})\n"
            f"HERE = {{'socket': {str(site.pg.sockets)!r}}}\n")
    text = text.replace(f'"{site.base}/media"', 'BASE + "/media"')
    text = text.replace(f'"{site.pg.sockets}"', "HERE['socket']")
    assert "BASE +" in text and "HERE[" in text
    computed = site.base / "computed.py"
    computed.write_text(code + text)
    migrate(oracle, site, only_settings(plmaint, site, settings=computed, user=getpass.getuser(),
                                        manager=site.venv / "bin/pulpcore-manager"))
