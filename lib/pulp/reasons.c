/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one list of reasons, as a table: texts by id and ids by their public code. */
#include "lib/pulp/reasons.h"

#include <string.h>

#define REASON(id, code, effect, class, sentence, hint) \
	[REASON_##id] = { code, REASON_EFFECT_##effect, REASON_CLASS_##class, sentence, hint },
static const struct reason_text texts[REASON_COUNT] = {
	[REASON_NONE] = { "none", REASON_EFFECT_NONE, REASON_CLASS_ROW, "nothing is wrong", "" },
#include "lib/pulp/reasons.def"
};
#undef REASON

const struct reason_text *reason_text(enum reason r)
{
	return &texts[(unsigned)r < REASON_COUNT ? r : REASON_NONE];
}

enum reason reason_by_code(const char *code)
{
	for (unsigned r = REASON_NONE + 1; r < REASON_COUNT; r++)
		if (strcmp(texts[r].code, code) == 0)
			return (enum reason)r;
	return REASON_NONE;
}
