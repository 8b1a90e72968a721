# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration: what wins over what, who may read a file with a password, and the modes of the whole program."""
import os

import pytest

from harness import cli
from harness.need import need


@pytest.fixture
def tool(tmp_path):
    tool = cli.Plmaint(tmp_path / "nowhere", settings={"pulp.settings": "/nonexistent/settings.py"})
    yield tool
    tool.close()


def shown(done, key):
    return done.one("config", key=key)


def test_precedence(tool):
    key = "pre-migrate.batch_rows"
    env = {"PLMAINT_PRE_MIGRATE_BATCH_ROWS": "22"}
    assert shown(tool.run("config", "show", code=0), key)["source"] == "default"
    tool.configure({key: 11})
    event = shown(tool.run("config", "show", code=0), key)
    assert event["value"] == "11" and event["source"].startswith(f"{tool.config}:")
    event = shown(tool.run("config", "show", code=0, env=env), key)
    assert (event["value"], event["source"]) == ("22", "environment PLMAINT_PRE_MIGRATE_BATCH_ROWS")
    event = shown(tool.run("config", "show", "--set", f"{key}=33", code=0, env=env), key)
    assert (event["value"], event["source"]) == ("33", "--set")
    event = shown(tool.run("config", "show", "--set", f"{key}=", code=0, env=env), key)
    assert (event["value"], event["source"]) == ("500", "default")


def test_every_key_is_shown_and_none_twice(tool):
    import json
    dump = json.loads(tool.run("--dump=json", json=False, config=False, code=0).out)
    keys = [e["key"] for e in tool.run("config", "show", code=0).of("config")]
    assert keys == [k["key"] for k in dump["config"]]


def test_unknown_key_in_the_file_names_file_line_and_nearest(tool):
    tool.config.write_text("[general]\nmode = enabled\nmoed = disabled\n")
    done = tool.run("config", "check", json=False, code=2)
    assert f"{tool.config}" in done.err and "general.moed" in done.err and "general.mode" in done.err


def test_slip_in_the_environment(tool):
    done = tool.run("config", "check", json=False, code=2, env={"PLMAINT_GENERAL_MOED": "disabled"})
    assert "PLMAINT_GENERAL_MODE" in done.err
    tool.run("config", "check", json=False, code=0, env={"PLMAINT_NO_SKIP": "1", "PGHOST": "elsewhere"})


@pytest.mark.parametrize("mode, code", [(0o600, 0), (0o640, 0), (0o644, 2), (0o604, 2)])
def test_file_with_a_password(tool, mode, code):
    tool.configure({"database.pulp.conninfo": "host=h password=s3cret"})
    tool.config.chmod(mode)
    done = tool.run("config", "show", json=False, code=code)
    assert "s3cret" not in done.out + done.err
    if code:
        assert "others can reach" in done.err and "chmod" in done.err
    else:
        assert "host=h password=***" in done.out


def test_file_without_a_password_may_be_read_by_all(tool):
    tool.config.chmod(0o644)
    tool.run("config", "check", json=False, code=0)


@pytest.mark.parametrize("owner, mode, code", [(0, 0o644, 0), (0, 0o622, 2), (0, 0o660, 2), (65534, 0o600, 2)])
def test_file_with_a_command(tool, owner, mode, code):
    """Whoever writes it, or owns it and so may, chooses what root runs."""
    need(root=True)
    tool.configure({"hooks.before_run": "/bin/true"})
    tool.config.chmod(mode)
    os.chown(tool.config, owner, -1)
    done = tool.run("config", "check", json=False, code=code)
    assert ("others can write the file" in done.err) == bool(code)


@pytest.mark.parametrize("mode, code", [(0o600, 0), (0o640, 0), (0o644, 2)])
def test_password_file(tool, tmp_path, mode, code):
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    secret.chmod(mode)
    tool.configure({"redis.password_file": secret})
    done = tool.run("config", "check", json=False, code=code)
    assert ("others can reach it" in done.err) == bool(code)


def test_password_file_that_is_not_there(tool, tmp_path):
    tool.configure({"database.pulp.password_file": tmp_path / "none"})
    assert "No such file" in tool.run("config", "check", json=False, code=2).err


@pytest.mark.parametrize("value", ["database.pulp.conninfo=host=h password=s3cret", "database.pulp.conninfo=postgresql://u:s3cret@h/d",
                                   "redis.url=redis://:s3cret@h", "throttle.status_url=http://u:s3cret@h/"])
def test_password_on_the_command_line_is_refused(tool, value):
    done = tool.run("config", "show", "--set", value, json=False, code=2)
    assert "holds a password" in done.err and "s3cret" not in done.out + done.err


def test_password_in_the_environment_is_hidden(tool):
    done = tool.run("config", "show", json=False, code=0, env={"PLMAINT_REDIS_URL": "redis://u:s3cret@h:6379/0"})
    assert "redis://u:***@h:6379/0" in done.out and "s3cret" not in done.out + done.err


def test_config_that_is_missing_or_no_file(tool, tmp_path):
    for path in (tmp_path / "none.conf", tmp_path):
        done = tool.run("--config", path, "config", "show", json=False, config=False, code=2)
        assert str(path) in done.err


def test_what_only_informs_needs_no_configuration(tool):
    env = {"PLMAINT_GENERAL_MODE": "nonsense"}
    tool.run("version", json=False, config=False, env=env, code=0)
    tool.run("explain", "no-link", json=False, config=False, env=env, code=0)
    tool.run("config", "show", json=False, config=False, env=env, code=2)


@pytest.mark.parametrize("mode, args, refused", [
    ("disabled", ["pre-migrate", "run"], True),
    ("disabled", ["pre-migrate", "verify"], True),
    ("disabled", ["procedure", "run", "pulp-manifests-fill"], True),
    ("disabled", ["lock", "break", "-y"], True),
    ("disabled", ["config", "show"], False),
    ("disabled", ["history"], False),
    ("check-only", ["pre-migrate", "run"], True),
    ("check-only", ["lock", "status"], False),
    ("check-only", ["plan", "pre-migrate", "run"], False),
])
def test_modes(tool, mode, args, refused):
    tool.configure({"general.mode": mode})
    done = tool.run(*args, json=False, code=2 if refused else 0)
    assert (f"general.mode is {mode}" in done.err) == refused
    if refused:
        assert str(tool.config) in done.err


@pytest.fixture
def system(tool, tmp_path):
    """Runs plmaint with an /etc of the test's own: the system's files, in a mount namespace."""
    etc = tmp_path / "etc"
    (etc / "plmaint" / "conf.d").mkdir(parents=True)
    script = f'mount --bind {etc} /etc && exec "$@"'
    wrap = ("unshare", "-m", "sh", "-c", script, "sh")
    if tool.run("version", config=False, json=False, wrap=wrap).code:
        pytest.skip("no right to make a mount namespace")

    def run(*args, **options):
        return tool.run(*args, config=False, wrap=wrap, **options)
    run.etc = etc / "plmaint"
    return run


def test_files_of_the_system_in_order(system):
    key = "pre-migrate.batch_rows"
    assert shown(system("config", "show", code=0), key)["source"] == "default"
    (system.etc / "plmaint.conf").write_text("[pre-migrate]\nbatch_rows = 1\nwriters = 3\n")
    (system.etc / "conf.d" / "20-b.conf").write_text("[pre-migrate]\nbatch_rows = 20\n")
    (system.etc / "conf.d" / "10-a.conf").write_text("[pre-migrate]\nbatch_rows = 10\nreaders = 6\n")
    (system.etc / "conf.d" / "30-c.conf.bak").write_text("nonsense\n")
    (system.etc / "conf.d" / ".40-d.conf").write_text("nonsense\n")
    done = system("config", "show", code=0)
    assert shown(done, key) == {**shown(done, key), "value": "20", "source": "/etc/plmaint/conf.d/20-b.conf:2"}
    assert shown(done, "pre-migrate.readers")["value"] == "6" and shown(done, "pre-migrate.writers")["value"] == "3"


def test_config_option_reads_that_file_alone(system, tool):
    (system.etc / "plmaint.conf").write_text("[pre-migrate]\nbatch_rows = 1\n")
    done = system("--config", tool.config, "config", "show", code=0)
    assert shown(done, "pre-migrate.batch_rows")["source"] == "default"


def test_a_file_of_the_system_that_is_wrong_is_named(system):
    (system.etc / "conf.d" / "x.conf").write_text("[pre-migrate]\n\nbatch_rwos = 20\n")
    done = system("config", "show", json=False, code=2)
    assert "/etc/plmaint/conf.d/x.conf" in done.err and "pre-migrate.batch_rows" in done.err
