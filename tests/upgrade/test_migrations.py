# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs before an upgrade is a list: each is done when it is needed, and passed over when not."""

import base64
import sys

import pytest

from harness import manifests, schema

ORDER = [
    "pulp-upgrade-estimate",
    "pulp-upgrade-begin",
    "pulp-upgrade-stop",
    "services-stop",
    "pulp-apps-settled",
    "pulp-manifests-recover",
    "pulp-manifests-retype",
    "pulp-manifests-fill",
    "pulp-manifests-detach",
    "pulp-artifacts-checksums",
    "pulp-manifests-served",
    "pulp-upgrade-command",
    "pulp-upgrade-start",
    "services-start",
    "pulp-workers-online",
    "pulp-upgrade-end",
]


@pytest.fixture
def level(request):
    return getattr(request, "param", "0045")


@pytest.fixture
def manager(tmp_path, plmaint, pg_db):
    """A pulpcore-manager that computes what is missing, and says what it was asked."""
    directory = tmp_path / "bin"
    directory.mkdir()
    (directory / "calls").write_text("")
    for name in ("pulpcore-manager", "dynaconf"):
        path = directory / name
        path.write_text(
            f"#!{sys.executable} -B\n"
            "import contextlib, sys, psycopg2\n"
            f"open({str(directory / 'calls')!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
            f"with contextlib.closing(psycopg2.connect({pg_db.conninfo()!r})) as conn, conn:\n"
            "    conn.cursor().execute(\"UPDATE core_artifact SET sha512 ="
            " encode(sha512(sha256::bytea), 'hex') WHERE sha512 IS NULL\")\n"
        )
        path.chmod(0o755)
    settings = directory / "settings.py"
    key = directory / "database_fields.symmetric.key"
    key.write_bytes(base64.urlsafe_b64encode(b"of a test, and thirty-two bytes.") + b"\n")
    key.chmod(0o600)
    settings.write_text(f"CACHE_ENABLED = False\nDB_ENCRYPTION_KEY = {str(key)!r}\n")
    plmaint.configure(
        {
            "pulp.manager": directory / "pulpcore-manager",
            "pulp.settings": settings,
            "pulp.user": "root",
        }
    )
    return directory


def test_the_plan_shows_them_in_their_order(plmaint, upgraded):
    done = plmaint.run("plan", "upgrade", "run", code=0)
    labels = [e["label"] for e in done.of("plan.step")]
    first = [labels.index(label) for label in ORDER]
    assert first == sorted(first)
    # One that systemd runs Pulp on has units, one with commands of its own has those.
    absent = {e["label"] for e in done.of("plan.step", included=False)}
    assert "services-stop" in absent and "pulp-upgrade-stop" not in absent
    plmaint.configure({"upgrade.stop_command": None, "upgrade.start_command": None})
    done = plmaint.run("plan", "upgrade", "run", code=0)
    absent = {e["label"] for e in done.of("plan.step", included=False)}
    assert "services-stop" not in absent and "pulp-upgrade-stop" in absent
    assert upgraded.log == [] and upgraded.note is None


def test_missing_checksums_are_computed_before_the_command(site, upgraded, manager):
    site.image("oci")
    site.sql("UPDATE core_artifact SET sha512 = NULL")
    done = upgraded.run(code=0)
    assert done.one("step.end", label="pulp-artifacts-checksums")["result"] == "ok"
    assert (manager / "calls").read_text().split() == ["handle-artifact-checksums"]
    assert site.sql("SELECT count(*) FROM core_artifact WHERE sha512 IS NULL") == [(0,)]
    again = upgraded.run(code=0)
    assert again.one("step.end", label="pulp-artifacts-checksums")["result"] == "not-needed"
    assert (manager / "calls").read_text().split() == ["handle-artifact-checksums"]


def test_the_fill_goes_by_the_media_type_that_was_mended(site, upgraded):
    """Type and labels follow from it; what a client has in its cache is owed."""
    wrong = manifests.flatpak(site.rng)._replace(media_type=manifests.V1)
    made = site.manifest(wrong, site.repository("team/app"))
    done = upgraded.run(code=0)
    assert done.one("step.end", label="pulp-manifests-retype")["rows"] == 1
    row = "SELECT media_type, type FROM container_manifest WHERE content_ptr_id = %s"
    assert site.sql(row, (made.pk,)) == [(manifests.OM, "flatpak")]
    assert not (upgraded.plmaint.state_dir / "cache-debt").exists(), "paid by the detach"
    again = upgraded.run(code=0)
    assert again.one("step.end", label="pulp-manifests-retype")["result"] == "not-needed"


# What 2.20 to 2.22 do to the table.
HOP = """
ALTER TABLE container_manifest ADD data text, ADD type varchar(255), ADD architecture text, ADD os text,
      ADD compressed_image_size integer
"""


@pytest.mark.parametrize("level", ["0038"], indirect=True)
def test_a_level_without_a_place_for_data_has_settled_nothing(plmaint, site):
    """Whatever was found out of a row there, it is pending once its data has a place."""
    repo = site.repository("team/app")
    site.index([site.image("oci", repo), site.image("oci", repo)], repo)
    plmaint.run("pre-migrate", "run", code=(0, 78))
    assert site.sql("SELECT count(*) FROM plmaint.verdict WHERE effect <> 'quarantine'")[0][0] > 0
    site.sql(HOP)
    for name in schema.CONTAINER_MIGRATIONS:
        if "0039" <= name[:4] <= "0043":
            site.sql("INSERT INTO django_migrations (app, name, applied) VALUES ('container', %s, now())", (name,))
    plmaint.run("pre-migrate", "run", code=(0, 78))
    assert site.sql("SELECT count(*) FROM container_manifest WHERE data IS NULL") == [(0,)]


def test_without_the_upgrade_command_nothing_is_begun(plmaint, upgraded):
    plmaint.configure({"upgrade.command": None})
    refused = upgraded.run(code=2)
    assert "upgrade.command is not set" in refused.err and upgraded.log == []
    plmaint.configure({"upgrade.command": "/bin/true", "upgrade.start_command": None})
    assert "upgrade.start_command is not set" in upgraded.run(code=2).err
