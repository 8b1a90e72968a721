/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A number is a byte that says whether it is below zero and its four bytes, the lowest first; a
 * text is its length and its bytes, NULL is the length -1.  Behind a head of fixed and counted
 * parts come the number of entries and the entries.  An entry is kept as the bytes that it was read
 * from, so that what is written is what pg_dump wrote, but for what is added.
 */
#include "lib/drivers/pg_toc.h"
#include "lib/core/mem.h"
#include "lib/drivers/fs.h"
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAJOR = 1,
	FIRST_MINOR = 14, /* PostgreSQL 12: the table's access method */
	ALGORITHM = 15,	  /* PostgreSQL 16: how the files are compressed is one byte */
	RELKIND = 16,	  /* PostgreSQL 17: the kind of relation */
	LAST_MINOR = 16,
	INT_BYTES = 4,
	IN_HEAD_AS = 3, /* a directory's toc.dat says of itself that it is a tar's */
	DATA = 3,	/* sections of an archive */
	POST_DATA = 4,
	FEWEST_BYTES = 20, /* of an entry; it is many more */
	MOST_BYTES = 512 << 20,
	MODE = 0600 /* as pg_dump makes its files in a directory that is its owner's */
};

struct text {
	const char *at; /* NULL: no text; borrowed, not terminated */
	size_t len;
};
/* What is asked of an entry; the texts are in its bytes. */
struct entry {
	const char *at; /* all of it */
	size_t len;
	int id, section;
	struct text oid, tag, desc, namespace, owner;
	int depends; /* on whose id first; 0: on none */
	char *own;   /* its bytes, where it was added; owned */
};
struct pg_toc {
	char *bytes; /* what was read */
	size_t head; /* length of what is before the number of entries */
	int minor, highest;
	int server_version; /* 150000 */
	struct entry *entry;
	size_t n;
};

struct cursor {
	const char *at, *end;
};

static bool damaged(struct err *err, const char *what)
{
	return err_set(err, ERR_DATA, "the table of contents of the dump is damaged: %s", what);
}

static bool get(struct cursor *c, size_t n, const char **ret)
{
	if ((size_t)(c->end - c->at) < n)
		return false;
	*ret = c->at;
	c->at += n;
	return true;
}

static bool get_byte(struct cursor *c, int *ret)
{
	const char *p;

	if (!get(c, 1, &p))
		return false;
	*ret = (unsigned char)*p;
	return true;
}

static bool get_int(struct cursor *c, int *ret)
{
	const char *p;
	uint32_t v = 0;

	if (!get(c, 1 + INT_BYTES, &p) || (unsigned char)p[0] > 1)
		return false;
	for (int i = INT_BYTES; i > 0; i--)
		v = v << 8 | (unsigned char)p[i];
	if (v > INT_MAX || (p[0] && v == 0))
		return false;
	*ret = p[0] ? -(int)v : (int)v;
	return true;
}

static bool get_text(struct cursor *c, struct text *ret)
{
	int len;

	*ret = (struct text){ 0 };
	if (!get_int(c, &len) || len < -1)
		return false;
	ret->len = len < 0 ? 0 : (size_t)len;
	return len < 0 || get(c, ret->len, &ret->at);
}

static bool get_texts(struct cursor *c, int n)
{
	struct text unused;

	while (n > 0 && get_text(c, &unused))
		n--;
	return n == 0;
}

static bool is(struct text t, const char *s)
{
	return t.at && t.len == strlen(s) && memcmp(t.at, s, t.len) == 0;
}

/* An id as a text of digits. */
static bool get_id(struct text t, int *ret)
{
	int64_t v = 0;

	if (t.len == 0 || t.len > 10)
		return false;
	for (size_t i = 0; i < t.len; i++) {
		if (t.at[i] < '0' || t.at[i] > '9')
			return false;
		v = v * 10 + (t.at[i] - '0');
	}
	*ret = (int)v;
	return v > 0 && v <= INT_MAX;
}

/* Ends where no text stands. */
static bool get_dependencies(struct cursor *c, struct entry *e, int *highest)
{
	struct text t;
	int id;

	while (get_text(c, &t)) {
		if (!t.at)
			return true;
		if (!get_id(t, &id))
			return false;
		if (!e->depends)
			e->depends = id;
		if (id > *highest)
			*highest = id;
	}
	return false;
}

static bool get_entry(struct cursor *c, int minor, struct entry *e, int *highest)
{
	struct text unused;
	int number;

	*e = (struct entry){ .at = c->at };
	if (!get_int(c, &e->id) || e->id <= 0 || !get_int(c, &number) ||
	    !get_text(c, &unused) /* the catalog's oid */ || !get_text(c, &e->oid) ||
	    !get_text(c, &e->tag) || !get_text(c, &e->desc) || !get_int(c, &e->section) ||
	    !get_texts(c, 3) /* how it is made, dropped, copied to */ ||
	    !get_text(c, &e->namespace) || !get_texts(c, 2) /* tablespace, access method */ ||
	    (minor >= RELKIND && !get_int(c, &number)) || !get_text(c, &e->owner) ||
	    !get_text(c, &unused) /* with oids */ || !get_dependencies(c, e, highest) ||
	    !get_text(c, &unused) /* file */)
		return false;
	e->len = (size_t)(c->at - e->at);
	if (e->id > *highest)
		*highest = e->id;
	return true;
}

static bool get_version(struct cursor *c, int *ret_minor, struct err *err)
{
	const char *magic;
	int major, minor, revision, int_bytes;

	if (!get(c, 5, &magic) || memcmp(magic, "PGDMP", 5) != 0)
		return err_set(err, ERR_DATA, "this is no table of contents of a dump");
	if (!get_byte(c, &major) || !get_byte(c, &minor) || !get_byte(c, &revision) ||
	    !get_byte(c, &int_bytes))
		return damaged(err, "it ends in its head");
	if (major != MAJOR || minor < FIRST_MINOR || minor > LAST_MINOR || revision != 0 ||
	    int_bytes != INT_BYTES)
		return err_set(err, ERR_UNSUPPORTED,
			       "dumps of version %d.%d.%d with numbers of %d bytes are not known: "
			       "%d.%d to %d.%d are",
			       major, minor, revision, int_bytes, MAJOR, FIRST_MINOR, MAJOR,
			       LAST_MINOR);
	*ret_minor = minor;
	return true;
}

/* "15.4 (Debian 15.4-1)" is 150000; what is no number is 0. */
static int major_version(struct text t)
{
	int major = 0;

	for (; t.len > 0 && *t.at >= '0' && *t.at <= '9' && major < 1000; t.at++, t.len--)
		major = 10 * major + (*t.at - '0');
	return 10000 * major;
}

static bool get_head(struct cursor *c, struct pg_toc *t, struct err *err)
{
	int offset_bytes, format, number;
	struct text unused, server;

	if (!get_version(c, &t->minor, err))
		return false;
	if (!get_byte(c, &offset_bytes) || !get_byte(c, &format) ||
	    !(t->minor >= ALGORITHM ? get_byte(c, &number) : get_int(c, &number)))
		return damaged(err, "it ends in its head");
	if (format != IN_HEAD_AS)
		return err_set(err, ERR_DATA, "this is the head of a dump in one file");
	for (int i = 0; i < 7; i++) /* the time */
		if (!get_int(c, &number))
			return damaged(err, "a number of its time is none");
	if (!get_text(c, &unused) /* the database */ || !get_text(c, &server) ||
	    !get_text(c, &unused) /* pg_dump's version */)
		return damaged(err, "it ends in its head");
	t->server_version = major_version(server);
	return true;
}

static bool get_entries(struct cursor *c, struct pg_toc *t, struct err *err)
{
	int n;

	if (!get_int(c, &n) || n < 0 || n > (c->end - c->at) / FEWEST_BYTES)
		return damaged(err, "the number of its entries cannot be");
	t->entry = xcalloc((size_t)n, sizeof *t->entry);
	for (; t->n < (size_t)n; t->n++)
		if (!get_entry(c, t->minor, &t->entry[t->n], &t->highest))
			return err_set(err, ERR_DATA,
				       "the table of contents of the dump is damaged in entry "
				       "%zu of %d",
				       t->n + 1, n);
	return c->at == c->end || damaged(err, "something stands behind its entries");
}

/* Takes the bytes over. */
static bool parse(char *bytes, size_t len, struct pg_toc **ret, struct err *err)
{
	struct cursor c = { bytes, bytes + len };
	AUTO_PG_TOC struct pg_toc *t = xcalloc(1, sizeof *t);

	t->bytes = bytes;
	if (!get_head(&c, t, err))
		return false;
	t->head = (size_t)(c.at - bytes);
	if (!get_entries(&c, t, err))
		return false;
	*ret = TAKE(t);
	return true;
}

int pg_toc_server_version(const struct pg_toc *t)
{
	return t->server_version;
}

bool pg_toc_parse(const void *bytes, size_t len, struct pg_toc **ret, struct err *err)
{
	char *copy = xmalloc(len);

	if (len)
		memcpy(copy, bytes, len);
	return parse(copy, len, ret, err);
}

bool pg_toc_read(const char *archive, struct pg_toc **ret, struct err *err)
{
	struct fs_root *root = NULL;
	struct fs_file f = { 0 };

	if (!fs_root_open(archive, &root, err))
		return false;
	enum fs_verdict v = fs_read(root, "toc.dat", MOST_BYTES, &f);

	fs_root_close(root);
	if (v == FS_OK)
		return parse(f.data, f.len, ret, err) || err_wrap(err, "%s/toc.dat", archive);
	return err_set(err, v == FS_MISSING ? ERR_NOT_FOUND : ERR_IO, "cannot read %s/toc.dat%s%s",
		       archive, f.saved_errno ? ": " : "",
		       f.saved_errno ? strerror(f.saved_errno) : "");
}

void pg_toc_free(struct pg_toc *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		free(t->entry[i].own);
	free(t->entry);
	free(t->bytes);
	free(t);
}

void pg_toc_auto_free(struct pg_toc **t)
{
	pg_toc_free(*t);
}

static void put_int(struct strbuf *b, int v)
{
	uint32_t rest = v < 0 ? -(uint32_t)v : (uint32_t)v;
	char bytes[1 + INT_BYTES] = { (char)(v < 0) };

	for (int i = 1; i <= INT_BYTES; i++, rest >>= 8)
		bytes[i] = (char)(rest & 0xff);
	strbuf_add(b, bytes, sizeof bytes);
}

static void put_text(struct strbuf *b, struct text t)
{
	put_int(b, t.at ? (int)t.len : -1);
	if (t.at)
		strbuf_add(b, t.at, t.len);
}

static void put(struct strbuf *b, const char *s)
{
	put_text(b, (struct text){ s, s ? strlen(s) : 0 });
}

/* As pg_dump writes an entry for the data of this table. */
static void put_table_data(struct strbuf *b, int minor, int id, const struct entry *of,
			   const char *copy, const char *file)
{
	AUTO_FREE char *depends = xasprintf("%d", of->id);

	put_int(b, id);
	put_int(b, 1); /* has data */
	put(b, "0");
	put_text(b, of->oid);
	put_text(b, of->tag);
	put(b, "TABLE DATA");
	put_int(b, DATA);
	put(b, NULL); /* how it is made */
	put(b, NULL); /* how it is dropped */
	put(b, copy);
	put_text(b, of->namespace);
	put(b, NULL); /* tablespace */
	put(b, NULL); /* access method */
	if (minor >= RELKIND)
		put_int(b, 0);
	put_text(b, of->owner);
	put(b, "false");
	put(b, depends);
	put(b, NULL);
	put(b, file);
}

static const struct entry *find(const struct pg_toc *t, const char *schema, const char *table,
				const char *desc)
{
	for (size_t i = 0; i < t->n; i++)
		if (is(t->entry[i].desc, desc) && is(t->entry[i].tag, table) &&
		    is(t->entry[i].namespace, schema))
			return &t->entry[i];
	return NULL;
}

/* Before what is made when the data is in: indexes, constraints. */
static void insert(struct pg_toc *t, struct entry e)
{
	size_t at = 0;

	while (at < t->n && t->entry[at].section != POST_DATA)
		at++;
	t->entry = xrealloc(t->entry, (t->n + 1) * sizeof *t->entry);
	memmove(t->entry + at + 1, t->entry + at, (t->n - at) * sizeof *t->entry);
	t->entry[at] = e;
	t->n++;
}

bool pg_toc_add_table_data(struct pg_toc *t, const char *schema, const char *table,
			   const char *copy, char **ret_file, struct err *err)
{
	const struct entry *of = find(t, schema, table, "TABLE");
	AUTO_STRBUF struct strbuf b = { 0 };

	if (!of)
		return err_set(err, ERR_NOT_FOUND, "the dump has no table %s.%s", schema, table);
	if (find(t, schema, table, "TABLE DATA"))
		return err_set(err, ERR_DATA, "the dump has the data of %s.%s", schema, table);
	if (t->highest == INT_MAX || t->n >= INT_MAX)
		return damaged(err, "there is no room for another entry");
	int id = t->highest + 1;
	AUTO_FREE char *file = xasprintf("%d.dat", id);

	put_table_data(&b, t->minor, id, of, copy, file);
	struct cursor c = { b.data, b.data + b.len };
	struct entry e;

	if (!get_entry(&c, t->minor, &e, &t->highest) || c.at != c.end)
		return err_set(err, ERR_BUG, "an entry for a dump is not what it should be");
	e.own = strbuf_take(&b);
	insert(t, e);
	*ret_file = TAKE(file);
	return true;
}

void pg_toc_bytes(const struct pg_toc *t, struct strbuf *out)
{
	strbuf_add(out, t->bytes, t->head);
	put_int(out, (int)t->n);
	for (size_t i = 0; i < t->n; i++)
		strbuf_add(out, t->entry[i].at, t->entry[i].len);
}

bool pg_toc_write(const struct pg_toc *t, const char *archive, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/toc.dat", archive);
	AUTO_STRBUF struct strbuf b = { 0 };

	pg_toc_bytes(t, &b);
	return fs_write_atomic(path, b.data, b.len, MODE, err);
}
