/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which document is printed by which function. */
#include "bin/docs.h"

#include "lib/core/mem.h"
#include "lib/pulp/reasons.h"
#include "lib/report/completion.h"
#include "lib/report/docs.h"

#include <string.h>

/* Reasons belong to Pulp, which the layer of reports does not know. */
static void man(struct strbuf *out, const struct catalogue *c)
{
	docs_man(out, c);
	strbuf_adds(out, ".SH REASONS\nWhy a row is partial or in quarantine.\n");
	for (int r = REASON_NONE + 1; r < REASON_COUNT; r++) {
		const struct reason_text *t = reason_text((enum reason)r);
		AUTO_FREE char *text = xasprintf("%s. %s", t->sentence, t->hint);

		docs_man_item(out, t->code, text);
	}
}

static const struct {
	const char *name;
	void (*print)(struct strbuf *out, const struct catalogue *c);
} forms[] = {
	{ "man", man },
	{ "completion", completion_bash },
	{ "markdown", docs_markdown },
	{ "json", docs_json },
};

bool docs_dump(const struct catalogue *c, const char *form, struct strbuf *out, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (strcmp(forms[i].name, form) == 0) {
			forms[i].print(out, c);
			return true;
		}
	}
	(void)err_set(err, ERR_USAGE, "--dump has no form '%s'", form);
	return err_hint(err, "Forms: man, completion, markdown, json.");
}
