# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Pulp is: own configuration, then Pulp's settings file as a literal, and never a default by
accident.
"""

import os

import pytest
from harness import pulptool
from harness.need import need
from harness.settings_case import PLAIN, STORAGE, dsn, failed, find, find_in, write

# -- what a file says


def test_pulps_defaults_hold_for_what_a_file_does_not_say(tmp_path):
    found = find_in(tmp_path, "SECRET_KEY = 'x'\n").one()
    assert dsn(found) == {"dbname": "pulp", "user": "pulp"}
    assert found["media_root"] == "/var/lib/pulp/media"
    assert (found["cache"], found["redis_url"], found["domains"]) == ("0", "(none)", "0")
    assert (found["api_ttl"], found["content_ttl"], found["worker_ttl"]) == ("120", "30", "30")
    assert found["settings_source"] == found["conninfo_source"] == str(tmp_path / "settings.py")


def test_every_value_of_a_database_survives_its_quoting(tmp_path):
    password = 'it\'s a \\ "test" with spaces = & é'
    databases = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": "db1.example.com,db2.example.com",
            "PORT": 6543,
            "NAME": "pulp core",
            "USER": "o'neil",
            "PASSWORD": password,
            "OPTIONS": {
                "sslmode": "verify-full",
                "sslrootcert": "/etc/pki/ca.crt",
                "connect_timeout": 5,
                "pool": True,
                "target_session_attrs": "read-write",
                "options": "-c search_path=pulp",
                "assume_role": "pulp owner",
            },
        }
    }
    found = find_in(tmp_path, f"DATABASES = {databases!r}\n").one()
    assert dsn(found) == {
        "host": "db1.example.com,db2.example.com",
        "port": "6543",
        "dbname": "pulp core",
        "user": "o'neil",
        "password": password,
        "sslmode": "verify-full",
        "sslrootcert": "/etc/pki/ca.crt",
        "connect_timeout": "5",
        "target_session_attrs": "read-write",
        "options": "-c search_path=pulp -c role=pulp\\ owner",
    }


@pytest.mark.parametrize(
    "databases,code,text",
    [
        ("{'default': {'HOST': 'x'}}", "config", "names no database"),
        ("{'other': {'NAME': 'x'}}", "config", 'no "default"'),
        (
            "{'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'x'}}",
            "unsupported",
            "sqlite3",
        ),
    ],
)
def test_a_database_that_cannot_be_pulps(tmp_path, databases, code, text):
    failed(find_in(tmp_path, f"DATABASES = {databases}\n"), code, text, "database.pulp.conninfo")


REDIS = [
    ("REDIS_URL = 'unix:///run/redis.sock?db=8'", "unix:///run/redis.sock?db=8"),
    ("REDIS_URL = 'redis://h/1'\nREDIS_HOST = 'other'", "redis://h/1"),
    ("REDIS_HOST = 'localhost'\nREDIS_PORT = '6379'\nREDIS_DB = 8", "redis://localhost:6379/8"),
    (
        "REDIS_HOST = 'localhost'\nREDIS_PORT = 6379\nREDIS_PASSWORD = 'a/b:c@d e'",
        "redis://:a%2Fb%3Ac%40d%20e@localhost:6379/0",
    ),
    ("REDIS_HOST = '::1'", "redis://[::1]:6379/0"),
    (
        "REDIS_HOST = 'r'\nREDIS_SSL = True\nREDIS_SSL_CA_CERTS = '/etc/ca.crt'",
        "rediss://r:6379/0?ssl_ca_certs=%2Fetc%2Fca.crt",
    ),
]


@pytest.mark.parametrize("text,url", REDIS)
def test_the_cache(tmp_path, text, url):
    assert find_in(tmp_path, f"CACHE_ENABLED = True\n{text}\n").one()["redis_url"] == url
    found = find_in(tmp_path, f"CACHE_ENABLED = False\n{text}\n").one()
    assert (found["cache"], found["redis_url"]) == ("0", "(none)")


def test_a_cache_without_an_address(tmp_path):
    failed(find_in(tmp_path, "CACHE_ENABLED = True\n"), "config", "REDIS_HOST", "redis.url")


@pytest.mark.parametrize("text,root,storage", STORAGE)
def test_storage(tmp_path, text, root, storage):
    found = find_in(tmp_path, text + "\n").one()
    assert (found["media_root"], found["storage_class"]) == (root, storage)
    mounted = find_in(tmp_path, text + "\n", pulp__media_root="/mnt").one()
    assert (mounted["media_root"], mounted["storage_class"]) == ("/mnt", "(none)")


def test_a_media_root_that_is_not_absolute(tmp_path):
    failed(
        find_in(tmp_path, "MEDIA_ROOT = 'media'\n"),
        "config",
        "not an absolute path",
        "pulp.media_root",
    )


def test_domains_and_times_to_live(tmp_path):
    found = find_in(
        tmp_path,
        "DOMAIN_ENABLED = True\nAPI_APP_TTL = 240\nCONTENT_APP_TTL = 60\nWORKER_TTL = 15\n",
    ).one()
    assert (found["domains"], found["api_ttl"], found["content_ttl"], found["worker_ttl"]) == (
        "1",
        "240",
        "60",
        "15",
    )


# -- own configuration


def test_own_keys_come_first(tmp_path):
    secret = write(tmp_path / "password", "pass'word\nsecond line\n", 0o600)
    found = find_in(
        tmp_path,
        "DATABASES = {'default': {'NAME': 'theirs'}}\nDOMAIN_ENABLED = True\n",
        database__pulp__conninfo="host=/s dbname=ours",
        database__pulp__password_file=secret,
        pulp__media_root="/ours",
        redis__url="redis://ours",
    ).one()
    assert dsn(found) == {"host": "/s", "dbname": "ours", "password": "pass'word"}
    assert found["conninfo_source"] == "database.pulp.conninfo"
    assert (found["media_root"], found["redis_url"], found["cache"], found["domains"]) == (
        "/ours",
        "redis://ours",
        "1",
        "1",
    )


@pytest.mark.parametrize("uri", ["postgresql://h/db", "postgres://h/db?sslmode=require"])
def test_a_password_file_with_a_uri(tmp_path, uri):
    secret = write(tmp_path / "password", "a&b=c d%\n", 0o600)
    found = find(
        database__pulp__conninfo=uri,
        database__pulp__password_file=secret,
        pulp__settings=write(tmp_path / "s.py", ""),
    ).one()
    assert dsn(found)["password"] == "a&b=c d%"
    assert dsn(found)["dbname"] == "db"


def test_a_password_file_that_is_missing(tmp_path):
    failed(
        find_in(tmp_path, "", database__pulp__password_file=tmp_path / "nothing"),
        "not-found",
        "password_file",
        "first line",
    )


# -- files that are not there or not to be read


def test_a_missing_file_is_no_default(tmp_path):
    failed(find(pulp__settings=tmp_path / "nothing.py"), "not-found", "nothing.py", "pulp.settings")
    # Named on purpose it must be there, also when the database is configured.
    failed(
        find(pulp__settings=tmp_path / "nothing.py", database__pulp__conninfo="dbname=x"),
        "not-found",
        "nothing.py",
        "pulp.settings",
    )


def test_without_the_usual_file_a_connection_string_is_enough():
    need(when=not os.path.exists("/etc/pulp"), why="this machine has an /etc/pulp")
    failed(find(), "not-found", "/etc/pulp/settings.py", "database.pulp.conninfo")
    found = find(database__pulp__conninfo="dbname=x").one()
    assert found["settings_source"] == found["media_root"] == found["redis_url"] == "(none)"
    assert found["domains"] == "-1"


def test_a_directory_instead_of_the_file(tmp_path):
    failed(find(pulp__settings=tmp_path), "config", "not a regular file", "pulp.settings")


def test_a_file_that_we_may_not_read(open_path):
    need(root=True)
    path = write(open_path / "settings.py", PLAIN, 0o600)
    answer = pulptool.run(
        "find",
        f"pulp.settings={path}",
        "database.pulp.conninfo=dbname=x",
        wrap=[
            "setpriv",
            "--reuid=65534",
            "--clear-groups",
            "--bounding-set=-all",
            "--inh-caps=-all",
        ],
    )
    failed(answer, "denied", "settings.py", "pulp.settings")
