/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `pre-migrate quarantine`: the rows that were set aside, and what an operator decides about them.
 */
#include "commands/pre_migrate.h"

#include "lib/batch/verdict_file.h"
#include "lib/core/mem.h"
#include "lib/core/text.h"
#include "lib/drivers/probe.h"
#include "lib/pulp/reasons.h"
#include <stdlib.h>
#include <string.h>

const struct opt quarantine_options[] = {
	{ "why", 0, OPT_TEXT, offsetof(struct quarantine_options, why), "TEXT",
	  "accept: why it may stay as it is", 0, 0, NULL },
	{ "all", 0, OPT_FLAG, offsetof(struct quarantine_options, all), NULL,
	  "retry: every row that was not accepted", 0, 0, NULL },
	OPTS_END
};

enum {
	COL_DIGEST,
	COL_MEDIA,
	COL_EFFECT,
	COL_REASON,
	COL_MISSING,
	COL_DETAIL,
	COL_SQLSTATE,
	COL_AT,
	COL_ACCEPTED,
	COL_REPOSITORIES
};
static const char unit_separator = 31; /* a name may hold a line feed */
static const char list_sql[] =	       /* behind it: where the verdicts are */
	"SELECT v.digest, v.media_type, v.effect, v.reason, v.missing, v.detail, v.sqlstate,"
	" to_char(v.at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), v.accepted,"
	" coalesce((SELECT string_agg(DISTINCT r.name, chr(31) ORDER BY r.name) FROM core_repositorycontent rc JOIN core_repository r"
	" ON r.pulp_id = rc.repository_id WHERE rc.content_id = v.id AND rc.version_removed_id IS NULL), '')"
	" FROM ";
static const char list_order[] =
	" v WHERE v.effect <> 'examined' AND ($1::text IS NULL OR v.digest = $1)"
	" ORDER BY v.effect DESC, v.reason, v.digest";

static const char **split_names(char *text, char separator)
{
	size_t n = 1, k = 0;
	const char set[2] = { separator, '\0' };
	char *save = NULL;

	for (const char *p = text; *p; p++)
		n += *p == separator;
	const char **list = xcalloc(n + 1, sizeof(*list));
	for (char *w = strtok_r(text, set, &save); w; w = strtok_r(NULL, set, &save))
		list[k++] = w;
	return list;
}

static void tell(struct session *s, const struct pg_rows *r, size_t i)
{
	const struct reason_text *t = reason_text(reason_by_code(pg_text(r, i, COL_REASON)));
	AUTO_FREE char *names = xstrdup(pg_text(r, i, COL_REPOSITORIES));
	AUTO_FREE char *fields = xstrdup(pg_text(r, i, COL_MISSING));
	AUTO_FREE const char **repositories = split_names(names, unit_separator);
	AUTO_FREE const char **missing = split_names(fields, ',');
	const char *accepted = pg_is_null(r, i, COL_ACCEPTED) ? NULL : pg_text(r, i, COL_ACCEPTED);
	const char *sqlstate = pg_text(r, i, COL_SQLSTATE);

	if (strcmp(pg_text(r, i, COL_EFFECT), "partial") == 0)
		EMIT(s->reporter, "partial", F_TEXT("digest", pg_text(r, i, COL_DIGEST)),
		     F_TEXT("media_type", pg_text(r, i, COL_MEDIA)),
		     F_TEXT("reason", pg_text(r, i, COL_REASON)), F_TEXT("message", t->sentence),
		     F_TEXT("hint", t->hint), F_LIST("missing", missing),
		     F_LIST("repositories", repositories), F_TEXT("accepted", accepted));
	else
		EMIT(s->reporter, "quarantine", F_TEXT("digest", pg_text(r, i, COL_DIGEST)),
		     F_TEXT("media_type", pg_text(r, i, COL_MEDIA)),
		     F_TEXT("reason", pg_text(r, i, COL_REASON)), F_TEXT("message", t->sentence),
		     F_TEXT("hint", t->hint), F_LIST("repositories", repositories),
		     F_TEXT("sqlstate", *sqlstate ? sqlstate : NULL), F_TEXT("accepted", accepted));
}

static void add_names(struct strbuf *out, const struct pg_rows *r, size_t i)
{
	AUTO_FREE char *names = xstrdup(pg_text(r, i, COL_REPOSITORIES));
	AUTO_FREE const char **list = split_names(names, unit_separator);

	for (size_t k = 0; list[k]; k++) {
		strbuf_adds(out, k ? ", " : "");
		text_escape(out, list[k]);
	}
	if (!list[0])
		strbuf_adds(out, "no repository");
}

static void add_plain(struct strbuf *out, const struct pg_rows *r, size_t i, bool whole)
{
	const struct reason_text *t = reason_text(reason_by_code(pg_text(r, i, COL_REASON)));

	strbuf_addf(out, "%-10s  %-24s  ", pg_text(r, i, COL_EFFECT), pg_text(r, i, COL_REASON));
	text_escape(out, pg_text(r, i, COL_DIGEST));
	strbuf_adds(out, "  ");
	add_names(out, r, i);
	strbuf_adds(out, pg_is_null(r, i, COL_ACCEPTED) ? "\n" : "  (accepted)\n");
	if (!whole) {
		strbuf_addf(out, "            %s\n", t->sentence);
		return;
	}
	strbuf_addf(out, "  what        %s\n  do          %s\n  media type  ", t->sentence,
		    t->hint);
	text_escape(out, pg_text(r, i, COL_MEDIA));
	strbuf_addf(out, "\n  seen        %s\n", pg_text(r, i, COL_AT));
	if (*pg_text(r, i, COL_MISSING))
		strbuf_addf(out, "  missing     %s\n", pg_text(r, i, COL_MISSING));
	if (*pg_text(r, i, COL_SQLSTATE))
		strbuf_addf(out, "  SQLSTATE    %s\n", pg_text(r, i, COL_SQLSTATE));
	if (*pg_text(r, i, COL_DETAIL)) {
		strbuf_adds(out, "  detail      ");
		text_escape(out, pg_text(r, i, COL_DETAIL));
		strbuf_adds(out, "\n");
	}
	if (!pg_is_null(r, i, COL_ACCEPTED)) {
		strbuf_adds(out, "  accepted    ");
		text_escape(out, pg_text(r, i, COL_ACCEPTED));
		strbuf_adds(out, "\n");
	}
}

static void add_tabs(struct strbuf *out, const struct pg_rows *r, size_t i)
{
	static const int cols[] = { COL_DIGEST,	  COL_MEDIA, COL_EFFECT, COL_REASON,  COL_MISSING,
				    COL_SQLSTATE, COL_AT,    COL_DETAIL, COL_ACCEPTED };

	for (size_t k = 0; k < ARRAY_LEN(cols); k++) {
		text_escape(out, pg_text(r, i, cols[k]));
		strbuf_adds(out, "\t");
	}
	add_names(out, r, i);
	strbuf_adds(out, "\n");
}

enum format { LIST, SHOW, EXPORT };

static bool not_set_aside(const char *digest, struct err *err)
{
	(void)err_set(err, ERR_USAGE, "no row with digest %.200s was set aside", digest);
	return err_hint(err, "`plmaint pre-migrate quarantine list` shows those that were.");
}

static bool show(struct session *s, const char *verdicts, enum format format, const char *digest,
		 struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_STRBUF struct strbuf out = { 0 };
	AUTO_FREE char *sql = xasprintf("%s%s%s", list_sql, verdicts, list_order);

	if (!pg_query(s->probe->db, sql, (struct pg_param[]){ PG_P_TEXT(digest) }, 1, &r, err))
		return false;
	if (digest && pg_rows_count(r) == 0)
		return not_set_aside(digest, err);
	if (format == EXPORT)
		strbuf_adds(
			&out,
			"digest\tmedia_type\teffect\treason\tmissing\tsqlstate\tat\tdetail\taccepted\trepositories\n");
	for (size_t i = 0; i < pg_rows_count(r); i++) {
		if (s->json)
			tell(s, r, i);
		if (format == EXPORT)
			add_tabs(&out, r, i);
		else
			add_plain(&out, r, i, format == SHOW);
	}
	if (pg_rows_count(r) == 0 && format != EXPORT)
		strbuf_adds(&out, "nothing was set aside\n");
	s->reporter->print(s->reporter->self, out.data ? out.data : "");
	return true;
}

/* Runs sql on the shared ledger, or on a temporary copy of what the state directory remembers. */
static bool change_verdicts(struct session *s, struct pg *db, const char *sql,
			    const struct pg_param *p, size_t n, struct pg_rows **r, struct err *err)
{
	const char *dir = config_get(s->config, "general.state_dir");
	struct ledger l = { .schema = "plmaint" };
	bool shared;

	if (!ledger_exists(db, &shared, err))
		return false;
	if (shared)
		return ledger_query(&l, db, sql, p, n, r, err);
	return actor_lock_host(s->actor, err) && verdict_file_claim(db, dir, err) &&
	       ledger_open(db, "", true, &l, err) && verdicts_copy(&l, db, dir, err) &&
	       ledger_query(&l, db, sql, p, n, r, err) &&
	       verdict_file_save(db, "pg_temp.verdict", dir, err);
}

/* "1 row accepted" */
static void tell_changed(struct session *s, long n, const char *what)
{
	AUTO_STRBUF struct strbuf out = { 0 };

	text_addf(&out, "%ld row(s) %s", n, what);
	EMIT(s->reporter, "done", F_TEXT("message", out.data), F_INT("rows", n));
	strbuf_adds(&out, "\n");
	s->reporter->print(s->reporter->self, out.data);
}

/* retry and accept change the ledger only. */
static bool change(struct session *s, const char *sql, const char *digest, const char *why,
		   struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	struct pg *db = NULL;

	if (!actor_connect(s->actor, "quarantine", &db, err))
		return false;
	bool ok = change_verdicts(s, db, sql,
				  (struct pg_param[]){ PG_P_TEXT(digest), PG_P_TEXT(why) },
				  why ? 2 : 1, &r, err);
	long n = ok ? pg_rows_affected(r) : 0;
	pg_close(db);
	if (!ok)
		return false;
	if (n == 0 && digest)
		return true; /* named twice, or somebody was faster: all_known has seen it */
	tell_changed(s, n, why ? "accepted" : "will be looked at by the next run");
	return true;
}

/* All of them, before the first is changed: half of a list that has a slip in it is not done. */
static bool all_known(struct session *s, const char *verdicts, const char *const *digests,
		      struct err *err)
{
	AUTO_FREE char *sql = xasprintf(
		"SELECT 1 FROM %s v WHERE effect <> 'examined' AND digest = $1 LIMIT 1", verdicts);

	for (; *digests; digests++) {
		AUTO_ROWS struct pg_rows *r = NULL;

		if (!pg_query(s->probe->db, sql, (struct pg_param[]){ PG_P_TEXT(*digests) }, 1, &r,
			      err))
			return false;
		if (pg_rows_count(r) == 0)
			return not_set_aside(*digests, err);
	}
	return true;
}

static bool retry(struct session *s, const char *const *digests, struct err *err)
{
	static const char sql[] =
		"DELETE FROM @.verdict WHERE effect <> 'examined' AND ($1::text IS NULL AND accepted IS NULL"
		" OR digest = $1)";

	if (!*digests)
		return change(s, sql, NULL, NULL, err);
	for (; *digests; digests++)
		if (!change(s, sql, *digests, NULL, err))
			return false;
	return true;
}

static bool accept_rows(struct session *s, const char *why, const char *const *digests,
			struct err *err)
{
	for (; *digests; digests++)
		if (!change(s,
			    "UPDATE @.verdict SET accepted = $2 WHERE effect <> 'examined' AND digest = $1",
			    *digests, why, err))
			return false;
	return true;
}

static bool show_each(struct session *s, const char *verdicts, const char *const *digests,
		      struct err *err)
{
	for (; *digests; digests++)
		if (!show(s, verdicts, SHOW, *digests, err))
			return false;
	return true;
}

enum word { WORD_LIST, WORD_SHOW, WORD_RETRY, WORD_ACCEPT, WORD_EXPORT, WORD_COUNT };
static const char *const words[WORD_COUNT + 1] = {
	"list", "show", "retry", "accept", "export", NULL
};

static bool find_word(const char *text, enum word *ret, struct err *err)
{
	const char *near = nearest_name(text, words);

	for (*ret = WORD_LIST; *ret < WORD_COUNT; ++*ret)
		if (strcmp(text, words[*ret]) == 0)
			return true;
	(void)err_set(err, ERR_USAGE, "'%s' is no word of quarantine", text);
	return err_hint(err, "It knows list, show, retry, accept and export%s%s.",
			near ? "; the nearest is " : "", near ? near : "");
}

/* What each word takes beside it, and nothing else. */
static bool check_word(enum word w, const struct quarantine_options *o, const char *const *digests,
		       struct err *err)
{
	if (*digests && (w == WORD_LIST || w == WORD_EXPORT))
		return err_set(err, ERR_USAGE, "quarantine %s takes no digest", words[w]),
		       err_hint(err, "`plmaint pre-migrate quarantine show %.100s` shows one.",
				*digests);
	if (o->all && w != WORD_RETRY)
		return err_set(err, ERR_USAGE, "--all belongs to quarantine retry");
	if (o->why && w != WORD_ACCEPT)
		return err_set(err, ERR_USAGE, "--why belongs to quarantine accept");
	if (!*digests && w == WORD_SHOW)
		return err_set(err, ERR_USAGE, "show needs a digest"),
		       err_hint(err, "`plmaint pre-migrate quarantine list` shows them.");
	if (w == WORD_RETRY && !*digests != !!o->all)
		return err_set(err, ERR_USAGE,
			       o->all ? "--all and digests exclude each other"
				      : "which row is to be retried?"),
		       err_hint(err, "Name digests, or say --all.");
	if (w == WORD_ACCEPT && (!*digests || !o->why))
		return err_set(err, ERR_USAGE, "accept needs digests and a reason"),
		       err_hint(err,
				"Say why it may stay: --why 'the image is not used any more'.");
	return true;
}

bool pre_migrate_quarantine(struct session *s, const void *options, int *exit_status,
			    struct err *err)
{
	const struct quarantine_options *o = options;
	const char *const *digests = s->operands[0] ? s->operands + 1 : s->operands;
	const char *verdicts;
	enum word w = WORD_LIST;

	(void)exit_status;
	if ((s->operands[0] && !find_word(s->operands[0], &w, err)) ||
	    !check_word(w, o, digests, err) ||
	    !verdicts_source(s->probe->db, config_get(s->config, "general.state_dir"), &verdicts,
			     err))
		return false;
	if (!verdicts)
		return err_set(err, ERR_NOT_FOUND, "there is no ledger in this database yet"),
		       err_hint(err, "`plmaint pre-migrate run` makes it.");
	if (!all_known(s, verdicts, digests, err))
		return false;
	switch (w) {
	case WORD_SHOW:
		return show_each(s, verdicts, digests, err);
	case WORD_RETRY:
		return retry(s, digests, err);
	case WORD_ACCEPT:
		return accept_rows(s, o->why, digests, err);
	default:
		return show(s, verdicts, w == WORD_LIST ? LIST : EXPORT, NULL, err);
	}
}
