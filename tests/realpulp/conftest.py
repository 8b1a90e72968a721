# SPDX-License-Identifier: GPL-3.0-or-later
"""One PostgreSQL cluster per session with the genuine databases in it; tests work on clones."""
import contextlib
import os
import shutil
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import chain  # noqa: E402
import pulpenv  # noqa: E402
import sites  # noqa: E402
from harness import cli  # noqa: E402
from harness.need import need  # noqa: E402


def pytest_collection_modifyitems(items):
    """All of it: the first run builds environments for minutes."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def oracle():
    base = sites.scratch()
    try:
        pulpenv.need("redis-server", "nginx", "initdb", "pg_dump")
        for level in pulpenv.RELEASES:
            pulpenv.venv(level)
        o = sites.Oracle(base)
    except pulpenv.Unavailable as e:
        shutil.rmtree(base, ignore_errors=True)
        need(when=False, why=f"needs a real Pulp: {e}")
    yield o
    o.close()
    if not os.environ.get("PLMAINT_KEEP"):
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="session")
def multiplied(oracle):
    """A template with thousands of rows more, its media, and what was added.

    PLMAINT_REALPULP_ROWS sets how many. Upstream's command does some hundred a second, so that
    the tests which wait for it use fewer.
    """
    return sites.make_multiplied(oracle, int(os.environ.get("PLMAINT_REALPULP_ROWS", "5000")))


@pytest.fixture(scope="session")
def releases():
    """The later releases are there: a gigabyte, and minutes of hops, so that they have a target of their own."""
    need(when=os.environ.get("PLMAINT_CHAIN") == "1", why="the chain of real upgrades is `make chain`'s")
    try:
        for release in pulpenv.CHAIN:
            pulpenv.venv(release)
    except pulpenv.Unavailable as e:
        need(when=False, why=f"needs every release of the chain: {e}")


@pytest.fixture(scope="session")
def unmigrated(oracle, releases):
    """What the hops alone make of a site that has migrated nothing: a database for each release, and
    the site at the last of them, its services down.
    """
    site = chain.Site(oracle, oracle.clone(oracle.template("0043"), "unmigrated"), "0043")
    found = {}
    try:
        for release in pulpenv.CHAIN:
            site.upgrade_without(release)
            found[release] = oracle.clone(site.pulp.db, f"release_{release}")
        yield found, site
    finally:
        site.close()


@pytest.fixture
def stack():
    with contextlib.ExitStack() as s:
        yield s


# Other tests never stop to want the processors: who steps back behind them hardly works.
ALONGSIDE = {"pre-migrate.nice": "0"}


@pytest.fixture
def plmaint(stack):
    """plmaint(site, settings) is the program under test, configured for a site."""
    if not cli.binary().exists():
        need(when=False, why=f"needs {cli.binary()}")

    def configured(site, settings=None):
        tool = cli.Plmaint(site.base / f"plmaint{len(made)}", site.pg.conninfo(site.db), site.media,
                           site.redis_url, {**ALONGSIDE, **(settings or {})})
        made.append(tool)
        stack.callback(tool.close)
        return tool

    made = []
    return configured
