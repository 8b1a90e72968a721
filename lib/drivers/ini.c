/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ini files over libinih, as distributions build it: lines of up to 199 bytes, of which it silently
 * drops the rest, and an indented line continues the one above.  A connection string is longer, and
 * people indent their keys.  So lines are read here, handed over without their indentation and
 * short, and a value that was cut is taken from the line itself.
 */
#include "lib/drivers/ini.h"
#include "lib/core/mem.h"
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	FILE *file;
	char *line; /* the whole one that libinih works on */
	size_t cap;
	int number, failed_at;
	bool cut, odd, read_error;
	bool (*fn)(void *arg, const char *section, const char *key, const char *value, int line,
		   struct err *err);
	void *arg;
	struct err *err;
};

static char *next_line(char *to, int size, void *arg)
{
	struct reading *r = arg;
	errno = 0;
	ssize_t len = r->failed_at ? -1 : getline(&r->line, &r->cap, r->file);
	if (len < 0) {
		r->read_error = !r->failed_at && ferror(r->file);
		return NULL;
	}
	r->number++;
	r->odd = strlen(r->line) != (size_t)len; /* a NUL: no text file */
	const char *start = r->line;
	while (isspace((unsigned char)*start))
		start++;
	size_t n = strcspn(start, "\n");
	r->cut = n + 2 > (size_t)size;
	if (r->cut)
		n = (size_t)size - 2;
	memcpy(to, start, n);
	memcpy(to + n, "\n", 2);
	return to;
}

/* The value of the whole line by libinih's rules: ends at white space and a semicolon. */
static char *whole_value(char *line)
{
	char *value = line + strcspn(line, "=:");
	value += *value != '\0';
	value += strspn(value, " \t\r\n\v\f");
	char *end = value;
	for (bool space = false; *end && !(space && *end == ';'); end++)
		space = isspace((unsigned char)*end) != 0;
	while (end > value && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return value;
}

/* libinih's convention: 0 is an error. */
static int on_value(void *arg, const char *section, const char *key, const char *value)
{
	struct reading *r = arg;
	if (r->failed_at)
		return 1;
	if (!r->odd &&
	    r->fn(r->arg, section, key, r->cut ? whole_value(r->line) : value, r->number, r->err))
		return 1;
	if (r->odd)
		err_set(r->err, ERR_CONFIG, "not text");
	r->failed_at = r->number;
	return 0;
}

bool ini_read(const char *path,
	      bool (*fn)(void *arg, const char *section, const char *key, const char *value,
			 int line, struct err *err),
	      void *arg, struct err *err)
{
	AUTO_FILE FILE *file = fopen(path, "re");
	if (!file)
		return err_errno(err, "cannot read %s", path);
	struct reading r = { .file = file, .fn = fn, .arg = arg, .err = err };
	int bad = ini_parse_stream(next_line, &r, on_value, &r);
	int saved = errno;
	free(r.line);
	errno = saved;
	if (r.read_error)
		return err_errno(err, "cannot read %s", path);
	if (bad > 0 && bad != r.failed_at) {
		err_set(err, ERR_CONFIG, "%s, line %d: neither [section] nor key = value", path,
			bad);
		return err_hint(err, "Mend the line, or begin it with # if it is a comment.");
	}
	if (bad != 0)
		return err_wrap(err, "%s, line %d", path, bad);
	return true;
}
