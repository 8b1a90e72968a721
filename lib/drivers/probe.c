/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one way from an actor to a session that may write. */
#include "lib/drivers/probe.h"

#include "lib/core/mem.h"

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
