/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal gives back what was written, and only that: torn and changed lines are passed over.
 */
#include "lib/core/journal.h"

#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "tests/harness/tap.h"

#include <sys/stat.h>
#include <unistd.h>

struct dir {
	char path[64], file[96];
};

static void make_dir(struct dir *d)
{
	char made[] = "/tmp/plmaint-journal-XXXXXX";

	if (!mkdtemp(made))
		abort();
	(void)snprintf(d->path, sizeof(d->path), "%s/a/b", made);
	(void)snprintf(d->file, sizeof(d->file), "%s/journal", d->path);
}

static void remove_dir(struct dir *d)
{
	(void)unlink(d->file);
	for (int i = 0; i < 3; i++) {
		(void)rmdir(d->path);
		*strrchr(d->path, '/') = '\0';
	}
}
#define AUTO_PLACE __attribute__((cleanup(remove_dir)))

static void add(const char *dir, const char *run, const char *label)
{
	struct journal *j = NULL;
	struct err err;

	if (!CHECK(journal_open(dir, run, &j, &err)))
		return;
	CHECK(journal_add(j, "step.end",
			  (const struct field[]){ F_TEXT("label", label), F_INT("rows", 7),
						  F_REAL("seconds", 1.5), F_TEXT("hint", NULL),
						  F_END },
			  &err));
	journal_close(j);
}

static void collect(void *arg, const struct journal_line *l)
{
	const char *label = journal_value(l, "label");

	strbuf_addf(arg, "%s %s [%s] %s;", l->run, l->event, label ? label : "-",
		    journal_value(l, "seconds") ? journal_value(l, "seconds") : "-");
}

static size_t read_all(const char *dir, struct strbuf *out)
{
	struct err err;
	size_t damaged = 99;

	strbuf_clear(out);
	CHECK(journal_read(dir, collect, out, &damaged, &err));
	return damaged;
}

static void change_file(const char *file, long cut, const char *more, long flip)
{
	FILE *f = fopen(file, "r+");

	if (!CHECK(f != NULL))
		return;
	(void)fseek(f, 0, SEEK_END);
	if (cut)
		CHECK(ftruncate(fileno(f), ftell(f) - cut) == 0);
	(void)fseek(f, 0, SEEK_END);
	(void)fputs(more, f);
	if (flip) {
		(void)fseek(f, flip, SEEK_SET);
		(void)fputc('#', f);
	}
	(void)fclose(f);
}

TEST(gives_back_what_was_written)
{
	AUTO_PLACE struct dir d;
	AUTO_STRBUF struct strbuf out = { 0 };

	make_dir(&d);
	CHECK_INT(read_all(d.path, &out), 0); /* no file is no line */
	add(d.path, "r1", "plain");
	add(d.path, "r2", "tab\there\nnew % line");
	CHECK_INT(read_all(d.path, &out), 0);
	CHECK_STR(out.data, "r1 step.end [plain] 1.500;r2 step.end [tab\there\nnew % line] 1.500;");
}

TEST(torn_last_line)
{
	AUTO_PLACE struct dir d;
	AUTO_STRBUF struct strbuf out = { 0 };

	make_dir(&d);
	add(d.path, "r1", "a");
	add(d.path, "r1", "b");
	change_file(d.file, 5, "", 0);
	CHECK_INT(read_all(d.path, &out), 1);
	CHECK_STR(out.data, "r1 step.end [a] 1.500;");
	/* The next line does not hang itself on the torn one. */
	add(d.path, "r1", "c");
	CHECK_INT(read_all(d.path, &out), 1);
	CHECK_STR(out.data, "r1 step.end [a] 1.500;r1 step.end [c] 1.500;");
}

TEST(changed_line)
{
	AUTO_PLACE struct dir d;
	AUTO_STRBUF struct strbuf out = { 0 };

	make_dir(&d);
	add(d.path, "r1", "a");
	add(d.path, "r1", "b");
	change_file(d.file, 0, "no journal line\n", 30);
	CHECK_INT(read_all(d.path, &out), 2);
	CHECK_STR(out.data, "r1 step.end [b] 1.500;");
}

static void note(struct journal *j, const char *event, int64_t pid)
{
	struct err err;

	CHECK(journal_add(
		j, event,
		(const struct field[]){ F_TEXT("label", event), F_INT("pid", pid), F_END }, &err));
}

/* A run of one event beside its beginning and its end. */
static void whole_run(const char *dir, const char *run, int64_t pid, bool ends)
{
	struct journal *j = NULL;
	struct err err;

	REQUIRE(journal_open(dir, run, &j, &err));
	note(j, "run.start", pid);
	note(j, "step.start", 0);
	if (ends)
		note(j, "run.end", 0);
	journal_close(j);
}

static void count_runs(void *arg, const struct journal_line *l)
{
	if (strcmp(l->event, "run.start") == 0)
		strbuf_addf(arg, "%s ", l->run);
}

static void check_runs(const char *dir, const char *wanted)
{
	AUTO_STRBUF struct strbuf out = { 0 };
	struct err err;
	size_t damaged;

	CHECK(journal_read(dir, count_runs, &out, &damaged, &err));
	CHECK_INT(damaged, 0);
	CHECK_STR(out.data ? out.data : "", wanted);
}

TEST(old_runs_are_forgotten)
{
	AUTO_PLACE struct dir d;
	struct journal *j = NULL;
	struct err err;
	enum { NOBODY = 1 << 30 }; /* beyond the largest pid */

	make_dir(&d);
	whole_run(d.path, "old", 1, true);
	whole_run(d.path, "at-work", getpid(), false);
	whole_run(d.path, "killed", NOBODY, false);
	whole_run(d.path, "nameless", 0, false);
	whole_run(d.path, "last", NOBODY, false);
	change_file(d.file, 0, "no journal line\n", 0);
	REQUIRE(journal_open(d.path, "now", &j, &err));
	CHECK(journal_prune(j, 2, &err));
	check_runs(d.path, "at-work nameless last ");
	note(j, "run.start", getpid());
	CHECK(journal_prune(j, 0, &err));
	check_runs(d.path, "at-work now ");
	journal_close(j);
}

/* Whoever has the old file open adds to the new one, and nothing is lost between them. */
TEST(a_journal_that_was_replaced_is_added_to)
{
	AUTO_PLACE struct dir d;
	AUTO_STRBUF struct strbuf out = { 0 };
	struct journal *a = NULL, *b = NULL;
	struct err err;

	make_dir(&d);
	whole_run(d.path, "old", 1, true);
	REQUIRE(journal_open(d.path, "a", &a, &err) && journal_open(d.path, "b", &b, &err));
	note(a, "run.start", getpid());
	CHECK(journal_prune(b, 0, &err));
	note(a, "step.end", 0);
	note(b, "step.end", 0);
	CHECK_INT(read_all(d.path, &out), 0);
	CHECK_STR(out.data,
		  "a run.start [run.start] -;a step.end [step.end] -;b step.end [step.end] -;");
	journal_close(a);
	journal_close(b);
}

/* An end that is none would have what follows forgotten with the old runs. */
TEST(what_cannot_be_read_is_no_end)
{
	AUTO_PLACE struct dir d;
	AUTO_STRBUF struct strbuf out = { 0 };
	struct err err;
	size_t damaged;

	make_dir(&d);
	add(d.path, "a", "one");
	REQUIRE(unlink(d.file) == 0 && mkdir(d.file, 0700) == 0);
	CHECK(!journal_read(d.path, collect, &out, &damaged, &err));
	CHECK(strstr(err.text, "Is a directory") != NULL);
	CHECK(rmdir(d.file) == 0);
}

TAP_MAIN(row(gives_back_what_was_written), row(torn_last_line), row(changed_line),
	 row(old_runs_are_forgotten), row(a_journal_that_was_replaced_is_added_to),
	 row(what_cannot_be_read_is_no_end))
