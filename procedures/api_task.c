/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Progress is what Pulp says of its own. */
#include "procedures/api_task.h"

#include "lib/pulp/api.h"

struct telling {
	const struct actor *actor;
	const char *label;
};

static void tell(void *arg, const char *message, long done, long total)
{
	const struct telling *t = arg;

	EMIT(t->actor->reporter, "progress", F_TEXT("label", t->label), F_TEXT("phase", message),
	     F_INT("done", done), F_INT("total", total));
}

bool api_task_run(const struct actor *a, const struct api_task *t, struct outcome *out,
		  struct err *err)
{
	struct telling telling = { a, t->label };
	AUTO_STRBUF struct strbuf said = { 0 };

	if (!pulp_api_work(a->look->config,
			   &(struct api_work){ .path = t->path,
					       .body = t->body,
					       .timeout = t->timeout,
					       .progress = tell,
					       .arg = &telling },
			   &said, err))
		return false;
	outcome_set(out, RESULT_OK, "%s", said.len ? said.data : t->ended);
	return true;
}
