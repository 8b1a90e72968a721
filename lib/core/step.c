/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words and outcomes of steps. */
#include "lib/core/step.h"

#include "lib/core/mem.h"
#include "lib/core/text.h"

#include <stdlib.h>
#include <string.h>

const char *result_word(enum result r)
{
	switch (r) {
	case RESULT_OK:
		return "ok";
	case RESULT_NOT_NEEDED:
		return "not-needed";
	case RESULT_SKIPPED:
		return "skipped";
	case RESULT_WARNING:
		return "warning";
	case RESULT_FINDING:
		return "finding";
	case RESULT_UNKNOWN:
		return "unknown";
	case RESULT_FAILED:
		return "failed";
	}
	return "failed";
}

const char *need_word(unsigned need)
{
	switch (need) {
	case NEED_DB:
		return "database";
	case NEED_MEDIA:
		return "media";
	case NEED_REDIS:
		return "redis";
	case NEED_ROOT:
		return "root";
	case NEED_SYSTEMD:
		return "systemd";
	case NEED_LEDGER:
		return "ledger";
	case NEED_SETTINGS:
		return "settings";
	default:
		return "unknown";
	}
}

void outcome_set(struct outcome *o, enum result r, const char *fmt, ...)
{
	char text[sizeof(o->text)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text_agree(o->text, text);
	o->result = r;
}

void outcome_hint(struct outcome *o, const char *fmt, ...)
{
	char hint[sizeof(o->hint)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(hint, sizeof(hint), fmt, ap);
	va_end(ap);
	text_agree(o->hint, hint);
}

void outcome_example(struct outcome *o, const char *fmt, ...)
{
	size_t n = 0;
	char *text = NULL;
	va_list ap;

	while (n < OUTCOME_EXAMPLES && o->examples[n])
		n++;
	if (n == OUTCOME_EXAMPLES)
		return;
	va_start(ap, fmt);
	int len = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (len < 0)
		return; /* one example less */
	o->examples[n] = text_agreed(text);
	free(text);
}

void outcome_count(struct outcome *o, const char *key, int64_t n)
{
	for (size_t i = 0; i < OUTCOME_COUNTS; i++) {
		if (!o->counts[i].key || strcmp(o->counts[i].key, key) == 0) {
			o->counts[i].key = key;
			o->counts[i].n = n;
			return;
		}
	}
}

void outcome_release(struct outcome *o)
{
	for (size_t i = 0; i < OUTCOME_EXAMPLES; i++) {
		free(o->examples[i]);
		o->examples[i] = NULL;
	}
}
