/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows times the rate of a row; the rates and what is known of each are in slow_migrations.def. */
#include "lib/pulp/slow_migrations.h"

#include "lib/core/mem.h"
#include "lib/pulp/columns.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct line {
	const char *app;
	int number, since;
	const char *column;
	bool there;
	double microseconds;
	const char *rows, *what;
} lines[] = {
#define SLOW(app, number, since, column, there, microseconds, rows, what) \
	{ #app, number, since, column, there, microseconds, rows, what },
#include "lib/pulp/slow_migrations.def"
#undef SLOW
};
_Static_assert(ARRAY_LEN(lines) <= SLOW_MIGRATIONS, "SLOW_MIGRATIONS is too few");

/* A host whose disk keeps up with its memory is as fast as the one of the rates; few are. */
static const double best = 0.5, worst = 4;

/* " core.0117 core.0118 container.0043 ", of which the caller looks for one. */
static bool applied(const struct probe *p, struct pg_rows **ret, struct err *err)
{
	return pg_query(
		p->db,
		"SELECT ' ' || coalesce(string_agg(app || '.' || substr(name, 1, 4), ' '), '') || ' '"
		" FROM django_migrations WHERE app IN ('core', 'container')",
		NULL, 0, ret, err);
}

static bool is_due(const struct line *l, const struct pulp_columns *c, const char *done,
		   const struct release_target *t)
{
	const bool container = strcmp(l->app, "container") == 0;
	const int comes = container ? t->level : t->core_most;
	char word[32];

	snprintf(word, sizeof(word), " %s.%04d ", l->app, l->number);
	return (comes == RELEASE_UNKNOWN || comes >= l->since) && !strstr(done, word) &&
	       pulp_has(c, l->column) == l->there;
}

bool slow_migrations_due(const struct probe *p, const struct release_target *t, bool *ret,
			 struct err *err)
{
	AUTO_ROWS struct pg_rows *done = NULL;
	const struct pulp_columns *c;

	if (!pulp_columns_known(p, &c, err) || !applied(p, &done, err))
		return false;
	*ret = false;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		*ret = *ret || is_due(&lines[i], c, pg_text(done, 0, 0), t);
	return true;
}

static bool count(const struct probe *p, const struct line *l, struct slow_migration *m,
		  struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	*m = (struct slow_migration){ .what = l->what };
	if (l->number)
		snprintf(m->name, sizeof(m->name), "%s %04d", l->app, l->number);
	else
		snprintf(m->name, sizeof(m->name), "%s post_migrate", l->app);
	if (!pg_query(p->db, l->rows, NULL, 0, &r, err))
		return err_wrap(err, "while counting the rows of %s", m->name);
	m->rows = pg_int(r, 0, 0);
	m->mid = l->microseconds > 0 ? (double)m->rows * l->microseconds / 1e6 : NAN;
	m->low = m->mid * best;
	m->high = m->mid * worst;
	return true;
}

bool slow_migrations_count(const struct probe *p, const struct release_target *t,
			   struct slow_migration ret[SLOW_MIGRATIONS], size_t *n, struct err *err)
{
	AUTO_ROWS struct pg_rows *done = NULL;
	const struct pulp_columns *c;

	*n = 0;
	if (!pulp_columns_known(p, &c, err) || !applied(p, &done, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		if (!is_due(&lines[i], c, pg_text(done, 0, 0), t))
			continue;
		if (!count(p, &lines[i], &ret[*n], err))
			return false;
		*n += ret[*n].rows != 0;
	}
	return true;
}
