# SPDX-License-Identifier: GPL-3.0-or-later
"""What only Pulp does right is asked of Pulp: by its API, or by commands of pulpcore-manager."""

import http.server
import json
import threading

import pytest

from checks.broken import sound
from procedures.fixing import look, mend

ORPHANS, VERSIONS = "pulp-artifacts-orphaned", "pulp-versions-content"


@pytest.fixture
def made(site):
    return sound(site)


class Api(http.server.BaseHTTPRequestHandler):
    """The two requests that matter, answered as Pulp does; the work is server.work()."""

    def answer(self, code, value):
        body = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body, self.headers.get("Authorization")))
        if not self.headers.get("Authorization"):
            return self.answer(401, {"detail": "no credentials"})
        return self.answer(202, {"task": "/pulp/api/v3/tasks/1/"})

    def do_GET(self):
        self.server.polls += 1
        if self.server.polls == 1:  # the web server in front of a Pulp that restarts
            return self.answer(502, {})
        state = "running" if self.server.polls == 2 else self.server.ends
        if state == "completed":
            self.server.work()
        return self.answer(
            200,
            {
                "state": state,
                "error": {"description": "no room"} if state == "failed" else None,
                "progress_reports": [{"message": "Clean up orphan Artifacts", "done": self.server.polls, "total": 3}],
            },
        )

    def log_message(self, *_):
        pass


@pytest.fixture
def api(plmaint, tmp_path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.daemon_threads, server.asked, server.polls, server.ends = True, [], 0, "completed"
    server.work = lambda: None
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    password = tmp_path / "password"
    password.touch(mode=0o600)
    password.write_text("s3cret\n")
    plmaint.configure(
        {
            "pulp.api_url": f"http://127.0.0.1:{server.server_address[1]}/pulp/api/v3/",
            "pulp.api_user": "admin",
            "pulp.api_password_file": password,
        }
    )
    yield server
    server.shutdown()
    server.server_close()


def orphan(site):
    artifact = site.artifact(b"zebra")
    site.conn.commit()
    return artifact


def test_orphans_are_cleaned_up_by_pulp(plmaint, site, made, api):
    artifact = orphan(site)

    def work():
        with site.conn.cursor() as cur:
            cur.execute("DELETE FROM core_artifact WHERE pulp_id = %s", (artifact.pk,))
        site.conn.commit()

    api.work = work
    assert mend(plmaint, ORPHANS, code=78).one("fix")["state"] == "refused" and not api.asked
    done = mend(plmaint, ORPHANS, "--delete")
    assert done.one("fix")["state"] == "mended"
    assert done.one("step.end", label="pulp-orphans-cleanup")["message"] == "Clean up orphan Artifacts: 3"
    (path, body, signed) = api.asked[0]
    assert path == "/pulp/api/v3/orphans/cleanup/" and body == {"orphan_protection_time": 1440}
    assert signed.startswith("Basic ") and done.of("progress", phase="Clean up orphan Artifacts")
    assert "s3cret" not in done.out + done.err


def test_no_cleanup_while_manifests_would_lose_their_bytes(plmaint, site, made, api):
    site.lose(site.image("oci", made.repo))
    done = plmaint.run("procedure", "run", "pulp-orphans-cleanup", "--delete", code=1).one("step.end")
    assert "would lose its bytes for ever" in done["message"] and "pre-migrate" in done["hint"]
    assert not api.asked


def test_a_task_that_fails_is_a_failure(plmaint, site, made, api):
    orphan(site)
    api.ends = "failed"
    done = mend(plmaint, ORPHANS, "--delete", code=1)
    assert done.of("step.end", label="pulp-orphans-cleanup")[0]["message"].endswith("failed: no room")
    assert done.one("fix")["state"] == "unchanged"


def test_without_a_password_it_says_which_keys_are_missing(plmaint, site, made, api):
    orphan(site)
    plmaint.configure({"pulp.api_user": None})
    done = plmaint.run("procedure", "run", "pulp-orphans-cleanup", "--delete", code=1).one("step.end")
    assert "HTTP 401" in done["message"] and "pulp.api_password_file" in done["hint"]
    plmaint.configure({"pulp.api_url": None})
    done = plmaint.run("procedure", "run", "pulp-orphans-cleanup", "--delete", code=2).one("step.end")
    assert "pulp.api_url" in done["message"]


def test_killed_while_pulp_works_it_is_asked_again(plmaint, site, made, api):
    orphan(site)
    api.ends = "running"
    words = ("procedure", "run", "pulp-orphans-cleanup", "--delete")
    running = plmaint.start(*words)
    running.wait_for("progress")
    running.kill9()
    stopped = plmaint.start(*words)
    stopped.wait_for("progress")
    stopped.terminate()
    assert "the task goes on in Pulp" in stopped.wait().one("step.end")["message"]
    late = plmaint.run(*words, "--param", "timeout=1ms", code=1).one("step.end")
    assert "time is over; the task goes on in Pulp" in late["message"]
    api.ends = "completed"
    plmaint.run(*words, code=0)
    assert len(api.asked) == 4


def test_repair_reads_no_checksums(plmaint, site, made, api):
    plmaint.run("procedure", "run", "pulp-artifacts-repair", code=0)
    assert api.asked[0][:2] == ("/pulp/api/v3/repair/", {"verify_checksums": False})


# -- pulpcore-manager


@pytest.fixture
def manager(plmaint, tmp_path):
    """Programs of a Pulp that note how they were called, and run the SQL that a test gives them."""
    directory = tmp_path / "bin"
    directory.mkdir()
    settings = tmp_path / "settings.py"
    settings.write_text("CACHE_ENABLED = False\n")
    (directory / "calls").write_text("")
    for name, text in {
        "pulpcore-manager": f'#!/bin/sh\necho "$@ $PULP_SETTINGS" >> {directory}/calls\n. {directory}/body\n',
        "dynaconf": "#!/bin/sh\necho '{}'\n",
    }.items():
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)
    (directory / "body").write_text("echo one; echo two >&2\n")
    plmaint.configure({"pulp.manager": directory / "pulpcore-manager", "pulp.settings": settings, "pulp.user": "root"})
    return directory


def test_a_companion_command_is_heard_and_its_result_kept(plmaint, site, made, manager):
    words = ("procedure", "run", "pulp-companion", "--param", "command=datarepair 7272 --dry-run")
    done = plmaint.run(*words, code=0)
    assert {e["line"] for e in done.of("output")} == {"one", "two"}
    assert "pulpcore-manager datarepair 7272 --dry-run ended with exit status 0" in done.one("step.end")["message"]
    called = (manager / "calls").read_text()
    assert called.startswith("datarepair 7272 --dry-run /") and called.count("\n") == 1
    assert "  | one" in plmaint.run(*words, json=False, code=0).out
    (manager / "body").write_text("echo 'CommandError: no'; exit 3\n")
    failed = plmaint.run(*words, code=1).one("step.end")
    assert "exit status 3" in failed["message"] and failed["examples"] == ["CommandError: no"]


@pytest.mark.parametrize("command", ["shell", "remove-plugin container", "datarepair 7272;id", "datarepair --zebra", ""])
def test_other_commands_are_refused(plmaint, site, made, manager, command):
    plmaint.run("procedure", "run", "pulp-companion", "--param", f"command={command}", code=2)
    assert (manager / "calls").read_text() == ""


def test_a_companion_command_that_hangs_is_ended(plmaint, site, made, manager):
    (manager / "body").write_text("echo begun; sleep 600\n")
    words = ("procedure", "run", "pulp-companion", "--param", "command=datarepair 7272")
    late = plmaint.run(*words, "--param", "timeout=300ms", code=1).one("step.end")
    assert "took more than" in late["message"]
    running = plmaint.start(*words)
    running.wait_for("output", line="begun")
    running.terminate()
    assert running.wait().code == 143


@pytest.mark.parametrize("level", ["0050"], indirect=True)
@pytest.mark.parametrize("issue, value", [("7465", "NULL"), ("7272", "'{}'")])
def test_lists_of_content_are_mended_by_datarepair(plmaint, pg_db, site, made, manager, issue, value):
    if value == "NULL":
        site.sql("ALTER TABLE core_repositoryversion ALTER content_ids DROP NOT NULL")
    site.sql(f"UPDATE core_repositoryversion SET content_ids = {value} WHERE pulp_id = %s", (made.repo.version,))
    mended = (
        "UPDATE core_repositoryversion v SET content_ids = ARRAY(SELECT content_id FROM core_repositorycontent c"
        " WHERE c.repository_id = v.repository_id AND v.number > 0)"
    )
    (manager / "body").write_text(f'psql "{pg_db.conninfo()}" -qc "{mended}"\n')
    assert look(plmaint, VERSIONS)["found"] == 1
    done = mend(plmaint, VERSIONS)
    assert done.one("fix")["state"] == "mended"
    assert f"datarepair {issue}" in done.one("step.end", label="pulp-versions-repair")["message"]
    assert (manager / "calls").read_text().startswith(f"datarepair {issue} /")


# -- types of manifests


@pytest.mark.parametrize("level", ["0043", "0050"], indirect=True)
def test_types_that_are_missing_are_made(plmaint, site, made):
    label = "pulp-manifests-typed"
    site.sql("UPDATE container_manifest SET type = NULL")
    assert look(plmaint, label)["found"] == 3
    assert mend(plmaint, label).one("fix")["state"] == "mended"
    kinds = site.sql("SELECT count(DISTINCT type), count(*) FILTER (WHERE type IS NULL) FROM container_manifest")
    assert kinds[0][0] >= 2 and kinds[0][1] == 0
