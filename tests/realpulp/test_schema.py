# SPDX-License-Identifier: GPL-3.0-or-later
"""The fixture schema, which most tests use for its speed, is the schema that a real Pulp makes.

Everything a statement of plmaint can run into is compared: columns in type and nullability,
identity, defaults, primary and unique keys, foreign keys with their deferral, indexes.
"""
import pytest

from harness import schema

COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
       pg_get_expr(d.adbin, d.adrelid)
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
"""
# Without names: the fixture's constraints need not be called as Django calls them.
INDEXES = """
SELECT c.relname, i.indisunique, i.indisprimary, i.indimmediate, am.amname,
       ARRAY(SELECT pg_get_indexdef(i.indexrelid, n, true) FROM generate_series(1, i.indnatts) n),
       ARRAY(SELECT o.opcname FROM unnest(i.indclass) WITH ORDINALITY u(oid, n)
               JOIN pg_opclass o ON o.oid = u.oid ORDER BY u.n),
       pg_get_expr(i.indpred, i.indrelid)
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indrelid
  JOIN pg_class x ON x.oid = i.indexrelid
  JOIN pg_am am ON am.oid = x.relam
 WHERE c.relnamespace = 'public'::regnamespace
"""
CONSTRAINTS = """
SELECT c.relname, k.contype::text, k.condeferrable, k.condeferred, k.confdeltype::text,
       f.relname,
       ARRAY(SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY u(n, o)
               JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.o),
       ARRAY(SELECT a.attname FROM unnest(k.confkey) WITH ORDINALITY u(n, o)
               JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.o)
  FROM pg_constraint k
  JOIN pg_class c ON c.oid = k.conrelid
  LEFT JOIN pg_class f ON f.oid = k.confrelid
 WHERE c.relnamespace = 'public'::regnamespace AND k.contype IN ('p', 'u', 'f')
"""


def catalogue(conn, query, tables=None):
    rows = {tuple(tuple(v) if isinstance(v, list) else v for v in r)
            for r in conn.execute(query)}
    return {r for r in rows if tables is None or r[0] in tables}


def names(conn):
    return {r[0] for r in conn.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind = 'r'")}


def compare(oracle, level, genuine):
    db = f"fixture_{level}"
    oracle.pg.create(db)
    with oracle.pg.session(db, "postgres") as conn:
        conn.autocommit = False
        schema.create(conn, level)
    with oracle.pg.session(db) as ours, oracle.pg.session(genuine) as real:
        tables = names(ours)
        assert tables - names(real) == set()
        assert {"container_manifest", "core_contentartifact", "core_artifact"} <= tables
        differences = []
        for query in (COLUMNS, INDEXES, CONSTRAINTS):
            mine, theirs = (catalogue(c, query, tables) for c in (ours, real))
            if query is CONSTRAINTS:
                # A real table may refer to one that the fixture leaves out (users, for one).
                theirs = {r for r in theirs if r[5] is None or r[5] in tables}
            differences += [f"only in the fixture: {r}" for r in mine - theirs]
            differences += [f"only in the real one: {r}" for r in theirs - mine]
        if differences:
            pytest.fail("\n".join(sorted(differences)), pytrace=False)


@pytest.mark.parametrize("level", ["0038", "0043"])
def test_fixture_schema_is_the_real_one(oracle, level):
    compare(oracle, level, oracle.template(level))


@pytest.mark.parametrize(
    "level, release", [("0045", "2.24"), ("0045+0138", "2.26"), ("0046", "2.27"), ("0050", "2.29")]
)
def test_fixture_schema_is_that_of_later_releases(oracle, unmigrated, level, release):
    compare(oracle, level, unmigrated[0][release])
