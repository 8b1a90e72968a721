/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files -> tar -> zstd -> cipher -> pieces, and back. */
#include "lib/host/config_archive.h"

#include "lib/core/mem.h"
#include "lib/drivers/cipher.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/pieces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "config.tar.zst"
enum { MOST_LINKS = 8 };

static const char *const suffixes[] = { "", ".age", ".gpg" };

static bool add(void *arg, const char *path, struct err *err)
{
	return archive_add(arg, path, feature_files_except, err);
}

static bool fill(const struct config_archive *c, struct archive_out *a, struct err *err)
{
	/* What is named beside the table is wanted whatever the table leaves out. */
	for (const char *const *p = c->more; p && *p; p++)
		if (!archive_add(a, *p, NULL, err))
			return false;
	return feature_files_each(&c->features, add, a, err);
}

static bool pack(const struct config_archive *c, struct sink to, struct archive_tally *tally,
		 struct err *err)
{
	struct archive_out *a = NULL;
	bool ok = archive_create(to, c->level, &c->told, &a, err) && fill(c, a, err) &&
		  archive_end(a, tally, err);

	archive_out_free(a);
	return ok;
}

static bool pack_encrypted(const struct config_archive *c, struct sink to,
			   struct archive_tally *tally, struct err *err)
{
	struct filter *f = NULL;
	bool ok = cipher_encrypt(c->encrypt, &f, err) && pack(c, filter_sink(f, to), tally, err) &&
		  filter_end(f, err);

	filter_free(f);
	return ok;
}

/* What was encrypted differently would be a second archive beside this one. */
static bool forget_others(const struct config_archive *c, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		AUTO_FREE char *path = xasprintf("%s/" NAME "%s", c->directory, suffixes[i]);

		if (!pieces_remove(path, err))
			return false;
	}
	return true;
}

bool config_archive_write(const struct config_archive *c, struct config_written *ret,
			  struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/" NAME "%s", c->directory, cipher_suffix(c->encrypt));
	struct pieces_out *out = NULL;

	if (!feature_choice_check(&c->features, err) ||
	    (c->encrypt && !cipher_check(c->encrypt, err)) || !forget_others(c, err) ||
	    !pieces_create(path, c->max_file_size, &out, err))
		return false;
	struct sink to = pieces_sink(out);
	bool ok = (c->encrypt ? pack_encrypted(c, to, &ret->tally, err)
			      : pack(c, to, &ret->tally, err)) &&
		  pieces_end(out, &ret->files, &ret->bytes, err);
	struct err ignored;

	pieces_out_free(out);
	/* Half an archive helps nobody and takes the room that was missing. */
	if (!ok)
		(void)!pieces_remove(path, &ignored);
	return ok;
}

bool config_archive_find(const char *directory, char **ret, struct err *err)
{
	AUTO_FREE char *found = NULL;

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		AUTO_FREE char *path = xasprintf("%s/" NAME "%s", directory, suffixes[i]);

		if (!pieces_there(path))
			continue;
		if (found)
			return err_set(err, ERR_DATA, "there are two archives: %s and %s", found,
				       path);
		found = TAKE(path);
	}
	if (!found)
		return err_set(err, ERR_NOT_FOUND, "%s holds no " NAME, directory);
	*ret = TAKE(found);
	return true;
}

/* An archive that is opened for reading. */
struct opened {
	struct pieces_in *in;
	struct filter *filter;
	struct source from;
};

static void opened_release(struct opened *o)
{
	filter_free(o->filter);
	pieces_in_free(o->in);
}
#define AUTO_OPENED __attribute__((cleanup(opened_release)))

static bool open_archive(const char *directory, const char *identity, struct opened *o,
			 struct err *err)
{
	AUTO_FREE char *path = NULL;

	if (!config_archive_find(directory, &path, err) || !pieces_open(path, &o->in, err) ||
	    !cipher_decrypt(path, identity, &o->filter, err))
		return false;
	o->from = pieces_source(o->in);
	if (o->filter)
		o->from = filter_source(o->filter, o->from);
	return true;
}

bool config_archive_test(const char *directory, const char *identity, struct archive_tally *ret,
			 struct err *err)
{
	AUTO_OPENED struct opened o = { .in = NULL };

	return open_archive(directory, identity, &o, err) &&
	       archive_test(o.from, NULL, NULL, ret, err);
}

/* What the link at path leads to, as far as text can say: names in the archive go through no link.
 */
static char *target_of(const char *path, const char *link)
{
	if (*link == '/')
		return xstrdup(link);
	return xasprintf("%.*s/%s", (int)(strrchr(path, '/') - path), path, link);
}

bool config_archive_file(const char *directory, const char *identity, const char *path, size_t max,
			 struct strbuf *out, bool *found, struct err *err)
{
	AUTO_FREE char *name = xstrdup(path);

	for (int links = 0; links < MOST_LINKS; links++) {
		AUTO_OPENED struct opened o = { .in = NULL };
		AUTO_FREE char *link = NULL;

		if (!open_archive(directory, identity, &o, err) ||
		    !archive_extract(o.from, name + 1, max, out, found, &link, err))
			return false;
		if (!link)
			return true;
		char *next = target_of(name, link);

		free(name);
		name = next;
	}
	return true;
}

static bool is_empty(const char *path, struct err *err)
{
	DIR *dir = opendir(path);
	bool empty = true;

	if (!dir)
		return err_errno(err, "cannot look into %s", path);
	for (struct dirent *e; empty && (e = readdir(dir));)
		empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	closedir(dir);
	if (empty)
		return true;
	err_set(err, ERR_USAGE, "%s is not empty", path);
	return err_hint(err, "Name a directory that does not exist yet.");
}

/* Whoever could write there meanwhile could lead what is unpacked elsewhere. */
static bool make_private(const char *path, struct err *err)
{
	if (!fs_mkdirs(path, 0700, err) || !is_empty(path, err))
		return false;
	return chmod(path, 0700) == 0 || err_errno(err, "cannot make %s private", path);
}

bool config_archive_unpack(const char *directory, const char *identity, const char *into,
			   const struct archive_listener *told, struct archive_tally *ret,
			   struct err *err)
{
	AUTO_OPENED struct opened o = { .in = NULL };

	return open_archive(directory, identity, &o, err) && make_private(into, err) &&
	       archive_unpack(o.from, into, told, ret, err);
}
