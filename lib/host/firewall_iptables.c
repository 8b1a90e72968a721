/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The same by iptables, on hosts without nft: a chain of our own in the filter table of each
 * family, each family in one transaction, entered before all other rules.  Where there is an end,
 * the rules have its date, which the kernel compares with its clock.
 */
#include "lib/core/clock.h"
#include "lib/core/list.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/host/firewall_tool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHAIN "PLMAINT-MAINTENANCE"
#define OF_CHAIN "-A " CHAIN " "
enum { JUMPS = 2 };
/* What is only routed here is another host's; what was translated for a container is ours. */
static const struct jump {
	const char *hook, *rule;
} jumps[JUMPS] = {
	{ "INPUT", "INPUT -j " CHAIN },
	{ "FORWARD", "FORWARD -m conntrack --ctstate DNAT -j " CHAIN },
};

static const struct family {
	const char *list, *restore;
	bool v6;
} families[] = {
	{ "/usr/sbin/iptables", "/usr/sbin/iptables-restore", false },
	{ "/usr/sbin/ip6tables", "/usr/sbin/ip6tables-restore", true },
};

/* One family's chain as it is. */
struct chain {
	bool there;
	size_t rules[JUMPS]; /* of the hook, as far as they were read */
	bool entered[JUMPS]; /* by our jump, wherever it stands */
	bool first[JUMPS];   /* it stands before all others */
	size_t ports, rejects;
	struct strbuf port_words;
	char *allowed;
	double until; /* clock_wall(); 0: no end */
};

static void chain_release(struct chain *c)
{
	strbuf_release(&c->port_words);
	free(c->allowed);
}

static bool is_here(const struct family *f)
{
	return !f->v6 || access("/proc/net/if_inet6", F_OK) == 0;
}

/* The word behind an option of a rule; caller frees, NULL: it has none. */
static char *value_of(const char *rule, const char *option)
{
	const char *at = strstr(rule, option);

	return at ? xstrndup(at + strlen(option), strcspn(at + strlen(option), " ")) : NULL;
}

static double end_of(const char *rule)
{
	AUTO_FREE char *date = value_of(rule, "--datestop ");
	struct tm tm = { .tm_isdst = 0 };

	return date && strptime(date, "%Y-%m-%dT%H:%M:%S", &tm) ? (double)timegm(&tm) : 0;
}

static void read_jump(const char *rule, struct chain *c)
{
	for (size_t i = 0; i < JUMPS; i++) {
		size_t len = strlen(jumps[i].hook);

		if (strncmp(rule, jumps[i].hook, len) != 0 || rule[len] != ' ')
			continue;
		if (strcmp(rule, jumps[i].rule) == 0) {
			c->entered[i] = true;
			c->first[i] |= c->rules[i] == 0;
		}
		c->rules[i]++;
	}
}

static bool read_rule(const char *rule, struct chain *c, struct err *err)
{
	AUTO_FREE char *network = NULL, *port = NULL;

	c->there |= strcmp(rule, "-N " CHAIN) == 0;
	if (strncmp(rule, OF_CHAIN, strlen(OF_CHAIN)) != 0) {
		if (strncmp(rule, "-A ", 3) == 0)
			read_jump(rule + 3, c);
		return true;
	}
	network = value_of(rule, " -s ");
	port = value_of(rule, "--ctorigdstport ");
	c->rejects += strstr(rule, "-j REJECT") != NULL;
	c->until = fmax(c->until, end_of(rule));
	if (port) {
		strbuf_addf(&c->port_words, "%s%s", c->ports ? "," : "", port);
		c->ports++;
	}
	return !network || firewall_allow(&c->allowed, network, err);
}

static bool read_chain(const struct family *f, struct chain *c, struct err *err)
{
	const char *const argv[] = { f->list, "-w", "10", "-S", NULL };
	AUTO_STRBUF struct strbuf out = { 0 }, errors = { 0 };
	char *rest = NULL;
	int status = 0;

	if (!firewall_run(argv, NULL, &out, &errors, &status, err))
		return false;
	if (status != 0)
		return firewall_explain("iptables", errors.data, err);
	for (char *rule = strtok_r(out.data, "\n", &rest); rule; rule = strtok_r(NULL, "\n", &rest))
		if (!read_rule(rule, c, err))
			return false;
	return true;
}

static bool feed(const struct family *f, const char *script, struct err *err)
{
	const char *const argv[] = { f->restore, "-w", "10", "--noflush", NULL };
	AUTO_STRBUF struct strbuf out = { 0 }, errors = { 0 };
	int status = 0;

	if (!firewall_run(argv, script, &out, &errors, &status, err))
		return false;
	return status == 0 || firewall_explain("iptables-restore", errors.data, err);
}

static void leave(const struct chain *now, struct strbuf *script)
{
	for (size_t i = 0; i < JUMPS; i++)
		if (now->entered[i])
			strbuf_addf(script, "-D %s\n", jumps[i].rule);
}

static void add_networks(struct strbuf *script, const char *words, bool v6)
{
	size_t len;

	for (const char *at; list_next(&words, &at, &len);)
		if ((memchr(at, ':', len) != NULL) == v6)
			strbuf_addf(script, OF_CHAIN "-s %.*s -j RETURN\n", (int)len, at);
}

/* The second rule of a port is for what no connection is kept of. */
static void add_ports(struct strbuf *script, const char *words, const char *end)
{
	static const char reject[] = "-j REJECT --reject-with tcp-reset";
	size_t len;

	for (const char *at; list_next(&words, &at, &len);) {
		strbuf_addf(script, OF_CHAIN "-p tcp -m conntrack --ctorigdstport %.*s%s %s\n",
			    (int)len, at, end, reject);
		strbuf_addf(script,
			    OF_CHAIN "-p tcp -m addrtype --dst-type LOCAL -m tcp --dport %.*s%s "
				     "%s\n",
			    (int)len, at, end, reject);
	}
}

static bool close_family(const struct family *f, const struct firewall *wished, const char *end,
			 struct err *err)
{
	AUTO_STRBUF struct strbuf script = { 0 };
	struct chain now = { .there = false };
	bool ok = read_chain(f, &now, err);

	/* A chain that is named is emptied. */
	strbuf_adds(&script, "*filter\n:" CHAIN " - [0:0]\n");
	leave(&now, &script);
	strbuf_adds(&script,
		    OF_CHAIN "-i lo -j RETURN\n" OF_CHAIN "-m conntrack --ctdir REPLY -j RETURN\n");
	add_networks(&script, wished->allowed, f->v6);
	add_ports(&script, wished->ports, end);
	for (size_t i = 0; i < JUMPS; i++)
		strbuf_addf(&script, "-I %s\n", jumps[i].rule);
	strbuf_adds(&script, "COMMIT\n");
	chain_release(&now);
	return ok && feed(f, script.data, err);
}

static bool close_all(const struct firewall *wished, struct err *err)
{
	time_t at = (time_t)ceil(clock_wall() + wished->seconds);
	char end[64] = "";
	struct tm tm;

	if (wished->seconds > 0 && gmtime_r(&at, &tm))
		(void)strftime(end, sizeof(end), " -m time --datestop %Y-%m-%dT%H:%M:%S", &tm);
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		if (is_here(&families[i]) && !close_family(&families[i], wished, end, err))
			return false;
	return true;
}

static bool open_family(const struct family *f, struct err *err)
{
	AUTO_STRBUF struct strbuf script = { 0 };
	struct chain now = { .there = false };
	bool ok = read_chain(f, &now, err);

	strbuf_adds(&script, "*filter\n");
	leave(&now, &script);
	strbuf_adds(&script, "-F " CHAIN "\n-X " CHAIN "\nCOMMIT\n");
	chain_release(&now);
	return ok && (!now.there || feed(f, script.data, err));
}

static bool open_all(struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		if (is_here(&families[i]) && !open_family(&families[i], err))
			return false;
	return true;
}

static bool is_whole(const struct chain *c)
{
	return c->there && c->first[0] && c->first[1] && c->ports > 0 &&
	       c->rejects == 2 * c->ports && (c->until <= 0 || c->until > clock_wall());
}

/* Both families must say the same; the first one's words are taken. */
static void fold(struct chain *c, bool first, struct firewall *f)
{
	AUTO_FREE char *ports = strbuf_take(&c->port_words);

	f->there |= c->there;
	f->closed = is_whole(c) && (first || (f->closed && firewall_same(f->ports, ports)));
	if (c->until > 0)
		f->seconds = fmax(c->until - clock_wall(), 0);
	if (first)
		f->ports = TAKE(ports);
	if (c->allowed) {
		AUTO_FREE char *old = f->allowed;

		f->allowed = old ? xasprintf("%s,%s", old, c->allowed) : xstrdup(c->allowed);
	}
}

static bool look(struct firewall *ret, struct err *err)
{
	struct firewall f = { .there = false };
	bool ok = true;

	for (size_t i = 0; ok && i < ARRAY_LEN(families); i++) {
		struct chain c = { .there = false };

		if (!is_here(&families[i]))
			continue;
		ok = read_chain(&families[i], &c, err);
		if (ok)
			fold(&c, i == 0, &f);
		chain_release(&c);
	}
	if (ok)
		*ret = f;
	else
		firewall_release(&f);
	return ok;
}

const struct firewall_tool firewall_iptables = {
	.name = "iptables",
	.program = "/usr/sbin/iptables",
	.close = close_all,
	.open = open_all,
	.look = look,
};
