# SPDX-License-Identifier: GPL-3.0-or-later
"""Thousands of odd manifests through upstream's own methods and through plmaint.

Wherever upstream ends with nine columns, plmaint must end with the same nine, or the difference
is of a kind that stands in DELIBERATE with its reason.  Wherever upstream skips a row, ends with
an exception or forgets to save, plmaint must have stored exactly the bytes if they verify, and
must have kept the row and its link as they were if not.
"""
import collections
import json
import random
import subprocess
from pathlib import Path

import pytest

import generated
import genuine
import images
import pulpenv
import rows
from sites import say

NINE = ("annotations", "labels", "is_bootable", "is_flatpak", "data", "type", "os",
        "architecture", "compressed_image_size")
TYPE = NINE.index("type")
ASKS = Path(__file__).with_name("oracle_rows.py")
COUNT = 6000

# Kind of a difference where upstream saved a row: the reason why ours is another.
DELIBERATE = {
    "unverified": "bytes that are not the digest's, or not as many as recorded, are never stored",
    "python-repr": "an object as platform is stored as Python writes it, with quotes as Python"
                   " chooses them; where that is not reproduced the field is NULL and reported",
    "never-read": "data without type and labels is what a row looks like whose configuration could"
                  " not be read: it is read now, while upstream leaves labels empty for ever",
    "child-stored": "a list takes the nature of a child that upstream did not get through, or that"
                    " is of another kind above",
}
# Which of two natures a list takes hangs on the order of its children's rows: nobody defines it.
UNDEFINED = "order-of-children"


class Loaded:
    def __init__(self, db, media, by_pk):
        self.db, self.media, self.by_pk = db, media, by_pk


def load(conn, media, cases):
    """Rows and files of the cases; the case by the row's key."""
    w = rows.Writer(conn, media, random.Random(21), genuine.TEAMS[0])
    pks, gone, short, data = {}, [], [], []
    for c in cases:
        config = None
        if c.config is not None and c.state != "no-config":
            if c.state == "config-unlinked":
                config = w.content("blob")
                w.rows["container_blob"].append((config, images.sha(c.config)))
            else:
                config = w.blob(c.config, linked=c.state != "config-reclaimed")
            if c.state == "config-file-missing":
                gone.append(c.config)
        digest = c.digest
        if c.state == "foreign-digest":
            digest = images.sha(c.manifest + b" ")
        pk = w.manifest(
            c.manifest, "application/vnd.unheard-of" if c.state == "unknown-type" else c.media_type,
            config, digest=digest, links=c.state not in ("unlinked", "reclaimed"),
            labels={"from": "2.19"} if c.state == "labelled" else {},
            annotations={"from": "2.19"} if c.state == "annotated" else {},
            children=[pks[n] for n in dict.fromkeys(c.children)])
        pks[c.number] = pk
        if c.state == "unlinked":
            w.artifact(c.manifest)
        elif c.state == "reclaimed":
            w.link(pk, digest, None)
        elif c.state == "two-artifacts":
            w.link(pk, "another", w.artifact(c.manifest + b" "))
        elif c.state == "file-missing":
            gone.append(c.manifest)
        elif c.state == "short-file":
            short.append(c.manifest)
        elif c.state.startswith("has-data"):
            kind = "image" if c.state == "has-data-and-type" else None
            data.append((c.manifest.decode("utf-8", "replace").replace("\0", ""), kind, pk))
    w.finish()
    for text, kind, pk in data:
        conn.execute("UPDATE container_manifest SET data = %s, type = %s"
                     " WHERE content_ptr_id = %s", (text, kind, str(pk)))

    def path(content):
        h = images.sha(content)[7:]
        return media / "artifact" / h[:2] / h[2:]

    for content in gone:
        path(content).unlink()
    for content in short:
        path(content).write_bytes(content[:-1])
    return {str(pks[c.number]): c for c in cases}


@pytest.fixture(scope="module")
def loaded(oracle):
    """A template with all cases in it, apart from the genuine rows, and its media."""
    db = oracle.clone(oracle.template("0043"), "differential")
    media = oracle.base / "differential"
    genuine.unpack_media(media)
    with oracle.pg.session(db) as conn:
        by_pk = load(conn, media / "media", generated.cases(COUNT))
    return Loaded(db, media / "media", by_pk)


def recipe():
    """What upstream's answers hang on: its release, the cases, and how they become rows."""
    sources = [Path(m).read_text() for m in (generated.__file__, rows.__file__, ASKS, __file__)]
    return {"genuine": genuine.recipe(), "sources": [pulpenv.key_of(s) for s in sources]}


@pytest.fixture(scope="module")
def upstream(oracle, loaded):
    """(outcome, why) by row, and the nine columns that upstream's methods left.

    The same cases get the same answers from the same release, so that they are asked for once.
    """

    def ask(path):
        site = oracle.site(oracle.clone(loaded.db, "theirs"), loaded.media)
        r = subprocess.run([site.venv / "bin/python", ASKS], env=site.env, cwd="/",
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        site.close()
        assert r.returncode == 0, r.stderr[-3000:]
        (path / "outcomes").write_text(r.stdout)
        with oracle.pg.session(site.db) as conn:
            (path / "columns.json").write_text(json.dumps(nine(conn)))

    path = pulpenv.once("differential", recipe(), ask)
    outcomes = {}
    for line in (path / "outcomes").read_text().splitlines():
        pk, outcome, why = json.loads(line)
        outcomes[pk] = (outcome, why)
    columns = json.loads((path / "columns.json").read_text())
    return outcomes, {pk: tuple(row) for pk, row in columns.items()}


def nine(conn):
    return {str(r[0]): r[1:] for r in conn.execute(
        f"SELECT content_ptr_id, {', '.join(NINE)} FROM container_manifest")}


def links(conn):
    return {str(r[0]) for r in conn.execute("SELECT content_id FROM core_contentartifact")}


def test_upstream_saves_skips_and_aborts(upstream, loaded):
    """The cases reach all that upstream can do, or comparing would prove little."""
    outcomes = collections.Counter(o for pk, (o, _) in upstream[0].items() if pk in loaded.by_pk)
    reasons = collections.Counter(w.split(":")[0] for pk, (_, w) in upstream[0].items()
                                  if pk in loaded.by_pk and w)
    say(f"upstream on {len(loaded.by_pk)} cases: {dict(outcomes)}; {dict(reasons)}")
    assert len(loaded.by_pk) >= 5000
    assert outcomes["saved"] > 2000 and outcomes["aborted"] > 500 and outcomes["skipped"] > 200
    assert {"AttributeError", "TypeError", "KeyError", "DataError", "JSONDecodeError",
            "FileNotFoundError", "UnicodeDecodeError", "MultipleObjectsReturned",
            "DoesNotExist"} <= set(reasons)


def deliberate(case, ours, theirs, children):
    """The kind of a difference to a row that upstream saved, or None: then it is a fault.

    children: (type in ours, type in theirs) of a list's images.
    """
    if case.state in ("foreign-digest", "short-file"):
        return "unverified" if ours[4] is None else None
    wrong = {n for n, a, b in zip(NINE, ours, theirs) if a != b}
    if wrong <= {"architecture", "os"} and all(
            a is None and str(b)[:1] in "{[" for n, a, b in zip(NINE, ours, theirs) if n in wrong):
        return "python-repr"
    if case.state == "has-data" and wrong <= {"annotations", "labels", "type", "is_bootable",
                                              "is_flatpak"}:
        return "never-read"
    if wrong <= {"is_bootable", "is_flatpak"}:
        if any(a != b for a, b in children):
            return "child-stored"
        if {"bootable", "flatpak"} <= {kind for kind, _ in children}:
            return UNDEFINED
    return None


def verifies(case):
    """Whether the bytes that the row leads to are the digest's, and PostgreSQL can hold them."""
    if case.state in ("foreign-digest", "short-file", "file-missing", "reclaimed",
                      "two-artifacts") or not case.manifest:
        # An empty text as data counts as none at all for every release of Pulp.
        return False
    try:
        return "\0" not in case.manifest.decode("utf-8")
    except UnicodeDecodeError:
        return False


def test_same_columns_or_a_listed_reason(oracle, loaded, upstream, plmaint, stack):
    outcomes, theirs = upstream
    site = oracle.site(oracle.clone(loaded.db, "ours"), loaded.media)
    stack.callback(site.close)
    site.start_redis()
    plmaint(site).run("pre-migrate", "run", code=78)
    with oracle.pg.session(site.db) as conn, oracle.pg.session(loaded.db) as first:
        ours, before = nine(conn), nine(first)
        linked, linked_before = links(conn), links(first)
    faults, kinds = [], collections.Counter()
    by_number = {case.number: pk for pk, case in loaded.by_pk.items()}
    for pk, case in loaded.by_pk.items():
        outcome, why = outcomes.get(pk, ("not selected", ""))
        if outcome in ("saved", "not selected"):
            if ours[pk] == theirs[pk]:
                kinds["same"] += 1
                continue
            children = [(ours[c][TYPE], theirs[c][TYPE])
                        for c in map(by_number.get, case.children)]
            kind = deliberate(case, ours[pk], theirs[pk], children)
            if kind:
                kinds[kind] += 1
                continue
            wrong = {n: (a, b) for n, a, b in zip(NINE, ours[pk], theirs[pk]) if a != b}
            faults.append(f"{case.number} {case.what}: {str(wrong)[:300]}")
        elif verifies(case):
            kinds[f"{outcome} by upstream, stored"] += 1
            if ours[pk][4] != case.manifest.decode():
                faults.append(f"{case.number} {case.what}: {outcome} {why}; data is not stored")
        else:
            kinds[f"{outcome} by upstream, left as it was"] += 1
            if ours[pk] != before[pk]:
                faults.append(f"{case.number} {case.what}: changed without verified bytes")
            elif (pk in linked) != (pk in linked_before):
                faults.append(f"{case.number} {case.what}: lost its link")
    say(f"compared: {dict(kinds)}")
    assert not faults, f"{len(faults)} faults:\n" + "\n".join(faults[:40])
    # A kind that no longer occurs must leave the list.
    assert set(DELIBERATE) <= set(kinds)
