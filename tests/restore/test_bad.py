# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be restored is refused before anything is touched, with one sentence that says why."""

import json
import socket

import pytest

from harness.website import website


@pytest.fixture
def backed_up(restored):
    restored.site.bulk_images(4, repos=1)
    restored.site.artifact(b"of no content")
    restored.site.conn.commit()
    restored.back_up()
    return restored


def refused(restored, label, text, code=1):
    """The step finds it, and the site is as it was."""
    done = restored.restore(code=code)
    step = done.one("step.end", label=label)
    assert text in json.dumps(step), done
    assert restored.databases() == [""] and restored.log == []
    assert not (restored.plmaint.state_dir / "restore").exists()


def test_flipped_byte(backed_up):
    path = backed_up.repository.backup / "artifacts.tsv"
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)
    refused(backed_up, "restore-backup", "artifacts.tsv is damaged")


def test_truncated_dump(backed_up):
    """Also where the manifest knows no better: it was cut before it was written."""
    dumps = backed_up.repository.backup / "databases" / "pulp"
    largest = max(dumps.glob("*.dat.gz"), key=lambda p: p.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-20])
    backed_up.repository.seal()
    refused(backed_up, "restore-dumps", "pg_restore cannot read a dump to its end")


def test_missing_object_and_symlink(backed_up):
    rows = (backed_up.repository.backup / "artifacts.tsv").read_text().splitlines()
    first, second = (backed_up.repository.object(r.split("\t")[0]) for r in rows[:2])
    first.unlink()
    second.rename(second.with_name("elsewhere"))
    second.symlink_to("elsewhere")
    done = backed_up.restore(code=1)
    told = done.one("step.end", label="restore-backup")["examples"]
    assert any(t.endswith("is missing") for t in told)
    assert any(t.endswith("is no regular file") for t in told)
    assert backed_up.databases() == [""] and backed_up.log == []


def test_dump_of_another_moment_than_the_list(backed_up):
    """What was loaded is not what was backed up, and stays beside."""
    listing = backed_up.repository.backup / "artifacts.tsv"
    first, *rest = listing.read_text().splitlines(keepends=True)
    listing.write_text("".join([first.replace("\n", "x\n"), *rest]))
    backed_up.repository.seal()
    for _ in range(2):
        told = backed_up.restore(code=1).one("step.end", label="restore-load")
        assert "1 of the 9 artifacts that the backup lists" in told["message"] and first.split("\t")[0] in told["message"]
        assert backed_up.databases() == ["", "_restore_20261121T213133Z"] and backed_up.log == []
    # Without the row the list is shorter than the manifest says, and the manifest than the database is.
    listing.write_text("".join(rest))
    count = backed_up.repository.manifest["artifacts"]
    backed_up.repository.seal(artifacts={**count, "count": 8})
    told = backed_up.restore(code=1).one("step.end", label="restore-load")
    assert "names 9 artifacts, the backup 8" in told["message"] and backed_up.log == []


def test_damaged_object_is_not_copied(backed_up):
    """The size is right: only copying it shows that it is not what its name says."""
    row = (backed_up.repository.backup / "artifacts.tsv").read_text().splitlines()[0]
    digest, size, file = row.split("\t")
    lost = backed_up.site.media_root / file
    lost.unlink()
    thing = backed_up.repository.object(digest)
    thing.chmod(0o640)
    thing.write_bytes(b"x" * int(size))
    done = backed_up.restore(code=1)
    assert "damaged in the store" in str(done.one("step.end", label="restore-media")["examples"])
    assert not lost.exists() and backed_up.log == []
    assert backed_up.databases() == ["", "_restore_20261121T213133Z"]


def test_another_host(backed_up):
    backed_up.repository.seal(host="other.example.org")
    refused(backed_up, "restore-host", "the backup is of the host other.example.org")
    backed_up.repository.seal(host=socket.gethostname(), interfaces=["lo", "gone0"])
    told = backed_up.restore("--check-only", code=78).one("step.end", label="restore-host")
    assert told["result"] == "warning" and told["examples"] == ["the interface gone0"]
    backed_up.repository.seal(host="other.example.org")
    backed_up.restore("--whitelist", "restore-host", code=0)


@pytest.mark.parametrize("last, text", [("0099_later", "of a newer Pulp"), ("0039_earlier", "of an older Pulp")])
def test_another_release(backed_up, last, text):
    database = backed_up.repository.manifest["databases"][0]
    database["migrations"]["container"] = last
    backed_up.repository.seal()
    refused(backed_up, "restore-versions", text)


def test_newer_server(backed_up):
    backed_up.repository.manifest["databases"][0]["server_version"] = 990001
    backed_up.repository.seal()
    refused(backed_up, "restore-server", "is of PostgreSQL 99")


def test_role_that_may_not_make_databases(backed_up):
    """It needs no superuser: the right to make them, and to use the tablespace that they are in here."""
    admin, space = backed_up.db.cluster.admin, f"{backed_up.db.name}_space"
    backed_up.plmaint.configure({"restore.conninfo": None})
    refused(backed_up, "restore-server", "may not make databases")
    admin("SET allow_in_place_tablespaces = on")
    admin(f"CREATE TABLESPACE \"{space}\" LOCATION ''")
    try:
        admin(f'ALTER DATABASE "{backed_up.db.name}" SET TABLESPACE "{space}"')
        admin("ALTER ROLE pulp CREATEDB")
        refused(backed_up, "restore-server", f"may not use the tablespace {space}")
        admin(f'GRANT CREATE ON TABLESPACE "{space}" TO pulp')
        backed_up.restore(code=0)
        sql = "SELECT spcname FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace WHERE datname = %s"
        assert admin(sql, (backed_up.db.name,)) == [(space,)]
    finally:
        admin("ALTER ROLE pulp NOCREATEDB")
        backed_up.close()
        admin(f'ALTER DATABASE "{backed_up.db.name}" SET TABLESPACE pg_default')
        admin(f'DROP TABLESPACE "{space}"')


def test_newer_format(backed_up):
    backed_up.repository.manifest["format"] = 2
    backed_up.repository.write()
    done = backed_up.restore()
    assert done.code not in (0, 78) and "format 2" in done.out + done.err
    assert backed_up.databases() == [""]


def test_unfinished_is_not_taken(backed_up):
    (backed_up.repository.backup / "manifest.json").unlink()
    done = backed_up.restore()
    assert done.code not in (0, 78) and "holds no whole backup" in done.err
    for name, code, words in (
        (backed_up.repository.id, 1, "is unfinished"),
        ("20200101T000000Z", 1, "there is no backup 20200101T000000Z"),
        ("../../elsewhere", 2, "is no backup"),
    ):
        named = backed_up.restore("--as-of", name, code=code)
        assert words in named.one("error")["message"] and not named.of("step.end")
    assert backed_up.databases() == [""]


def test_foreman_maintain_backup(backed_up, tmp_path):
    theirs = tmp_path / "katello-backup-2026-01-01-01-01-01"
    theirs.mkdir()
    for name in ("metadata.yml", "config_files.tar.gz", "pulp_data.tar", "pulpcore.dump"):
        (theirs / name).write_text("")
    done = backed_up.run("run", theirs)
    assert done.code not in (0, 78)
    assert "is a backup of foreman-maintain" in done.err and "hint:" in done.err


def test_directory_that_is_none(backed_up, tmp_path):
    for name in ("nowhere", "empty"):
        path = tmp_path / name
        if name == "empty":
            path.mkdir()
        done = backed_up.run("run", path)
        assert done.code not in (0, 78) and done.err.count("hint:") <= 1


def test_no_room(backed_up):
    backed_up.repository.manifest["databases"][0]["bytes"] = 1 << 60
    backed_up.repository.seal()
    refused(backed_up, "restore-space", "PB are needed for the databases")


def test_two_at_once(backed_up):
    """The first is held where it stops the services; the second is told who has the lock."""
    (backed_up.directory / "hold").write_text("")
    backed_up.let_go()
    first = backed_up.plmaint.start("restore", "run", backed_up.repository.dir)
    first.wait_for("step.start", label="pulp-upgrade-stop")
    second = backed_up.restore(code=75)
    (backed_up.directory / "hold").unlink()
    assert "restore run" in second.one("step.end", label="restore-media")["message"]
    assert first.wait().code == 0


def test_session_of_another_is_named_and_not_ended(backed_up):
    other = backed_up.db.connect()
    try:
        done = backed_up.restore(code=75)
        told = done.one("step.end", label="restore-swap")
        assert "is in use by" in told["message"]
        assert backed_up.log == ["stop", "start"] and backed_up.databases() == ["", "_restore_20261121T213133Z"]
        with other.cursor() as cur:
            cur.execute("SELECT 1")
    finally:
        other.close()
    assert not (backed_up.plmaint.state_dir / "restore").exists()
    backed_up.restore(code=0)


def test_site_that_does_not_stop_stays_as_it_was(backed_up):
    (backed_up.directory / "broken").write_text("")
    done = backed_up.restore(code=1)
    assert done.one("step.end", label="pulp-upgrade-stop")["result"] == "failed"
    assert backed_up.log == ["stop", "start"]
    assert backed_up.databases() == ["", "_restore_20261121T213133Z"]
    assert not (backed_up.plmaint.state_dir / "restore").exists()


def test_manifests_that_cannot_be_pulled(backed_up):
    """The restored site is in use by then: what is wrong is told, and how to go back."""
    media = backed_up.site.media_root / "artifact"
    answers = [(200, "other bytes"), (404, "HTTP 404"), (401, ""), (200, ""), (410, "")]

    def answer(path):
        status, words = answers[0]
        if status == 410:  # as Pulp does, while they are pulled
            backed_up.change("DELETE FROM core_repositorycontent")
        name = path.rsplit("/", 1)[1].removeprefix("sha256:")
        return status, b"x" if words else (media / name[:2] / name[2:]).read_bytes()

    with website(answer) as url:
        backed_up.plmaint.configure({"restore.pull_url": f"{url}/v2/"})
        for code, words in ((1, "with other bytes"), (1, "HTTP 404"), (78, "4 want a login"), (0, "4 manifests were pulled"),
                            (0, "no manifest is served")):
            told = backed_up.restore(code=code).one("step.end", label="restore-verify")
            assert words in str(told) and (code != 1 or "restore revert" in told["hint"])
            answers.pop(0)
    # Where nothing can be pulled, the media and the database are looked at.
    backed_up.plmaint.configure({"restore.pull_url": None})
    (file,), *_ = backed_up.ask("SELECT file FROM core_artifact WHERE size = 13")
    path = backed_up.site.media_root / file
    for spoil, words in (
        (lambda: path.write_bytes(b"of no context"), "1 of 9 artifacts that were read"),
        (path.unlink, f"{file} is not there"),
    ):
        spoil()
        told = backed_up.restore(code=1).one("step.end", label="restore-verify")
        assert words in str(told) and "restore revert" in told["hint"]
    # A cleanup of Pulp's own that takes it is none of that.
    backed_up.change("DELETE FROM core_artifact WHERE size = 13")
    told = backed_up.restore(code=0).one("step.end", label="restore-verify")
    assert "8 artifacts were read from disk" in told["message"]
    # Each run starts what may be closed still; none stops it again.
    assert backed_up.log[0] == "stop" and set(backed_up.log[1:]) == {"start"}
    assert backed_up.databases() == ["", "_before_20261121T213133Z"]
