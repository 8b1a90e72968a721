-- SPDX-License-Identifier: GPL-3.0-or-later
-- What the catalogue says of a Pulp database, in one row; reads no table of Pulp, so it also works where there is none.
-- $1 is a value that the session must still hold in its next transaction.
WITH wanted (name, rights) AS (
	VALUES ('django_migrations', '{SELECT}'::text[]),
	       ('core_content', '{SELECT}'),
	       ('core_artifact', '{SELECT,UPDATE}'),
	       ('core_contentartifact', '{SELECT,DELETE}'),
	       ('core_remoteartifact', '{SELECT,DELETE}'),
	       ('core_publishedartifact', '{SELECT,DELETE}'),
	       ('core_distribution', '{SELECT}'),
	       ('core_domain', '{SELECT}'),
	       ('core_repository', '{SELECT}'),
	       ('core_repositorycontent', '{SELECT}'),
	       ('core_repositoryversion', '{SELECT}'),
	       ('core_task', '{SELECT}'),
	       ('container_manifest', '{SELECT,UPDATE}'),
	       ('container_blob', '{SELECT}'),
	       ('container_tag', '{SELECT}'),
	       ('container_manifestlistmanifest', '{SELECT}'),
	       ('container_containerdistribution', '{SELECT}')
), found AS (
	SELECT name, rights, pg_catalog.to_regclass(name)::oid AS rel FROM wanted
), manifest AS (
	SELECT attname::text AS name, atttypid FROM pg_catalog.pg_attribute
	 WHERE attrelid = pg_catalog.to_regclass('container_manifest') AND attnum > 0 AND NOT attisdropped
)
SELECT current_database(),
       pg_catalog.current_setting('server_encoding'),
       pg_catalog.pg_is_in_recovery(),
       (SELECT string_agg(name, ' ') FROM found WHERE rel IS NULL),
       (SELECT string_agg(p.right || ' on ' || f.name, ', ')
          FROM found f, unnest(f.rights) p ("right")
         WHERE f.rel IS NOT NULL AND (p.right = 'SELECT' OR $2::bool)
           AND NOT pg_catalog.has_table_privilege(f.rel, p.right)),
       (SELECT ' ' || string_agg(name, ' ') || ' ' FROM manifest),
       (SELECT atttypid = 'pg_catalog.int4'::regtype FROM manifest WHERE name = 'compressed_image_size'),
       pg_catalog.to_regclass('core_appstatus') IS NOT NULL,
       pg_catalog.to_regclass('core_worker') IS NOT NULL,
       pg_catalog.to_regclass('core_publishedartifact') IS NOT NULL,
       EXISTS (SELECT FROM pg_catalog.pg_attribute
                WHERE attrelid = pg_catalog.to_regclass('container_containerdistribution')
                  AND attname = 'pull_through_distribution_id' AND NOT attisdropped),
       (SELECT pg_catalog.pg_get_userbyid(relowner) FROM pg_catalog.pg_class
         WHERE oid = pg_catalog.to_regclass('container_manifest')),
       (SELECT string_agg(DISTINCT n.nspname, ', ') FROM pg_catalog.pg_class c
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relname = 'django_migrations' AND c.relkind IN ('r', 'p')),
       current_user,
       pg_catalog.pg_backend_pid(),
       pg_catalog.set_config('plmaint.session', $1, false),
       (SELECT CASE WHEN setrole <> 0 THEN 'role' ELSE 'database' END
          FROM pg_catalog.pg_db_role_setting, unnest(setconfig) word
         WHERE $2::bool AND word LIKE 'default\_transaction\_read\_only=%'
           AND setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
           AND setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user))
           AND split_part(word, '=', 2)::bool
         LIMIT 1)
