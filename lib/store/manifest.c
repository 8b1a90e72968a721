/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Written whole and read whole: a backup has tens of files, its artifacts are in the listings. */
#include "lib/store/manifest.h"

#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/hash.h"
#include "lib/drivers/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MANIFEST_MAX = 64 << 20 };

/* -- writing */

static void key(struct strbuf *out, const char *name)
{
	char last = out->len ? out->data[out->len - 1] : '{';

	strbuf_adds(out, last == '{' || last == '[' ? "" : ",");
	json_quote(out, name, strlen(name));
	strbuf_adds(out, ":");
}

static void text(struct strbuf *out, const char *name, const char *value)
{
	key(out, name);
	if (value)
		json_quote(out, value, strlen(value));
	else
		strbuf_adds(out, "null");
}

static void number(struct strbuf *out, const char *name, int64_t value)
{
	key(out, name);
	strbuf_addf(out, "%lld", (long long)value);
}

static void list(struct strbuf *out, const char *name, char *const *all)
{
	key(out, name);
	strbuf_adds(out, "[");
	for (size_t i = 0; all && all[i]; i++) {
		strbuf_adds(out, i ? "," : "");
		json_quote(out, all[i], strlen(all[i]));
	}
	strbuf_adds(out, "]");
}

static void pairs(struct strbuf *out, const char *name, const struct manifest_pair *all)
{
	key(out, name);
	strbuf_adds(out, "{");
	for (; all && all->key; all++)
		text(out, all->key, all->value);
	strbuf_adds(out, "}");
}

static void tally(struct strbuf *out, const char *name, const struct manifest_tally *t)
{
	key(out, name);
	strbuf_adds(out, "{");
	number(out, "count", t->count);
	number(out, "bytes", t->bytes);
	number(out, "new_count", t->new_count);
	number(out, "new_bytes", t->new_bytes);
	strbuf_adds(out, "}");
}

static void databases(struct strbuf *out, const struct backup_manifest *m)
{
	key(out, "databases");
	strbuf_adds(out, "[");
	for (size_t i = 0; i < m->n_databases; i++) {
		const struct manifest_database *d = &m->databases[i];

		strbuf_adds(out, i ? ",{" : "{");
		text(out, "feature", d->feature);
		text(out, "name", d->name);
		text(out, "directory", d->directory);
		number(out, "server_version", d->server_version);
		text(out, "encoding", d->encoding);
		text(out, "collation", d->collation);
		text(out, "owner", d->owner);
		text(out, "ctype", d->ctype);
		text(out, "provider", d->provider);
		text(out, "locale", d->locale);
		text(out, "rules", d->rules);
		text(out, "tablespace", d->tablespace);
		number(out, "bytes", d->bytes);
		pairs(out, "migrations", d->migrations);
		text(out, "snapshot", d->snapshot);
		strbuf_adds(out, "}");
	}
	strbuf_adds(out, "]");
}

static void files(struct strbuf *out, const struct backup_manifest *m)
{
	key(out, "files");
	strbuf_adds(out, "[");
	for (size_t i = 0; i < m->n_files; i++) {
		strbuf_adds(out, i ? ",\n{" : "\n{");
		text(out, "path", m->files[i].path);
		number(out, "size", m->files[i].size);
		text(out, "sha256", m->files[i].sha256);
		strbuf_adds(out, "}");
	}
	strbuf_adds(out, "]");
}

bool backup_manifest_write(const struct repository *r, const struct backup_manifest *m,
			   struct err *err)
{
	AUTO_FREE char *path = repository_backup_path(r, m->id, "manifest.json");
	AUTO_STRBUF struct strbuf out = { 0 };

	strbuf_adds(&out, "{");
	number(&out, "format", REPOSITORY_FORMAT);
	text(&out, "id", m->id);
	text(&out, "plmaint", m->plmaint);
	text(&out, "kind", m->kind);
	text(&out, "host", m->host);
	list(&out, "interfaces", m->interfaces);
	text(&out, "started", m->started);
	text(&out, "ended", m->ended);
	key(&out, "span_seconds");
	strbuf_addf(&out, "%.6f", m->span_seconds);
	number(&out, "snapshots", m->snapshots);
	databases(&out, m);
	pairs(&out, "versions", m->versions);
	pairs(&out, "domains", m->domains);
	tally(&out, "artifacts", &m->artifacts);
	tally(&out, "media", &m->media);
	list(&out, "features", m->features);
	list(&out, "skipped", m->skipped);
	text(&out, "encryption", m->encryption);
	text(&out, "encryption_key", m->encryption_key);
	files(&out, m);
	strbuf_adds(&out, "}\n");
	return fs_write_atomic(path, out.data, out.len, 0440, err);
}

/* -- reading */

/* What was missing or of the wrong kind; the first of them is named. */
struct reading {
	const char *wrong;
};

static char *get_text(struct reading *in, const struct json *v, const char *name)
{
	const char *s = json_text(json_get(v, name));

	if (!s && !in->wrong)
		in->wrong = name;
	return s ? xstrdup(s) : NULL;
}

static char *get_optional(const struct json *v, const char *name)
{
	const char *s = json_text(json_get(v, name));

	return s ? xstrdup(s) : NULL;
}

static int64_t get_number(struct reading *in, const struct json *v, const char *name)
{
	long n = 0;

	if ((!json_long(json_get(v, name), &n) || n < 0) && !in->wrong)
		in->wrong = name;
	return n;
}

static char **get_list(struct reading *in, const struct json *v, const char *name)
{
	const struct json *all = json_get(v, name);
	size_t n = json_count(all);
	char **ret = xcalloc(n + 1, sizeof(*ret));

	for (size_t i = 0; i < n; i++) {
		const char *s = json_text(json_at(all, i));

		if (!s && !in->wrong)
			in->wrong = name;
		ret[i] = xstrdup(s ? s : "");
	}
	return ret;
}

struct pairs_so_far {
	struct manifest_pair *all;
	size_t n;
};

static void add_pair(void *arg, const char *name, const struct json *value)
{
	struct pairs_so_far *p = arg;
	const char *s = json_text(value);

	p->all[p->n++] =
		(struct manifest_pair){ .key = xstrdup(name), .value = s ? xstrdup(s) : NULL };
}

static struct manifest_pair *get_pairs(const struct json *v, const char *name)
{
	const struct json *object = json_get(v, name);
	struct pairs_so_far p = { xcalloc(json_count(object) + 1, sizeof(*p.all)), 0 };

	json_each(object, add_pair, &p);
	return p.all;
}

static struct manifest_tally get_tally(struct reading *in, const struct json *v, const char *name)
{
	const struct json *t = json_get(v, name);

	return (struct manifest_tally){ .count = get_number(in, t, "count"),
					.bytes = get_number(in, t, "bytes"),
					.new_count = get_number(in, t, "new_count"),
					.new_bytes = get_number(in, t, "new_bytes") };
}

/* A path that leads out of the backup's directory is no file of it. */
static bool stays_inside(const char *path)
{
	size_t len = path ? strlen(path) : 0;

	if (len == 0 || path[0] == '/')
		return false;
	for (const char *p = path; p; p = strchr(p, '/')) {
		p += *p == '/';
		size_t part = strcspn(p, "/");
		if (part == 0 || (part == 1 && p[0] == '.') ||
		    (part == 2 && p[0] == '.' && p[1] == '.'))
			return false;
	}
	return true;
}

static void get_files(struct reading *in, const struct json *v, struct backup_manifest *m)
{
	const struct json *all = json_get(v, "files");

	m->files = xcalloc(json_count(all) + 1, sizeof(*m->files));
	for (size_t i = 0; i < json_count(all); i++) {
		const struct json *one = json_at(all, i);
		struct manifest_file *f = &m->files[m->n_files++];
		const char *digest = json_text(json_get(one, "sha256"));

		f->path = get_text(in, one, "path");
		f->size = get_number(in, one, "size");
		if (!digest || strlen(digest) != SHA256_HEX || !sha256_is_hex(digest, SHA256_HEX) ||
		    !stays_inside(f->path))
			in->wrong = "files";
		else
			memcpy(f->sha256, digest, SHA256_HEX + 1);
	}
	if (m->n_files == 0 && !in->wrong)
		in->wrong = "files";
}

static void get_databases(struct reading *in, const struct json *v, struct backup_manifest *m)
{
	const struct json *all = json_get(v, "databases");

	m->databases = xcalloc(json_count(all) + 1, sizeof(*m->databases));
	for (size_t i = 0; i < json_count(all); i++) {
		const struct json *one = json_at(all, i);

		m->databases[m->n_databases++] = (struct manifest_database){
			.feature = get_text(in, one, "feature"),
			.name = get_text(in, one, "name"),
			.directory = get_text(in, one, "directory"),
			.server_version = (long)get_number(in, one, "server_version"),
			.encoding = get_text(in, one, "encoding"),
			.collation = get_text(in, one, "collation"),
			.owner = get_text(in, one, "owner"),
			.ctype = get_optional(one, "ctype"),
			.provider = get_optional(one, "provider"),
			.locale = get_optional(one, "locale"),
			.rules = get_optional(one, "rules"),
			.tablespace = get_optional(one, "tablespace"),
			.bytes = get_number(in, one, "bytes"),
			.migrations = get_pairs(one, "migrations"),
			.snapshot = get_text(in, one, "snapshot"),
		};
		if (!stays_inside(m->databases[i].directory))
			in->wrong = "databases";
	}
}

static void get_all(struct reading *in, const struct json *v, struct backup_manifest *m)
{
	const char *key_path = json_text(json_get(v, "encryption_key"));

	m->id = get_text(in, v, "id");
	m->plmaint = get_text(in, v, "plmaint");
	m->kind = get_text(in, v, "kind");
	m->host = get_text(in, v, "host");
	m->interfaces = get_list(in, v, "interfaces");
	m->started = get_text(in, v, "started");
	m->ended = get_text(in, v, "ended");
	if (!json_real(json_get(v, "span_seconds"), &m->span_seconds))
		in->wrong = "span_seconds";
	(void)json_long(json_get(v, "snapshots"), &m->snapshots);
	get_databases(in, v, m);
	m->versions = get_pairs(v, "versions");
	m->domains = get_pairs(v, "domains");
	m->artifacts = get_tally(in, v, "artifacts");
	m->media = get_tally(in, v, "media");
	m->features = get_list(in, v, "features");
	m->skipped = get_list(in, v, "skipped");
	m->encryption = get_optional(v, "encryption");
	m->encryption_key = key_path && *key_path == '/' ? xstrdup(key_path) : NULL;
	get_files(in, v, m);
}

static bool parse(const struct fs_file *file, const char *id, struct backup_manifest *ret,
		  struct err *err)
{
	struct backup_manifest m = { 0 };
	struct reading in = { 0 };
	struct json *tree = NULL;
	long format = 0;

	if (!json_parse(file->data, file->len, &tree, err))
		return err_wrap(err, "the manifest of backup %s", id);
	if (json_long(json_get(tree, "format"), &format) && format > REPOSITORY_FORMAT) {
		json_free(tree);
		(void)err_set(err, ERR_UNSUPPORTED,
			      "the manifest of backup %s is of format %ld, this release knows %d",
			      id, format, REPOSITORY_FORMAT);
		return err_hint(err, "Use the release of plmaint that has written it, or a newer "
				     "one.");
	}
	get_all(&in, tree, &m);
	json_free(tree);
	if (!in.wrong && (format != REPOSITORY_FORMAT || strcmp(m.id, id) != 0))
		in.wrong = format != REPOSITORY_FORMAT ? "format" : "id";
	if (in.wrong) {
		backup_manifest_release(&m);
		return err_set(err, ERR_DATA, "the manifest of backup %s is damaged: %s", id,
			       in.wrong);
	}
	*ret = m;
	return true;
}

bool backup_manifest_read(const struct repository *r, const char *id, struct backup_manifest *ret,
			  struct err *err)
{
	AUTO_FREE char *dir = repository_backup_path(r, id, NULL);
	struct fs_root *root = NULL;
	struct fs_file file = { 0 };

	if (!fs_root_open(dir, &root, err)) {
		if (err->code != ERR_NOT_FOUND)
			return false;
		(void)err_set(err, ERR_NOT_FOUND, "there is no backup %s in %s", id,
			      repository_dir(r));
		return err_hint(err, "`plmaint backup list %s` shows what there is.",
				repository_dir(r));
	}
	enum fs_verdict verdict = fs_read(root, "manifest.json", MANIFEST_MAX, &file);
	fs_root_close(root);
	if (verdict == FS_MISSING)
		return err_set(err, ERR_NOT_FOUND, "backup %s is unfinished: it has no manifest",
			       id);
	if (verdict != FS_OK) {
		errno = file.saved_errno;
		return err_errno(err, "cannot read the manifest of backup %s", id);
	}
	bool ok = parse(&file, id, ret, err);
	free(file.data);
	return ok;
}

static void release_list(char **all)
{
	for (size_t i = 0; all && all[i]; i++)
		free(all[i]);
	free(all);
}

static void release_pairs(struct manifest_pair *all)
{
	for (size_t i = 0; all && all[i].key; i++) {
		free(all[i].key);
		free(all[i].value);
	}
	free(all);
}

static void release_database(struct manifest_database *d)
{
	free(d->feature);
	free(d->name);
	free(d->directory);
	free(d->encoding);
	free(d->collation);
	free(d->owner);
	free(d->ctype);
	free(d->provider);
	free(d->locale);
	free(d->rules);
	free(d->tablespace);
	release_pairs(d->migrations);
	free(d->snapshot);
}

const struct manifest_file *backup_manifest_file(const struct backup_manifest *m, const char *path)
{
	for (size_t i = 0; i < m->n_files; i++)
		if (strcmp(m->files[i].path, path) == 0)
			return &m->files[i];
	return NULL;
}

void backup_manifest_drop_databases(struct backup_manifest *m)
{
	for (size_t i = 0; i < m->n_databases; i++)
		release_database(&m->databases[i]);
	free(TAKE(m->databases));
	m->n_databases = 0;
}

void backup_manifest_release(struct backup_manifest *m)
{
	free(m->id);
	free(m->plmaint);
	free(m->kind);
	free(m->host);
	release_list(m->interfaces);
	free(m->started);
	free(m->ended);
	backup_manifest_drop_databases(m);
	release_pairs(m->versions);
	release_pairs(m->domains);
	release_list(m->features);
	release_list(m->skipped);
	free(m->encryption);
	free(m->encryption_key);
	for (size_t i = 0; i < m->n_files; i++)
		free(m->files[i].path);
	free(m->files);
	*m = (struct backup_manifest){ 0 };
}
