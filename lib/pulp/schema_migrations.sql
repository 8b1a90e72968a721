-- SPDX-License-Identifier: GPL-3.0-or-later
-- The level of pulp_container, the numbers that are missing below it (from 0033 on: before, a squash may stand for them), one hash
-- over what core and container have applied, and whether the session is still the one of the statement before.
SELECT coalesce(max(n) FILTER (WHERE app = 'container'), 0),
       (SELECT string_agg(to_char(g, 'FM0000'), ', ')
          FROM generate_series(33, (SELECT max(substr(name, 1, 4)::int) FROM django_migrations
                                     WHERE app = 'container' AND name ~ '^[0-9]{4}_')) g
         WHERE NOT EXISTS (SELECT FROM django_migrations
                            WHERE app = 'container' AND name ~ '^[0-9]{4}_' AND substr(name, 1, 4)::int = g)),
       encode(sha256(convert_to(coalesce(string_agg(app || '.' || name, ',' ORDER BY app COLLATE "C", name COLLATE "C"), ''),
                                'UTF8')), 'hex'),
       current_setting('plmaint.session', true),
       pg_backend_pid()
  FROM (SELECT app, name, CASE WHEN name ~ '^[0-9]{4}_' THEN substr(name, 1, 4)::int END AS n
          FROM django_migrations WHERE app IN ('core', 'container')) m
