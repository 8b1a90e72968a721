/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A full file system stops a push in the middle and PostgreSQL altogether.  foreman-maintain looks
 * at `/` alone; what fills up is the media, the database where it is on this host, and a file
 * system may run out of inodes long before it runs out of bytes.
 */
#include "checks/checks.h"
#include "lib/drivers/probe.h"
#include "lib/drivers/space.h"

#include <sys/stat.h>

static const double answer_within = 3.0;	/* seconds */
static const double little = 0.10, none = 0.03; /* share that is left */

struct seen {
	struct outcome *out;
	enum result worst;
	int places, bad;
	double least;
};

static void judge(struct seen *s, const char *path, const char *what, int64_t free, int64_t all)
{
	double share = all > 0 ? (double)free / (double)all : 1;

	s->least = share < s->least ? share : s->least;
	if (share >= little)
		return;
	s->bad++;
	if (share < none)
		s->worst = RESULT_FINDING;
	else if (s->worst == RESULT_OK)
		s->worst = RESULT_WARNING;
	outcome_example(s->out, "%s: %.1f %% of its %s left", path, 100 * share, what);
}

static bool look(struct seen *s, const char *path, struct err *err)
{
	struct space space;

	if (!space_ask(path, answer_within, &space, err))
		return false;
	s->places++;
	judge(s, path, "bytes", space.bytes_free, space.bytes);
	judge(s, path, "inodes", space.files_free, space.files);
	return true;
}

/* Only a superuser is told, and only here can it be looked at. */
static bool look_at_database(struct seen *s, const struct probe *p, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	struct stat st;

	if (!p->db ||
	    !pg_query(p->db,
		      "SELECT setting FROM pg_settings WHERE name = 'data_directory'"
		      " AND inet_server_addr() IS NULL",
		      NULL, 0, &r, err) ||
	    pg_rows_count(r) == 0 || stat(pg_text(r, 0, 0), &st) < 0)
		return true;
	return look(s, pg_text(r, 0, 0), err);
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	struct seen s = { .out = out, .worst = RESULT_OK, .least = 1 };

	(void)params;
	if (!look(&s, p->place.media_root, err) || !look(&s, "/", err) ||
	    !look_at_database(&s, p, err))
		return false;
	outcome_count(out, "found", s.bad);
	if (s.bad == 0) {
		outcome_set(out, RESULT_OK, "at least %.0f %% are left in each of %d places",
			    100 * s.least, s.places);
		return true;
	}
	outcome_set(out, s.worst, "little is left of %d file system(s)", s.bad);
	outcome_hint(out, "Make room, or give it more; `pulp orphan cleanup` deletes content that "
			  "no repository has.");
	return true;
}

const struct check check_host_disk = {
	.label = "host-disk",
	.summary = "the file systems of Pulp have room for more",
	.source = "statvfs(3) of the directories",
	.explain =
		"Bytes and inodes of the media directory, of / and, where it is on this host and "
		"the role is told where, of the database. Less than 10 % is a warning, less than "
		"3 % a finding.",
	.tags = (const char *const[]){ "default", "pre-upgrade", "host", NULL },
	.needs = NEED_MEDIA,
	.run = run,
};
