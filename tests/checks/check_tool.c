/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One check against a database, without a scenario around it:
 *
 *	check_tool CONNINFO LABEL
 *
 * prints result, text, hint and examples, one a line; an error is "error" and its text.
 */
#include "bin/catalogue.h"
#include "lib/core/config.h"
#include "lib/core/mem.h"
#include "lib/drivers/probe.h"
#include <stdio.h>

static int answer(const struct probe *p, const struct check *check)
{
	struct outcome out = { .result = RESULT_OK };
	AUTO_FREE void *params = xcalloc(1, check->params_size);
	struct err err;

	if (!options_defaults(check->params, params, &err) || !check->run(p, params, &out, &err)) {
		printf("error\n%s\n", err.text);
		return 1;
	}
	printf("%s\n%s\n%s\n", result_word(out.result), out.text, out.hint);
	for (size_t i = 0; out.examples[i]; i++)
		printf("%s\n", out.examples[i]);
	outcome_release(&out);
	return 0;
}

int main(int argc, char **argv)
{
	const struct check *check = argc == 3 ? catalogue_check(&catalogue, argv[2]) : NULL;
	struct config *config = config_new();
	struct memo memo = { 0 }, columns = { 0 };
	struct probe p = { .config = config, .memo = &memo, .columns = &columns };
	struct err err;

	if (!check) {
		fprintf(stderr, "usage: check_tool CONNINFO LABEL\n");
		return 2;
	}
	if (!pg_connect(&(struct pg_options){ .conninfo = argv[1],
					      .application_name = "check_tool",
					      .read_only = true },
			&p.db, &err)) {
		printf("error\n%s\n", err.text);
		return 1;
	}
	int status = answer(&p, check);

	memo_forget(&memo);
	memo_forget(&columns);
	pg_close(p.db);
	config_free(config);
	return status;
}
