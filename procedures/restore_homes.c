/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The path of another domain's artifact has its id; the manifest has its name, and the
 * configuration of this host the directory of that. */
#include "procedures/restore_homes.h"

#include "lib/core/mem.h"
#include "lib/pulp/storage.h"

#include <stdlib.h>
#include <string.h>

bool restore_homes_open(const struct backup_manifest *m, const struct config *config,
			const char *media, struct restore_homes *ret, struct err *err)
{
	AUTO_HOMES struct restore_homes h = { .n = 0 };
	size_t n = 0;

	while (m->domains && m->domains[n].key)
		n++;
	h.all = xcalloc(n + 1, sizeof(*h.all));
	h.n = 1;
	if (!fs_root_open(media, &h.all[0].root, err))
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct manifest_pair *d = &m->domains[i];
		AUTO_FREE char *path = storage_domain_root(config, d->value);
		struct restore_home *one = &h.all[h.n++];

		*one = (struct restore_home){ .id = d->key, .domain = d->value };
		if (path && !fs_root_open(path, &one->root, err))
			return err_wrap(err, "the directory of domain \"%s\"", d->value);
	}
	*ret = h;
	h = (struct restore_homes){ .n = 0 };
	return true;
}

void restore_homes_close(struct restore_homes *h)
{
	for (size_t i = 0; i < h->n; i++)
		fs_root_close(h->all[i].root);
	free(h->all);
	*h = (struct restore_homes){ .n = 0 };
}

size_t restore_home_of(const struct restore_homes *h, const char *path)
{
	static const char head[] = "artifact/";
	const char *id = path + sizeof(head) - 1;

	if (strncmp(path, head, sizeof(head) - 1) != 0)
		return 0;
	for (size_t i = 1; i < h->n; i++) {
		size_t len = strlen(h->all[i].id);

		if (strncmp(id, h->all[i].id, len) == 0 && id[len] == '/')
			return i;
	}
	return 0;
}
