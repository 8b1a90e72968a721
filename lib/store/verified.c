/* SPDX-License-Identifier: GPL-3.0-or-later */
/* {"at": "2026-01-02T03:04:05Z", "percent": 100, "damaged": 0} */
#include "lib/store/verified.h"

#include "lib/core/mem.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char name[] = "verified.json";
enum { MARK_MAX = 4096, DAY = 10 };

static bool parse(const struct json *tree, struct backup_verified *ret)
{
	const char *at = json_text(json_get(tree, "at"));
	long damaged = 0;

	if (!at || strlen(at) < DAY || strlen(at) >= sizeof(ret->at) ||
	    !json_long(json_get(tree, "percent"), &ret->percent) ||
	    !json_long(json_get(tree, "damaged"), &damaged))
		return false;
	ret->damaged = damaged;
	memcpy(ret->at, at, strlen(at) + 1);
	return true;
}

void backup_verified_read(const struct repository *r, const char *id, struct backup_verified *ret)
{
	AUTO_FREE char *dir = repository_backup_path(r, id, NULL);
	struct fs_root *root = NULL;
	struct fs_file file = { 0 };
	struct json *tree = NULL;
	struct err ignored;

	*ret = (struct backup_verified){ .at = "" };
	if (!fs_root_open(dir, &root, &ignored))
		return;
	enum fs_verdict verdict = fs_read(root, name, MARK_MAX, &file);
	fs_root_close(root);
	AUTO_FREE char *data = file.data;
	if (verdict != FS_OK || !json_parse(data, file.len, &tree, &ignored))
		return;
	if (!parse(tree, ret))
		*ret = (struct backup_verified){ .at = "" };
	json_free(tree);
}

bool backup_verified_write(const struct repository *r, const char *id,
			   const struct backup_verified *v, struct err *err)
{
	AUTO_FREE char *path = repository_backup_path(r, id, name);
	struct backup_verified before;
	char text[160];

	backup_verified_read(r, id, &before);
	if (before.damaged > 0 && v->damaged == 0 && v->percent < 100)
		return true;
	int n = snprintf(text, sizeof(text),
			 "{\"at\": \"%s\", \"percent\": %ld, \"damaged\": %lld}\n", v->at,
			 v->percent, (long long)v->damaged);
	return fs_write_atomic(path, text, (size_t)n, 0440, err);
}

void backup_verified_words(const struct backup_verified *v, char *out, size_t size)
{
	const char *day = v->at;

	if (!*day)
		snprintf(out, size, "never verified");
	else if (v->damaged)
		snprintf(out, size, "%lld of its files were wrong on %.*s", (long long)v->damaged,
			 DAY, day);
	else if (v->percent < 100)
		snprintf(out, size, "verified on %.*s (%ld %% of its artifacts)", DAY, day,
			 v->percent);
	else
		snprintf(out, size, "verified on %.*s", DAY, day);
}
