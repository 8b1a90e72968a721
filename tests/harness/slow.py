# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that a test can do something to in its middle."""

from . import after
from .brake import Brake
from .process import wait_until

ROWS = 400


class Slow:
    """A run that has begun its work, and does not end before `finish`."""

    def __init__(self, site, db, plmaint, seconds=0.02):
        """Each row takes so many seconds longer."""
        self.site, self.db, self.plmaint = site, db, plmaint
        site.bulk_images(ROWS, repos=1, own_config=False)
        plmaint.configure({"pre-migrate.batch_rows": 10})
        self.brake = Brake(db, seconds)
        self.running = plmaint.start("pre-migrate", "run")
        self.works()

    def works(self):
        """It is seen to do something."""
        left = after.pending(self.site)
        wait_until(lambda: after.pending(self.site) < left, 60, "it works")

    def sessions(self, name="%"):
        """Names and transactions of plmaint's sessions."""
        return self.db.query(
            "SELECT application_name, xact_start IS NOT NULL FROM pg_stat_activity"
            " WHERE application_name LIKE %s AND application_name NOT LIKE %s",
            ("plmaint:%:" + name, "%:operator"),
        )

    def holds(self):
        """No transaction, no session of a writer, the control session kept; nothing is written."""
        wait_until(lambda: not self.sessions("w%"), 30, "the writers' sessions are closed")
        assert len(self.sessions("control")) == 1
        left = after.pending(self.site)
        for _ in range(20):
            assert not any(busy for _, busy in self.sessions())
        assert after.pending(self.site) == left > 0

    def fast(self):
        """What is left, at full speed."""
        self.brake.let_go()
        return self.running.wait()

    def finish(self):
        ran = self.fast()
        assert ran.code == 0, str(ran)
        return ran

    def again(self):
        """What was left ends with the next run."""
        self.brake.let_go()
        ran = self.plmaint.run("pre-migrate", "run", code=0)
        assert after.pending(self.site) == 0 and after.with_nothing(self.site) == set()
        return ran
