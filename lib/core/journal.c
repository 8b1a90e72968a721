/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal: see journal.h for its form. */
#include "lib/core/journal.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/state.h"
#include "lib/core/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char file_name[] = "journal";

struct journal {
	int fd;
	char *run_id;
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

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '%' && hex(s[1]) >= 0 && hex(s[2]) >= 0) {
			*to++ = (char)(hex(s[1]) * 16 + hex(s[2]));
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
	    !state_open(state_dir, file_name, O_RDWR | O_CREAT | O_APPEND, &fd, err))
		return false;
	if (!state_sync(state_dir, err)) {
		(void)close(fd);
		return false;
	}

	struct journal *j = xcalloc(1, sizeof(*j));

	j->fd = fd;
	j->run_id = xstrdup(run_id);
	*ret = j;
	return true;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	(void)close(j->fd);
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

	/* The lock keeps another process from taking our half-written line for a torn one. */
	if (flock(j->fd, LOCK_EX) < 0)
		return err_errno(err, "cannot lock the journal");

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

bool journal_read(const char *state_dir, void (*fn)(void *arg, const struct journal_line *l),
		  void *arg, size_t *ret_damaged, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", state_dir, file_name);
	AUTO_FILE FILE *f = fopen(path, "re");
	AUTO_FREE char *text = NULL;
	size_t cap = 0, damaged = 0;
	ssize_t len;

	if (!f && errno == ENOENT) {
		*ret_damaged = 0;
		return true;
	}
	if (!f)
		return err_errno(err, "cannot read '%s'", path);
	while ((len = getline(&text, &cap, f)) > 0) {
		struct journal_line l;
		bool whole = text[len - 1] == '\n' && strlen(text) == (size_t)len;

		if (whole)
			text[len - 1] = '\0';
		if (whole && parse_line(text, &l))
			fn(arg, &l);
		else
			damaged++;
	}
	*ret_damaged = damaged;
	return true;
}
