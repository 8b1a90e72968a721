# SPDX-License-Identifier: GPL-3.0-or-later
"""Procedures that mend, at a Pulp that runs: it says afterwards what it would say had it done so."""

import json

import pulpenv
import pytest
from harness import cli
from servers import ADMIN

# Of a site on which nothing was migrated; no unit runs its services, whose workers say that they are of localhost.
NOT_WELL = {
    *("pulp-manifests-unmigrated", "pulp-manifests-served", "pulp-manifests-pushed", "pulp-manifests-pending"),
    *("pulp-manifests-recoverable", "pulp-tasks-failed", "pulp-upgrade-path", "pulp-apps-elsewhere", "pulp-apps-loose"),
}


@pytest.fixture
def pulp(oracle, stack):
    site = oracle.site(oracle.clone(oracle.template("0043")))
    stack.callback(site.close)
    site.start()
    return site


@pytest.fixture
def tool(plmaint, pulp):
    password = pulp.base / "password"
    password.touch(mode=0o600)
    password.write_text(ADMIN[1] + "\n")
    (pulp.base / "database_fields.symmetric.key").chmod(0o600)
    return plmaint(
        pulp,
        {
            "pulp.settings": pulp.settings,
            "pulp.manager": pulp.venv / "bin/pulpcore-manager",
            "pulp.user": "root",
            "pulp.api_url": f"http://127.0.0.1:{pulp.port}/pulp/api/v3/",
            "pulp.api_user": ADMIN[0],
            "pulp.api_password_file": password,
        },
    )


def run(tool, label, *words, code=0):
    return tool.run("procedure", "run", label, *words, code=code).one("step.end")


def artifact(pulp, text):
    """An artifact of no content, as a client makes it that gives up afterwards."""
    bound = "zebra"
    body = (
        f'--{bound}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n{text}\r\n--{bound}--\r\n'
    )
    status, _, data = pulp.http(
        "POST", "/pulp/api/v3/artifacts/", body, {"Content-Type": f"multipart/form-data; boundary={bound}"}
    )
    assert status == 201, data
    return json.loads(data)


def test_a_live_pulp_is_mended(pulp, tool, stack):
    db = pulp.pg.session(pulp.db)
    stack.callback(db.close)
    # What is no content's is deleted by Pulp itself.
    lost = artifact(pulp, "nobody wants this")
    path = pulp.media / lost["file"]
    db.execute("UPDATE core_artifact SET timestamp_of_interest = now() - interval '2 days' WHERE sha256 = %s", (lost["sha256"],))
    assert path.exists()
    said = run(tool, "pulp-orphans-cleanup", "--delete")
    assert said["result"] == "ok" and "orphan" in said["message"] and not path.exists()
    assert run(tool, "pulp-artifacts-repair")["result"] == "ok"

    # An upload that was never finished.
    upload = pulp.api("POST", "uploads/", {"size": 10})["pulp_href"]
    bound = "zebra"
    part = f'--{bound}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n01234\r\n--{bound}--\r\n'
    status, _, data = pulp.http(
        "PUT", upload, part,
        {"Content-Type": f"multipart/form-data; boundary={bound}", "Content-Range": "bytes 0-4/10"},
    )
    assert status == 200, data
    chunk = pulp.media / db.one("SELECT file FROM core_uploadchunk")[0]
    assert chunk.exists()
    for table in ("core_upload", "core_uploadchunk"):
        db.execute(f"UPDATE {table} SET pulp_created = now() - interval '2 days'")
    assert run(tool, "pulp-uploads-remove", "--delete")["result"] == "ok"
    assert not chunk.exists() and pulp.http("GET", upload)[0] == 404

    # Old tasks, with the roles and reports that the real tables hang on them.
    before = pulp.api("GET", "tasks/")["count"]
    db.execute("UPDATE core_task SET finished_at = finished_at - interval '99 days'")
    assert run(tool, "pulp-tasks-purge", "--delete")["rows"] == before > 0
    assert pulp.api("GET", "tasks/")["count"] == 0
    assert db.one("SELECT count(*) FROM core_progressreport")[0] == 0

    # A task that nobody has: the worker that is online ends it when it is told.
    done = pulp.wait_task(pulp.api("POST", "repair/", {"verify_checksums": False}))
    pk = done["pulp_href"].rstrip("/").rpartition("/")[2]
    db.execute("UPDATE core_task SET state = 'running', finished_at = NULL, unblocked_at = NULL WHERE pulp_id = %s", (pk,))
    run(tool, "pulp-tasks-cancel")
    ended = pulp.api("GET", done["pulp_href"])
    assert ended["state"] in ("canceled", "failed")

    # A service that was killed an hour ago, beside those that live.
    db.execute(
        "INSERT INTO core_contentappstatus (pulp_id, pulp_created, name, last_heartbeat, versions)"
        " VALUES (gen_random_uuid(), now(), '1@killed', now() - interval '1 h', '')"
    )
    before = db.one("SELECT count(*) FROM core_contentappstatus")[0]
    assert run(tool, "pulp-apps-remove", "--delete")["rows"] == 1
    assert db.one("SELECT count(*) FROM core_contentappstatus")[0] == before - 1
    assert pulp.api("GET", "status/")["online_content_apps"]

    # Upstream's own command, as the user and with the settings of Pulp.
    said = run(tool, "pulp-companion", "--param", "command=clean-up-progress-reports --dry-run")
    assert said["result"] == "ok" and any("inconsistent state" in line for line in said["examples"]), said

    # All that checks look at, on tables that upstream's own migrations have made.
    ends = {e["label"]: e for e in tool.run("health", "check", "--all", "--exclude-tags", "host", code=1).of("step.end")}
    odd = {k: e["message"] for k, e in ends.items() if e["result"] not in ("ok", "skipped")}
    assert set(odd) <= NOT_WELL, odd
    assert ends["pulp-migrations-applied"]["message"].startswith("all ")
    assert ends["pulp-encryption-key"]["message"].startswith("1 key in ")


@pytest.mark.parametrize("programs, database, code", [("0038", "0043", 0), ("0043", "0038", 1)])
def test_programs_of_another_release_than_the_database(oracle, stack, tmp_path, programs, database, code):
    """By the files of both releases, and by what each of them has noted."""
    manager = pulpenv.venv(programs) / "bin/pulpcore-manager"
    tool = cli.Plmaint(tmp_path, oracle.pg.conninfo(oracle.template(database)), settings={"pulp.manager": manager})
    stack.callback(tool.close)
    found = tool.run("health", "check", "--label", "pulp-migrations-applied", code=code).one("step.end")
    assert found["message"].endswith("migrations of the installed Pulp were " + ("not applied" if code else "applied"))
    assert ("container 0039_manifest_data" in found.get("examples", [])) == bool(code)
