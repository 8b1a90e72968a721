/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/store/chunks.h"

#include "lib/core/mem.h"
#include "lib/drivers/hash.h"
#include "lib/store/listing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	FORMAT = 1,
	PAGES = 512,	   /* of the least chunk: 4 MiB, some tens of milliseconds to dump */
	MOST_CHUNKS = 8192 /* of a table, so that the record fits into little memory */
};
static const char head[] = "plmaint-chunks";

int64_t chunk_pages(int64_t pages)
{
	int64_t each = PAGES;

	while (pages / each >= MOST_CHUNKS)
		each *= 2;
	return each;
}

void chunk_record_release(struct chunk_record *r)
{
	for (size_t i = 0; i < r->n; i++) {
		struct chunk_table *t = &r->tables[i];

		free(t->schema);
		free(t->name);
		free(t->columns);
		free(t->file);
		free(t->all);
	}
	free(r->tables);
	free(r->encoding);
	*r = (struct chunk_record){ .n = 0 };
}

const struct chunk_table *chunk_record_find(const struct chunk_record *r,
					    const struct chunk_table *t)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct chunk_table *o = &r->tables[i];

		if (strcmp(o->name, t->name) == 0 && strcmp(o->schema, t->schema) == 0)
			return o->pages == t->pages && strcmp(o->columns, t->columns) == 0 ? o
											   : NULL;
	}
	return NULL;
}

/* -- writing */

static void put_text(FILE *f, const char *text)
{
	AUTO_STRBUF struct strbuf escaped = { 0 };

	listing_escape(&escaped, text);
	(void)fprintf(f, "\t%s", escaped.data ? escaped.data : "");
}

static void put_table(FILE *f, const struct chunk_table *t)
{
	(void)fputs("table", f);
	put_text(f, t->schema);
	put_text(f, t->name);
	put_text(f, t->columns);
	put_text(f, t->file);
	(void)fprintf(f, "\t%lld\n", (long long)t->pages);
	for (size_t i = 0; i < t->n; i++) {
		const struct chunk *c = &t->all[i];

		(void)fprintf(f, "chunk\t%zu\t%lld\t%lld\t%lld\t%lld\t%s\n", i, (long long)c->rows,
			      (long long)c->hash, (long long)c->offset, (long long)c->length,
			      c->sha256);
	}
}

bool chunk_record_write(const char *path, const struct chunk_record *r, struct err *err)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0440);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

	if (!f)
		return err_errno(err, "cannot write %s", path);
	fd = -1;
	(void)fprintf(f, "%s\t%d\t%ld", head, FORMAT, r->major);
	put_text(f, r->encoding);
	(void)fputc('\n', f);
	for (size_t i = 0; i < r->n; i++)
		put_table(f, &r->tables[i]);
	bool ok = !ferror(f);
	ok = fclose(f) == 0 && ok;
	return ok || err_errno(err, "cannot write %s", path);
}

/* -- reading */

enum { MOST_FIELDS = 7 };

/* Cuts a line at its tabs, in place.  How many fields it has; 0: it is no line. */
static size_t cut(char *line, size_t len, char *ret[MOST_FIELDS])
{
	size_t n = 0;

	if (len == 0 || line[len - 1] != '\n' || strlen(line) != len)
		return 0;
	line[len - 1] = '\0';
	for (char *at = line; at; at = strchr(at, '\t')) {
		if (n)
			*at++ = '\0';
		if (n == MOST_FIELDS)
			return 0;
		ret[n++] = at;
	}
	return n;
}

static bool number(const char *text, int64_t least, int64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoll(text, &end, 10);
	return !errno && end != text && !*end && *ret >= least;
}

static bool text(char *field, char **ret)
{
	if (!listing_unescape(field))
		return false;
	*ret = xstrdup(field);
	return true;
}

static bool read_table(struct chunk_record *r, char *field[MOST_FIELDS], size_t n)
{
	if (n != 6)
		return false;
	r->tables = xrealloc(r->tables, (r->n + 1) * sizeof(*r->tables));
	struct chunk_table *t = &r->tables[r->n++];
	*t = (struct chunk_table){ .n = 0 };
	return text(field[1], &t->schema) && text(field[2], &t->name) &&
	       text(field[3], &t->columns) && text(field[4], &t->file) && !strchr(t->file, '/') &&
	       number(field[5], 1, &t->pages);
}

static bool read_chunk(struct chunk_record *r, char *field[MOST_FIELDS], size_t n)
{
	struct chunk_table *t = r->n ? &r->tables[r->n - 1] : NULL;
	struct chunk c;
	int64_t at;

	if (!t || n != 7 || !number(field[1], 0, &at) || at != (int64_t)t->n ||
	    !number(field[2], 0, &c.rows) || !number(field[3], INT64_MIN, &c.hash) ||
	    !number(field[4], 0, &c.offset) || !number(field[5], 0, &c.length) ||
	    strlen(field[6]) != SHA256_HEX || !sha256_is_hex(field[6], SHA256_HEX))
		return false;
	memcpy(c.sha256, field[6], sizeof(c.sha256));
	if ((t->n & (t->n - 1)) == 0) /* room for twice as many */
		t->all = xrealloc(t->all, (t->n ? 2 * t->n : 1) * sizeof(*t->all));
	t->all[t->n++] = c;
	return true;
}

static bool read_head(struct chunk_record *r, char *field[MOST_FIELDS], size_t n, const char *path,
		      struct err *err)
{
	int64_t format, major;

	if (n < 2 || strcmp(field[0], head) != 0 || !number(field[1], 1, &format))
		return err_set(err, ERR_DATA, "%s: line 1 is damaged", path);
	if (format > FORMAT)
		return err_set(err, ERR_UNSUPPORTED, "%s is of a newer plmaint", path);
	if (n != 4 || !number(field[2], 1, &major) || !text(field[3], &r->encoding))
		return err_set(err, ERR_DATA, "%s: line 1 is damaged", path);
	r->major = (long)major;
	return true;
}

static bool read_lines(FILE *f, const char *path, struct chunk_record *r, struct err *err)
{
	AUTO_FREE char *line = NULL;
	char *field[MOST_FIELDS];
	size_t room = 0, lines = 0;
	ssize_t len;

	while ((len = getline(&line, &room, f)) > 0) {
		size_t n = cut(line, (size_t)len, field);

		if (++lines == 1) {
			if (!read_head(r, field, n, path, err))
				return false;
			continue;
		}
		if (n == 0 || !(strcmp(field[0], "table") == 0	 ? read_table(r, field, n)
				: strcmp(field[0], "chunk") == 0 ? read_chunk(r, field, n)
								 : false))
			return err_set(err, ERR_DATA, "%s: line %zu is damaged", path, lines);
	}
	if (ferror(f))
		return err_errno(err, "cannot read %s", path);
	return lines > 0 || err_set(err, ERR_DATA, "%s is empty", path);
}

bool chunk_record_read(const char *path, struct chunk_record *ret, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_FILE FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;

	*ret = (struct chunk_record){ .n = 0 };
	if (!f)
		return err_errno(err, "cannot read %s", path);
	fd = -1;
	if (read_lines(f, path, ret, err))
		return true;
	chunk_record_release(ret);
	return false;
}
