-- SPDX-License-Identifier: GPL-3.0-or-later
-- Tables that can be read by their pages, the largest first; $1: the least number of pages.  One
-- row: schema, name, both as SQL has them, pages, names of the columns, names with types, the
-- columns whose hash tells any two texts apart, the others.
SELECT n.nspname, c.relname,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
       pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::int8,
       a.names, a.signature, a.hashed, a.written
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_am m ON m.oid = c.relam AND m.amname = 'heap'
CROSS JOIN LATERAL (
    SELECT pg_catalog.string_agg(q, ', ' ORDER BY attnum) AS names,
           pg_catalog.string_agg(q || ' ' || pg_catalog.format_type(atttypid, atttypmod), ', '
                                 ORDER BY attnum) AS signature,
           pg_catalog.string_agg('t.' || q, ', ' ORDER BY attnum) FILTER (WHERE exact) AS hashed,
           pg_catalog.string_agg('t.' || q, ', ' ORDER BY attnum) FILTER (WHERE NOT exact) AS written
    FROM (
        SELECT attnum, atttypid, atttypmod, pg_catalog.quote_ident(attname) AS q,
               -- Of other types two values may be equal and not of one text (1.0 and 1.00, a month
               -- and thirty days), or there is no hash.
               atttypid IN ('bool'::regtype, 'bytea'::regtype, '"char"'::regtype, 'name'::regtype,
                            'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'text'::regtype,
                            'varchar'::regtype, 'oid'::regtype, 'uuid'::regtype, 'date'::regtype,
                            'time'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype,
                            'int4[]'::regtype, 'int8[]'::regtype, 'text[]'::regtype,
                            'varchar[]'::regtype, 'uuid[]'::regtype)
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_collation l
                               WHERE l.oid = attcollation AND NOT l.collisdeterministic) AS exact
        FROM pg_catalog.pg_attribute
        WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '') x) a
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND c.reloftype = 0 AND NOT c.relrowsecurity
  AND NOT c.relispartition AND a.names IS NOT NULL
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent))
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.deptype = 'e'
                  AND (d.classid, d.objid) IN (('pg_class'::regclass, c.oid),
                                               ('pg_namespace'::regclass, n.oid)))
  AND pg_catalog.pg_relation_size(c.oid) >= $1 * pg_catalog.current_setting('block_size')::int8
ORDER BY 4 DESC, c.oid
