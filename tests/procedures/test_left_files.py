# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads and temporary files that were left behind go with their files; what may be wanted stays."""

import os

import pytest

from checks.broken import ALL, sound, task
from procedures.fixing import came_to_its_end, killed_in_its_second_batch, look, mend

UPLOADS, FILES = "pulp-uploads-old", "pulp-files-temporary"


@pytest.fixture
def made(site):
    return sound(site)


def put(site, name):
    path = site.media_root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"zebra")
    return path


def upload(site, parts=2, **values):
    pk = site.insert("core_upload", size=7, **values)["pulp_id"]
    paths = []
    for i in range(parts):
        name = f"upload/{pk}.{i}"
        paths.append(put(site, name))
        site.insert("core_uploadchunk", upload_id=pk, offset=i, size=1, file=name)
    site.conn.commit()
    return pk, paths


def temporary(site, name, **values):
    site.insert("core_pulptemporaryfile", file=name, **values)
    site.conn.commit()
    return put(site, name)


def count(site, table):
    return site.sql(f"SELECT count(*) FROM {table}")[0][0]


@pytest.mark.parametrize("level", ALL, indirect=True)
def test_uploads_go_with_their_parts(plmaint, site, made):
    _, paths = upload(site)
    pk, more = upload(site)
    site.insert("container_upload", upload_ptr_id=pk, repository_id=made.repo.pk)
    young, kept = upload(site, pulp_created=site.now)
    assert mend(plmaint, UPLOADS, code=78).one("fix")["state"] == "refused"
    assert all(p.exists() for p in paths + more)
    done = mend(plmaint, UPLOADS, "--delete")
    assert done.one("fix")["state"] == "mended"
    came_to_its_end(done, "pulp-uploads-remove")
    assert not any(p.exists() for p in paths + more) and all(p.exists() for p in kept)
    assert site.sql("SELECT pulp_id FROM core_upload") == [(young,)]
    assert count(site, "core_uploadchunk") == 2 and count(site, "container_upload") == 0


def test_an_upload_that_still_gets_parts_is_none(plmaint, site, made):
    pk, paths = upload(site)
    site.sql("UPDATE core_uploadchunk SET pulp_created = now() WHERE file LIKE '%.1'")
    assert mend(plmaint, UPLOADS, "--delete", code=78).one("fix")["state"] == "unchanged"
    assert all(p.exists() for p in paths) and count(site, "core_uploadchunk") == 2


@pytest.mark.parametrize("level", ["0038", "0050"], indirect=True)
def test_temporary_files_go(plmaint, site, made):
    path = temporary(site, "tmp/files/aa/zebra")
    assert mend(plmaint, FILES, code=78).one("fix")["state"] == "refused" and path.exists()
    assert mend(plmaint, FILES, "--delete").one("fix")["state"] == "mended" and not path.exists()


def test_what_a_task_that_waits_may_want_is_kept(plmaint, site, made):
    path = temporary(site, "tmp/files/aa/zebra")
    task(site, state="waiting", age="900 days")
    site.conn.commit()
    assert mend(plmaint, FILES, "--delete", code=78).one("fix")["state"] == "unchanged"
    assert path.exists() and count(site, "core_pulptemporaryfile") == 1


def test_a_file_elsewhere_is_not_touched(plmaint, site, made, tmp_path):
    """The column is data of others: it does not lead the program out of Pulp's directory."""
    outside = tmp_path / "outside"
    outside.write_text("")
    os.symlink(outside, site.media_root / "link")
    (site.media_root / "dir").mkdir()
    for name in (str(outside), "../outside", "dir"):
        site.insert("core_pulptemporaryfile", file=name)
    site.insert("core_pulptemporaryfile", file="link")
    site.conn.commit()
    done = mend(plmaint, FILES, "--delete", code=78)
    assert outside.exists() and (site.media_root / "dir").exists()
    assert os.path.lexists(site.media_root / "link") and count(site, "core_pulptemporaryfile") == 4
    assert len(done.of("step.end", label="pulp-files-remove")[0]["examples"]) == 4


def test_an_unmounted_disk_is_no_reason_to_forget_files(plmaint, site, made):
    temporary(site, "tmp/files/aa/zebra")
    (site.media_root / "artifact").rename(site.media_root / "elsewhere")
    done = mend(plmaint, FILES, "--delete", code=1)
    assert "no readable directory artifact" in done.of("step.end", label="pulp-files-remove")[0]["message"]
    assert count(site, "core_pulptemporaryfile") == 1


def test_killed_between_two_batches_the_rest_is_done_later(plmaint, pg_db, site, made):
    paths = [temporary(site, f"tmp/files/aa/{i}") for i in range(150)]
    words = ("procedure", "run", "pulp-files-remove", "--delete")
    killed_in_its_second_batch(plmaint, pg_db, site, "DELETE", "core_pulptemporaryfile", *words)
    # The files of the second batch are gone, and their rows are found again.
    assert count(site, "core_pulptemporaryfile") == 50
    came_to_its_end(plmaint.run(*words, code=0), "pulp-files-remove")
    assert count(site, "core_pulptemporaryfile") == 0 and not any(p.exists() for p in paths)
    assert look(plmaint, FILES)["result"] == "ok"
