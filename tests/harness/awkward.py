# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row that upstream's migration trips over, and its near relations, one function each.

AWKWARD[name](site) makes the row in a repository of its own and returns the manifest. `upstream` is
what pulp_container 2.22 to 2.29 do with it (SKIP: the row stays as it is; ABORT: the whole command
dies), `ours` the outcomes that plmaint may reach:

  filled      data and all that derives from it, as upstream stores it where upstream can
  partial     data, but what derives from something missing or odd is empty, with a warning
  quarantine  no data can be had; named with its reason, link and file left alone
  gone        neither data nor link nor artifact: listed, to be pushed or synced again
  untouched   not to be selected without --refill

`since` is the first level at which the row makes sense.
"""

from . import awkward_content, awkward_place  # noqa: F401  (each adds its cases to the table)
from .awkward_case import AWKWARD  # noqa: F401
