# SPDX-License-Identifier: GPL-3.0-or-later
"""The packaged unit under a real systemd: what its words about exit statuses and restarts come to."""

import contextlib
import pathlib
import shutil
import tempfile

import pytest

from harness import after, cli, pg
from harness.brake import Brake
from harness.machine import Machine
from harness.process import wait_until

ROWS = 400
UNIT = "plmaint-pre-migrate.service"
CONFIG = "/etc/plmaint/plmaint.conf"
SOON = "[Service]\nRestartSec=1s\n"  # for tests that wait for a restart; elsewhere it is the packaged one
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def outer():
    """What the machine and the test both have: the server and the files of Pulp."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="plsvc"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def machine(outer):
    with contextlib.closing(Machine(outer)) as made:
        made.run("useradd", "--system", "--no-create-home", "pulp")
        cli.install(made.path("/"), "PREFIX=/usr")
        yield made


@pytest.fixture(scope="module")
def cluster(machine, outer):
    (outer / "pg").mkdir()
    with pg.Cluster(base=outer / "pg") as server:
        yield server


@pytest.fixture
def media_root(outer, tmp_path):
    path = outer / tmp_path.name / "media"
    path.mkdir(parents=True)
    return path


class Service:
    """The unit on the machine, with a run that lasts until the brake is let go."""

    def __init__(self, machine, site, db, plmaint):
        self.machine, self.site, self.db, self.plmaint = machine, site, db, plmaint
        site.bulk_images(ROWS, repos=1, own_config=False)
        for path in site.media_root.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        self.brake = Brake(db, seconds=0.02)
        self.configure({"pre-migrate.batch_rows": 5})

    def configure(self, settings, drop_in=""):
        """The same configuration on both sides, each with its names of the files."""
        self.plmaint.configure(settings)
        mine = f"state_dir = {self.plmaint.state_dir}"
        text = self.machine.inside(self.plmaint.config.read_text()).replace(mine, "")
        self.machine.path(CONFIG).parent.mkdir(exist_ok=True)
        self.machine.path(CONFIG).write_text(text)
        self.machine.path(CONFIG).chmod(0o644)
        folder = self.machine.path(f"/etc/systemd/system/{UNIT}.d")
        folder.mkdir(exist_ok=True)
        (folder / "test.conf").write_text(drop_in)
        self.machine.run("systemctl", "daemon-reload")

    def shows(self, name):
        return self.machine.run("systemctl", "show", "-p", name, "--value", UNIT).strip()

    def journal(self):
        return self.machine.run("journalctl", "-u", UNIT, "--no-pager", "-o", "cat")

    def start(self):
        self.machine.run("systemctl", "start", UNIT)

    def works(self):
        left = after.pending(self.site)
        wait_until(lambda: after.pending(self.site) < left, 60, self.journal)

    def becomes(self, state):
        wait_until(lambda: self.shows("SubState") == state, 60, lambda: f"{state}: {self.journal()}")

    def ends_well(self):
        self.brake.let_go()
        self.becomes("dead")
        assert self.shows("Result") == "success"
        assert after.pending(self.site) == 0 and after.with_nothing(self.site) == set()

    def forget(self):
        """The next test begins with a unit that never ran."""
        self.machine.run("systemctl", "stop", UNIT)
        self.machine.run("systemctl", "reset-failed", UNIT, check=False)
        shutil.rmtree(self.machine.path("/var/lib/plmaint"), ignore_errors=True)
        self.machine.run("journalctl", "--rotate")
        self.machine.run("journalctl", "--vacuum-time=1s")


@pytest.fixture
def service(machine, site, pg_db, plmaint):
    made = Service(machine, site, pg_db, plmaint)
    yield made
    made.brake.let_go()
    made.forget()


def test_a_run_to_its_end(service):
    """As the user pulp, with its lines in the journal; the end is a success and stays the end."""
    service.start()
    service.works()
    pid = service.shows("MainPID")
    assert service.machine.run("ps", "-o", "user=", "-p", pid).strip() == "pulp"
    assert service.machine.path("/var/lib/plmaint").is_dir()
    waits = service.plmaint.start("pre-migrate", "wait")
    service.ends_well()
    assert waits.wait().code == 0
    told = service.journal()
    assert "pulp-manifests-fill" in told and "\x1b" not in told, told
    assert "Deactivated successfully" in told and "Scheduled restart" not in told


@pytest.mark.parametrize("how", ["systemctl", "plmaint"])
def test_an_operators_stop_is_not_undone(service, how):
    service.configure({}, SOON)
    service.start()
    service.works()
    if how == "systemctl":
        service.machine.run("systemctl", "stop", UNIT)
    else:
        service.plmaint.run("pre-migrate", "stop", code=0)
    service.becomes("dead")
    left = after.pending(service.site)
    assert left > 0 and service.shows("Result") == "success"
    told = service.journal()
    assert "its state is saved" in told and "Deactivated successfully" in told, told
    assert "Scheduled restart" not in told and service.shows("ActiveState") == "inactive"
    service.start()
    service.ends_well()


def test_what_was_killed_is_started_again_and_goes_on(service):
    service.configure({}, SOON)
    service.start()
    service.works()
    pid = service.shows("MainPID")
    service.machine.run("kill", "-9", pid)
    wait_until(lambda: service.shows("NRestarts") == "1", 60, service.journal)
    wait_until(lambda: service.shows("MainPID") not in ("0", pid), 60, service.journal)
    service.works()
    service.ends_well()
    assert service.db.value("SELECT count(*) FROM plmaint.run WHERE job = 'pulp-manifests-fill'") == 1


def test_a_pause_outlives_the_program(service):
    """Killed while it is paused, it is started again, and waits."""
    service.configure({}, SOON)
    service.start()
    service.works()
    service.plmaint.run("pre-migrate", "pause", code=0)
    service.machine.run("kill", "-9", service.shows("MainPID"))
    wait_until(lambda: service.shows("NRestarts") == "1", 60, service.journal)
    wait_until(lambda: service.journal().count("paused by") == 2, 60, service.journal)
    left = after.pending(service.site)
    service.plmaint.run("pre-migrate", "resume", code=0)
    service.works()
    assert after.pending(service.site) < left
    service.ends_well()


def test_an_early_end_is_run_again_after_a_while_and_does_not_spin(service):
    """A limit that was reached, or a veto: five minutes lie between two attempts."""
    service.configure({"hooks.before_run": "/bin/false"})
    service.start()
    service.becomes("auto-restart")
    assert service.shows("ExecMainStatus") == "75" and service.shows("NRestarts") == "0"
    assert service.shows("RestartUSec") == "5min"
    assert service.journal().count("before_run") >= 1
    assert after.pending(service.site) == ROWS
    service.machine.run("systemctl", "stop", UNIT)
    assert service.shows("ActiveState") in ("inactive", "failed")
    service.configure({"hooks.before_run": None})
    service.start()
    service.ends_well()


def test_a_lock_that_is_held_is_asked_for_again(service):
    """Without a ledger of its own a run is alone; it comes again for a lock that is held."""
    service.db.query(f"REVOKE CREATE ON DATABASE {service.db.name} FROM PUBLIC, pulp", user="postgres")
    service.db.query(f"ALTER DATABASE {service.db.name} OWNER TO postgres", user="postgres")
    service.configure({}, SOON)
    service.machine.run(
        "systemd-run", "--unit=holder", "-p", "User=pulp", "-p", "StateDirectory=plmaint",
        "flock", "/var/lib/plmaint/lock", "sleep", "infinity",
    )  # fmt: skip
    wait_until(
        lambda: "sleep" in service.machine.run("ps", "-eo", "args"), 30, "the lock is held"
    )
    service.start()
    wait_until(lambda: service.shows("NRestarts") == "1", 60, service.journal)
    assert after.pending(service.site) == ROWS
    service.machine.run("systemctl", "stop", "holder")
    service.brake.let_go()
    service.becomes("dead")
    assert service.shows("Result") == "success" and after.pending(service.site) == 0
