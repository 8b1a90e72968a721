/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows that are not simply done: recorded in the batch's own transaction, told to the reporter
 * afterwards.  Memory is bounded: beyond NOTES_MAX events only the number is told; all are in the
 * ledger.
 */
#include "lib/batch/run.h"
#include "lib/core/mem.h"
#include <stdlib.h>
#include <string.h>

enum { NOTES_MAX = 10000 };

static const char *effect_word(enum row_fate fate)
{
	return fate == FATE_PARTIAL	  ? "partial"
	       : fate == FATE_QUARANTINED ? "quarantine"
					  : "examined";
}

static bool has_verdict(enum row_fate fate)
{
	return fate == FATE_FINAL || fate == FATE_EXAMINED || fate == FATE_PARTIAL ||
	       fate == FATE_QUARANTINED;
}

static void keep_note(struct batch_notes *notes, const struct batch_row *row,
		      const struct verdict *v)
{
	struct note *n;

	if (row->fate != FATE_PARTIAL && row->fate != FATE_QUARANTINED)
		return;
	n = xcalloc(1, sizeof(*n));
	n->fate = row->fate;
	memcpy(n->key, row->key, 16);
	n->digest = xstrdup(v->digest);
	n->media_type = xstrdup(v->media_type);
	n->reason = xstrdup(v->reason);
	n->message =
		v->detail[0] ? xasprintf("%s (%s)", v->message, v->detail) : xstrdup(v->message);
	n->hint = xstrdup(v->hint);
	n->missing = xstrdup(v->missing);
	n->sqlstate = xstrdup(v->sqlstate);
	*notes->last = n;
	notes->last = &n->link;
	notes->kept++;
}

/* A row that recovery brought back was set aside before. */
static bool clear_written(struct run *r, struct pg *db, struct batch_row **rows, size_t n,
			  struct err *err)
{
	struct pg_array ids;

	pg_array_init(&ids, PG_UUID);
	for (size_t i = 0; i < n; i++) {
		if (rows[i]->fate == FATE_CHANGED)
			pg_array_bytes(&ids, rows[i]->key, 16);
	}
	bool ok = ledger_query(&r->setup->ledger, db,
			       "DELETE FROM @.verdict WHERE kind = $2 AND id = ANY($1::uuid[])",
			       (struct pg_param[]){ pg_array_param(&ids, PG_UUID_ARRAY),
						    PG_P_TEXT(r->phase->kind) },
			       2, NULL, err);
	pg_array_release(&ids);
	return ok;
}

enum { TEXTS = 10 };
/* Verdicts as they go into the ledger: an array for each column. */
struct columns {
	struct pg_array id, text[TEXTS], size, changed, transient;
	size_t n;
};

static void columns_init(struct columns *c)
{
	c->n = 0;
	pg_array_init(&c->id, PG_UUID);
	pg_array_init(&c->size, PG_INT8);
	pg_array_init(&c->changed, PG_INT8);
	pg_array_init(&c->transient, PG_BOOL);
	for (int i = 0; i < TEXTS; i++)
		pg_array_init(&c->text[i], PG_TEXT);
}

static void columns_release(struct columns *c)
{
	pg_array_release(&c->id);
	pg_array_release(&c->size);
	pg_array_release(&c->changed);
	pg_array_release(&c->transient);
	for (int i = 0; i < TEXTS; i++)
		pg_array_release(&c->text[i]);
}

static void columns_add(struct columns *c, const struct batch_row *row, const struct verdict *v)
{
	const char *const texts[TEXTS] = { effect_word(row->fate),
					   v->reason,
					   v->missing,
					   v->digest,
					   v->media_type,
					   v->detail,
					   v->sqlstate,
					   v->fingerprint,
					   v->file,
					   v->domain };

	pg_array_bytes(&c->id, row->key, 16);
	for (int i = 0; i < TEXTS; i++)
		pg_array_bytes(&c->text[i], texts[i], strlen(texts[i]));
	pg_array_int8(&c->size, v->file_size);
	pg_array_int8(&c->changed, v->file_changed);
	pg_array_bool(&c->transient, v->transient);
	c->n++;
}

static bool columns_write(const struct run *r, struct pg *db, struct columns *c, struct err *err)
{
	struct pg_param p[6 + TEXTS] = { pg_array_param(&c->id, PG_UUID_ARRAY) };
	char run[24];

	snprintf(run, sizeof(run), "%lld", (long long)r->id);
	for (int i = 0; i < TEXTS; i++)
		p[1 + i] = pg_array_param(&c->text[i], PG_TEXT_ARRAY);
	p[11] = pg_array_param(&c->size, PG_INT8_ARRAY);
	p[12] = pg_array_param(&c->changed, PG_INT8_ARRAY);
	p[13] = pg_array_param(&c->transient, PG_BOOL_ARRAY);
	p[14] = (struct pg_param)PG_P_TEXT(run);
	p[15] = (struct pg_param)PG_P_TEXT(r->phase->kind);
	return ledger_query(
		&r->setup->ledger, db,
		"INSERT INTO @.verdict (kind, id, effect, reason, missing, digest, media_type, detail, sqlstate,"
		" fingerprint, file, domain, file_size, file_changed, transient, run)"
		" SELECT $16, u.*, $15::bigint FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[],"
		" $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],"
		" $12::bigint[], $13::bigint[], $14::boolean[]) AS u"
		" ON CONFLICT (kind, id) DO UPDATE SET (effect, reason, missing, detail, sqlstate, fingerprint, file,"
		" domain, file_size, file_changed, transient, run, at, accepted) = (EXCLUDED.effect, EXCLUDED.reason,"
		" EXCLUDED.missing, EXCLUDED.detail, EXCLUDED.sqlstate, EXCLUDED.fingerprint, EXCLUDED.file,"
		" EXCLUDED.domain, EXCLUDED.file_size, EXCLUDED.file_changed, EXCLUDED.transient, EXCLUDED.run, now(), NULL)",
		p, ARRAY_LEN(p), NULL, err);
}

static void ask_for_verdict(const struct run *r, const struct batch_row *row,
			    const struct err *refused, struct verdict *ret)
{
	*ret = (struct verdict){ .reason = "",
				 .message = "",
				 .hint = "",
				 .digest = "",
				 .media_type = "",
				 .detail = "",
				 .fingerprint = "",
				 .file = "",
				 .domain = "" };
	r->phase->verdict(r->phase->ctx, row, refused, ret);
}

/* False: with one of them nothing can go on. */
static bool collect(const struct run *r, struct batch_row **rows, size_t n,
		    const struct err *refused, struct columns *c, struct batch_notes *notes,
		    struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		size_t tail = notes->tail;
		notes->tail = 0;
		if (!has_verdict(rows[i]->fate))
			continue;
		struct verdict v;
		ask_for_verdict(r, rows[i], refused, &v);
		if (v.fatal)
			return err_set(err, ERR_IO, "%s", v.message), err_hint(err, "%s", v.hint);
		columns_add(c, rows[i], &v);
		keep_note(notes, rows[i], &v);
		if (rows[i]->fate == FATE_QUARANTINED && (v.file[0] || v.sqlstate[0])) {
			notes->bad++;
			notes->tail = tail + 1;
		}
	}
	return true;
}

bool verdicts_record(struct run *r, struct pg *db, struct batch_row **rows, size_t n,
		     const struct err *refused, struct batch_notes *notes, struct err *err)
{
	struct columns c;

	*notes = (struct batch_notes){ .n = n };
	notes->last = &notes->first;
	columns_init(&c);
	bool ok = collect(r, rows, n, refused, &c, notes, err) &&
		  (!r->phase->clears_verdicts || clear_written(r, db, rows, n, err)) &&
		  (c.n == 0 || columns_write(r, db, &c, err));
	columns_release(&c);
	return ok;
}

bool verdicts_withdraw(struct run *r, struct pg *db, int64_t *n, struct err *err)
{
	AUTO_ROWS struct pg_rows *gone = NULL;
	char run[24];

	snprintf(run, sizeof(run), "%lld", (long long)r->id);
	if (!ledger_query(
		    &r->setup->ledger, db,
		    "DELETE FROM @.verdict WHERE run = $1::bigint AND effect = 'quarantine' AND transient AND accepted IS NULL",
		    (struct pg_param[]){ PG_P_TEXT(run) }, 1, &gone, err))
		return false;
	*n = pg_rows_affected(gone);
	return true;
}

void run_fail(struct run *r, const struct err *err)
{
	pthread_mutex_lock(&r->lock);
	if (!r->failed) {
		r->failed = true;
		r->failure = *err;
	}
	atomic_store(&r->quit, true);
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

static void note_free(struct note *n)
{
	free(n->digest);
	free(n->media_type);
	free(n->reason);
	free(n->message);
	free(n->hint);
	free(n->missing);
	free(n->sqlstate);
	free(n);
}

void batch_notes_drop(struct batch_notes *notes)
{
	for (struct note *n = notes->first, *next; n; n = next) {
		next = n->link;
		note_free(n);
	}
	notes->first = NULL;
}

void batch_notes_publish(struct run *r, struct batch_notes *notes)
{
	pthread_mutex_lock(&r->lock);
	r->seen += (int64_t)notes->n;
	r->bad += notes->bad;
	r->bad_in_a_row = (int64_t)notes->tail + (notes->tail == notes->n ? r->bad_in_a_row : 0);
	if (notes->first && r->notes_kept < NOTES_MAX) {
		*r->last_note = notes->first;
		r->last_note = notes->last;
		r->notes_kept += notes->kept;
		notes->first = NULL;
	} else {
		r->notes_lost += notes->kept;
	}
	pthread_mutex_unlock(&r->lock);
	batch_notes_drop(notes);
}

static struct note *take_notes(struct run *r)
{
	pthread_mutex_lock(&r->lock);
	struct note *all = r->notes;
	r->notes = NULL;
	r->last_note = &r->notes;
	pthread_mutex_unlock(&r->lock);
	return all;
}

void run_notes_free(struct run *r)
{
	for (struct note *n = take_notes(r), *next; n; n = next) {
		next = n->link;
		note_free(n);
	}
}

static const char **split_missing(char *text)
{
	const char **list = xcalloc(8, sizeof(*list));
	char *save = NULL;
	size_t n = 0;

	for (char *w = strtok_r(text, ",", &save); w && n < 7; w = strtok_r(NULL, ",", &save))
		list[n++] = w;
	return list;
}

static void emit_note(struct run *r, struct pg *db, struct note *n)
{
	char **names = NULL;
	struct err ignored;
	AUTO_FREE const char **missing = split_missing(n->missing);
	bool known = r->phase->repositories &&
		     r->phase->repositories(r->phase->ctx, db, n->key, &names, &ignored);
	const char *const none[] = { NULL };
	const char *const *repositories = known ? (const char *const *)names : none;

	if (n->fate == FATE_PARTIAL)
		EMIT(r->setup->reporter, "partial", F_TEXT("digest", n->digest),
		     F_TEXT("media_type", n->media_type), F_TEXT("reason", n->reason),
		     F_TEXT("message", n->message), F_TEXT("hint", n->hint),
		     F_LIST("repositories", repositories), F_LIST("missing", missing));
	else
		EMIT(r->setup->reporter, "quarantine", F_TEXT("digest", n->digest),
		     F_TEXT("media_type", n->media_type), F_TEXT("reason", n->reason),
		     F_TEXT("message", n->message), F_TEXT("hint", n->hint),
		     F_LIST("repositories", repositories),
		     F_TEXT("sqlstate", n->sqlstate[0] ? n->sqlstate : NULL));
	for (char **p = names; p && *p; p++)
		free(*p);
	free(names);
}

void run_notes_emit(struct run *r, struct pg *db)
{
	for (struct note *n = take_notes(r), *next; n; n = next) {
		next = n->link;
		emit_note(r, db, n);
		note_free(n);
	}
}
