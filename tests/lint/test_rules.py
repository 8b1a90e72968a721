# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of `make lint` see what they are for, and nothing in what is allowed."""

import pytest

import layers
import tree

LINE = "/* SPDX-License-Identifier: GPL-3.0-or-later */\n"
LISTS = {
    "checks/checks.def": "CHECK(pulp_a)\n",
    "checks/pulp_a.c": "const struct check check_pulp_a = {\n",
    "procedures/procedures.def": "",
    "commands/commands.def": "",
    "tests/checks/test_a.py": "pulp-a",
}


@pytest.mark.parametrize(
    "path, include, words",
    [
        ("lib/core/err.c", '"lib/drivers/pg.h"', "may not look up to lib/drivers"),
        ("lib/pulp/x.c", '"lib/host/features.h"', "do not know each other"),
        ("lib/pulp/x.c", '"lib/batch/engine.h"', "knows nothing of batches"),
        ("checks/x.c", '"procedures/manifest_job.h"', "do not know each other"),
        ("lib/report/tty.c", '"commands/commands.h"', "may not look up to commands"),
        ("commands/x.c", "<libpq-fe.h>", "belongs into lib/drivers"),
        ("lib/pulp/x.c", "<json-c/json.h>", "belongs into lib/drivers"),
        ("lib/core/config.c", "<popt.h>", "belongs into lib/drivers"),
    ],
)
def test_an_include_the_wrong_way(path, include, words):
    found = list(layers.check({path: f"{LINE}#include {include}\n"}))
    assert len(found) == 1 and found[0].startswith(f"{path}:2: ") and words in found[0]


@pytest.mark.parametrize(
    "path, include",
    [
        ("bin/catalogue.c", '"checks/checks.h"'),
        ("procedures/x.c", '"lib/batch/engine.h"'),
        ("lib/pulp/x.c", '"lib/drivers/pg.h"'),
        ("lib/drivers/pg.c", "<libpq-fe.h>"),
        ("lib/core/options.c", "<popt.h>"),
        ("lib/pulp/x.c", "<stdio.h>"),
        ("tests/pulp/test_x.c", '"bin/words.h"'),
    ],
)
def test_an_include_the_right_way(path, include):
    assert not list(layers.check({path: f"{LINE}#include {include}\n"}))


@pytest.mark.parametrize(
    "rule, path, text, words",
    [
        (tree.licences, "lib/core/x.c", "int x;\n", "no line with SPDX"),
        (tree.forbidden_calls, "lib/core/x.c", "int x;\nstrcpy(a, b);\n", "x.c:2: strcpy()"),
        (tree.lengths, "lib/core/x.c", "\n" * 601, "601 lines"),
        (tree.wall_clock, "lib/core/x.c", "int x;\nint y = CLOCK_REALTIME;\n", "x.c:2:"),
        (tree.left_open, "lib/core/x.c", "/* TO" + "DO */\n", "x.c:1:"),
        (tree.sleeping_tests, "tests/x/test_x.py", "time.sleep" + "(1)\n", "wait for the event"),
    ],
)
def test_a_broken_rule_of_the_tree(rule, path, text, words):
    found = list(rule({path: text}))
    assert len(found) == 1 and words in found[0]


@pytest.mark.parametrize(
    "text",
    [
        '/* not strcpy(a, b) but ours */\nfoo("sprintf(");\n',
        "xsprintf(a); my_system(b); f.system_(c);\n",
    ],
)
def test_calls_in_words_and_names_are_none(text):
    assert not list(tree.forbidden_calls({"lib/core/x.c": text}))


def test_lists_that_agree():
    assert not list(tree.catalogue(LISTS))


@pytest.mark.parametrize(
    "change, words",
    [
        ({"checks/checks.def": "CHECK(pulp_a)\nCHECK(pulp_b)\n"}, "pulp_b is listed and no file"),
        ({"checks/checks.def": ""}, "is not listed"),
        ({"tests/checks/test_a.py": "nothing"}, "no test names pulp-a"),
        (
            {"checks/pulp_a.c": "", "checks/other.c": LISTS["checks/pulp_a.c"]},
            "belongs into checks/pulp_a.c",
        ),
    ],
)
def test_lists_that_disagree(change, words):
    found = list(tree.catalogue({**LISTS, **change}))
    assert found and words in found[0]


def step(kind, body, more=""):
    return {f"{kind}s/x.c": f"{LINE}{more}const struct {kind} {kind}_x = {{\n{body}}};\n"}


ASKS = "static bool run(void)\n{\n\treturn pg_query(p->db);\n}\n"


@pytest.mark.parametrize(
    "rule, files, words",
    [
        (tree.needs, step("check", "\t.needs = NEED_MEDIA,\n", ASKS), "does not say NEED_DB"),
        (tree.needs, step("check", "", "storage_open(c);\n"), "does not say NEED_MEDIA"),
        (tree.needs, step("check", "\t.needs = NEED_DB,\n", ASKS), None),
        (tree.needs, step("check", "", "if (!p->db)\n" + ASKS), None),
        (tree.deprecated, step("procedure", '\t.deprecated_in = "0.10",\n'), "was to go in 0.10"),
        (tree.deprecated, step("procedure", '\t.deprecated_in = "0.11.0",\n'), None),
    ],
)
def test_a_step_that_does_not_say_what_it_needs_or_should_have_gone(rule, files, words):
    version = {"lib/core/version.h": '#define PLMAINT_VERSION "0.10.1"\n'}
    found = list(rule({**files, **version}))
    assert (len(found) == 1 and words in found[0]) if words else not found
