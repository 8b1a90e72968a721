/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a repository holds, and what each backup alone takes of it. */
#include "commands/backup.h"

#include "lib/core/clock.h"
#include "lib/core/exit.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/report/style.h"
#include "lib/store/inventory.h"
#include "lib/store/proof.h"
#include "lib/store/verified.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One that is whole and of which nothing is damaged that its size depends on, or why not. */
struct listed_one {
	struct backup_manifest manifest;
	struct err why; /* where the manifest has no id */
	int64_t unique; /* bytes */
};

struct listed {
	struct backup_entry *all;
	size_t n;
	struct listed_one *ones;      /* of all */
	char (*good)[BACKUP_ID_SIZE]; /* ids of these */
	size_t *places;		      /* of these in all */
	size_t n_good;
};

static void release(struct listed *l)
{
	for (size_t i = 0; l->ones && i < l->n; i++)
		backup_manifest_release(&l->ones[i].manifest);
	free(l->all);
	free(l->ones);
	free(l->good);
	free(l->places);
}

static bool sum_unique(const struct repository *r, struct listed *l, struct err *err)
{
	const struct inventory_row *row;
	struct inventory *v = NULL;
	bool ok;

	if (!inventory_open(r, (const char(*)[BACKUP_ID_SIZE])l->good, l->n_good, &v, err))
		return false;
	while ((ok = inventory_next(v, &row, err)) && row)
		if (row->backups == 1)
			l->ones[l->places[row->backup]].unique += row->size;
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

static void look_at(const struct repository *r, struct listed *l, size_t i)
{
	struct listed_one *one = &l->ones[i];

	if (!backup_manifest_read(r, l->all[i].id, &one->manifest, &one->why))
		return;
	if (!proof_lists(r, &one->manifest, &one->why)) {
		backup_manifest_release(&one->manifest);
		one->manifest = (struct backup_manifest){ 0 };
		return;
	}
	l->places[l->n_good] = i;
	memcpy(l->good[l->n_good++], l->all[i].id, BACKUP_ID_SIZE);
}

static bool find(const struct repository *r, struct listed *l, struct err *err)
{
	if (!repository_backups(r, &l->all, &l->n, err))
		return false;
	l->ones = xcalloc(l->n + 1, sizeof(*l->ones));
	l->good = xcalloc(l->n + 1, sizeof(*l->good));
	l->places = xcalloc(l->n + 1, sizeof(*l->places));
	for (size_t i = 0; i < l->n; i++)
		if (l->all[i].whole)
			look_at(r, l, i);
	return sum_unique(r, l, err);
}

static void show_one(struct session *s, const struct repository *r, const struct listed *l,
		     size_t i, int *exit_status)
{
	const struct listed_one *one = &l->ones[i];
	struct backup_verified v;

	if (!l->all[i].whole) {
		show_broken(s, l->all[i].id, "unfinished", "it has no manifest");
	} else if (!one->manifest.id) {
		show_broken(s, l->all[i].id, "damaged", one->why.text);
		*exit_status = EXIT_FAILED;
	} else {
		backup_verified_read(r, one->manifest.id, &v);
		show(s, &one->manifest, one->unique, &v);
	}
}

bool backup_list(struct session *s, const void *options, int *exit_status, struct err *err)
{
	struct repository *r = NULL;
	struct listed l = { 0 };

	(void)options;
	if (!backup_repository(s, &r, err))
		return false;
	bool ok = find(r, &l, err);
	for (size_t i = 0; ok && i < l.n; i++)
		show_one(s, r, &l, i, exit_status);
	if (ok && l.n == 0)
		s->reporter->print(s->reporter->self, "No backup yet.\n");
	release(&l);
	repository_close(r);
	return ok;
}
