/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The web server's ports and Pulp's own are closed also while nothing listens there: what an
 * upgrade starts must not be reached either.  A port of sshd's is left out even where it is 443.
 */
#include "lib/host/service_ports.h"

#include "lib/core/list.h"
#include "lib/core/mem.h"
#include "lib/core/options.h"
#include "lib/core/strbuf.h"
#include "lib/host/open_ports.h"

#include <string.h>

enum { PORTS = 65536 };
static const unsigned usual[] = { 80, 443, 24816, 24817 };

struct choice {
	bool wanted[PORTS], kept[PORTS];
};

static bool is_pulps(const struct open_port *l)
{
	return strncmp(l->program, "pulpcore-", 9) == 0 || strstr(l->command, "pulpcore-api") ||
	       strstr(l->command, "pulpcore-content") || strstr(l->command, "pulpcore.app.wsgi") ||
	       strstr(l->command, "pulpcore.content");
}

static void sort_listener(void *arg, const struct open_port *l)
{
	struct choice *c = arg;

	if (strcmp(l->program, "sshd") == 0)
		c->kept[l->port] = true;
	else if (!l->loopback && is_pulps(l))
		c->wanted[l->port] = true;
}

static bool add_configured(const struct config *config, struct choice *c, struct err *err)
{
	const char *more = config_get(config, "maintenance-mode.ports");

	for (;;) {
		AUTO_FREE char *word = list_take(&more);
		long port;

		if (!word)
			return true;
		if (!parse_long(word, 1, PORTS - 1, &port, err)) {
			err->code = ERR_CONFIG;
			return err_wrap(err, "maintenance-mode.ports");
		}
		c->wanted[port] = true;
	}
}

static char *words(const bool *chosen, const bool *but)
{
	AUTO_STRBUF struct strbuf out = { 0 };

	for (unsigned port = 1; port < PORTS; port++)
		if (chosen[port] && !(but && but[port]))
			strbuf_addf(&out, "%s%u", out.len ? "," : "", port);
	return strbuf_take(&out);
}

bool service_ports(const struct config *config, char **ret_ports, char **ret_kept, struct err *err)
{
	AUTO_FREE struct choice *c = xcalloc(1, sizeof(*c));

	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		c->wanted[usual[i]] = true;
	c->kept[open_ports_session()] = true;
	if (!open_ports_find(sort_listener, c, err))
		return err_wrap(err, "which ports sshd listens on");
	if (!add_configured(config, c, err))
		return false;
	for (unsigned port = 0; port < PORTS; port++)
		c->kept[port] &= c->wanted[port];
	*ret_ports = words(c->wanted, c->kept);
	*ret_kept = words(c->kept, NULL);
	return true;
}
