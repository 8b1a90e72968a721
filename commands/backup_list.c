/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a repository holds, and what each backup alone takes of it. */
#include "commands/backup.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/report/style.h"
#include "lib/store/inventory.h"
#include "lib/store/verified.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct listed {
	struct backup_entry *all;
	size_t n;
	char (*whole)[BACKUP_ID_SIZE]; /* ids of these */
	size_t n_whole;
	int64_t *unique; /* bytes, of each whole one */
};

static void release(struct listed *l)
{
	free(l->all);
	free(l->whole);
	free(l->unique);
}

static bool sum_unique(const struct repository *r, struct listed *l, struct err *err)
{
	const struct inventory_row *row;
	struct inventory *v = NULL;
	bool ok;

	if (!inventory_open(r, (const char(*)[BACKUP_ID_SIZE])l->whole, l->n_whole, &v, err))
		return false;
	while ((ok = inventory_next(v, &row, err)) && row)
		if (row->backups == 1)
			l->unique[row->backup] += row->size;
	inventory_close(v);
	return ok;
}

static int64_t own_bytes(const struct backup_manifest *m)
{
	int64_t sum = 0;

	for (size_t i = 0; i < m->n_files; i++)
		sum += m->files[i].size;
	return sum;
}

static void show_broken(struct session *s, const char *id, const char *state, const char *why)
{
	AUTO_STRBUF struct strbuf out = { 0 };

	strbuf_addf(&out, "%s  %-10s %s\n", id, state, why);
	EMIT(s->reporter, "backup", F_TEXT("id", id), F_TEXT("state", state),
	     F_REAL("age", clock_wall() - backup_id_time(id)), F_TEXT("message", why));
	s->reporter->print(s->reporter->self, out.data);
}

static void show(struct session *s, const struct backup_manifest *m, int64_t unique,
		 const struct backup_verified *v)
{
	AUTO_STRBUF struct strbuf out = { 0 };
	double age = clock_wall() - backup_id_time(m->id);
	int64_t bytes = m->artifacts.bytes + m->media.bytes, own = own_bytes(m);
	char words[32], verified[96];

	clock_in_words(age, words, sizeof(words));
	backup_verified_words(v, verified, sizeof(verified));
	strbuf_addf(&out, "%s  %-10s %-8s ", m->id, "whole", m->kind);
	add_count(&out, (double)m->artifacts.count);
	strbuf_adds(&out, " artifacts, ");
	add_bytes(&out, (double)(bytes + own));
	strbuf_adds(&out, ", ");
	add_bytes(&out, (double)(unique + own));
	strbuf_addf(&out, " of it its own; %s old, of %s, %s\n", words, m->host, verified);
	EMIT(s->reporter, "backup", F_TEXT("id", m->id), F_TEXT("state", "whole"),
	     F_TEXT("kind", m->kind), F_TEXT("host", m->host), F_TEXT("started", m->started),
	     F_REAL("age", age), F_INT("artifacts", m->artifacts.count), F_INT("bytes", bytes),
	     F_INT("dump_bytes", own), F_INT("unique_bytes", unique),
	     F_INT("new_artifacts", m->artifacts.new_count),
	     F_INT("new_bytes", m->artifacts.new_bytes), F_TEXT("verified", *v->at ? v->at : NULL),
	     F_REAL("verified_percent", *v->at ? (double)v->percent : NAN),
	     F_TEXT("message", v->damaged ? verified : NULL));
	s->reporter->print(s->reporter->self, out.data);
}

static bool find(const struct repository *r, struct listed *l, struct err *err)
{
	if (!repository_backups(r, &l->all, &l->n, err))
		return false;
	l->whole = xcalloc(l->n + 1, sizeof(*l->whole));
	l->unique = xcalloc(l->n + 1, sizeof(*l->unique));
	for (size_t i = 0; i < l->n; i++)
		if (l->all[i].whole)
			memcpy(l->whole[l->n_whole++], l->all[i].id, BACKUP_ID_SIZE);
	return sum_unique(r, l, err);
}

bool backup_list(struct session *s, const void *options, int *exit_status, struct err *err)
{
	struct repository *r = NULL;
	struct listed l = { 0 };
	size_t k = 0;

	(void)options;
	if (!backup_repository(s, &r, err))
		return false;
	bool ok = find(r, &l, err);
	for (size_t i = 0; ok && i < l.n; i++) {
		AUTO_BACKUP_MANIFEST struct backup_manifest m = { 0 };
		struct err why;

		if (!l.all[i].whole) {
			show_broken(s, l.all[i].id, "unfinished", "it has no manifest");
			continue;
		}
		int64_t unique = l.unique[k++];
		if (backup_manifest_read(r, l.all[i].id, &m, &why)) {
			struct backup_verified v;

			backup_verified_read(r, m.id, &v);
			show(s, &m, unique, &v);
		} else {
			show_broken(s, l.all[i].id, "damaged", why.text);
			*exit_status = 1;
		}
	}
	if (ok && l.n == 0)
		s->reporter->print(s->reporter->self, "No backup yet.\n");
	release(&l);
	repository_close(r);
	return ok;
}
