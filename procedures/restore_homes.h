/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The directories that the files of a backup go back to: Pulp's media, and those of other domains.
 */
#pragma once
#include "lib/core/config.h"
#include "lib/drivers/fs.h"
#include "lib/store/manifest.h"

struct restore_home {
	const char *id, *domain; /* borrowed from the manifest; NULL: Pulp's media */
	struct fs_root *root;	 /* NULL: pulp.domain_roots does not name it */
};
struct restore_homes {
	struct restore_home *all; /* the media first */
	size_t n;
};
bool restore_homes_open(const struct backup_manifest *m, const struct config *config,
			const char *media, struct restore_homes *ret, struct err *err) MUST_CHECK;
void restore_homes_close(struct restore_homes *h);
#define AUTO_HOMES __attribute__((cleanup(restore_homes_close)))
/* Whose a path of a listing is: an index. */
size_t restore_home_of(const struct restore_homes *h, const char *path);
