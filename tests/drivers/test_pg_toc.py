# SPDX-License-Identifier: GPL-3.0-or-later
"""lib/drivers/pg_toc against the real pg_dump and pg_restore: an archive without the data of some
tables, to which it is added, is the archive with all of it. PLMAINT_PG_BINDIR names another release.
"""
import os
import re
import shutil
import struct
import subprocess

import pytest

from drivers import built
from harness import pg

# What a table can be, and names that must be quoted.
TABLES = '''
CREATE SCHEMA "Other ""schema""";
CREATE TABLE parent (id int PRIMARY KEY, word text NOT NULL UNIQUE, document jsonb);
CREATE TABLE "Other ""schema"""."a Table" (id int GENERATED ALWAYS AS IDENTITY, "from" int REFERENCES parent,
    twice int GENERATED ALWAYS AS ("from" * 2) STORED);
CREATE TABLE "Other ""schema""".parent (bytes bytea, seen timestamptz);
CREATE TABLE parted (id int) PARTITION BY RANGE (id);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (500);
CREATE TABLE nothing ();
CREATE INDEX words ON parent (lower(word));
INSERT INTO parent SELECT i, E'word\\t\\\\' || i, json_build_object('i', i) FROM generate_series(1, 900) i;
INSERT INTO "Other ""schema"""."a Table" ("from") SELECT i FROM generate_series(1, 900) i;
INSERT INTO "Other ""schema""".parent SELECT decode(md5(i::text), 'hex'), 'epoch' FROM generate_series(1, 50) i;
INSERT INTO parted SELECT generate_series(1, 499);
'''
OTHER = 'Other "schema"'
ADDED = [("public", "parent"), (OTHER, "a Table"), (OTHER, "parent"), ("public", "parted_low"), ("public", "core_artifact")]


class Toc:
    """toc.dat, read as pg_restore does."""

    def __init__(self, archive):
        self.bytes, self.at = (archive / "toc.dat").read_bytes(), 11
        minor = self.bytes[6]
        self.skip(1 if minor >= 15 else 5)
        self.skip(7 * 5)
        self.head = [self.text() for _ in range(3)]
        self.entries = [self.entry(minor) for _ in range(self.number())]
        assert self.at == len(self.bytes)

    def skip(self, n):
        self.at += n

    def number(self):
        sign, value = struct.unpack_from("<BI", self.bytes, self.at)
        self.skip(5)
        return -value if sign else value

    def text(self):
        n = self.number()
        if n < 0:
            return None
        self.skip(n)
        return self.bytes[self.at - n : self.at].decode()

    def entry(self, minor):
        e = {"id": self.number(), "dumper": self.number()}
        e.update((k, self.text()) for k in ("tableoid", "oid", "tag", "desc"))
        e["section"] = self.number()
        e.update((k, self.text()) for k in ("defn", "drop", "copy", "namespace", "tablespace", "am"))
        e["relkind"] = self.number() if minor >= 16 else None
        e.update((k, self.text()) for k in ("owner", "oids"))
        e["depends"] = list(iter(self.text, None))
        e["file"] = self.text()
        return e

    def data(self, schema, table):
        (e,) = [e for e in self.entries if (e["desc"], e["namespace"], e["tag"]) == ("TABLE DATA", schema, table)]
        return e


def tool(*words):
    done = subprocess.run([str(built.program("pg_toc_tool")), *map(str, words)], stdout=subprocess.PIPE, text=True, timeout=60)
    return done.returncode, done.stdout.splitlines()


def program(name, *words):
    return subprocess.run([str(pg.bindir() / name), *map(str, words)], stdout=subprocess.PIPE, text=True, check=True, timeout=300).stdout


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def listed(archive):
    """What pg_restore lists, without ids, in any order."""
    lines = [re.sub(r"^\d+; ", "", line) for line in program("pg_restore", "-l", archive).splitlines() if not line.startswith(";")]
    return sorted(lines)


@pytest.fixture
def made(pg_db, site):
    for i in range(300):
        site.artifact(os.urandom(20))
    site.conn.commit()
    pg_db.query(TABLES)
    return pg_db


@pytest.fixture
def archives(made, tmp_path):
    """One with all, and one in which the data of ADDED is not."""
    whole, part = tmp_path / "whole", tmp_path / "part"
    program("pg_dump", "-Fd", "-Z0", "-f", whole, "-d", made.conninfo())
    without = [f"--exclude-table-data={quoted(s)}.{quoted(t)}" for s, t in ADDED]
    program("pg_dump", "-Fd", "-Z0", "-f", part, *without, "-d", made.conninfo())
    return whole, part


def add(whole, part, tables):
    """Adds the data of the tables as the whole archive has it."""
    toc = Toc(whole)
    words = [w for s, t in tables for w in (s, t, toc.data(s, t)["copy"])]
    code, files = tool(part, *words)
    assert code == 0, files
    for (s, t), file in zip(tables, files):
        assert not (part / file).exists()
        shutil.copy(whole / toc.data(s, t)["file"], part / file)


def test_what_is_read_is_written(archives):
    for archive in archives:
        before = (archive / "toc.dat").read_bytes()
        assert tool(archive) == (0, [])
        assert (archive / "toc.dat").read_bytes() == before
        assert (archive / "toc.dat").stat().st_mode & 0o777 == 0o600
        assert not list(archive.glob("toc.dat.*"))


def test_an_entry_is_as_pg_dump_writes_it(archives):
    whole, part = archives
    highest = max(e["id"] for e in Toc(part).entries)
    add(whole, part, ADDED)
    one, other = Toc(whole), Toc(part)
    assert len(one.entries) == len(other.entries)
    for i, (s, t) in enumerate(ADDED):
        a, b = one.data(s, t), other.data(s, t)
        assert b["id"] == highest + 1 + i and b["file"] == f"{b['id']}.dat"
        assert {**a, "id": 0, "file": ""} == {**b, "id": 0, "file": ""}
    sections = [e["section"] for e in other.entries]
    assert 3 not in sections[sections.index(4) :]


def test_a_restore_of_it_has_all(archives, made, cluster):
    whole, part = archives
    assert listed(part) != listed(whole)
    add(whole, part, ADDED)
    assert listed(part) == listed(whole)
    for jobs in (1, 3):
        name = f"back_{jobs}"
        cluster.admin(f"CREATE DATABASE {name} OWNER pulp")
        try:
            program("pg_restore", "--exit-on-error", "--no-owner", "-j", jobs, "-d", cluster.conninfo(name, "postgres"), part)
            dumps = [re.sub(r"^\\(un)?restrict .*", "", program("pg_dump", "--no-owner", "-d", cluster.conninfo(n, "postgres")), flags=re.M) for n in (name, made.name)]
            assert dumps[0] == dumps[1]
        finally:
            cluster.admin(f"DROP DATABASE {name}")


def test_what_cannot_be_added(archives):
    whole, part = archives
    before = (part / "toc.dat").read_bytes()
    for words, said in [
        (("public", "parent", "COPY;", "public", "no", "COPY;"), "not-found: the dump has no table public.no"),
        (("public", "core_content", "COPY;"), "data: the dump has the data of public.core_content"),
    ]:
        code, out = tool(part, *words)
        assert code == 1 and out[-1] == said
        assert (part / "toc.dat").read_bytes() == before
