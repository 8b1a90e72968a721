/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files into an archive, while they are used. */
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/archive.h"
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <fts.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 65536, MOST_LINKS = 40 };

struct archive_out {
	struct archive *to, *disk;
	struct archive_entry_linkresolver *links;
	struct sink sink;
	struct err sink_err; /* nothing goes to the sink any more once it is set */
	struct archive_listener told;
	struct archive_tally tally;
	void *names; /* of tsearch(3): what is in it already */
	char *chunk;
};

static void tell(struct archive_out *a, const char *path, const char *what, bool lost)
{
	a->tally.lost += lost;
	a->tally.changing += !lost;
	if (a->told.tell)
		a->told.tell(a->told.arg, path, what, lost);
}

/* It could not be looked at or opened. */
static void tell_errno(struct archive_out *a, const char *path, int error)
{
	if (error == ENOENT)
		tell(a, path, "vanished before it was read", false);
	else
		tell(a, path, strerror(error), true);
}

/*
 * libarchive is not told that the sink has failed: it would forget its buffers then (3.6).  What it
 * still writes is dropped, and each of our functions looks at sink_err.
 */
static la_ssize_t put(struct archive *to, void *arg, const void *bytes, size_t n)
{
	struct archive_out *a = arg;

	(void)to;
	if (a->sink_err.code == ERR_NONE)
		(void)!a->sink.put(a->sink.arg, bytes, n, &a->sink_err);
	return (la_ssize_t)n;
}

static bool failed(struct archive_out *a, const char *path, struct err *err)
{
	const char *why = archive_error_string(a->to);

	return err_set(err, ERR_IO, "cannot archive %s: %s", path, why ? why : "libarchive failed");
}

static bool sink_takes(const struct archive_out *a, struct err *err)
{
	if (a->sink_err.code == ERR_NONE)
		return true;
	*err = a->sink_err;
	return false;
}

/* Names are bytes, whatever the locale: without hdrcharset those that are not its characters would
 * be changed. */
static bool set_up(struct archive_out *a, int level, struct err *err)
{
	AUTO_FREE char *text = xasprintf("%d", level);
	int worst;

	a->to = archive_write_new();
	a->disk = archive_read_disk_new();
	a->links = archive_entry_linkresolver_new();
	if (!a->to || !a->disk || !a->links)
		return err_set(err, ERR_BUG, "libarchive cannot begin");
	archive_entry_linkresolver_set_strategy(a->links, ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE);
	worst = archive_write_set_format_pax(a->to);
	worst |= archive_write_set_options(a->to, "hdrcharset=BINARY");
	/* A warning is that it runs the program zstd. */
	worst |= archive_write_add_filter_zstd(a->to) < ARCHIVE_WARN;
	worst |= archive_write_set_filter_option(a->to, "zstd", "compression-level", text);
	worst |= archive_write_set_bytes_in_last_block(a->to, 1);
	worst |= archive_read_disk_set_standard_lookup(a->disk);
	worst |= archive_read_disk_set_behavior(a->disk, ARCHIVE_READDISK_NO_FFLAGS);
	worst |= archive_write_open(a->to, a, NULL, put, NULL);
	return worst == ARCHIVE_OK || failed(a, "anything", err);
}

bool archive_create(struct sink to, int level, const struct archive_listener *told,
		    struct archive_out **ret, struct err *err)
{
	struct archive_out *a = xcalloc(1, sizeof *a);

	a->sink = to;
	a->chunk = xmalloc(CHUNK);
	if (told)
		a->told = *told;
	if (!set_up(a, level, err)) {
		archive_out_free(a);
		return false;
	}
	*ret = a;
	return true;
}

void archive_out_free(struct archive_out *a)
{
	if (!a)
		return;
	/* libarchive would write the end of an archive that has none. */
	if (a->sink_err.code == ERR_NONE)
		a->sink_err.code = ERR_STOPPED;
	archive_write_free(a->to);
	archive_read_free(a->disk);
	if (a->links)
		archive_entry_linkresolver_free(a->links);
	tdestroy(a->names, free);
	free(a->chunk);
	free(a);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Whether the name is new. */
static bool remember(struct archive_out *a, const char *path)
{
	char *copy = xstrdup(path);
	char **found = tsearch(copy, &a->names, by_name);

	if (found && *found == copy)
		return true;
	free(copy);
	return false;
}

/* Exactly as many bytes as the header has promised. */
static bool put_content(struct archive_out *a, const char *path, int fd, const struct stat *was,
			struct err *err)
{
	int64_t left = was->st_size;
	struct stat now;

	while (left > 0) {
		ssize_t n = read(fd, a->chunk, left < CHUNK ? (size_t)left : CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			tell(a, path,
			     n < 0 ? "cannot be read to its end; the rest is zeros"
				   : "became shorter while it was read; the rest is zeros",
			     true);
			return true; /* libarchive fills up */
		}
		if (archive_write_data(a->to, a->chunk, (size_t)n) != n)
			return failed(a, path, err);
		left -= n;
		a->tally.bytes += n;
		if (!sink_takes(a, err))
			return false;
		if (stop_requested())
			return err_set(err, ERR_STOPPED, "stopped while files were archived");
	}
	if (fstat(fd, &now) == 0 &&
	    (now.st_size != was->st_size || now.st_mtim.tv_sec != was->st_mtim.tv_sec ||
	     now.st_mtim.tv_nsec != was->st_mtim.tv_nsec))
		tell(a, path, "changed while it was read", false);
	return true;
}

static bool put_entry(struct archive_out *a, const char *path, int fd, const struct stat *st,
		      struct archive_entry *e, struct err *err)
{
	struct archive_entry *none = NULL;
	int r;

	archive_entry_copy_sourcepath(e, path);
	archive_entry_copy_pathname(e, path[1] ? path + 1 : ".");
	if (archive_read_disk_entry_from_file(a->disk, e, fd, st) != ARCHIVE_OK) {
		const char *why = archive_error_string(a->disk);

		tell(a, path, why ? why : "has attributes that cannot be read", true);
	}
	archive_entry_sparse_clear(e);
	archive_entry_linkify(a->links, &e, &none);
	r = archive_write_header(a->to, e);
	if (r == ARCHIVE_FATAL)
		return failed(a, path, err);
	if (r != ARCHIVE_OK) {
		const char *why = archive_error_string(a->to);

		tell(a, path, why ? why : "cannot be archived", true);
	}
	if (r == ARCHIVE_FAILED)
		return true;
	a->tally.entries++;
	if (fd >= 0 && archive_entry_size(e) > 0 && !put_content(a, path, fd, st, err))
		return false;
	if (archive_write_finish_entry(a->to) < ARCHIVE_WARN)
		return failed(a, path, err);
	return sink_takes(a, err);
}

static bool add_one(struct archive_out *a, const char *path, struct err *err)
{
	AUTO_FD int fd = -1;
	struct stat st;

	if (lstat(path, &st) != 0) {
		tell_errno(a, path, errno);
		return true;
	}
	if (S_ISREG(st.st_mode)) {
		fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) != 0) {
			tell_errno(a, path, errno);
			return true;
		}
	}
	/* Sockets and FIFOs are made anew by whoever listens there. */
	if (S_ISSOCK(st.st_mode) || S_ISFIFO(st.st_mode))
		return true;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode)) {
		tell(a, path, "is a device, and left out", true);
		return true;
	}
	if (!remember(a, path))
		return true;
	struct archive_entry *e = archive_entry_new();
	bool ok = e ? put_entry(a, path, fd, &st, e, err)
		    : err_set(err, ERR_BUG, "libarchive has no entry");

	archive_entry_free(e);
	return ok;
}

static bool excepted(const char *path, const char *const *except)
{
	for (size_t i = 0; except && except[i]; i++)
		if (fnmatch(except[i], path, 0) == 0)
			return true;
	return false;
}

static int in_order(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool visit(struct archive_out *a, FTS *walk, FTSENT *f, const char *const *except,
		  struct err *err)
{
	if (f->fts_info == FTS_DP)
		return true;
	if (excepted(f->fts_path, except)) {
		(void)fts_set(walk, f, FTS_SKIP);
		return true;
	}
	if (f->fts_info == FTS_DNR || f->fts_info == FTS_ERR || f->fts_info == FTS_NS) {
		tell_errno(a, f->fts_path, f->fts_errno);
		return true;
	}
	return add_one(a, f->fts_path, err);
}

/* path holds no link. */
static bool add_tree(struct archive_out *a, const char *path, const char *const *except,
		     struct err *err)
{
	AUTO_FREE char *root = xstrdup(path);
	FTS *walk = fts_open((char *const[]){ root, NULL }, FTS_PHYSICAL | FTS_NOCHDIR, in_order);
	bool ok = walk != NULL || err_errno(err, "cannot walk through %s", path);

	for (FTSENT *f; ok && (errno = 0, f = fts_read(walk));)
		ok = stop_requested()
			     ? err_set(err, ERR_STOPPED, "stopped while files were archived")
			     : visit(a, walk, f, except, err);
	if (walk)
		fts_close(walk);
	return ok;
}

/* One component of a path: done is what holds no link, and gets longer or, for "..", shorter. */
static void step_on(struct strbuf *done, const char *name, size_t len)
{
	if (len == 0 || (len == 1 && *name == '.'))
		return;
	if (len == 2 && strncmp(name, "..", 2) == 0) {
		while (done->len > 0 && done->data[--done->len] != '/')
			;
		if (done->data)
			done->data[done->len] = '\0';
		return;
	}
	strbuf_adds(done, "/");
	strbuf_add(done, name, len);
}

/* The link at done is put into the archive and gives way to what it says. */
static bool follow(struct archive_out *a, struct strbuf *done, char **rest, struct err *err)
{
	char target[4096];
	ssize_t n = readlink(done->data, target, sizeof target - 1);

	if (n < 0)
		return err_errno(err, "cannot read the link %s", done->data);
	target[n] = '\0';
	if (!add_one(a, done->data, err))
		return false;
	char *more = xasprintf("%s/%s", target, *rest);

	free(*rest);
	*rest = more;
	if (target[0] == '/')
		strbuf_clear(done);
	else
		step_on(done, "..", 2);
	return true;
}

bool archive_add(struct archive_out *a, const char *path, const char *const *except,
		 struct err *err)
{
	AUTO_STRBUF struct strbuf done = { 0 };
	AUTO_FREE char *rest = xstrdup(path);
	int links = 0;

	while (*rest) {
		size_t len = strcspn(rest, "/");
		struct stat st;

		step_on(&done, rest, len);
		memmove(rest, rest + len + (rest[len] == '/'),
			strlen(rest + len) + (rest[len] != '/'));
		if (done.len == 0)
			continue;
		if (lstat(done.data, &st) != 0)
			return errno == ENOENT || errno == ENOTDIR ||
			       err_errno(err, "cannot look at %s", done.data);
		if (!S_ISLNK(st.st_mode)) {
			if (*rest && S_ISDIR(st.st_mode) && !add_one(a, done.data, err))
				return false;
			continue;
		}
		if (++links > MOST_LINKS)
			return err_set(err, ERR_IO, "%s leads through too many links", path);
		if (!follow(a, &done, &rest, err))
			return false;
	}
	return add_tree(a, done.len ? done.data : "/", except, err);
}

bool archive_end(struct archive_out *a, struct archive_tally *ret, struct err *err)
{
	if (archive_write_close(a->to) != ARCHIVE_OK)
		return failed(a, "the end", err);
	if (!sink_takes(a, err))
		return false;
	*ret = a->tally;
	return true;
}
