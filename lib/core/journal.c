/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal: see journal.h for its form. */
#include "lib/core/journal.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/state.h"
#include "lib/core/strbuf.h"
#include "lib/core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char file_name[] = "journal", new_name[] = "journal.new";
static const int add_mode = O_RDWR | O_CREAT | O_APPEND;

struct journal {
	int fd;
	char *dir, *run_id;
};

/* CRC-32 of IEEE 802.3, bit by bit: a few lines a run need no table. */
static uint32_t crc32(const char *s, size_t len)
{
	uint32_t crc = 0xffffffffU;

	for (size_t i = 0; i < len; i++) {
		crc ^= (unsigned char)s[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320U & -(crc & 1));
	}
	return ~crc;
}

/* Tabs and newlines frame; so they and the percent sign are written as %XX inside a value. */
static void add_value(struct strbuf *out, const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == '%' || *s == 0x7f)
			strbuf_addf(out, "%%%02X", (unsigned)(unsigned char)*s);
		else
			strbuf_add(out, s, 1);
	}
}

static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '%' && hex_digit(s[1]) >= 0 && hex_digit(s[2]) >= 0) {
			*to++ = (char)(hex_digit(s[1]) * 16 + hex_digit(s[2]));
			s += 2;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

bool journal_open(const char *state_dir, const char *run_id, struct journal **ret, struct err *err)
{
	int fd;

	if (!state_dir_make(state_dir, err) ||
	    !state_open(state_dir, file_name, add_mode, &fd, err))
		return false;
	if (!state_sync(state_dir, err)) {
		(void)close(fd);
		return false;
	}

	struct journal *j = xcalloc(1, sizeof(*j));

	j->fd = fd;
	j->dir = xstrdup(state_dir);
	j->run_id = xstrdup(run_id);
	*ret = j;
	return true;
}

/* The lock keeps another process from taking our half-written line for a torn one, and from
 * replacing the file meanwhile; one that was replaced is opened anew. */
static bool lock_file(struct journal *j, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", j->dir, file_name);
	struct stat ours, there;

	for (;;) {
		int fd;

		if (flock(j->fd, LOCK_EX) < 0 || fstat(j->fd, &ours) < 0)
			return err_errno(err, "cannot lock the journal");
		if (stat(path, &there) == 0 && ours.st_ino == there.st_ino &&
		    ours.st_dev == there.st_dev)
			return true;
		if (!state_open(j->dir, file_name, add_mode, &fd, err))
			return false;
		(void)close(j->fd);
		j->fd = fd;
	}
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	(void)close(j->fd);
	free(j->dir);
	free(j->run_id);
	free(j);
}

static void add_fields(struct strbuf *body, const struct field *fields)
{
	for (; fields->key; fields++) {
		if ((fields->kind == FIELD_TEXT && !fields->v.text) ||
		    (fields->kind == FIELD_REAL && isnan(fields->v.real)))
			continue;
		strbuf_addf(body, "\t%s=", fields->key);
		if (fields->kind == FIELD_TEXT)
			add_value(body, fields->v.text);
		else if (fields->kind == FIELD_INT)
			strbuf_addf(body, "%" PRId64, fields->v.i);
		else if (fields->kind == FIELD_REAL)
			strbuf_addf(body, "%.3f", fields->v.real);
		else if (fields->kind == FIELD_BOOL)
			strbuf_adds(body, fields->v.b ? "yes" : "no");
	}
}

/* A line torn by a kill gets its end, so that it damages itself alone and not the next one. */
static bool end_torn_line(int fd)
{
	struct stat st;
	char last = '\n';

	if (fstat(fd, &st) < 0)
		return false;
	if (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) != 1)
		return false;
	return last == '\n' || write(fd, "\n", 1) == 1;
}

bool journal_add(struct journal *j, const char *event, const struct field *fields, struct err *err)
{
	AUTO_STRBUF struct strbuf body = { 0 };
	AUTO_STRBUF struct strbuf line = { 0 };
	char now[40];

	clock_rfc3339(clock_wall(), now, sizeof(now));
	strbuf_addf(&body, "%s\t%s\t%s", now, j->run_id, event);
	add_fields(&body, fields);
	strbuf_addf(&line, "%08" PRIx32 "\t%s\n", crc32(body.data, body.len), body.data);

	if (!lock_file(j, err))
		return false;

	bool ok = end_torn_line(j->fd);
	ssize_t n = ok ? write(j->fd, line.data, line.len) : -1;

	if (n >= 0 && (size_t)n < line.len) {
		errno = ENOSPC;
		n = -1;
	}
	ok = n >= 0 && fdatasync(j->fd) == 0;
	if (!ok)
		(void)err_errno(err, "cannot write the journal");
	(void)flock(j->fd, LOCK_UN);
	return ok;
}

const char *journal_value(const struct journal_line *l, const char *key)
{
	for (size_t i = 0; l->fields[i].key; i++)
		if (strcmp(l->fields[i].key, key) == 0)
			return l->fields[i].value;
	return NULL;
}

/* Cuts a line in place; false when it is damaged. */
static bool parse_line(char *text, struct journal_line *l)
{
	char *body = strchr(text, '\t'), *end, *save = NULL;
	size_t n = 0;

	if (!body || body - text != 8)
		return false;
	*body++ = '\0';
	if (strtoul(text, &end, 16) != crc32(body, strlen(body)) || *end)
		return false;

	*l = (struct journal_line){ .time = strtok_r(body, "\t", &save) };
	l->run = strtok_r(NULL, "\t", &save);
	l->event = strtok_r(NULL, "\t", &save);
	if (!l->time || !l->run || !l->event)
		return false;
	for (char *f; n < JOURNAL_FIELDS && (f = strtok_r(NULL, "\t", &save)); n++) {
		char *eq = strchr(f, '=');

		if (!eq)
			return false;
		*eq = '\0';
		unescape(eq + 1);
		l->fields[n].key = f;
		l->fields[n].value = eq + 1;
	}
	return true;
}

/* As journal_read; raw is the line as it stands in the file. */
static bool each_line(const char *state_dir,
		      void (*fn)(void *arg, const struct journal_line *l, const char *raw),
		      void *arg, size_t *ret_damaged, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", state_dir, file_name);
	AUTO_FREE char *text = NULL;
	size_t cap = 0;
	ssize_t len;
	int fd;

	*ret_damaged = 0;
	if (!state_open(state_dir, file_name, O_RDONLY, &fd, err))
		return err->code == ERR_NOT_FOUND;

	AUTO_FILE FILE *f = fdopen(fd, "r");

	if (!f) {
		(void)err_errno(err, "cannot read '%s'", path);
		close(fd);
		return false;
	}
	while ((len = getline(&text, &cap, f)) > 0) {
		AUTO_FREE char *raw = xstrdup(text);
		struct journal_line l;
		bool whole = text[len - 1] == '\n' && strlen(text) == (size_t)len;

		if (whole)
			text[len - 1] = '\0';
		if (whole && parse_line(text, &l))
			fn(arg, &l, raw);
		else
			++*ret_damaged;
	}
	return !ferror(f) || err_errno(err, "cannot read '%s'", path);
}

struct reading {
	void (*fn)(void *arg, const struct journal_line *l);
	void *arg;
};

static void hand_on(void *arg, const struct journal_line *l, const char *raw)
{
	const struct reading *r = arg;

	(void)raw;
	r->fn(r->arg, l);
}

bool journal_read(const char *state_dir, void (*fn)(void *arg, const struct journal_line *l),
		  void *arg, size_t *ret_damaged, struct err *err)
{
	struct reading r = { fn, arg };

	return each_line(state_dir, hand_on, &r, ret_damaged, err);
}

struct pruning {
	struct {
		char *id;
		long pid; /* 0: unknown */
		bool ended;
	} * runs; /* by their beginning */
	size_t n, keep;
	struct strbuf kept;
};

static size_t find_run(const struct pruning *p, const char *id)
{
	size_t i = p->n;

	while (i > 0 && strcmp(p->runs[i - 1].id, id) != 0)
		i--;
	return i > 0 ? i - 1 : p->n;
}

static void gather(void *arg, const struct journal_line *l, const char *raw)
{
	struct pruning *p = arg;
	size_t i = find_run(p, l->run);
	const char *pid = journal_value(l, "pid");

	(void)raw;
	if (strcmp(l->event, "run.start") == 0 && i == p->n) {
		p->runs = xrealloc(p->runs, (p->n + 1) * sizeof(*p->runs));
		p->runs[p->n].id = xstrdup(l->run);
		p->runs[p->n].ended = false;
		p->runs[p->n++].pid = pid ? strtol(pid, NULL, 10) : 0;
	} else if (strcmp(l->event, "run.end") == 0 && i < p->n) {
		p->runs[i].ended = true;
	}
}

static bool lives(long pid)
{
	char path[40];

	(void)snprintf(path, sizeof(path), "/proc/%ld", pid);
	return pid > 0 && access(path, F_OK) == 0;
}

static void keep_lines(void *arg, const struct journal_line *l, const char *raw)
{
	struct pruning *p = arg;
	size_t i = find_run(p, l->run);

	if (i < p->n && (i + p->keep >= p->n || (!p->runs[i].ended && lives(p->runs[i].pid))))
		strbuf_adds(&p->kept, raw);
}

static void pruning_release(struct pruning *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->runs[i].id);
	free(p->runs);
	strbuf_release(&p->kept);
}

/* In the place of the old file, whole or not at all. */
static bool replace_file(const struct journal *j, const struct strbuf *text, struct err *err)
{
	AUTO_FD int fd = -1;

	if (!state_open(j->dir, new_name, O_WRONLY | O_CREAT | O_TRUNC, &fd, err))
		return false;
	if (write(fd, text->data, text->len) != (ssize_t)text->len || fsync(fd) < 0)
		return err_errno(err, "cannot write a shorter journal");
	return state_rename(j->dir, new_name, file_name, err);
}

bool journal_prune(struct journal *j, size_t keep_runs, struct err *err)
{
	__attribute__((cleanup(pruning_release))) struct pruning p = { .keep = keep_runs };
	size_t damaged;

	if (!lock_file(j, err))
		return false;

	bool ok = each_line(j->dir, gather, &p, &damaged, err);

	if (ok && p.n > keep_runs)
		ok = each_line(j->dir, keep_lines, &p, &damaged, err) &&
		     replace_file(j, &p.kept, err);
	(void)flock(j->fd, LOCK_UN);
	return ok;
}
