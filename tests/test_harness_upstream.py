# SPDX-License-Identifier: GPL-3.0-or-later
"""Upstream's own code on the rows of the harness: it does there what the harness says it does."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from harness import awkward, manifests, oracle
from harness.need import need

sys.path.insert(0, str(pathlib.Path(__file__).parent / "realpulp"))
import pulpenv  # noqa: E402

SETTINGS = """\
SECRET_KEY = "{key}"
CONTENT_ORIGIN = "http://127.0.0.1:8063"
DATABASES = {{"default": {{
    "ENGINE": "django.db.backends.postgresql", "HOST": "{host}", "PORT": "5432", "NAME": "{name}",
    "USER": "pulp",
}}}}
CACHE_ENABLED = False
ANALYTICS = False
TOKEN_AUTH_DISABLED = True
MEDIA_ROOT = "{media}"
WORKING_DIRECTORY = FILE_UPLOAD_TEMP_DIR = "{base}"
DB_ENCRYPTION_KEY = "{base}/key"
"""
# Django looks for roles on what it deletes; Pulp's authentication is no part of the fixture schema.
ROLES = """CREATE TABLE core_{0}role (
    pulp_id uuid PRIMARY KEY, pulp_created timestamptz, pulp_last_updated timestamptz,
    {0}_id integer, role_id uuid, content_type_id integer, object_id text, domain_id uuid)"""
# Upstream reads other bytes than those of the digest, or keeps columns that the oracle would fill.
OTHER_BYTES = (
    "wrong_bytes",
    "foreign_artifact",
    "config_wrong_bytes",
    "labels_from_2_19",
    "data_empty_text",
)


@pytest.fixture
def python(level):
    try:
        return pulpenv.venv(level) / "bin" / "python"
    except pulpenv.Unavailable as exc:
        need(when=False, why=str(exc))


@pytest.mark.slow
def test_upstream_does_what_the_harness_says(python, site, pg_db, media_root, tmp_path, level):
    made = {f"kind {k}": site.image(k) for k in manifests.KINDS}
    for name, case in awkward.AWKWARD.items():
        if case.since <= level and name != "fifo":  # it would wait for a writer for ever
            made[name] = case(site)
    before = dict(
        site.sql("SELECT content_ptr_id, data IS NOT NULL AND data <> '' FROM container_manifest")
    )
    pending = {name: m for name, m in made.items() if not before[m.pk]}
    for word in ("user", "group"):
        site.sql(ROLES.format(word))
    (tmp_path / "settings.py").write_text(
        SETTINGS.format(
            key="k" * 50,
            host=pg_db.cluster.sockets,
            name=pg_db.name,
            media=media_root,
            base=tmp_path,
        )
    )
    (tmp_path / "key").write_text("YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=")
    (tmp_path / "rows").write_text(json.dumps({name: m.pk for name, m in pending.items()}))
    script = pathlib.Path(__file__).parent / "harness" / "upstream_rows.py"
    ran = subprocess.run(
        [python, script, tmp_path / "rows", tmp_path / "out"],
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PULP_SETTINGS": str(tmp_path / "settings.py"),
            "DJANGO_SETTINGS_MODULE": "pulpcore.app.settings",
        },
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    differ = []
    for name, (error, row, links) in json.loads((tmp_path / "out").read_text()).items():
        m = pending[name]
        said = (
            "LOST"
            if not links and m.link and row["data"] is None
            else "ABORT" if error else "filled" if row["data"] is not None else "SKIP"
        )
        expected = awkward.AWKWARD[name].verdict(level) if name in awkward.AWKWARD else "filled"
        if said != expected:
            differ.append(f"{name}: {said} ({error}), not {expected}")
        elif said == "filled" and name not in OTHER_BYTES:
            ours = oracle.upstream(
                m.raw, m.media_type, m.config.raw if m.config else None, level=level
            )
            differ += [
                f"{name}.{c}: {row[c]!r:.80} is not {v!r:.80}"
                for c, v in ours.items()
                if row[c] != v
            ]
    assert differ == []
    assert len(pending) > 90
