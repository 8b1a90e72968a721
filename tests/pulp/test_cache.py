# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys of Pulp's content cache go, in which spelling, through every kind of connection, and
nothing else.
"""

import pytest
from harness import pg, pulptool, redisd

LEVELS = ["0038", "0043", "0050", "3.117"]
FLATPAK = "/index/static"


def keys(db, domains, sql=None):
    words = [] if sql is None else [sql]
    answer = pulptool.run("keys", db.conninfo(), domains, *words)
    assert answer.code == 0, answer.pairs
    assert len(answer.all("key")) == len(set(answer.all("key")))
    return set(answer.all("key"))


def of(*repos):
    """A statement that yields these repositories."""
    names = ", ".join(f"'{repo.pk}'" for repo in repos)
    return f"SELECT pulp_id FROM core_repository WHERE pulp_id IN ({names})"


@pytest.mark.parametrize("level", LEVELS, indirect=True)
def test_spelling(site, pg_db):
    """One key per distribution: without domains the base path, with domains behind the domain's
    name; unknown: both.
    """
    repo = site.repository("team/app")
    site.distribution("team/app", repo)
    site.distribution("lonely")
    assert keys(pg_db, 0) == {"team/app", "lonely", FLATPAK}
    assert keys(pg_db, 1) == {"default:team/app", "default:lonely", FLATPAK}
    assert keys(pg_db, -1) == {"team/app", "lonely", "default:team/app", "default:lonely", FLATPAK}
    assert keys(pg_db, 0, of(repo)) == {"team/app", FLATPAK}


@pytest.mark.parametrize("level", ["0044", "0050"], indirect=True)
def test_the_same_path_in_two_domains(site, pg_db):
    other = site.domain("dom1")
    ours, theirs = site.repository("a"), site.repository("a", domain=other)
    site.distribution("team/app", ours)
    site.distribution("team/app", theirs)
    assert keys(pg_db, 1) == {"default:team/app", "dom1:team/app", FLATPAK}
    assert keys(pg_db, 1, of(theirs)) == {"dom1:team/app", FLATPAK}
    assert keys(pg_db, 0, of(theirs)) == {"team/app", FLATPAK}


@pytest.mark.parametrize("level", LEVELS, indirect=True)
def test_affected_distributions(site, pg_db):
    """By repository and by repository version; those that serve nothing or something else stay."""
    first, second = site.repository("first"), site.repository("second")
    site.distribution("by-repository", first)
    site.distribution("by-version", first, version=first.version)
    site.distribution("other", second)
    site.distribution("nothing")
    assert keys(pg_db, 0, of(first)) == {"by-repository", "by-version", FLATPAK}
    assert keys(pg_db, 0, of(first, second)) == {"by-repository", "by-version", "other", FLATPAK}
    assert keys(pg_db, 0, "SELECT pulp_id FROM core_repository WHERE false") == {FLATPAK}


@pytest.mark.parametrize("level", LEVELS, indirect=True)
def test_pull_through_twin(site, pg_db):
    """What a pull-through distribution served first is cached under its own path."""
    parent, other = site.pull_through("mirror"), site.pull_through("other")
    repo = site.repository("mirror/library/nginx", push=False)
    site.distribution("mirror/library/nginx", repo, pull_through=parent)
    assert other
    assert keys(pg_db, 0, of(repo)) == {"mirror/library/nginx", "mirror", FLATPAK}
    assert keys(pg_db, 0) == {"mirror/library/nginx", "mirror", "other", FLATPAK}


# -- through Redis


def fill(server, *names, db=0):
    client = server.client(db)
    for name in names:
        client.hset(name, "/v2/x:GET:", "{}")
    return client


CONNECTIONS = {
    "tcp": ({}, lambda s, tmp: {"redis.url": s.url()}),
    "unix": ({}, lambda s, tmp: {"redis.url": s.url("unix")}),
    "redis+unix": ({}, lambda s, tmp: {"redis.url": "redis+" + s.url("unix")}),
    "database": ({}, lambda s, tmp: {"redis.url": s.url(db=8)}),
    "password": ({"password": True}, lambda s, tmp: {"redis.url": s.url()}),
    "password-file": (
        {"password": True},
        lambda s, tmp: {"redis.url": s.url(secret=False), "redis.password_file": secret(tmp)},
    ),
    "acl": ({"acl": True}, lambda s, tmp: {"redis.url": s.url()}),
    "acl-file": (
        {"acl": True},
        lambda s, tmp: {
            "redis.url": s.url("unix", secret=False),
            "redis.user": redisd.USER,
            "redis.password_file": secret(tmp),
        },
    ),
    "tls": (
        {"tls": True},
        lambda s, tmp: {"redis.url": s.url(), "redis.ca_file": s.certificates["ca.crt"]},
    ),
    "tls-acl": (
        {"tls": True, "acl": True},
        lambda s, tmp: {"redis.url": s.url(), "redis.ca_file": s.certificates["ca.crt"]},
    ),
}


def secret(tmp_path):
    path = tmp_path / "redis.password"
    path.touch(mode=0o600)
    path.write_text(redisd.PASSWORD + "\n")
    return path


@pytest.mark.parametrize("kind", CONNECTIONS)
def test_every_connection(site, pg_db, plmaint, tmp_path, kind):
    options, configure = CONNECTIONS[kind]
    site.distribution("team/app", site.repository("team/app"))
    with redisd.Redis(**options) as server:
        plmaint.configure(configure(server, tmp_path))
        client = fill(
            server, "team/app", FLATPAK, "pulp:resource_lock:x", db=8 if kind == "database" else 0
        )
        status = plmaint.run("cache", "status", code=0).one("cache")
        assert (status["enabled"], status["cached"], status["keys"]) == (
            True,
            2,
            3,
        )  # both spellings of one path, and the index
        assert redisd.PASSWORD not in str(status)
        plmaint.run("cache", "invalidate", "--scope", "all", code=0)
        assert client.keys() == [b"pulp:resource_lock:x"]


def test_through_the_settings_of_pulp(site, pg_db, plmaint, redis_server, tmp_path):
    """Without redis.url: the parts that Pulp's settings name, and their domains."""
    site.distribution("team/app", site.repository("team/app"))
    settings = tmp_path / "settings.py"
    settings.write_text(
        "CACHE_ENABLED = True\nREDIS_HOST = '127.0.0.1'\nREDIS_PORT ="
        f" '{redis_server.port}'\nREDIS_DB = 3\nDOMAIN_ENABLED = True\n"
    )
    plmaint.configure({"pulp.settings": settings})
    client = fill(redis_server, "team/app", "default:team/app", db=3)
    plmaint.run("cache", "invalidate", "--scope=all", code=0)
    assert client.keys() == [b"team/app"]


def test_no_cache(plmaint, tmp_path):
    status = plmaint.run("cache", "status", code=0).one("cache")
    assert status["enabled"] is False
    settings = tmp_path / "settings.py"
    settings.write_text("CACHE_ENABLED = False\nREDIS_HOST = 'x'\n")
    plmaint.configure({"pulp.settings": settings})
    assert "do not enable" in plmaint.run("cache", "status", code=0).one("cache")["message"]
    step = plmaint.run("cache", "invalidate", code=0).one("step.end", label="pulp-cache-invalidate")
    assert step["result"] == "not-needed"


@pytest.mark.parametrize("level", ["0039", "0043", "0050"], indirect=True)
def test_affected_are_those_with_detached_manifests(site, plmaint, redis_server):
    detached, filled, pending, later = (
        site.repository(name) for name in ("detached", "filled", "pending", "later")
    )
    for repo in (detached, filled, pending, later):
        site.distribution(repo.name, repo)
    site.fill(site.image(repo=detached), detach=True)
    site.fill(site.image(repo=filled))
    site.image(repo=pending)
    being_pushed = site.image()
    site.pending(being_pushed, later)
    site.fill(being_pushed, detach=True)
    plmaint.configure({"redis.url": redis_server.url()})
    client = fill(redis_server, "detached", "filled", "pending", "later")
    step = plmaint.run("cache", "invalidate", code=0).one("step.end", label="pulp-cache-invalidate")
    assert sorted(client.keys()) == [b"filled", b"pending"]
    assert step["result"] == "ok"
    assert step["message"].startswith("deleted 2 of ")
    # Nothing of it is cached any more, so there is nothing to do.
    assert plmaint.run("cache", "invalidate", code=0).one("step.end")["result"] == "not-needed"
    plmaint.run("cache", "invalidate", "--scope", "all", code=0)
    assert client.keys() == []


def test_by_hand_as_a_procedure(site, plmaint, redis_server):
    site.distribution("team/app", site.repository("team/app"))
    plmaint.configure({"redis.url": redis_server.url()})
    client = fill(redis_server, "team/app")
    plmaint.run("procedure", "run", "pulp-cache-invalidate", "--param", "scope=all", code=0)
    assert client.keys() == []


def test_an_unknown_scope(plmaint):
    result = plmaint.run("cache", "invalidate", "--scope", "some", code=2)
    assert "affected, all" in result.err + result.out


def test_redis_is_down(site, plmaint):
    site.distribution("team/app", site.repository("team/app"))
    plmaint.configure({"redis.url": f"redis://127.0.0.1:{pg.free_port()}/0"})
    result = plmaint.run("cache", "status", code=(1, 3))
    assert "content cache" in result.err + result.out
    failed = plmaint.run("cache", "invalidate", "--scope", "all", code=1).one("step.end")
    assert failed["result"] == "failed"
    assert failed["hint"].endswith(".")


def test_a_wrong_password(site, plmaint, tmp_path):
    with redisd.Redis(password=True) as server:
        plmaint.configure({"redis.url": server.url(secret=False)})
        failed = plmaint.run("cache", "invalidate", "--scope", "all", code=1).one("step.end")
        assert failed["result"] == "failed"
        assert failed["hint"].endswith(".")
