/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of networks and ports, as people write them and as the kernel has them. */
#include "lib/host/firewall.h"

#include "lib/core/mem.h"
#include "lib/core/options.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

void firewall_release(struct firewall *f)
{
	free(f->ports);
	free(f->allowed);
	*f = (struct firewall){ .there = false };
}

static bool not_a_network(const char *text, struct err *err)
{
	(void)err_set(err, ERR_USAGE, "'%s' is no network", text);
	return err_hint(err, "Write it like 192.0.2.0/24, 192.0.2.7 or 2001:db8::/32.");
}

/* What lies behind the prefix is nobody's: 192.0.2.7/24 is 192.0.2.0/24. */
static void mask(unsigned char *address, size_t size, long bits)
{
	for (size_t i = 0; i < size; i++) {
		long left = bits - 8 * (long)i;

		if (left < 8)
			address[i] =
				(unsigned char)(address[i] & (left <= 0 ? 0 : 0xff << (8 - left)));
	}
}

bool firewall_allow(char **list, const char *network, struct err *err)
{
	AUTO_FREE char *text = xstrdup(network);
	char *slash = strchr(text, '/'), shown[INET6_ADDRSTRLEN];
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;
	size_t size = family == AF_INET6 ? 16 : 4;
	long all = 8 * (long)size, bits = all;
	unsigned char address[16];
	struct err ignored;

	if (slash)
		*slash = '\0';
	if (inet_pton(family, text, address) != 1 ||
	    (slash && !parse_long(slash + 1, 0, all, &bits, &ignored)))
		return not_a_network(network, err);
	mask(address, size, bits);
	if (!inet_ntop(family, address, shown, sizeof(shown)))
		return not_a_network(network, err);

	AUTO_FREE char *word = bits == all ? xstrdup(shown) : xasprintf("%s/%ld", shown, bits);
	AUTO_FREE char *old = *list;

	*list = old && *old ? xasprintf("%s,%s", old, word) : TAKE(word);
	return true;
}

/* Whether each word of a is one of b. */
static bool within(const char *a, const char *b)
{
	AUTO_FREE char *hay = xasprintf(",%s,", b ? b : "");

	for (const char *at = a ? a : ""; *at; at += strspn(at, ",")) {
		size_t len = strcspn(at, ",");
		AUTO_FREE char *needle = xasprintf(",%.*s,", (int)len, at);

		if (!strstr(hay, needle))
			return false;
		at += len;
	}
	return true;
}

bool firewall_same(const char *a, const char *b)
{
	return within(a, b) && within(b, a);
}
