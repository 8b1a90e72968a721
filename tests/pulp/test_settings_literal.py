# SPDX-License-Identifier: GPL-3.0-or-later
"""The literal parser against Python itself: whatever it believes, Python must see the same. Doubt
is always allowed, error never.
"""

import json
import random
import re
import warnings

from harness import pulptool

WANTED = (
    "DATABASES",
    "MEDIA_ROOT",
    "STORAGES",
    "REDIS_URL",
    "REDIS_PORT",
    "REDIS_DB",
    "CACHE_ENABLED",
    "DOMAIN_ENABLED",
    "API_APP_TTL",
)
CASES = 20000
SEPARATOR = "\n%%\n"

STRINGS = [
    "'/var'",
    '"a b"',
    "''",
    '""',
    "r'\\n\\'",
    "'\\n'",
    "'\\x41\\u00e9'",
    "'\\\\'",
    "'it\\'s'",
    '"""x\n"y" \'z\'"""',
    "'''\\\n'''",
    "b'x'",
    "u'x'",
    "R'x'",
    "f'x'",
    "f'{1}'",
    "'\\q'",
    "'\\101'",
    "'\\400'",
    "'\\18'",
    "'a' 'b'",
    "'a'\"b\"",
    "'#'",
    "'@json {}'",
    "'é'",
    "'MEDIA_ROOT'",
]
NUMBERS = [
    "0",
    "1",
    "-1",
    "+5",
    "6379",
    "1_000",
    "0x1F",
    "0o17",
    "0b101",
    "00",
    "007",
    "1.5",
    "-0.0",
    "1e3",
    ".5",
    "5.",
    "1_0.0_1",
    "1e400",
    "2j",
    "9223372036854775807",
    "9223372036854775808",
    "0x_f",
    "1__0",
    "0_0",
    "0xg",
    "0b12",
    "- 3",
    "--3",
]
WORDS = ["True", "False", "None", "X", "MEDIA_ROOT", "not True", "...", "REDIS_URL"]
OTHERS = [
    "X = 1",
    "if True:\n    Y = 2",
    "if X: Y = 1",
    "X = Y = 2",
    "# comment\r",
    "# comment",
    "'doc'",
    "X = (1,\n     2)",
    "X = {\n",
    "X = ]",
    "X = 1; Y = 2",
    "def f():\n    MEDIA_ROOT = 'x'\n    return MEDIA_ROOT",
    "def f():\n    global MEDIA_ROOT\n    MEDIA_ROOT = 'g'\nf()",
    "\\",
    "X = 1 \\\n + 2",
    "del X",
    "class C:\n  MEDIA_ROOT = 'c'",
    "MEDIA_ROOT",
    "(MEDIA_ROOT := 'w')",
    "X = [MEDIA_ROOT := 'v']",
    "MEDIA_ROOT += 'p'",
    "DATABASES['default'] = {}",
    "DATABASES = DATABASES2 = {}",
    "pass",
    "\tX = 1",
    "X: int = 1",
    "MEDIA_ROOT: str = 'ann'",
    "X, MEDIA_ROOT = 1, 'u'",
    "*X, MEDIA_ROOT = 1, 'u'",
    "\f",
    "\x0c\nX = 2",
    "@f\ndef g(): pass",
    "lambda MEDIA_ROOT: 1",
    "X = lambda: 0",
    "try:\n  MEDIA_ROOT = 't'\nexcept: pass",
    "ＭEDIA_ROOT = 'wide'",
    "MEDIA_ROOT = 's'; MEDIA_ROOT = 't'",
    "if 0:\\\n MEDIA_ROOT = 'n'",
    "X = '\\\n'; Y = 1",
    "with X: pass",
    "X = 'a\nb'",
    "MEDIA_ROOT__x = 1",
]


def value(rng, depth=0):
    kind = rng.random()
    if kind < 0.35:
        return rng.choice(STRINGS)
    if kind < 0.55:
        return rng.choice(NUMBERS)
    if kind < 0.7 or depth > 3:
        return rng.choice(WORDS)
    blank = rng.choice(["", " ", "\n  ", " # c\n", "\\\n"])
    comma = rng.choice([",", ",", ", ", ",\n"])
    items = [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind < 0.85:
        items = [
            f"{rng.choice(STRINGS + ['1', 'X', '**X'])}{rng.choice([':', ': ', ' :'])}{item}"
            for item in items
        ]
        brackets = "{}"
    else:
        brackets = rng.choice(["()", "[]", "[]", "{}"])
    return brackets[0] + blank + comma.join(items) + rng.choice(["", comma]) + blank + brackets[1]


def statement(rng):
    if rng.random() < 0.35:
        return rng.choice(OTHERS)
    tail = rng.choice(
        ["", "", "", "", " # c", ";", " + 'x'", ", 1", "\r", "; X = 1", " if X else 1", "\\"]
    )
    equals = rng.choice([" = ", "=", " = ", " == ", " =\\\n "])
    return rng.choice(WANTED) + equals + value(rng) + tail


def source(rng):
    lines = [statement(rng) for _ in range(rng.randrange(1, 6))]
    text = rng.choice(["\n", "\n", "\r\n"]).join(lines)
    for _ in range(rng.choice([0, 0, 0, 1, 2])):
        at = rng.randrange(len(text) + 1)
        text = (
            text[:at]
            + rng.choice(
                [
                    "",
                    " ",
                    "\n",
                    "'",
                    '"',
                    "(",
                    "}",
                    "\\",
                    "#",
                    ",",
                    "=",
                    "\r",
                    "0",
                    "_",
                    ";",
                    ":",
                    "\t",
                ]
            )
            + text[at + rng.randrange(2) :]
        )
    return text


def believed_by_python(text):
    """What the wanted names are after Python ran the text; None when it does not run."""
    names = {"__builtins__": {}}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(
                compile(text.replace("\r\n", "\n").replace("\r", "\n"), "settings.py", "exec"),
                names,
            )
    except Exception:  # also NameError: then the settings file fails for Pulp too
        return None
    return {name: names[name] for name in WANTED if name in names}


def plain(value):
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value


def ask(sources):
    answer = pulptool.run("literal", stdin=SEPARATOR.join(sources))
    assert answer.code == 0
    assert len(answer.pairs) == len(sources)
    return answer.pairs


def test_python_sees_what_is_believed():
    rng = random.Random(20261121)
    sources = [
        s for s in (source(rng) for _ in range(CASES)) if SEPARATOR not in s and "**" not in s and s
    ]
    believed = compared = 0
    for text, (kind, told) in zip(sources, ask(sources), strict=True):
        if kind != "json":
            continue
        believed += 1
        ours = json.loads(told)
        python = believed_by_python(text)
        if python is None:
            continue
        compared += 1
        assert ours == plain(python), f"{text!r}\n{told}\n{python}"
        assert repr(plain(python)) == repr({k: ours[k] for k in python}), f"types differ: {text!r}"
    # The test says something only while plenty is believed.
    assert compared > len(sources) // 20, (believed, compared, len(sources))


def test_what_installers_write_is_believed():
    """Whole files as puppet-pulpcore, pulp_installer and the operator's template write them."""
    puppet = """# This file is managed by Puppet
CONTENT_ORIGIN = "https://katello.example.com"
SECRET_KEY = "abc"
DATABASES = {
  'default': {
    'HOST': 'localhost',
    'ENGINE': 'django.db.backends.postgresql',
    'NAME': 'pulpcore',
    'USER': 'pulp',
    'PASSWORD': 'x',
    'PORT': '5432',
    'OPTIONS': {
    },
  },
}
USE_NEW_WORKER_TYPE = True
CACHE_ENABLED = True
REDIS_HOST = "localhost"
REDIS_PORT = "6379"
REDIS_DB = 8
CACHE_SETTINGS = {
    'EXPIRES_TTL': 600,
}

MEDIA_ROOT = "/var/lib/pulp/media"
STATIC_ROOT = "/var/lib/pulp/assets"
REST_FRAMEWORK__DEFAULT_AUTHENTICATION_CLASSES = (
    'rest_framework.authentication.SessionAuthentication',
    'pulpcore.app.authentication.PulpRemoteUserAuthentication'
)
ALLOWED_CONTENT_CHECKSUMS = ["sha224", "sha256", "sha384", "sha512"]
LOGGING = {"dynaconf_merge": True, "loggers": {'': {'handlers': ['console'], 'level': 'INFO'}}}
"""
    ((kind, told),) = ask([puppet])
    assert kind == "json", told
    assert json.loads(told)["DATABASES"]["default"]["NAME"] == "pulpcore"
    assert json.loads(told)["REDIS_DB"] == 8


def test_every_reason_names_its_line():
    rng = random.Random(7)
    sources = [s for s in (source(rng) for _ in range(2000)) if SEPARATOR not in s and s]
    for text, (kind, told) in zip(sources, ask(sources), strict=True):
        if kind == "doubt":
            line = int(re.match(r"(\d+): \w", told).group(1))
            assert 1 <= line <= text.count("\n") + 1, (text, told)
