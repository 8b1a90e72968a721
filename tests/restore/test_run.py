# SPDX-License-Identifier: GPL-3.0-or-later
"""`restore run`: everything is proven first, the site works on while it is loaded, names change in one
moment, and the databases of before stay.
"""

import hashlib
import json

import pytest

from harness import fernet, pg
from harness.need import need

COUNT = "SELECT count(*) FROM container_manifest"


@pytest.fixture
def level(request):
    """Old enough for the heartbeats of the scripts."""
    return getattr(request, "param", "0043")


def results(done):
    return {e["label"]: e["result"] for e in done.of("step.end")}


def site_with(restored, images=6):
    restored.site.bulk_images(images, repos=2)
    (restored.site.media_root / "upload").mkdir()
    (restored.site.media_root / "upload" / "a part\n of one").write_text("uploaded")
    restored.back_up()
    return restored.ask(COUNT)[0][0]


def artifacts(restored, name=None):
    root = restored.site.media_root
    return [(root / file, digest) for file, digest in
            restored.ask("SELECT file, sha256 FROM core_artifact ORDER BY 1", name)]


def whole(restored):
    return all(p.exists() and hashlib.sha256(p.read_bytes()).hexdigest() == d for p, d in artifacts(restored))


def test_from_end_to_end_and_back(restored):
    n = site_with(restored)
    lost, damaged = artifacts(restored)[0][0], artifacts(restored)[1][0]
    restored.let_go()
    restored.change("DELETE FROM container_tag; DELETE FROM container_blobmanifest;"
                    " DELETE FROM container_manifest")
    lost.unlink()
    size = damaged.stat().st_size
    damaged.write_bytes(b"x" * size)
    (restored.site.media_root / "upload" / "a part\n of one").unlink()
    checked = restored.restore("--check-only", code=0)
    assert restored.databases() == [""] and restored.log == [] and not lost.exists()
    assert results(checked)["restore-load"] == "skipped"

    # While the site serves, files come back no faster than it bears.
    go, programs = restored.directory / "go", held_programs(restored)
    restored.plmaint.configure(
        {"throttle.command": f"/usr/bin/test -e {go}", "throttle.calm": "1s", "database.programs": programs}
    )
    running = restored.plmaint.start("restore", "run", restored.repository.dir)
    told = running.wait_for("progress", seconds=60, label="restore-load")
    assert told["total"] == restored.repository.manifest["databases"][0]["bytes"] >= told["done"] > 0
    assert told["unit"] == "bytes" and told["rate"] >= 0 and told["eta"]["p50"] > 0 and told["end"]
    (programs / "go").touch()
    told = running.wait_for("progress", lambda e: e["duty"] == 0, seconds=60, label="restore-media")
    assert told["reason"] == "throttle.command says stop" and not lost.exists()
    tallies = [restored.repository.manifest[key] for key in ("artifacts", "media")]
    assert (told["total"], told["bytes_total"]) == tuple(sum(t[key] for t in tallies) for key in ("count", "bytes"))
    assert {"done", "bytes", "rate", "byte_rate", "eta"} <= set(told)
    go.touch()
    done = running.wait()
    assert done.code == 0, done
    restored.plmaint.configure({"throttle.command": None, "throttle.calm": None, "database.programs": None})
    verified = done.one("step.end", label="restore-verify")["message"]
    assert f"{tallies[0]['count']} artifacts were read from" in verified
    for label in ("restore-media", "restore-begin", "restore-swap", "restore-start", "restore-verify", "restore-end"):
        assert results(done)[label] == "ok"
    assert restored.ask(COUNT) == [(n,)] and whole(restored)
    assert (restored.site.media_root / "upload" / "a part\n of one").read_text() == "uploaded"
    assert restored.log == ["stop", "start"]
    assert restored.databases() == ["", "_before_20261121T213133Z"]
    assert restored.ask(COUNT, restored.old) == [(0,)]
    owners = restored.ask("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    assert owners == [("pulp",)]

    # Once more: nothing is left to do, and nothing is stopped.
    restored.forget()
    again = results(restored.restore(code=0))
    assert again["restore-load"] == again["restore-swap"] == "not-needed" and restored.log == []

    assert results(restored.run("revert", code=0))["restore-revert"] == "ok"
    assert restored.ask(COUNT) == [(0,)] and restored.log == ["stop", "start"]
    assert restored.databases() == ["", "_restore_20261121T213133Z"]
    # Once more: nobody's services are stopped for nothing.
    restored.forget()
    assert results(restored.run("revert", code=0))["restore-revert"] == "not-needed" and restored.log == []
    # What was loaded is still whole: going there again is a swap.
    there = results(restored.restore(code=0))
    assert there["restore-load"] == "not-needed" and there["restore-swap"] == "ok"
    assert restored.ask(COUNT) == [(n,)]

    refused = restored.run("finish", code=1)
    assert restored.old in str(refused.one("step.end", label="restore-finish")["examples"])
    wrong = restored.run("finish", "--yes-destroy", restored.db.name, code=2)
    assert "is no database that a restore has left" in str(wrong)
    assert restored.databases() == ["", "_before_20261121T213133Z"]
    restored.run("finish", "--yes-destroy", restored.old, code=0)
    assert restored.databases() == [""] and restored.ask(COUNT) == [(n,)]
    assert results(restored.run("finish", code=0))["restore-finish"] == "not-needed"


def held_programs(restored):
    """A pg_restore that loads once there is a file go beside it."""
    programs = restored.directory / "programs"
    programs.mkdir()
    script = programs / "pg_restore"
    script.write_text(
        '#!/bin/sh\ncase "$*" in *--jobs=*) while ! [ -e "${0%/*}/go" ]; do sleep 0.05; done;; esac\n'
        f'exec {pg.bindir()}/pg_restore "$@"\n'
    )
    script.chmod(0o755)
    return programs


FEATURES = ("foreman", "candlepin")
# What belongs to the database itself: no dump of it has that.
PROPERTIES = (
    "ALTER DATABASE {db} SET work_mem TO '7MB'",
    """ALTER DATABASE {db} SET search_path TO "$user", public, \"A b\"""",
    """ALTER DATABASE {db} SET "plmaint.odd" TO E'it''s \\\\ two\\nlines :"DBNAME"'""",
    "ALTER DATABASE {db} CONNECTION LIMIT 77",
    "REVOKE ALL ON DATABASE {db} FROM PUBLIC",
    """GRANT CONNECT ON DATABASE {db} TO "{reader}" WITH GRANT OPTION""",
    """ALTER ROLE "{reader}" IN DATABASE {db} SET statement_timeout TO '3s'""",
    """COMMENT ON DATABASE {db} IS E'of the\nsite''s \\\\own'""",
)
MADE_WITH = (
    "SELECT datlocprovider, datcollate, datctype, daticulocale, spcname FROM pg_database d"
    " JOIN pg_tablespace t ON t.oid = dattablespace WHERE datname = '{}'"
)


def forget_role(restored, role):
    for tail in restored.databases():
        restored.db.cluster.admin(f'DROP OWNED BY "{role}"', dbname=restored.db.name + tail)
    restored.db.cluster.admin(f'DROP ROLE "{role}"')


def properties(restored, name=None):
    """Settings by role, rights, the limit; of the database that has the name."""
    where = f"d.datname = '{name or restored.db.name}'"
    ask = restored.db.cluster.admin
    return (
        ask("SELECT setrole::regrole::text, ARRAY(SELECT unnest(setconfig) ORDER BY 1) FROM pg_db_role_setting s"
            f" JOIN pg_database d ON d.oid = s.setdatabase WHERE {where} ORDER BY 1"),
        ask("SELECT a.grantee, a.privilege_type, a.is_grantable FROM pg_database d, aclexplode(d.datacl) a"
            f" WHERE {where} ORDER BY 1, 2"),
        ask(f"SELECT datconnlimit FROM pg_database d WHERE {where}")[0][0],
    )


def comment(restored, name=None):
    sql = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    return restored.db.cluster.admin(sql, (name or restored.db.name,))[0][0]


@pytest.fixture
def tablespaces(restored):
    """Foreman's database is in one that stays, Candlepin's in one that another host has not."""
    admin, names = restored.db.cluster.admin, [f"{restored.db.name}_{word}_space" for word in ("kept", "lost")]
    for name in names:
        admin("SET allow_in_place_tablespaces = on")
        admin(f"CREATE TABLESPACE \"{name}\" OWNER pulp LOCATION ''")
    yield names
    restored.close()
    for name in names:
        admin(f'DROP TABLESPACE IF EXISTS "{name}"')


def test_what_backup_online_writes(restored, tablespaces, tmp_path, request):
    """Both halves, with the names that only this host knows."""
    need(programs=("openssl",))
    restored.site.bulk_images(5, repos=1)
    before = restored.ask(COUNT)
    restored.let_go()
    kept, key = tmp_path / "kept", tmp_path / "key"
    key.write_text(fernet.new_key() + "\n")
    key.chmod(0o640)
    restored.plmaint.configure({"pulp.encryption_key": key})
    reader = f"Odd {restored.db.name}"
    restored.db.cluster.admin(f'CREATE ROLE "{reader}"')
    request.addfinalizer(lambda: forget_role(restored, reader))
    for sql in PROPERTIES:
        restored.db.cluster.admin(sql.format(db=restored.db.name, reader=reader))
    theirs = {feature: f"{restored.db.name}_{feature}" for feature in FEATURES}
    for feature, space in zip(FEATURES, tablespaces):
        restored.db.cluster.admin(
            f'CREATE DATABASE "{theirs[feature]}" OWNER pulp TEMPLATE template0 TABLESPACE "{space}"'
            " LOCALE_PROVIDER icu ICU_LOCALE 'de-AT' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"
        )
        restored.ask_feature(feature, f"CREATE TABLE kept AS SELECT '{feature}' AS word; SELECT 1")
    restored.ask_feature("foreman", f"CREATE TABLE elsewhere () TABLESPACE {tablespaces[1]}; SELECT 1")
    made_with = restored.db.cluster.admin(MADE_WITH.format(theirs["foreman"]))
    yml = tmp_path / "database.yml"
    yml.write_text(
        f"production:\n  adapter: postgresql\n  host: {restored.db.cluster.sockets}\n"
        f"  port: {pg.PORT}\n  username: pulp\n  database: {theirs['foreman']}\n"
    )
    restored.plmaint.configure(
        {
            "database.foreman.settings": yml,
            "database.candlepin.conninfo": restored.db.cluster.conninfo(theirs["candlepin"]),
        }
    )
    known = properties(restored)
    assert len(known[0]) == 2 and known[2] == 77
    restored.plmaint.run("backup", "online", kept, code=(0, 78))
    lost = artifacts(restored)[0][0]
    lost.unlink()
    restored.change("DELETE FROM container_manifest")
    restored.ask_feature("foreman", "UPDATE kept SET word = 'changed'; DROP TABLE elsewhere; SELECT 1")
    restored.db.cluster.drop(theirs["candlepin"])
    restored.db.cluster.admin(f'DROP TABLESPACE "{tablespaces[1]}"')
    (id_,) = (b["id"] for b in restored.plmaint.run("backup", "list", kept, code=0).of("backup"))
    # One barrier for all databases, which nobody waits behind.
    made = json.loads((kept / "backups" / id_ / "manifest.json").read_text())
    assert [d["feature"] for d in made["databases"]] == ["pulp", *FEATURES]
    assert 0 < made["span_seconds"] < 10 and made["snapshots"] == 1
    unpacked = restored.plmaint.state_dir / f"config_{id_}"
    # What a kill has left half unpacked is begun anew.
    (unpacked.with_name(unpacked.name + ".part") / "etc").mkdir(parents=True)
    old, new = key.read_text(), fernet.new_key() + "\n"
    here = tmp_path / "here"
    here.write_text(new)
    key.write_text(new)
    # This host has it elsewhere; the backup knows where its own had it.
    restored.plmaint.configure({"pulp.encryption_key": here})
    restored.db.cluster.admin(f'ALTER ROLE "{reader}" RENAME TO "not {reader}"')
    step = restored.run("run", kept, "--check-only", code=1).one("step.end", label="restore-server")
    assert f"the role {reader}, which has rights or settings in" in str(step["examples"])
    restored.db.cluster.admin(f'ALTER ROLE "not {reader}" RENAME TO "{reader}"')
    restored.run("run", kept, "--check-only", code=78)
    assert not unpacked.exists()
    done = restored.run("run", kept, code=78)
    assert restored.ask(COUNT) == before and whole(restored) and lost.exists()
    for feature in FEATURES:
        assert restored.ask_feature(feature, "SELECT word FROM kept") == [(feature,)]
    assert f"_foreman_before_{id_}" in restored.databases()
    assert restored.db.cluster.admin(MADE_WITH.format(theirs["foreman"])) == made_with
    assert restored.db.cluster.admin(MADE_WITH.format(theirs["candlepin"])) == [made_with[0][:4] + ("pg_default",)]
    told = [e for e in done.one("step.end", label="restore-server")["examples"] if tablespaces[1] in e]
    assert [e.split()[0] for e in told] == list(theirs.values())
    own = comment(restored, f"{restored.db.name}_before_{id_}")
    assert own == "of the\nsite's \\own" and comment(restored).startswith("plmaint restored ")
    assert properties(restored) == known == properties(restored, f"{restored.db.name}_before_{id_}")
    assert results(done)["restore-key"] == results(done)["restore-config"] == "ok"
    # Beside what is installed, which stays.
    assert (unpacked / key.relative_to("/")).read_text() == old and key.read_text() == new
    assert (unpacked.stat().st_mode & 0o777) == 0o700
    assert str(key) in [d["path"] for d in done.of("difference", kind="content")]
    assert [p.name for p in unpacked.parent.glob("config_*")] == [unpacked.name]
    assert results(restored.run("run", kept, code=78))["restore-config"] == "not-needed"
    left = [restored.db.name + tail for tail in restored.databases() if "_before_" in tail]
    restored.run("finish", *(word for name in left for word in ("--yes-destroy", name)), code=0)
    assert comment(restored) == own and comment(restored, theirs["foreman"]) is None


def test_a_backup_without_content(restored):
    """What its database names has to be somewhere: here, or in the store by another backup."""
    restored.site.bulk_images(4, repos=1)
    restored.site.artifact(b"only on disk")
    restored.site.conn.commit()
    names = {digest: path for path, digest in artifacts(restored)}
    only = names[hashlib.sha256(b"only on disk").hexdigest()]
    restored.back_up(content=False)
    restored.let_go()
    kept, stored = only.read_bytes(), next(p for p in names.values() if p != only)
    only.unlink()
    restored.repository.keep(stored)
    stored.unlink()
    told = restored.restore(code=1).one("step.end", label="restore-media")
    assert f"made without content, and 1 of the {len(names)} artifacts" in told["message"]
    assert [e for e in told["examples"] if e.endswith("is neither on disk nor in the store")] == told["examples"]
    assert restored.log == [] and restored.databases() == ["", "_restore_20261121T213133Z"]
    only.write_bytes(kept)
    done = restored.restore(code=0)
    assert whole(restored) and restored.log == ["stop", "start"]
    assert "without content" in done.one("step.end", label="restore-backup")["message"]
    assert not list(restored.plmaint.state_dir.glob("artifacts_*"))


def test_artifacts_of_another_domain(restored, tmp_path):
    """They come back into the directory of their domain, where that is known."""
    need(programs=("openssl",))
    root, media, key = tmp_path / "other", restored.site.media_root, tmp_path / "key"
    restored.site.bulk_images(2, repos=1)
    path = restored.site.artifact(b"of another domain", domain=restored.site.domain("other")).path
    restored.site.conn.commit()
    theirs = root / path.relative_to(media)
    theirs.parent.mkdir(parents=True)
    path.rename(theirs)
    key.write_text(fernet.new_key() + "\n")
    roots = {"pulp.domain_roots": f"other={root}"}
    restored.plmaint.configure(roots | {"pulp.encryption_key": key})
    restored.let_go()
    restored.plmaint.run("backup", "online", tmp_path / "kept", "--features", "pulp", code=(0, 78))
    theirs.unlink()
    restored.plmaint.configure({"pulp.domain_roots": None})
    told = restored.run("run", tmp_path / "kept", "--check-only", code=1).one("step.end", label="restore-space")
    assert told["examples"] == ['1 artifact is of domain "other", whose directory is not in pulp.domain_roots']
    restored.plmaint.configure(roots)
    restored.run("run", tmp_path / "kept", code=0)
    assert theirs.read_bytes() == b"of another domain" and not path.exists()


def test_what_pulp_has_cached_is_forgotten(restored, redis_server):
    """Of what only the backup knows and of what only the database of before knew; nothing of others."""
    restored.site.distribution("app/kept", restored.site.repository("app/kept"))
    restored.site.conn.commit()
    restored.back_up()
    restored.let_go()
    restored.change("UPDATE core_distribution SET base_path = 'app/renamed'")
    redis = redis_server.client()
    for key in ("app/kept", "app/renamed", "of/somebody-else"):
        redis.hset(key, "/v2/x/manifests/latest:GET:", "{}")
    restored.plmaint.configure({"redis.url": redis_server.url()})
    done = restored.restore(code=0)
    assert results(done)["restore-cache"] == "ok"
    assert redis.keys("*") == [b"of/somebody-else"]
