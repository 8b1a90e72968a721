/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Migration 0049 of pulp_container notes the fingerprint of each signature's key, and ends with an
 * AssertionError where it does not go with the short name that the row has.  Earlier releases noted
 * the last signature of a document that two keys have signed; the migration looks at the first.
 */
#include "checks/checks.h"
#include "lib/core/mem.h"
#include "lib/drivers/openpgp.h"
#include "lib/drivers/probe.h"
#include "lib/pulp/schema.h"

#include <string.h>

enum { NOTED_FROM = 49 };
#define PAGE "1000" /* rows of one or two KB */

struct tally {
	int64_t rows, bad, unread;
	char last[37]; /* content_ptr_id */
};

static void judge(const struct pg_rows *r, size_t i, struct tally *t, struct outcome *out)
{
	char signer[OPENPGP_FINGERPRINT], key[17];

	t->rows++;
	if (!openpgp_signer(pg_text(r, i, 2), pg_len(r, i, 2), signer)) {
		t->unread++; /* the migration passes it over */
		return;
	}
	openpgp_key_id(signer, key);
	if (!*signer || strcmp(key, pg_text(r, i, 1)) == 0)
		return;
	t->bad++;
	outcome_example(out, "%s: key_id %s, and the key is %s", pg_text(r, i, 0), pg_text(r, i, 1),
			key);
}

static bool read_all(struct pg *db, struct tally *t, struct outcome *out, struct err *err)
{
	size_t n;

	do {
		AUTO_ROWS struct pg_rows *r = NULL;

		if (!pg_query(db,
			      "SELECT content_ptr_id, key_id, data FROM container_manifestsignature"
			      " WHERE content_ptr_id > $1::uuid ORDER BY 1 LIMIT " PAGE,
			      (struct pg_param[]){ PG_P_TEXT(t->last) }, 1, &r, err))
			return false;
		n = pg_rows_count(r);
		for (size_t i = 0; i < n; i++)
			judge(r, i, t, out);
		if (n)
			memcpy(t->last, pg_text(r, n - 1, 0), sizeof(t->last));
	} while (n);
	return true;
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	struct tally t = { .last = "00000000-0000-0000-0000-000000000000" };
	struct pulp_schema s;

	(void)params;
	if (!pulp_schema_probe(p->db, false, true, &s, err))
		return false;
	if (s.level >= NOTED_FROM) {
		outcome_set(out, RESULT_OK, "level %04d has noted the keys of its signatures",
			    s.level);
		return true;
	}
	if (!read_all(p->db, &t, out, err))
		return false;
	outcome_count(out, "found", t.bad);
	if (t.bad == 0) {
		outcome_set(out, RESULT_OK, "none of %lld signature(s) names another key%s",
			    (long long)t.rows, t.unread ? "; some cannot be read" : "");
		return true;
	}
	outcome_set(
		out, RESULT_FINDING,
		"%lld of %lld signature(s) name(s|) another key than (its|their) rows: the migrate to "
		"pulp_container 2.28 would fail",
		(long long)t.bad, (long long)t.rows);
	outcome_hint(out, "Correct each in Pulp's database: UPDATE container_manifestsignature SET "
			  "key_id = '...' WHERE content_ptr_id = '...'; or delete the signature.");
	return true;
}

const struct check check_pulp_signatures_keys = {
	.label = "pulp-signatures-keys",
	.summary = "each signature has been made with the key that its row names",
	.source = "container_manifestsignature",
	.explain =
		"Migration 0049 of pulp_container 2.28 takes each signature apart and ends with an AssertionError where its first "
		"fingerprint does not end with key_id. Here the same is read from column data, of every row; nothing is verified.",
	.cost = "every signature, below level 0049",
	.tags = (const char *const[]){ "pre-upgrade", "content", NULL },
	.needs = NEED_DB,
	.run = run,
};
