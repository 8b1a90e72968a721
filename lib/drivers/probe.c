/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an actor may that a probe may not: hold this host's lock, and have a session that writes. */
#include "lib/drivers/probe.h"

#include "lib/core/log.h"
#include "lib/core/mem.h"

bool actor_lock_host(struct actor *a, struct err *err)
{
	struct lock_owner left;
	char text[256];

	if (a->lock)
		return true;
	if (!lock_take(config_get(a->look->config, "general.state_dir"), a->command, &a->lock,
		       &left, err))
		return false;
	if (left.pid) {
		lock_explain(LOCK_STALE_TEXT, &left, text, sizeof(text));
		log_warning("took over a lock that was left behind: %s", text);
	}
	return true;
}

bool actor_connect(const struct actor *a, const char *name, struct pg **ret, struct err *err)
{
	/* PostgreSQL keeps 63 bytes of it: 8 of the uuid tell runs apart. */
	AUTO_FREE char *full = xasprintf("plmaint:%.8s:%s", a->run_id, name);
	const struct pg_options o = { .conninfo = a->look->place.conninfo,
				      .application_name = full };

	return pg_connect(&o, ret, err);
}

void memo_forget(struct memo *m)
{
	if (m->value)
		m->release(m->value);
	m->value = NULL;
}
