# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole-database comparison: which tables did a program touch, and do two databases agree."""


def tables(conn):
    return sorted(r[0] for r in conn.execute(
        "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind = 'r'"
        " AND c.relnamespace = 'public'::regnamespace"))


def checksums(conn):
    """A checksum of every row of every table of Pulp (schema public)."""
    return {t: conn.execute(
        f"SELECT count(*), md5(string_agg(r::text, E'\\n' ORDER BY r::text)) FROM {t} r"
    ).fetchone() for t in tables(conn)}


def touched(before, after):
    assert before.keys() == after.keys()
    return {t for t in before if before[t] != after[t]}


def content(conn, table):
    """All rows of a table as documents, by primary key."""
    key = conn.execute(
        "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
        " AND a.attnum = ANY(i.indkey) WHERE i.indrelid = %s::regclass AND i.indisprimary",
        (table,)).fetchone()[0]
    return {str(r[0][key]): r[0] for r in conn.execute(f"SELECT to_jsonb(t) FROM {table} t")}


def differences(ours, theirs, table):
    """Lines that name row and column wherever the two databases disagree in this table."""
    a, b = content(ours, table), content(theirs, table)
    out = [f"{table} {k}: missing" for k in b.keys() - a.keys()]
    out += [f"{table} {k}: too much" for k in a.keys() - b.keys()]
    for k in a.keys() & b.keys():
        out += [f"{table} {k}.{c}: {a[k][c]!r} instead of {b[k][c]!r}"
                for c in a[k] if a[k][c] != b[k][c]]
    return sorted(out)


LOST = """
SELECT count(*) FROM container_manifest m WHERE m.data IS NULL
   AND NOT EXISTS (SELECT 1 FROM core_contentartifact c WHERE c.content_id = m.content_ptr_id)
"""


def lost(conn):
    """Manifests with neither data nor a link to the artifact that holds it."""
    return conn.execute(LOST).fetchone()[0]
