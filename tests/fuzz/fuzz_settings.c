/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The literal parser on any bytes: never a crash, and what it believes is always one JSON object.
 */
#include "lib/core/mem.h"
#include "lib/drivers/json.h"
#include "lib/pulp/settings_literal.h"
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const wanted[] = { "A", "MEDIA_ROOT", "DATABASES", NULL };
	struct strbuf json AUTO_STRBUF = { 0 };
	struct literal_doubt doubt;
	struct json *tree = NULL;
	struct err err = { .code = ERR_NONE };

	if (!settings_literal((const char *)data, size, wanted, &json, &doubt)) {
		if (!doubt.why || json.len)
			abort();
		return 0;
	}
	if (!json_parse(json.data, json.len, &tree, &err) || json_count(tree) > 3)
		abort();
	json_free(tree);
	return 0;
}
