/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A table of cron is set aside by a rename in its own directory, so that it is there or not and
 * keeps all that it has; cron reads no file whose name begins with a dot.  Timers are systemd's to
 * stop.
 */
#include "lib/host/schedules.h"

#include "lib/core/mem.h"
#include "lib/core/state.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/ini.h"
#include "lib/drivers/process.h"

#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_PATTERNS = 64, MOST_OUTPUT = 1 << 20, NOT_INSTALLED = 5 /* says systemctl */ };
static const char file_name[] = "maintenance-schedules";
static const double answer_limit = 60; /* seconds */

static void add(char ***list, size_t *n, const char *word, size_t len)
{
	for (size_t i = 0; i < *n; i++)
		if (strncmp((*list)[i], word, len) == 0 && !(*list)[i][len])
			return;
	*list = xrealloc(*list, (*n + 1) * sizeof(**list));
	(*list)[(*n)++] = xstrndup(word, len);
}

static void release(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

void schedules_release(struct schedules *s)
{
	release(s->timers, s->n_timers);
	release(s->tables, s->n_tables);
	*s = (struct schedules){ .timers = NULL };
}

/* words: of systemctl, with room for NULL behind the last. */
static bool systemctl(const char *const *words, struct strbuf *out, struct strbuf *errors,
		      int *status, struct err *err)
{
	const struct process_options o = {
		.argv = words, .timeout = answer_limit, .max_output = MOST_OUTPUT, .errors = errors
	};

	if (!process_run(&o, out, status, err))
		return false;
	strbuf_adds(out, "");
	strbuf_adds(errors, "");
	return true;
}

static bool refused(const struct strbuf *errors, struct err *err)
{
	return err_set(err, ERR_IO, "systemctl says: %.*s", (int)strcspn(errors->data, "\n"),
		       errors->data);
}

static bool find_timers(const struct config *c, struct schedules *s, struct err *err)
{
	const char *set = config_get(c, "maintenance-mode.timers");
	AUTO_FREE char *patterns = xstrdup(set ? set : "");
	const char *argv[8 + MOST_PATTERNS] = { "systemctl",	  "list-units",	 "--type=timer",
						"--plain",	  "--no-legend", "--no-pager",
						"--state=active", "--" };
	AUTO_STRBUF struct strbuf out = { 0 }, errors = { 0 };
	size_t n = 8;
	char *rest = NULL;
	int status = 0;

	for (char *w = strtok_r(patterns, ", ", &rest); w && n < ARRAY_LEN(argv) - 1;
	     w = strtok_r(NULL, ", ", &rest))
		argv[n++] = w;
	if (n == 8 || access("/run/systemd/system", F_OK) != 0)
		return true;
	if (!systemctl(argv, &out, &errors, &status, err))
		return false;
	if (status != 0)
		return refused(&errors, err);
	for (const char *at = out.data; *at; at += strcspn(at, "\n"), at += *at == '\n') {
		size_t len = strcspn(at, " \n");

		if (len > 0)
			add(&s->timers, &s->n_timers, at, len);
	}
	return true;
}

static void find_tables(const struct config *c, struct schedules *s)
{
	const char *set = config_get(c, "maintenance-mode.cron");
	AUTO_FREE char *patterns = xstrdup(set ? set : "");
	char *rest = NULL;
	struct stat st;

	for (char *w = strtok_r(patterns, ", ", &rest); w; w = strtok_r(NULL, ", ", &rest)) {
		glob_t found;

		if (glob(w, 0, NULL, &found) != 0)
			continue;
		for (size_t i = 0; i < found.gl_pathc; i++)
			if (lstat(found.gl_pathv[i], &st) == 0 && !S_ISDIR(st.st_mode))
				add(&s->tables, &s->n_tables, found.gl_pathv[i],
				    strlen(found.gl_pathv[i]));
		globfree(&found);
	}
}

bool schedules_find(const struct config *c, struct schedules *ret, struct err *err)
{
	struct schedules s = { .timers = NULL };

	if (!find_timers(c, &s, err)) {
		schedules_release(&s);
		return false;
	}
	find_tables(c, &s);
	*ret = s;
	return true;
}

static bool take_value(void *arg, const char *section, const char *key, const char *value, int line,
		       struct err *err)
{
	struct schedules *s = arg;

	(void)section;
	(void)line;
	(void)err;
	if (strcmp(key, "timer") == 0)
		add(&s->timers, &s->n_timers, value, strlen(value));
	else if (strcmp(key, "table") == 0)
		add(&s->tables, &s->n_tables, value, strlen(value));
	return true;
}

bool schedules_noted(const struct config *c, struct schedules *ret, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", config_get(c, "general.state_dir"), file_name);
	struct schedules s = { .timers = NULL };

	if (!ini_read(path, take_value, &s, err) && err->code != ERR_NOT_FOUND) {
		schedules_release(&s);
		return err_hint(err, "Start the timers and rename the tables of cron (/etc/cron.d) "
				     "by hand, then remove that file.");
	}
	*ret = s;
	return true;
}

static bool note(const struct config *c, const struct schedules *s, struct err *err)
{
	const char *dir = config_get(c, "general.state_dir");
	AUTO_FREE char *path = xasprintf("%s/%s", dir, file_name);
	AUTO_STRBUF struct strbuf text = { 0 };

	strbuf_adds(&text, "[stopped]\n");
	for (size_t i = 0; i < s->n_timers; i++)
		strbuf_addf(&text, "timer = %s\n", s->timers[i]);
	for (size_t i = 0; i < s->n_tables; i++)
		strbuf_addf(&text, "table = %s\n", s->tables[i]);
	return state_dir_make(dir, err) && fs_write_atomic(path, text.data, text.len, 0640, err);
}

/* "/etc/cron.d/pulp" is set aside as "/etc/cron.d/.pulp.plmaint". */
static char *aside(const char *table)
{
	const char *slash = strrchr(table, '/');
	const char *name = slash ? slash + 1 : table;

	return xasprintf("%.*s.%s.plmaint", (int)(name - table), table, name);
}

static bool move(const char *from, const char *to, struct err *err)
{
	AUTO_FREE char *dir = fs_directory_of(from);

	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) < 0)
		return err_errno(err, "cannot rename '%s' to '%s'", from, to);
	return fs_sync_directory(dir, err);
}

/* ret_installed: whether there is such a timer; an upgrade may have taken it away. */
static bool tell_timer(const char *verb, const char *timer, bool *ret_installed, struct err *err)
{
	const char *const argv[] = { "systemctl", verb, "--", timer, NULL };
	AUTO_STRBUF struct strbuf out = { 0 }, errors = { 0 };
	int status = 0;

	if (!systemctl(argv, &out, &errors, &status, err))
		return false;
	*ret_installed = status != NOT_INSTALLED;
	return status == 0 || status == NOT_INSTALLED || refused(&errors, err);
}

bool schedules_stop(const struct config *c, struct schedules *ret, struct err *err)
{
	struct schedules now = { .timers = NULL }, all = { .timers = NULL };
	bool ok = schedules_noted(c, &all, err) && schedules_find(c, &now, err), installed;

	for (size_t i = 0; ok && i < now.n_timers; i++)
		add(&all.timers, &all.n_timers, now.timers[i], strlen(now.timers[i]));
	for (size_t i = 0; ok && i < now.n_tables; i++)
		add(&all.tables, &all.n_tables, now.tables[i], strlen(now.tables[i]));
	ok = ok && note(c, &all, err);
	/* Those that are noted too: a boot may be about to start them. */
	for (size_t i = 0; ok && i < all.n_timers; i++)
		ok = tell_timer("stop", all.timers[i], &installed, err);
	for (size_t i = 0; ok && i < now.n_tables; i++) {
		AUTO_FREE char *there = aside(now.tables[i]);

		ok = move(now.tables[i], there, err);
	}
	schedules_release(&now);
	if (ok)
		*ret = all;
	else
		schedules_release(&all);
	return ok;
}

static void lose(char **lost, const char *what, const char *why)
{
	AUTO_FREE char *old = *lost;

	*lost = xasprintf("%s%s%s %s", old ? old : "", old ? ", " : "", what, why);
}

/* One by one: what an upgrade took away must not keep the others. */
static bool start_timers(const struct schedules *all, struct schedules *started, char **lost,
			 struct err *err)
{
	for (size_t i = 0; i < all->n_timers; i++) {
		const char *timer = all->timers[i];
		bool installed;

		if (!tell_timer("start", timer, &installed, err))
			return false;
		if (!installed)
			lose(lost, timer, "is not installed any more");
		else
			add(&started->timers, &started->n_timers, timer, strlen(timer));
	}
	return true;
}

static bool start_tables(const struct schedules *all, struct schedules *started, char **lost,
			 struct err *err)
{
	for (size_t i = 0; i < all->n_tables; i++) {
		const char *table = all->tables[i];
		AUTO_FREE char *from = aside(table);
		bool back = access(table, F_OK) == 0, kept = access(from, F_OK) == 0;

		if (back && kept)
			lose(lost, table, "was put there anew, and the old one stays beside it");
		else if (!back && !kept)
			lose(lost, table, "is gone");
		else if (kept && !move(from, table, err))
			return false;
		else
			add(&started->tables, &started->n_tables, table, strlen(table));
	}
	return true;
}

bool schedules_start(const struct config *c, struct schedules *ret, char **lost, struct err *err)
{
	struct schedules all = { .timers = NULL }, started = { .timers = NULL };
	bool ok = schedules_noted(c, &all, err) && start_timers(&all, &started, lost, err) &&
		  start_tables(&all, &started, lost, err) &&
		  state_remove(config_get(c, "general.state_dir"), file_name, err);

	schedules_release(&all);
	if (ok)
		*ret = started;
	else
		schedules_release(&started);
	return ok;
}
