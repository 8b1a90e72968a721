# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Pulp is, when its settings file leaves a doubt: Pulp's own dynaconf is asked, as the user
pulp, with what its unit sets.
"""

import base64
import json
import os
import pathlib

import pytest
from harness import pulptool
from harness.need import need
from harness.settings_case import PLAIN, STORAGE, dsn, failed, find, find_in, write

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
def test_the_real_program_answers_like_the_literal_parser(tmp_path, pulp):
    """Its name is part of the key's path, where the name of the program would be a doubt."""
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
