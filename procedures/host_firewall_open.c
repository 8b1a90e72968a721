/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whatever maintenance mode has closed is open again. */
#include "lib/core/mem.h"
#include "lib/drivers/probe.h"
#include "lib/host/closure.h"
#include "procedures/procedures.h"

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	struct closure now = { .noted = false };

	(void)params;
	if (!closure_look(p->config, &now, err)) {
		/* A note that cannot be read is there. */
		*ret = true;
		outcome_set(why, RESULT_OK, "%s", err->text);
		return err->code == ERR_DATA;
	}
	AUTO_FREE char *words = closure_words(&now);

	*ret = now.noted || now.kernel.there;
	outcome_set(why, *ret ? RESULT_OK : RESULT_NOT_NEEDED, "%s", words);
	closure_release(&now);
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	if (!actor_lock_host(a, err) || !closure_open(a->look->config, err))
		return false;
	outcome_set(out, RESULT_OK, "the ports are open");
	return true;
}

static bool verify(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	bool there;

	if (!needed(p, params, &there, out, err))
		return false;
	if (there)
		out->result = RESULT_FAILED;
	else
		outcome_set(out, RESULT_OK, "the ports are open");
	return true;
}

const struct procedure procedure_host_firewall_open = {
	.label = "host-firewall-open",
	.summary = "open the ports of Pulp's services again",
	.explain =
		"Takes away what host-firewall-close has put into the kernel, and the note of it. "
		"Other firewalls of the host are neither read nor changed.",
	.changes =
		"the table inet plmaint_maintenance in the kernel (without nft the chain PLMAINT-MAINTENANCE), and the note "
		"in the state directory",
	.tags = (const char *const[]){ "maintenance-mode", NULL },
	.needs = NEED_ROOT,
	.needed = needed,
	.run = run,
	.verify = verify,
};
