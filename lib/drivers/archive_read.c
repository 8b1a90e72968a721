/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Archives are read with suspicion: whoever can write to a medium shall not write to the host.
 * libarchive's own guards (no "..", no absolute name, through no link) are asked for, and names are
 * looked at here as well, also those that hard links lead to.
 */
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/archive.h"
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 65536 };

struct reading {
	struct archive *from, *disk; /* disk: NULL where it is only read */
	struct source source;
	struct err source_err;
	const struct archive_listener *told;
	struct archive_tally tally;
	char *chunk;
};

static la_ssize_t get(struct archive *from, void *arg, const void **ret)
{
	struct reading *r = arg;
	size_t n = 0;

	*ret = r->chunk;
	if (r->source.get(r->source.arg, r->chunk, CHUNK, &n, &r->source_err))
		return (la_ssize_t)n;
	archive_set_error(from, EIO, "%s", r->source_err.text);
	return -1;
}

static void release(struct reading *r)
{
	archive_read_free(r->from);
	archive_write_free(r->disk);
	free(r->chunk);
}

static bool damaged(struct reading *r, struct err *err)
{
	const char *why = archive_error_string(r->from);

	if (r->source_err.code != ERR_NONE) {
		*err = r->source_err;
		return false;
	}
	return err_set(err, ERR_DATA, "the archive is damaged: %s", why ? why : "it breaks off");
}

static bool begin(struct reading *r, struct err *err)
{
	int worst;

	r->chunk = xmalloc(CHUNK);
	r->from = archive_read_new();
	if (!r->from)
		return err_set(err, ERR_BUG, "libarchive cannot begin");
	/* A warning is that it runs the program zstd. */
	worst = archive_read_support_filter_zstd(r->from) < ARCHIVE_WARN;
	worst |= archive_read_support_format_tar(r->from);
	return (worst == ARCHIVE_OK &&
		archive_read_open(r->from, r, NULL, get, NULL) == ARCHIVE_OK) ||
	       damaged(r, err);
}

/* What comes behind the archive's own end belongs to it for whoever gives it: a decrypting program
 * says only then that nothing was changed. */
static bool drain(struct reading *r, struct err *err)
{
	size_t n;

	do {
		if (!r->source.get(r->source.arg, r->chunk, CHUNK, &n, err))
			return false;
	} while (n > 0);
	return true;
}

/* *end: there is no more. */
static bool next(struct reading *r, struct archive_entry **ret, bool *end, struct err *err)
{
	int status = archive_read_next_header(r->from, ret);

	*end = status == ARCHIVE_EOF;
	if (stop_requested())
		return err_set(err, ERR_STOPPED, "stopped while an archive was read");
	if (status < ARCHIVE_WARN)
		return damaged(r, err);
	r->tally.entries += !*end;
	return !*end || drain(r, err);
}

static const char *name_of(struct archive_entry *e)
{
	const char *name = archive_entry_pathname(e);

	return name ? name : "";
}

/* The entry's bytes, to disk where there is one. */
static bool pass(struct reading *r, struct archive_entry *e, struct err *err)
{
	const void *bytes;
	size_t n;
	la_int64_t at;
	int status;

	while ((status = archive_read_data_block(r->from, &bytes, &n, &at)) == ARCHIVE_OK) {
		r->tally.bytes += (int64_t)n;
		if (r->disk && archive_write_data_block(r->disk, bytes, n, at) < ARCHIVE_OK)
			return err_set(err, ERR_IO, "cannot write %s: %s", name_of(e),
				       archive_error_string(r->disk));
		if (stop_requested())
			return err_set(err, ERR_STOPPED, "stopped while an archive was read");
	}
	return status == ARCHIVE_EOF || damaged(r, err);
}

bool archive_test(struct source from, void (*entry)(void *arg, const char *path, int64_t size),
		  void *arg, struct archive_tally *ret, struct err *err)
{
	struct reading r __attribute__((cleanup(release))) = { .source = from };
	struct archive_entry *e;
	bool end = false;

	if (!begin(&r, err))
		return false;
	while (!end) {
		if (!next(&r, &e, &end, err))
			return false;
		if (end)
			break;
		if (entry)
			entry(arg, name_of(e), archive_entry_size(e));
		if (!pass(&r, e, err))
			return false;
	}
	*ret = r.tally;
	return true;
}

static bool keep(struct reading *r, size_t max, struct strbuf *out, struct err *err)
{
	char bytes[4096];

	for (;;) {
		la_ssize_t n = archive_read_data(r->from, bytes, sizeof bytes);

		if (n < 0)
			return damaged(r, err);
		if (n == 0)
			return true;
		if (out->len + (size_t)n > max)
			return err_set(err, ERR_DATA,
				       "a file of the archive has more than %zu bytes", max);
		strbuf_add(out, bytes, (size_t)n);
	}
}

bool archive_extract(struct source from, const char *name, size_t max, struct strbuf *out,
		     bool *found, char **link, struct err *err)
{
	struct reading r __attribute__((cleanup(release))) = { .source = from };
	struct archive_entry *e;
	bool end = false;

	*found = false;
	*link = NULL;
	if (!begin(&r, err))
		return false;
	for (;;) {
		if (!next(&r, &e, &end, err))
			return false;
		if (end)
			return true;
		if (strcmp(name_of(e), name) != 0)
			continue;
		if (archive_entry_symlink(e)) {
			*link = xstrdup(archive_entry_symlink(e));
			return true;
		}
		*found = archive_entry_filetype(e) == AE_IFREG && !archive_entry_hardlink(e);
		return !*found || keep(&r, max, out, err);
	}
}

static bool stays_inside(const char *name)
{
	if (!name || !*name || *name == '/')
		return false;
	for (const char *at = name; *at; at += *at == '/') {
		size_t len = strcspn(at, "/");

		if (len == 2 && strncmp(at, "..", 2) == 0)
			return false;
		at += len;
	}
	return true;
}

static bool acceptable(struct archive_entry *e, struct err *err)
{
	const char *name = name_of(e), *link = archive_entry_hardlink(e);
	mode_t type = archive_entry_filetype(e);

	if (!stays_inside(name) || (link && !stays_inside(link)))
		return err_set(err, ERR_DATA,
			       "the archive would write outside of its directory: %s",
			       link ? link : name);
	if (!link && type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK)
		return err_set(err, ERR_DATA,
			       "the archive holds %s, which is no file, directory "
			       "or link",
			       name);
	return true;
}

static bool put_entry(struct reading *r, struct archive_entry *e, struct err *err)
{
	int status;

	if (!acceptable(e, err))
		return false;
	status = archive_write_header(r->disk, e);
	if (status >= ARCHIVE_WARN && archive_entry_size(e) > 0 && !pass(r, e, err))
		return false;
	if (status >= ARCHIVE_WARN) {
		int last = archive_write_finish_entry(r->disk);

		status = last < status ? last : status;
	}
	if (status == ARCHIVE_OK)
		return true;

	const char *why = archive_error_string(r->disk);

	if (status < ARCHIVE_WARN)
		return err_set(err, archive_errno(r->disk) == ENOSPC ? ERR_IO : ERR_DATA,
			       "cannot unpack %s: %s", name_of(e), why ? why : "it is refused");
	r->tally.lost++;
	if (r->told && r->told->tell)
		r->told->tell(r->told->arg, name_of(e), why ? why : "lost an attribute", true);
	return true;
}

static bool unpack_here(struct reading *r, struct err *err)
{
	struct archive_entry *e;
	bool end = false;

	while (!end) {
		if (!next(r, &e, &end, err) || (!end && !put_entry(r, e, err)))
			return false;
	}
	/* Modes and times of directories are set last. */
	return archive_write_close(r->disk) >= ARCHIVE_WARN ||
	       err_set(err, ERR_IO, "cannot end unpacking: %s", archive_error_string(r->disk));
}

static int unpack_flags(void)
{
	int flags = ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_ACL |
		    ARCHIVE_EXTRACT_XATTR | ARCHIVE_EXTRACT_SECURE_SYMLINKS |
		    ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS;

	return geteuid() == 0 ? flags | ARCHIVE_EXTRACT_OWNER : flags;
}

/* libarchive unpacks where the process is; an absolute name would be refused, rightly. */
bool archive_unpack(struct source from, const char *dir, const struct archive_listener *told,
		    struct archive_tally *ret, struct err *err)
{
	struct reading r __attribute__((cleanup(release))) = { .source = from, .told = told };
	AUTO_FD int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (before < 0)
		return err_errno(err, "cannot find back to the working directory");
	if (!begin(&r, err))
		return false;
	r.disk = archive_write_disk_new();
	if (!r.disk || archive_write_disk_set_options(r.disk, unpack_flags()) != ARCHIVE_OK ||
	    archive_write_disk_set_standard_lookup(r.disk) != ARCHIVE_OK)
		return err_set(err, ERR_BUG, "libarchive cannot begin");
	if (chdir(dir) != 0)
		return err_errno(err, "cannot go into %s", dir);
	bool ok = unpack_here(&r, err);

	if (fchdir(before) != 0)
		return err_errno(err, "cannot find back to the working directory");
	if (ok)
		*ret = r.tally;
	return ok;
}
