/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fields in words, and the blocks of a scenario as foreman-maintain's users know them. */
#include "lib/report/style.h"

#include "lib/core/clock.h"
#include "lib/core/exit.h"
#include "lib/core/text.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/ioctl.h>

/* Columns: of a page, of the least that a terminal is taken to have, and behind a step's title. */
enum { WIDTH = 80, NARROWEST = 40, BADGE_COLUMNS = 18 };

size_t report_columns(const struct report *r)
{
	struct winsize w;

	if (r->options.style != REPORT_TTY || ioctl(fileno(r->options.out), TIOCGWINSZ, &w) < 0 ||
	    w.ws_col == 0)
		return WIDTH;
	return w.ws_col < NARROWEST ? NARROWEST : w.ws_col;
}

/* A wide terminal is no reason for lines that are hard to read. */
static size_t page_width(const struct report *r)
{
	size_t columns = report_columns(r);

	return columns < WIDTH ? columns : WIDTH;
}

const struct field *find_field(const struct field *fields, const char *key)
{
	for (; fields->key; fields++)
		if (strcmp(fields->key, key) == 0)
			return fields;
	return NULL;
}

const char *text_field(const struct field *fields, const char *key)
{
	const struct field *f = find_field(fields, key);

	return f && f->kind == FIELD_TEXT ? f->v.text : NULL;
}

const char *text_or(const struct field *fields, const char *key, const char *otherwise)
{
	const char *text = text_field(fields, key);

	return text ? text : otherwise;
}

double number_field(const struct field *fields, const char *key)
{
	const struct field *f = find_field(fields, key);

	if (f && f->kind == FIELD_INT)
		return (double)f->v.i;
	return f && f->kind == FIELD_REAL ? f->v.real : NAN;
}

/* A reader that went away must not end a migration: the wish to stop is a signal. */
void put_out(struct report *r)
{
	if ((fflush(r->options.out) == EOF || ferror(r->options.out)) && !r->lost)
		r->lost = errno ? errno : EIO;
}

void put_line(struct report *r, const struct strbuf *line)
{
	errno = 0;
	(void)fprintf(r->options.out, "%s\n", line->data ? line->data : "");
	put_out(r);
}

void put_text(struct report *r, const char *text)
{
	AUTO_STRBUF struct strbuf safe = { 0 };

	text_escape_lines(&safe, text);
	errno = 0;
	(void)fputs(safe.data ? safe.data : "", r->options.out);
	put_out(r);
}

void add_count(struct strbuf *out, double n)
{
	char digits[32];
	int len = snprintf(digits, sizeof(digits), "%.0f", n);

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0 && digits[i - 1] != '-')
			strbuf_adds(out, ",");
		strbuf_add(out, digits + i, 1);
	}
}

void add_bytes(struct strbuf *out, double bytes)
{
	char words[32];

	text_bytes(bytes, words, sizeof(words));
	strbuf_adds(out, words);
}

static const double worth_a_clock = 3600; /* seconds: from there on people ask when it ends */

static void add_eta(struct strbuf *out, const struct field *fields)
{
	const struct field *f = find_field(fields, "eta");
	char low[32], mid[32], high[32];

	if (!f || f->kind != FIELD_RANGE || !isfinite(f->v.range[1]))
		return;
	clock_in_words(f->v.range[0], low, sizeof(low));
	clock_in_words(f->v.range[1], mid, sizeof(mid));
	clock_in_words(f->v.range[2], high, sizeof(high));
	strbuf_addf(out, ", about %s left", mid);
	/* "12 to 19 min": the unit once where both have it. */
	size_t unit = strcspn(low, " ");
	if (strcmp(low, high) != 0 && strcmp(low + unit, high + strcspn(high, " ")) == 0 &&
	    !strpbrk(low + unit, "0123456789"))
		strbuf_addf(out, ", %.*s to %s", (int)unit, low, high);
	else if (strcmp(low, high) != 0)
		strbuf_addf(out, ", %s to %s", low, high);
	if (f->v.range[1] >= worth_a_clock && text_field(fields, "end")) {
		strbuf_adds(out, ", ends ");
		text_escape(out, text_field(fields, "end"));
	}
}

static void add_amount(struct strbuf *out, double n, bool in_bytes)
{
	if (in_bytes)
		add_bytes(out, n);
	else
		add_count(out, n);
}

/* Of what is counted in something else. */
static void add_volume(struct strbuf *out, const struct field *fields)
{
	double bytes = number_field(fields, "bytes");

	if (bytes > 0) {
		strbuf_adds(out, ", ");
		add_bytes(out, bytes);
	}
	if (number_field(fields, "bytes_total") > 0) {
		strbuf_adds(out, " of ");
		add_bytes(out, number_field(fields, "bytes_total"));
	}
	if (number_field(fields, "byte_rate") > 0) {
		strbuf_adds(out, ", ");
		add_bytes(out, number_field(fields, "byte_rate"));
		strbuf_adds(out, "/s");
	}
}

void add_progress(struct strbuf *out, const struct field *fields)
{
	double done = number_field(fields, "done"), total = number_field(fields, "total");
	double rate = number_field(fields, "rate");
	const char *unit = text_or(fields, "unit", "rows");
	bool in_bytes = strcmp(unit, "bytes") == 0;
	const struct field *estimated = find_field(fields, "estimated");
	double duty = number_field(fields, "duty"), felt = number_field(fields, "felt");

	if (total > 0)
		strbuf_addf(out, "%3.0f %%  ", fmin(100, floor(100 * done / total)));
	add_amount(out, isfinite(done) ? done : 0, in_bytes);
	if (total > 0) {
		strbuf_adds(out, estimated && estimated->v.b ? " of ± " : " of ");
		add_amount(out, total, in_bytes);
	}
	/* Every unit is a plural in s. */
	bool one = (total > 0 ? total : done) == 1;
	if (!in_bytes)
		strbuf_addf(out, " %.*s", (int)strlen(unit) - one, unit);
	if (isfinite(rate)) {
		strbuf_adds(out, ", ");
		add_amount(out, rate, in_bytes);
		strbuf_addf(out, "%s%s/s", in_bytes ? "" : " ", in_bytes ? "" : unit);
	}
	if (duty < 1)
		strbuf_addf(out, " at duty %.2g", duty);
	if (!(done >= total))
		add_eta(out, fields);
	if (!in_bytes)
		add_volume(out, fields);
	if (isfinite(felt))
		strbuf_addf(out, ", requests take %.1f of %.1f ms", felt * 1000,
			    number_field(fields, "felt_limit") * 1000);
}

void add_reason(struct strbuf *out, const struct field *fields)
{
	const struct field *stalled = find_field(fields, "stalled");
	const char *reason = text_field(fields, "reason");

	if (!reason)
		return;
	strbuf_adds(out, stalled && stalled->v.b	    ? "; stalled: "
			 : number_field(fields, "duty") > 0 ? "; slowed: "
							    : "; waits: ");
	text_escape(out, reason);
}

static void put_rule(struct report *r, char c)
{
	AUTO_STRBUF struct strbuf line = { 0 };

	for (size_t n = page_width(r); n > 0; n--)
		strbuf_add(&line, &c, 1);
	put_line(r, &line);
}

static void put_wrapped(struct report *r, const char *head, const char *text)
{
	AUTO_STRBUF struct strbuf safe = { 0 };
	AUTO_STRBUF struct strbuf line = { 0 };

	text_escape(&safe, text);
	strbuf_adds(&line, head);
	text_wrap(&line, safe.data ? safe.data : "", page_width(r) - strlen(head), "  ");
	put_line(r, &line);
}

static void put_run_start(struct report *r, const struct field *fields)
{
	AUTO_STRBUF struct strbuf line = { 0 };

	if (r->options.quiet)
		return;
	strbuf_adds(&line, "Running ");
	text_escape(&line, text_or(fields, "command", ""));
	put_line(r, &line);
	put_rule(r, '=');
	if (text_field(fields, "resumes"))
		put_wrapped(r, "Resumed: ", text_field(fields, "resumes"));
}

struct badge {
	const char *result, *text, *colour;
};
static const struct badge badges[] = {
	{ "ok", "[OK]", "\033[32m" },		{ "not-needed", "[NOT NEEDED]", "\033[32m" },
	{ "skipped", "[SKIPPED]", "\033[33m" }, { "warning", "[WARNING]", "\033[33m" },
	{ "finding", "[FAIL]", "\033[31m" },	{ "unknown", "[UNKNOWN]", "\033[35m" },
	{ "failed", "[FAIL]", "\033[31m" },	{ NULL, "[?]", "" },
};

static const struct badge *find_badge(const char *result)
{
	const struct badge *b = badges;

	while (b->result && strcmp(b->result, result) != 0)
		b++;
	return b;
}

static void put_badge(struct report *r, const struct field *fields, const struct badge *b)
{
	size_t result_column = page_width(r) - BADGE_COLUMNS;
	AUTO_STRBUF struct strbuf title = { 0 };
	AUTO_STRBUF struct strbuf line = { 0 };
	char words[32];

	clock_in_words(number_field(fields, "seconds"), words, sizeof(words));
	text_escape(&title, text_or(fields, "summary", text_or(fields, "label", "")));
	/* The summary is a phrase in lower case; as a title it begins with a capital, where that is
	 * no name such as pg_restore. */
	if (title.len && title.data[0] >= 'a' && title.data[0] <= 'z' &&
	    strcspn(title.data, "_") >= strcspn(title.data, " "))
		title.data[0] = (char)(title.data[0] - 'a' + 'A');
	strbuf_adds(&title, ":");
	text_wrap(&line, title.data, result_column, "  ");

	/* The badge stands in its column of the title's last line. */
	const char *last = strrchr(line.data, '\n');

	for (size_t n = text_columns(last ? last + 1 : line.data); n < result_column; n++)
		strbuf_adds(&line, " ");
	strbuf_adds(&line, " ");
	strbuf_addf(&line, "%s%s%s", r->options.colour ? b->colour : "", b->text,
		    r->options.colour && *b->colour ? "\033[0m" : "");
	if (strcmp(b->text, "[SKIPPED]") != 0)
		strbuf_addf(&line, " %s", words);
	put_line(r, &line);
}

static void put_step_end(struct report *r, const struct field *fields)
{
	const struct badge *b = find_badge(text_or(fields, "result", ""));
	const struct field *examples = find_field(fields, "examples");
	const struct field *remedies = find_field(fields, "remedies");
	bool passed = strcmp(b->text, "[OK]") == 0 || strcmp(b->text, "[NOT NEEDED]") == 0 ||
		      strcmp(b->text, "[SKIPPED]") == 0;

	if (r->options.quiet && passed)
		return;
	put_badge(r, fields, b);
	if (text_field(fields, "message"))
		put_wrapped(r, "  ", text_field(fields, "message"));
	for (size_t i = 0; examples && examples->v.list[i]; i++)
		put_wrapped(r, "  - ", examples->v.list[i]);
	if (text_field(fields, "hint"))
		put_wrapped(r, "  hint: ", text_field(fields, "hint"));
	for (size_t i = 0; remedies && remedies->v.list[i]; i++)
		put_wrapped(r, "  mended by: ", remedies->v.list[i]);
	put_rule(r, '-');
}

static void add_total(struct strbuf *out, const struct field *fields, const char *key,
		      const char *words)
{
	double n = number_field(fields, key);

	if (!(n > 0))
		return;
	strbuf_adds(out, out->len ? ", " : "");
	add_count(out, n);
	strbuf_addf(out, " %s", words);
}

static const char *words_of_exit(int status)
{
	if (exit_is_resumable(status))
		return "Stopped early";
	switch (status) {
	case EXIT_DONE:
		return "Done";
	case EXIT_WARNINGS:
		return "Done with warnings";
	case EXIT_UNKNOWN:
		return "Could not find out";
	default:
		return "Failed";
	}
}

static void put_failing(struct report *r, const char *const *labels)
{
	put_wrapped(r, "", "The following steps did not pass:");
	for (size_t i = 0; labels[i]; i++)
		put_wrapped(r, "  ", labels[i]);
}

static void put_whitelist(struct report *r, const char *const *labels)
{
	AUTO_STRBUF struct strbuf line = { 0 };

	put_wrapped(r, "",
		    "Mend what they name and run the command again. To pass over them at your "
		    "own risk, add:");
	for (size_t i = 0; labels[i]; i++)
		strbuf_addf(&line, "%s%s", i ? "," : "  --whitelist=\"", labels[i]);
	strbuf_adds(&line, "\"");
	put_line(r, &line);
}

static void put_run_end(struct report *r, const struct field *fields)
{
	AUTO_STRBUF struct strbuf line = { 0 };
	AUTO_STRBUF struct strbuf totals = { 0 };
	const struct field *failing = find_field(fields, "failing");
	const struct field *whitelist = find_field(fields, "whitelist");
	int status = (int)number_field(fields, "exit");
	char words[32];

	if (failing)
		put_failing(r, failing->v.list);
	if (whitelist)
		put_whitelist(r, whitelist->v.list);
	if (r->options.quiet && status == EXIT_DONE)
		return;
	clock_in_words(number_field(fields, "seconds"), words, sizeof(words));
	strbuf_addf(&line, "%s after %s", words_of_exit(status), words);
	add_total(&totals, fields, "rows",
		  find_field(fields, "rolled_back") ? "rows would be written" : "rows written");
	add_total(&totals, fields, "partial", "partial");
	add_total(&totals, fields, "quarantined", "in quarantine");
	add_total(&totals, fields, "filled", "still linked");
	if (totals.len)
		strbuf_addf(&line, ": %s", totals.data);
	strbuf_adds(&line, exit_is_resumable(status)
				   ? "; its state is saved: run it again to go on."
				   : ".");
	put_wrapped(r, "", line.data);
}

static void put_row(struct report *r, const char *what, const struct field *fields)
{
	AUTO_STRBUF struct strbuf line = { 0 };
	const struct field *missing = find_field(fields, "missing");
	const struct field *repos = find_field(fields, "repositories");

	strbuf_addf(&line, "%s: %s", what,
		    text_or(fields, "message", text_or(fields, "reason", "")));
	for (size_t i = 0; missing && missing->v.list && missing->v.list[i]; i++)
		strbuf_addf(&line, "%s%s", i ? ", " : "; missing ", missing->v.list[i]);
	if (repos && repos->v.list) {
		strbuf_adds(&line, repos->v.list[0] ? "; in " : "; in no repository");
		for (size_t i = 0; repos->v.list[i]; i++)
			strbuf_addf(&line, "%s%s", i ? ", " : "", repos->v.list[i]);
	}
	put_wrapped(r, "  ", line.data);
	/* A line of its own: a digest is nearly as wide as the page. */
	put_wrapped(r, "  ", text_or(fields, "digest", "(no digest)"));
}

static void put_notice(struct report *r, const struct field *fields)
{
	AUTO_STRBUF struct strbuf head = { 0 };

	strbuf_addf(&head, "  %s: ", text_or(fields, "level", "notice"));
	put_wrapped(r, head.data, text_or(fields, "message", ""));
	if (text_field(fields, "hint"))
		put_wrapped(r, "  hint: ", text_field(fields, "hint"));
}

void add_wait(struct strbuf *out, const struct field *fields)
{
	text_escape(out, text_or(fields, "label", ""));
	strbuf_adds(out, " waits: ");
	text_escape(out, text_or(fields, "reason", "for something"));
}

static void put_slowed(struct report *r, const struct field *fields)
{
	AUTO_STRBUF struct strbuf line = { 0 };
	char words[32];

	if (r->options.quiet)
		return;
	clock_in_words(number_field(fields, "seconds"), words, sizeof(words));
	strbuf_addf(&line, "did not work for %s: ", words);
	strbuf_adds(&line, text_or(fields, "reason", ""));
	put_wrapped(r, "  ", line.data);
}

static void put_migration(struct report *r, const struct field *fields)
{
	AUTO_STRBUF struct strbuf line = { 0 };

	strbuf_adds(&line, "  applied ");
	text_escape(&line, text_or(fields, "app", ""));
	strbuf_adds(&line, ".");
	text_escape(&line, text_or(fields, "name", ""));
	put_line(r, &line);
}

/* "  /etc/pulp/settings.py: other content" */
static void put_difference(struct report *r, const struct field *fields)
{
	AUTO_STRBUF struct strbuf line = { 0 };
	const char *kind = text_or(fields, "kind", "");

	strbuf_adds(&line, "  ");
	text_escape(&line, text_or(fields, "path", ""));
	strbuf_adds(&line, strcmp(kind, "missing") == 0 ? ": not installed" : ": other ");
	if (strcmp(kind, "missing") != 0)
		text_escape(&line, kind);
	put_line(r, &line);
}

void put_block(struct report *r, const char *event, const struct field *fields)
{
	if (strcmp(event, "run.start") == 0)
		put_run_start(r, fields);
	else if (strcmp(event, "step.end") == 0)
		put_step_end(r, fields);
	else if (strcmp(event, "run.end") == 0)
		put_run_end(r, fields);
	else if (strcmp(event, "quarantine") == 0 || strcmp(event, "partial") == 0)
		put_row(r, event, fields);
	else if (strcmp(event, "notice") == 0)
		put_notice(r, fields);
	else if (strcmp(event, "slowed") == 0)
		put_slowed(r, fields);
	else if (strcmp(event, "migration") == 0 && !r->options.quiet)
		put_migration(r, fields);
	else if (strcmp(event, "difference") == 0 && !r->options.quiet)
		put_difference(r, fields);
	else if (strcmp(event, "join") == 0 && !r->options.quiet)
		put_wrapped(r, "  ", "an open run was found; this one helps it to its end");
}
