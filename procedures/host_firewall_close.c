/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nobody but this host reaches Pulp from here on. */
#include "lib/core/clock.h"
#include "lib/core/list.h"
#include "lib/core/mem.h"
#include "lib/drivers/probe.h"
#include "lib/host/closure.h"
#include "lib/host/service_ports.h"
#include "procedures/host_firewall.h"
#include "procedures/procedures.h"

#include <stdlib.h>
#include <string.h>

static const struct opt params_table[] = {
	FIREWALL_PARAMS_ROWS(struct firewall_params),
	{ "renew", 0, OPT_FLAG, offsetof(struct firewall_params, renew), NULL,
	  "renew the time for as long as this program lives", 0, 0, NULL },
	OPTS_END
};

static bool allow_all(const struct config *config, const struct firewall_params *params,
		      char **list, struct err *err)
{
	const char *set = config_get(config, "maintenance-mode.allow");

	for (;;) {
		AUTO_FREE char *word = list_take(&set);

		if (!word)
			break;
		if (!firewall_allow(list, word, err)) {
			err->code = ERR_CONFIG;
			return err_wrap(err, "maintenance-mode.allow");
		}
	}
	for (char *const *a = params->allow; a && *a; a++)
		if (!firewall_allow(list, *a, err))
			return false;
	return true;
}

/* ret_kept: ports that stay open since somebody comes in there. */
static bool wish(const struct probe *p, const struct firewall_params *params, struct firewall *ret,
		 char **ret_kept, struct err *err)
{
	ret->seconds = params->seconds;
	if (!service_ports(p->config, &ret->ports, ret_kept, err) ||
	    !allow_all(p->config, params, &ret->allowed, err))
		return false;
	if (*ret->ports)
		return true;
	(void)err_set(
		err, ERR_UNSUPPORTED,
		"there is no port to close: sshd listens on ports %s, or this session came by "
		"them",
		*ret_kept);
	return err_hint(err, "Name the ports of Pulp's services in maintenance-mode.ports.");
}

/* A time always begins anew: it is how a closure is prolonged. */
static bool is_so(const struct closure *now, const struct firewall *wished)
{
	return closure_state(now) == CLOSURE_CLOSED && now->until <= 0 && wished->seconds <= 0 &&
	       firewall_same(now->kernel.ports, wished->ports) &&
	       firewall_same(now->kernel.allowed, wished->allowed);
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	struct firewall wished = { .there = false };
	struct closure now = { .noted = false };
	AUTO_FREE char *kept = NULL, *words = NULL;
	bool ok = wish(p, params, &wished, &kept, err) && closure_look(p->config, &now, err);

	if (ok) {
		*ret = !is_so(&now, &wished);
		words = closure_words(&now);
		outcome_set(why, *ret ? RESULT_OK : RESULT_NOT_NEEDED, "%s", words);
	}
	closure_release(&now);
	firewall_release(&wished);
	return ok;
}

/* For how long, and what will be about it. */
static void tell(const struct firewall *closed, const char *kept, struct outcome *out)
{
	char time[32] = "until they are opened";

	if (closed->seconds > 0)
		clock_in_words(closed->seconds, time, sizeof(time));
	outcome_set(out, *kept ? RESULT_WARNING : RESULT_OK, "ports %s are closed (%s)%s%s%s",
		    closed->ports, time, *kept ? ", ports " : "", kept, *kept ? " stay open" : "");
	if (*kept)
		outcome_hint(out, "sshd listens there, or this session came that way: closing them "
				  "would lock you out.");
	else if (closed->seconds <= 0 && !closure_survives())
		outcome_hint(out, "A reboot opens them: plmaint-maintenance-mode.service is not "
				  "installed.");
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct firewall_params *wanted = params;
	const struct config *config = a->look->config;
	struct firewall wished = { .there = false };
	AUTO_FREE char *kept = NULL;
	bool ok = actor_lock_host(a, err) && wish(a->look, wanted, &wished, &kept, err) &&
		  closure_close(config, &wished, err);

	if (ok && wanted->renew && wished.seconds > 0)
		ok = closure_keep(config, wished.seconds, err);
	if (ok)
		tell(&wished, kept, out);
	firewall_release(&wished);
	return ok;
}

static bool verify(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	struct closure now = { .noted = false };

	(void)params;
	if (!closure_look(p->config, &now, err))
		return false;
	if (closure_state(&now) != CLOSURE_CLOSED) {
		AUTO_FREE char *words = closure_words(&now);

		outcome_set(out, RESULT_FAILED, "%s", words);
		outcome_hint(out, "Something else changes the firewall of this host at this time.");
	}
	closure_release(&now);
	return true;
}

const struct procedure procedure_host_firewall_close = {
	.label = "host-firewall-close",
	.summary = "close the ports of Pulp's services to all but this host",
	.explain =
		"One table of its own in nftables, so that other firewalls are neither read nor changed, put there in one "
		"transaction, or where there is no nft a chain of its own in iptables, before all other rules: ports 80, 443, 24816, 24817, those on which Pulp's services listen and maintenance-mode.ports "
		"are answered with a reset, over IPv4 and IPv6, also where a container has been given the port. This host "
		"itself and what is allowed get through. A port on which sshd listens, or by which the session came, is "
		"never closed. With a time the kernel opens by itself when it is over, whether this program lives or not.",
	.changes =
		"the table inet plmaint_maintenance in the kernel (without nft the chain PLMAINT-MAINTENANCE), and a note "
		"in the state directory",
	.tags = (const char *const[]){ "maintenance-mode", NULL },
	.needs = NEED_ROOT,
	.params = params_table,
	.params_size = sizeof(struct firewall_params),
	.needed = needed,
	.run = run,
	.verify = verify,
};
