# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests share the processors with other tests, which never stop to want them: who steps back behind
these hardly works. test_step_back.py has the default back.
"""

import pytest


@pytest.fixture
def plmaint(plmaint):
    plmaint.configure({"pre-migrate.nice": "0"})
    return plmaint
