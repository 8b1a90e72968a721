/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which of the programs does it, what they share, and lists of networks and ports as people write
 * them and as the kernel has them. */
#include "lib/host/firewall_tool.h"

#include "lib/core/list.h"
#include "lib/core/mem.h"
#include "lib/core/options.h"
#include "lib/drivers/process.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_OUTPUT = 16 << 20 };       /* a host of many containers has many rules */
static const double answer_limit = 30; /* seconds; they take some milliseconds */
/* The first that is there. */
static const struct firewall_tool *const tools[] = { &firewall_nft, &firewall_iptables };

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
	for (;;) {
		AUTO_FREE char *word = list_take(&a);

		if (!word || !list_has(b, word))
			return !word;
	}
}

bool firewall_same(const char *a, const char *b)
{
	return within(a, b) && within(b, a);
}

bool firewall_run(const char *const *argv, const char *input, struct strbuf *out,
		  struct strbuf *errors, int *ret_status, struct err *err)
{
	const char *path = getenv("PATH");
	AUTO_FREE char *there = xasprintf("PATH=%s", path ? path : "/usr/sbin:/sbin");
	const char *env[] = { there, "LC_ALL=C", NULL };
	const struct process_options o = { .argv = argv,
					   .env = env,
					   .input = input,
					   .timeout = answer_limit,
					   .max_output = MOST_OUTPUT,
					   .errors = errors };

	if (!process_run(&o, out, ret_status, err))
		return false;
	strbuf_adds(out, "");
	strbuf_adds(errors, "");
	return true;
}

bool firewall_explain(const char *program, const char *said, struct err *err)
{
	static const char *const missing[] = { "not supported", "cache initialization failed",
					       "do you need to insmod", "No chain/target/match" };

	(void)err_set(err, ERR_IO, "%s says: %.*s", program, (int)strcspn(said, "\n"), said);
	if (strstr(said, "Operation not permitted") || strstr(said, "Permission denied")) {
		err->code = ERR_DENIED;
		return err_hint(err, "Run it as root; in a container it needs CAP_NET_ADMIN.");
	}
	for (size_t i = 0; i < ARRAY_LEN(missing); i++) {
		if (!strstr(said, missing[i]))
			continue;
		err->code = ERR_UNSUPPORTED;
		return err_hint(err, "This kernel lacks what it needs: `modprobe nf_tables`, or "
				     "ip_tables for iptables, may bring it.");
	}
	return err_hint(err, "`nft list ruleset` or `iptables -S` shows what is there.");
}

static bool is_here(const struct firewall_tool *t)
{
	return access(t->program, X_OK) == 0;
}

static const struct firewall_tool *first_tool(void)
{
	for (size_t i = 0; i < ARRAY_LEN(tools); i++)
		if (is_here(tools[i]))
			return tools[i];
	return NULL;
}

static const struct firewall_tool *find_tool(struct err *err)
{
	const struct firewall_tool *t = first_tool();

	if (t)
		return t;
	(void)err_set(err, ERR_UNSUPPORTED, "there is neither nft nor iptables in /usr/sbin");
	(void)err_hint(err, "Install nftables; without it ports cannot be closed.");
	return NULL;
}

const char *firewall_program(void)
{
	const struct firewall_tool *t = first_tool();

	return t ? t->name : "";
}

bool firewall_has(const char *name, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		if (strcmp(tools[i]->name, name) != 0 || is_here(tools[i]))
			continue;
		(void)err_set(err, ERR_UNSUPPORTED,
			      "the ports were closed by %s, which is not here any more", name);
		return err_hint(err, "Install %s again; without it nobody can tell what is closed.",
				name);
	}
	return true;
}

/* What it has of ours; one that cannot look beside the first, a kernel without its tables for one,
 * has nothing. */
static bool look_beside(const struct firewall_tool *first, const struct firewall_tool *t,
			struct firewall *ret)
{
	struct err ignored;

	return t != first && is_here(t) && t->look(ret, &ignored);
}

static bool open_beside(const struct firewall_tool *first, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		struct firewall f = { .there = false };
		bool there = look_beside(first, tools[i], &f) && f.there;

		firewall_release(&f);
		if (there && !tools[i]->open(err))
			return false;
	}
	return true;
}

bool firewall_close(const struct firewall *wished, struct err *err)
{
	const struct firewall_tool *t = find_tool(err);

	return t && t->close(wished, err) && open_beside(t, err);
}

bool firewall_open(struct err *err)
{
	const struct firewall_tool *t = find_tool(err);

	return t && t->open(err) && open_beside(t, err);
}

bool firewall_look(struct firewall *ret, struct err *err)
{
	const struct firewall_tool *first = find_tool(err);
	struct firewall f = { .there = false };

	if (!first || !first->look(&f, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		struct firewall other = { .there = false };

		if (!look_beside(first, tools[i], &other))
			continue;
		f.doubled = other.doubled = f.there && other.there;
		if (other.there && !f.closed) {
			struct firewall before = f;

			f = other;
			other = before;
		}
		firewall_release(&other);
	}
	*ret = f;
	return true;
}
