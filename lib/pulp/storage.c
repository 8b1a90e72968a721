/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Artifacts on file systems.  Pulp keeps the artifacts of its default domain below MEDIA_ROOT and
 * those of any other domain below that domain's own location, which lies encrypted in the database:
 * an operator who has such domains names the roots in pulp.domain_roots.  Nothing is changed after
 * opening, so any thread may read.
 */
#include "lib/pulp/storage.h"
#include "lib/core/list.h"
#include "lib/core/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Pulp makes this directory below each root with its first upload; a root without it is not Pulp's,
 * or not mounted. */
static const char artifact_dir[] = "artifact";
/* No manifest and no image configuration comes near it; what is larger is a layer linked by
 * mistake. */
static const int64_t size_limit = INT64_C(256) << 20;

struct domain_root {
	char *domain; /* owned */
	struct fs_root *root;
};
struct storage {
	struct fs_root *media;
	struct domain_root *domains;
	size_t n_domains;
};

static bool is_file_system(const char *class)
{
	static const char suffix[] = ".FileSystem";
	static const char django[] = ".FileSystemStorage";
	size_t len = class ? strlen(class) : 0;

	if (len == 0)
		return true;
	return (len >= sizeof suffix - 1 &&
		strcmp(class + len - (sizeof suffix - 1), suffix) == 0) ||
	       (len >= sizeof django - 1 && strcmp(class + len - (sizeof django - 1), django) == 0);
}

static const char who_may[] = "Run as root or as the user pulp, who owns the artifacts.";

/* what names the root in messages: "media root", "root of domain x". */
static bool open_root(const char *what, const char *path, const char *key, struct fs_root **ret,
		      struct err *err)
{
	struct fs_root *root = NULL;

	if (!fs_root_open(path, &root, err)) {
		err_wrap(err, "while opening the %s", what);
		if (err->code == ERR_DENIED)
			return err_hint(err, "%s", who_may);
		return err_hint(
			err,
			"Mount the file system of Pulp's artifacts, or name their directory in %s.",
			key);
	}
	char *artifacts AUTO_FREE = xasprintf("%s/%s", path, artifact_dir);
	bool denied = faccessat(AT_FDCWD, artifacts, X_OK, AT_EACCESS) != 0 && errno == EACCES;
	if (denied || fs_root_gone(root, artifact_dir)) {
		fs_root_close(root);
		if (denied) {
			err_set(err, ERR_DENIED, "the %s %s may not be entered", what, path);
			return err_hint(err, "%s", who_may);
		}
		err_set(err, ERR_IO, "the %s %s has no readable directory %s", what, path,
			artifact_dir);
		return err_hint(
			err,
			"Pulp keeps its artifacts there: mount the file system, run on the host that has "
			"it, or name the right directory in %s.",
			key);
	}
	*ret = root;
	return true;
}

/* item is one NAME=/path; cut in place. */
static bool open_domain(char *item, struct storage *s, struct err *err)
{
	char what[128];
	struct fs_root *root = NULL;
	size_t len = strlen(item);

	while (len > 0 && strchr(" \t", item[len - 1]))
		item[--len] = '\0';
	char *equals = strchr(item, '=');
	if (!equals || equals == item || equals[1] != '/') {
		err_set(err, ERR_CONFIG, "pulp.domain_roots: \"%s\" is not NAME=/path", item);
		return err_hint(
			err,
			"Write the domain's name, an equals sign and the absolute path of its location; "
			"commas between several.");
	}
	*equals = '\0';
	snprintf(what, sizeof what, "root of domain \"%s\"", item);
	if (!open_root(what, equals + 1, "pulp.domain_roots", &root, err))
		return false;
	s->domains = xrealloc(s->domains, (s->n_domains + 1) * sizeof *s->domains);
	s->domains[s->n_domains++] = (struct domain_root){ .domain = xstrdup(item), .root = root };
	return true;
}

static bool open_domains(const char *list, struct storage *s, struct err *err)
{
	for (;;) {
		AUTO_FREE char *item = list_take(&list);

		if (!item || !open_domain(item, s, err))
			return !item;
	}
}

char *storage_domain_root(const struct config *config, const char *domain)
{
	const char *list = config_get(config, "pulp.domain_roots");
	size_t n = strlen(domain), len;

	for (const char *item; list_next(&list, &item, &len);)
		if (len > n && strncmp(item, domain, n) == 0 && item[n] == '=')
			return xstrndup(item + n + 1, len - n - 1);
	return NULL;
}

bool storage_open(const struct config *config, const struct place *place, struct storage **ret,
		  struct err *err)
{
	const char *domains = config_get(config, "pulp.domain_roots");

	if (!is_file_system(place->storage_class)) {
		err_set(err, ERR_UNSUPPORTED,
			"Pulp keeps its artifacts in %s, which this release cannot read",
			place->storage_class);
		return err_hint(
			err,
			"Where the artifacts can be mounted as a file system, name it in pulp.media_root.");
	}
	if (!place->media_root || !*place->media_root) {
		err_set(err, ERR_CONFIG, "Pulp's media root is not known");
		return err_hint(
			err, "Name it in pulp.media_root; Pulp's default is /var/lib/pulp/media.");
	}
	struct storage *s = xcalloc(1, sizeof *s);
	if (!open_root("media root", place->media_root, "pulp.media_root", &s->media, err) ||
	    (domains && !open_domains(domains, s, err))) {
		storage_close(s);
		return false;
	}
	*ret = s;
	return true;
}

void storage_close(struct storage *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_domains; i++) {
		free(s->domains[i].domain);
		fs_root_close(s->domains[i].root);
	}
	free(s->domains);
	if (s->media)
		fs_root_close(s->media);
	free(s);
}

/* NULL: a domain whose root nobody has named. */
static const struct fs_root *root_of(const struct storage *s, const char *domain)
{
	if (!domain || strcmp(domain, "default") == 0)
		return s->media;
	for (size_t i = 0; i < s->n_domains; i++)
		if (strcmp(s->domains[i].domain, domain) == 0)
			return s->domains[i].root;
	return NULL;
}

enum reason storage_read(const struct storage *s, const char *domain, const char *file,
			 int64_t size, struct fs_file *out)
{
	const struct fs_root *root = root_of(s, domain);
	enum reason reason = REASON_FILE_IO_ERROR;

	*out = (struct fs_file){ .data = NULL };
	if (!root)
		return REASON_STORAGE_UNSUPPORTED;
	if (size < 0)
		return REASON_SIZE_MISMATCH;
	if (size > size_limit)
		return REASON_FILE_TOO_LARGE;
	/* The column's size is the limit of the read, so that a file that has grown is not read at
	 * all. */
	switch (fs_read(root, file, (size_t)size, out)) {
	case FS_OK:
		if (out->size == size && out->len == (size_t)size)
			return REASON_NONE;
		reason = REASON_SIZE_MISMATCH;
		break;
	case FS_TOO_LARGE:
		reason = REASON_SIZE_MISMATCH;
		break;
	case FS_OUTSIDE:
		reason = REASON_FILE_OUTSIDE_ROOT;
		break;
	case FS_NOT_REGULAR:
		reason = REASON_FILE_NOT_REGULAR;
		break;
	case FS_MISSING:
		reason = REASON_FILE_MISSING;
		break;
	case FS_DENIED:
		reason = REASON_FILE_DENIED;
		break;
	case FS_IO_ERROR:
		break;
	}
	free(out->data);
	out->data = NULL;
	out->len = 0;
	/* One file that is missing is a bad row; all files missing at once is a disk that was
	 * unmounted. */
	return fs_root_gone(root, artifact_dir) ? REASON_MEDIA_GONE : reason;
}

bool storage_stat(const struct storage *s, const char *domain, const char *file, int64_t *size,
		  int64_t *changed)
{
	const struct fs_root *root = root_of(s, domain);
	struct fs_file out = { .data = NULL };

	if (!root || fs_stat(root, file, &out) != FS_OK)
		return false;
	*size = out.size;
	*changed = out.changed;
	return true;
}

enum fs_verdict storage_remove(const struct storage *s, const char *domain, const char *file)
{
	const struct fs_root *root = root_of(s, domain);

	return root ? fs_remove(root, file) : FS_OUTSIDE;
}

enum fs_verdict storage_open_file(const struct storage *s, const char *domain, const char *file,
				  int *ret_fd, struct fs_file *out)
{
	const struct fs_root *root = root_of(s, domain);

	return root ? fs_open(root, file, ret_fd, out) : FS_OUTSIDE;
}

bool storage_gone(const struct storage *s, const char *domain)
{
	const struct fs_root *root = root_of(s, domain);

	return root && fs_root_gone(root, artifact_dir);
}
