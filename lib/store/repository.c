/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The frame of a repository: what it is, who writes, which backups there are. */
#include "lib/store/repository.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/json.h"
#include "lib/drivers/pg.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct repository {
	char *dir;
	char id[37];
	int fd, store, lock; /* lock: -1 while it is not ours */
};

static const char mark[] = "plmaint-backup.json";
enum { MARK_MAX = 4096, DIR_MODE = 0700 };

static const char *const ours[] = { "store", "store/tmp", "backups", NULL };

static bool exists(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether nothing is in the directory but what making it a repository begins with. */
static bool empty(int dir)
{
	DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	bool found = d == NULL;

	for (struct dirent *e; !found && (e = readdir(d)) != NULL;)
		found = strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
			strcmp(e->d_name, "lost+found") != 0 && strcmp(e->d_name, "store") != 0 &&
			strcmp(e->d_name, "backups") != 0 &&
			strncmp(e->d_name, mark, sizeof(mark) - 1) != 0;
	if (d)
		closedir(d);
	return !found;
}

static void make_uuid(char out[37])
{
	unsigned char bytes[16];

	/* So few bytes come whole or the kernel has no randomness at all. */
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		abort();
	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
	uuid_format(bytes, out);
}

static bool make(const struct repository *r, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", r->dir, mark);
	AUTO_STRBUF struct strbuf text = { 0 };
	char id[37], now[32];

	for (size_t i = 0; ours[i]; i++)
		if (mkdirat(r->fd, ours[i], DIR_MODE) != 0 && errno != EEXIST)
			return err_errno(err, "cannot make %s/%s", r->dir, ours[i]);
	for (int i = 0; i < 256; i++) {
		char name[16];

		snprintf(name, sizeof(name), "store/%02x", (unsigned)i);
		if (mkdirat(r->fd, name, DIR_MODE) != 0 && errno != EEXIST)
			return err_errno(err, "cannot make %s/%s", r->dir, name);
	}
	make_uuid(id);
	clock_rfc3339(clock_wall(), now, sizeof(now));
	strbuf_addf(&text, "{\"format\": %d, \"id\": \"%s\", \"created\": \"%s\"}\n",
		    REPOSITORY_FORMAT, id, now);
	return fs_write_atomic(path, text.data, text.len, 0440, err);
}

static bool refuse(const struct repository *r, struct err *err)
{
	if (exists(r->fd, "metadata.yml") || exists(r->fd, "config_files.tar.gz") ||
	    exists(r->fd, ".config.snar")) {
		(void)err_set(err, ERR_UNSUPPORTED, "%s is a backup of foreman-maintain", r->dir);
		return err_hint(err, "It is restored with foreman-maintain; name another directory "
				     "for backups of plmaint.");
	}
	if (empty(r->fd)) {
		(void)err_set(err, ERR_NOT_FOUND, "%s holds no backups", r->dir);
		return err_hint(err, "`plmaint backup online DIR` makes the first one.");
	}
	(void)err_set(err, ERR_USAGE, "%s is no backup repository and not empty", r->dir);
	return err_hint(
		err,
		"Name one that holds %s; `plmaint backup online` makes an empty directory one.",
		mark);
}

static bool read_mark(struct repository *r, struct err *err)
{
	struct fs_root *root = NULL;
	struct fs_file file = { 0 };
	struct json *tree = NULL;
	long format = 0;

	if (!fs_root_open(r->dir, &root, err))
		return false;
	enum fs_verdict verdict = fs_read(root, mark, MARK_MAX, &file);
	fs_root_close(root);
	if (verdict != FS_OK) {
		errno = file.saved_errno;
		return err_errno(err, "cannot read %s/%s", r->dir, mark);
	}
	AUTO_FREE char *data = file.data;
	if (!json_parse(data, file.len, &tree, err))
		return err_wrap(err, "%s/%s", r->dir, mark);
	const char *id = json_text(json_get(tree, "id"));
	bool ok = json_long(json_get(tree, "format"), &format) && id;
	snprintf(r->id, sizeof(r->id), "%s", id ? id : "");
	json_free(tree);
	if (!ok)
		return err_set(err, ERR_DATA, "%s/%s is damaged", r->dir, mark);
	if (format == REPOSITORY_FORMAT)
		return true;
	(void)err_set(err, ERR_UNSUPPORTED, "%s is of format %ld, this release knows format %d",
		      r->dir, format, REPOSITORY_FORMAT);
	return err_hint(err, "Use the release of plmaint that has written it, or a newer one.");
}

static bool open_parts(struct repository *r, bool may_make, struct err *err)
{
	if (!exists(r->fd, mark)) {
		if (!may_make || !empty(r->fd))
			return refuse(r, err);
		if (!make(r, err))
			return false;
	}
	if (!read_mark(r, err))
		return false;
	r->store = openat(r->fd, "store", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return r->store >= 0 || err_errno(err, "cannot open %s/store", r->dir);
}

bool repository_open(const char *dir, bool may_make, struct repository **ret, struct err *err)
{
	if (may_make && !fs_mkdirs(dir, DIR_MODE, err))
		return false;
	AUTO_FREE char *real = realpath(dir, NULL);
	AUTO_FD int fd = real ? open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (fd < 0) {
		(void)err_errno(err, "cannot open %s", dir);
		if (err->code == ERR_NOT_FOUND)
			(void)err_hint(err,
				       "`plmaint backup online DIR` makes it where it is missing.");
		return false;
	}
	struct repository *r = xcalloc(1, sizeof(*r));
	*r = (struct repository){ .dir = TAKE(real), .fd = fd, .store = -1, .lock = -1 };
	fd = -1;
	if (!open_parts(r, may_make, err)) {
		repository_close(r);
		return false;
	}
	*ret = r;
	return true;
}

void repository_close(struct repository *r)
{
	if (!r)
		return;
	auto_close(&r->lock);
	auto_close(&r->store);
	auto_close(&r->fd);
	free(r->dir);
	free(r);
}

const char *repository_dir(const struct repository *r)
{
	return r->dir;
}

const char *repository_id(const struct repository *r)
{
	return r->id;
}

int repository_store(const struct repository *r)
{
	return r->store;
}

bool repository_lock(struct repository *r, struct err *err)
{
	if (r->lock >= 0)
		return true;
	AUTO_FD int fd = openat(r->fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, "cannot open %s/lock", r->dir);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK)
			return err_errno(err, "cannot lock %s", r->dir);
		(void)err_set(err, ERR_LOCKED, "another process writes to %s", r->dir);
		return err_hint(err, "Wait for the backup or prune that is at work there.");
	}
	r->lock = fd;
	fd = -1;
	return true;
}

static bool id_parse(const char *text, struct tm *ret)
{
	const char *end;

	*ret = (struct tm){ 0 };
	if (strlen(text) != BACKUP_ID_SIZE - 1)
		return false;
	for (int i = 0; i < BACKUP_ID_SIZE - 1; i++)
		if (i == 8    ? text[i] != 'T'
		    : i == 15 ? text[i] != 'Z'
			      : !strchr("0123456789", text[i]))
			return false;
	end = strptime(text, "%Y%m%dT%H%M%SZ", ret);
	return end && *end == '\0';
}

bool backup_id_valid(const char *text)
{
	struct tm ignored;

	return id_parse(text, &ignored);
}

double backup_id_time(const char *id)
{
	struct tm tm;

	return id_parse(id, &tm) ? (double)timegm(&tm) : 0;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct backup_entry *)a)->id, ((const struct backup_entry *)b)->id);
}

bool repository_backups(const struct repository *r, struct backup_entry **ret, size_t *ret_n,
			struct err *err)
{
	struct backup_entry *all = NULL;
	size_t n = 0;
	int fd = openat(r->fd, "backups", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (!d)
		return err_errno(err, "cannot read %s/backups", r->dir);
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		char name[BACKUP_ID_SIZE + 16];

		if (!backup_id_valid(e->d_name))
			continue;
		all = xrealloc(all, (n + 1) * sizeof(*all));
		memcpy(all[n].id, e->d_name, sizeof(all[n].id));
		snprintf(name, sizeof(name), "%s/manifest.json", all[n].id);
		all[n].whole = exists(dirfd(d), name);
		n++;
	}
	closedir(d);
	if (n)
		qsort(all, n, sizeof(*all), by_id);
	*ret = all;
	*ret_n = n;
	return true;
}

bool repository_begin(struct repository *r, double now, char ret_id[BACKUP_ID_SIZE],
		      struct err *err)
{
	AUTO_FREE struct backup_entry *all = NULL;
	char id[BACKUP_ID_SIZE];
	time_t at = (time_t)now;
	struct tm tm;
	size_t n;

	if (!repository_backups(r, &all, &n, err))
		return false;
	if (n && (time_t)backup_id_time(all[n - 1].id) >= at)
		at = (time_t)backup_id_time(all[n - 1].id) + 1;
	if (!gmtime_r(&at, &tm) || strftime(id, sizeof(id), "%Y%m%dT%H%M%SZ", &tm) == 0)
		return err_set(err, ERR_BUG, "a time that is no date");
	AUTO_FREE char *path = repository_backup_path(r, id, NULL);
	if (mkdir(path, DIR_MODE) != 0)
		return err_errno(err, "cannot make %s", path);
	memcpy(ret_id, id, sizeof(id));
	return true;
}

bool repository_discard(struct repository *r, const char *id, struct err *err)
{
	AUTO_FREE char *path = repository_backup_path(r, id, NULL);
	AUTO_FREE char *manifest = repository_backup_path(r, id, "manifest.json");

	if (unlink(manifest) == 0) {
		if (!fs_sync_directory(path, err))
			return false;
	} else if (errno != ENOENT) {
		return err_errno(err, "cannot remove %s", manifest);
	}
	return fs_remove_tree(path, err);
}

char *repository_backup_path(const struct repository *r, const char *id, const char *name)
{
	return xasprintf("%s/backups/%s%s%s", r->dir, id, name ? "/" : "", name ? name : "");
}

bool repository_sync(const struct repository *r, struct err *err)
{
	return syncfs(r->store) == 0 || err_errno(err, "cannot make %s durable", r->dir);
}
