# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Pulp is: own configuration, then Pulp's settings file as a literal, then Pulp's own
dynaconf, and never a default by accident.
"""

import base64
import json
import os
import pathlib
import shutil
import tempfile

import psycopg2.extensions
import pytest
from harness import pulptool
from harness.need import need

PLAIN = "MEDIA_ROOT = '/srv/media'\n"


@pytest.fixture
def open_path():
    """A directory that every user may enter, unlike pytest's own."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="plset"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def write(path, text, mode=0o644):
    path.write_text(text)
    path.chmod(mode)
    return path


def find(**keys):
    words = [f"{name.replace('__', '.')}={value}" for name, value in keys.items()]
    return pulptool.run("find", *words)


def find_in(directory, text, **keys):
    return find(pulp__settings=write(directory / "settings.py", text), **keys)


def dsn(answer):
    return psycopg2.extensions.parse_dsn(answer["conninfo"])


def failed(answer, code, text, hint):
    assert answer.code == 1, answer.pairs
    assert answer["code"] == code, answer.pairs
    assert text in answer["text"], answer.pairs
    assert hint in answer["hint"], answer.pairs
    assert answer["hint"].endswith("."), answer.pairs


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


STORAGE = [
    (
        "DEFAULT_FILE_STORAGE = 'storages.backends.s3boto3.S3Boto3Storage'\nMEDIA_ROOT = ''",
        "(none)",
        "storages.backends.s3boto3.S3Boto3Storage",
    ),
    (
        (
            "STORAGES = {'default': {'BACKEND': 'storages.backends.s3.S3Storage', 'OPTIONS':"
            " {'bucket_name': 'b'}}}\nMEDIA_ROOT = ''"
        ),
        "(none)",
        "storages.backends.s3.S3Storage",
    ),
    (
        (
            "STORAGES = {'default': {'BACKEND': 'pulpcore.app.models.storage.FileSystem',"
            " 'OPTIONS': {'location': '/srv/a'}}}"
        ),
        "/srv/a",
        "(none)",
    ),
    (
        "DEFAULT_FILE_STORAGE = 'pulpcore.app.models.storage.FileSystem'\nMEDIA_ROOT = '/srv/b'",
        "/srv/b",
        "(none)",
    ),
]


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


# -- asking Pulp


def fake_dynaconf(directory, settings, extra=""):
    """pulpcore-manager and dynaconf; the latter leaves what it was called with in seen.* and
    prints the settings.
    """
    bin_ = directory / "bin"
    bin_.mkdir()
    seen = directory / "seen"
    seen.mkdir()
    seen.chmod(0o777)
    write(bin_ / "pulpcore-manager", "#!/bin/sh\nexit 1\n", 0o755)
    answer = write(directory / "answer.json", json.dumps(settings))
    write(
        bin_ / "dynaconf",
        f'#!/bin/sh\necho "$@" >{seen}/args; env >{seen}/env; pwd >{seen}/dir; id -un'
        f" >{seen}/user\n{extra}\ncat {answer}\n",
        0o755,
    )
    return bin_ / "pulpcore-manager", seen


DOUBTFUL = "import os\nMEDIA_ROOT = os.sep + 'srv'\n"
ANSWER = {
    "MEDIA_ROOT": "/from/dynaconf",
    "DATABASES": {"default": {"NAME": "theirs", "PORT": 1}},
    "CACHE_ENABLED": True,
    "REDIS_HOST": "r",
    "REDIS_PORT": None,
    "REDIS_DB": 0,
    "REDIS_URL": None,
    "REDIS_SSL": False,
    "DOMAIN_ENABLED": False,
    "API_APP_TTL": 120,
    "SECRET_KEY": "hush",
}


def test_dynaconf_is_asked_where_the_file_is_doubtful(open_path):
    need(root=True)
    manager, seen = fake_dynaconf(open_path, ANSWER)
    settings = write(open_path / "settings.py", DOUBTFUL)
    env = {"PATH": "/usr/bin:/bin", "PULP_MEDIA_ROOT": "/operators/own", "HOME": "/root"}
    found = pulptool.run(
        "find", f"pulp.settings={settings}", f"pulp.manager={manager}", "pulp.user=nobody", env=env
    ).one()
    assert (found["media_root"], found["redis_url"]) == ("/from/dynaconf", "redis://r:6379/0")
    assert dsn(found) == {"dbname": "theirs", "port": "1"}
    assert (seen / "args").read_text() == "-i pulpcore.app.settings.settings list --json\n"
    assert (seen / "dir").read_text() == "/\n"
    assert (seen / "user").read_text() == "nobody\n"
    passed = dict(
        line.split("=", 1) for line in (seen / "env").read_text().splitlines() if "=" in line
    )
    assert passed["PULP_SETTINGS"] == str(settings)
    assert passed["DJANGO_SETTINGS_MODULE"] == "pulpcore.app.settings"
    # The operator's shell does not count.
    assert "PULP_MEDIA_ROOT" not in passed
    assert "HOME" not in passed


def test_dynaconf_is_found_in_path(open_path):
    manager, seen = fake_dynaconf(open_path, ANSWER)
    settings = write(open_path / "settings.py", DOUBTFUL)
    found = pulptool.run(
        "find",
        f"pulp.settings={settings}",
        "pulp.user=root",
        env={"PATH": f"{manager.parent}:/usr/bin:/bin"},
    ).one()
    assert found["media_root"] == "/from/dynaconf"


def test_a_local_file_beside_the_settings_is_for_dynaconf(open_path):
    manager, _ = fake_dynaconf(open_path, ANSWER)
    settings = write(open_path / "settings.py", PLAIN)
    assert (
        find(pulp__settings=settings, pulp__manager=manager, pulp__user="root").one()["media_root"]
        == "/srv/media"
    )
    write(open_path / "settings.local.py", "MEDIA_ROOT = '/local'\n")
    assert (
        find(pulp__settings=settings, pulp__manager=manager, pulp__user="root").one()["media_root"]
        == "/from/dynaconf"
    )


def test_dynaconf_is_missing(open_path):
    settings = write(open_path / "settings.py", DOUBTFUL)
    failed(find(pulp__settings=settings), "not-found", "line 2", "pulp.manager")
    failed(
        find(pulp__settings=settings, pulp__manager="/nowhere/pulpcore-manager"),
        "not-found",
        "/nowhere",
        "pulp.manager",
    )


def test_dynaconf_fails_and_its_output_stays_secret(open_path):
    manager, _ = fake_dynaconf(
        open_path,
        ANSWER,
        extra="echo '{\"SECRET_KEY\": \"hush\"'; echo 'ValueError: hush' >&2; exit 3",
    )
    settings = write(open_path / "settings.py", DOUBTFUL)
    answer = find(pulp__settings=settings, pulp__manager=manager, pulp__user="root")
    assert (answer.code, answer["code"]) == (1, "config")
    assert "ended with 3: ValueError" in answer["text"]
    assert "hush" not in str(answer)
    # Half an answer is none.
    write(manager.parent / "dynaconf", '#!/bin/sh\necho \'{"MEDIA_ROOT": "/x"\'\n', 0o755)
    assert (
        find(pulp__settings=settings, pulp__manager=manager, pulp__user="root")["code"] == "config"
    )


def test_a_file_that_the_user_pulp_cannot_read(open_path):
    """dynaconf would use Pulp's defaults without a word."""
    need(root=True)
    manager, seen = fake_dynaconf(open_path, ANSWER)
    settings = write(open_path / "settings.py", DOUBTFUL, 0o600)
    failed(
        find(pulp__settings=settings, pulp__manager=manager, pulp__user="nobody"),
        "denied",
        "nobody",
        "pulp.user",
    )
    assert not (seen / "args").exists()


def test_complete_own_keys_need_no_answer(open_path):
    settings = write(open_path / "settings.py", DOUBTFUL)
    keys = {
        "database__pulp__conninfo": "dbname=x",
        "pulp__media_root": "/m",
        "redis__url": "redis://r",
    }
    assert find(**keys).one()["domains"] == "-1"
    failed(find(pulp__settings=settings, **keys), "not-found", "line 2", "pulp.manager")


# -- the environment of the services


@pytest.mark.parametrize(
    "word,text,variables,overrides",
    [
        (
            "words",
            'A=1 PULP_SETTINGS=/x.py "PULP_REDIS_URL=redis://a b" \'PULP_X=it"s\' PULP_Y=a\\ b',
            ["PULP_SETTINGS=/x.py", "PULP_REDIS_URL=redis://a b", 'PULP_X=it"s', "PULP_Y=a b"],
            "yes",
        ),
        ("words", "", [], "no"),
        ("words", "PULP_CONTENT_ORIGIN=x", ["PULP_CONTENT_ORIGIN=x"], "no"),
        ("words", "PULP_DATABASES__default__HOST=h", ["PULP_DATABASES__default__HOST=h"], "yes"),
        ("words", "PULP_MEDIA_ROOT=/a PULP_MEDIA_ROOT=/b", ["PULP_MEDIA_ROOT=/b"], "yes"),
        (
            "lines",
            (
                "# PULP_A=1\n; PULP_B=1\n\nPULP_C = no\nPULP_D=\"a b\"\n  PULP_E='c' "
                " \nPULP_F=x\\\ny\nX=1\n"
            ),
            ["PULP_C = no", "PULP_D=a b", "PULP_E=c", "PULP_F=xy"],
            "no",
        ),
    ],
)
def test_environment_parsers(word, text, variables, overrides):
    answer = pulptool.run(word, stdin=text)
    assert answer.all("var") == variables
    assert answer["overrides"] == overrides


def fake_systemd(directory, output):
    """A machine that was booted with systemd, as far as we look."""
    bin_ = directory / "sbin"
    bin_.mkdir()
    (directory / "units").write_text(output)
    write(
        bin_ / "systemctl",
        f'#!/bin/sh\necho "$@" >>{directory}/asked\ncat {directory}/units\n',
        0o755,
    )
    script = write(
        directory / "wrap",
        '#!/bin/sh\nset -e\nmount -t tmpfs tmpfs /run\nmkdir -p /run/systemd/system\nexec "$@"\n',
        0o755,
    )
    return ["unshare", "-m", str(script)], {"PATH": f"{bin_}:/usr/bin:/bin"}


def may_unshare():
    return os.geteuid() == 0 and os.system("unshare -m true 2>/dev/null") == 0


def test_the_units_environment_counts(open_path):
    need(when=may_unshare(), why="needs a mount namespace of its own")
    manager, seen = fake_dynaconf(open_path, ANSWER)
    settings = write(open_path / "settings.py", PLAIN)
    more = write(open_path / "default", "PULP_REDIS_PASSWORD='from file'\n")
    wrap, env = fake_systemd(
        open_path,
        f'Environment=PULP_SETTINGS={settings} "PULP_MEDIA_ROOT=/from'
        f' unit"\nEnvironmentFiles={more} (ignore_errors=yes)\n',
    )
    found = pulptool.run(
        "find", f"pulp.manager={manager}", "pulp.user=root", wrap=wrap, env=env
    ).one()
    assert found["media_root"] == "/from/dynaconf"  # the file is a literal, but it is overridden
    passed = (seen / "env").read_text().splitlines()
    assert {
        "PULP_MEDIA_ROOT=/from unit",
        "PULP_REDIS_PASSWORD=from file",
        f"PULP_SETTINGS={settings}",
    } <= set(passed)
    assert (
        "show -p Environment -p EnvironmentFiles -- pulpcore-api.service"
        in (open_path / "asked").read_text()
    )


def test_the_unit_names_the_settings_file(open_path):
    need(when=may_unshare(), why="needs a mount namespace of its own")
    settings = write(open_path / "other.py", PLAIN)
    wrap, env = fake_systemd(
        open_path, f"Environment=PULP_SETTINGS={settings} LANG=C\nEnvironmentFiles=\n"
    )
    found = pulptool.run("find", wrap=wrap, env=env).one()
    assert (found["media_root"], found["settings_source"]) == ("/srv/media", str(settings))


# -- the real thing


def real_pulps():
    cache = (
        pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "plmaint"
    )
    return sorted(
        path
        for path in cache.glob("venv-pulpcore*")
        if path.is_dir() and (path / "bin" / "dynaconf").exists()
    )


REAL = """
import os.path
SECRET_KEY = "x"
CONTENT_ORIGIN = "http://localhost"
DB_ENCRYPTION_KEY = "KEY"
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "HOST": "db", "PORT": 5433,
    "NAME": "n'ame", "USER": "u", "PASSWORD": "@p 'w"}}
MEDIA_ROOT = os.path.join("/srv", "media")
CACHE_ENABLED = True
REDIS_HOST = "localhost"
REDIS_PORT = "6379"
REDIS_DB = 8
REDIS_PASSWORD = "a:b"
API_APP_TTL = 60
"""


def encryption_key(directory):
    """Without one Pulp's settings do not load."""
    return write(directory / "key", base64.urlsafe_b64encode(bytes(32)).decode() + "\n")


def test_the_real_dynaconf_says_why_it_fails(tmp_path):
    pulps = real_pulps()
    need(
        when=bool(pulps), why="no environment of a real Pulp was made yet (`make check` makes them)"
    )
    answer = find_in(
        tmp_path, REAL, pulp__manager=pulps[0] / "bin" / "pulpcore-manager", pulp__user="root"
    )
    failed(answer, "config", "Could not load DB_ENCRYPTION_KEY file 'KEY'", "PULP_SETTINGS=")


@pytest.mark.parametrize(
    "pulp",
    real_pulps() or [None],
    ids=lambda path: path.name.split("-pulp-")[0] if path else "none",
)
def test_the_real_dynaconf_answers_like_the_literal_parser(tmp_path, pulp):
    need(
        when=pulp is not None,
        why="no environment of a real Pulp was made yet (`make check` makes them)",
    )
    real = REAL.replace('"KEY"', repr(str(encryption_key(tmp_path))))
    doubtful = find_in(
        tmp_path, real, pulp__manager=pulp / "bin" / "pulpcore-manager", pulp__user="root"
    ).one()
    literal = find_in(
        tmp_path,
        real.replace('os.path.join("/srv", "media")', '"/srv/media"').replace('"@p ', '"p '),
    ).one()
    assert doubtful["conninfo"].replace("@p", "p") == literal["conninfo"]
    del doubtful["conninfo"], literal["conninfo"]
    assert doubtful == literal


@pytest.mark.parametrize("text,root,storage", STORAGE[:2])
def test_the_real_dynaconf_names_the_storage(tmp_path, text, root, storage):
    pulps = real_pulps()
    need(
        when=bool(pulps), why="no environment of a real Pulp was made yet (`make check` makes them)"
    )
    source = (
        "SECRET_KEY = 'x'\nCONTENT_ORIGIN = 'http://localhost'\nREDIRECT_TO_OBJECT_STORAGE ="
        f" False\nX = [1][0]\nDOMAIN_ENABLED = bool(0)\n{text}\nDB_ENCRYPTION_KEY ="
        f" '{encryption_key(tmp_path)}'\n"
    )
    found = find_in(
        tmp_path, source, pulp__manager=pulps[0] / "bin" / "pulpcore-manager", pulp__user="root"
    ).one()
    assert (found["media_root"], found["storage_class"]) == (root, storage)
