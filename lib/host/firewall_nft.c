/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table, by nft.  Port translation for a container happens before either chain, hence the look
 * at the port that the connection was made to.  Elements with a timeout leave the set by the
 * kernel's own clock, and with the last of them the site is open.
 */
#include "lib/core/list.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/json.h"
#include "lib/host/firewall_tool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TABLE "plmaint_maintenance"
enum { HOOKS = 2, RULES = 9 /* of the chains */ };
static const char program[] = "/usr/sbin/nft";

/* A hook before that of other firewalls: what they accept is not accepted for us. */
static const char chains[] =
	"	chain closed {\n"
	"		iifname \"lo\" accept\n"
	"		ip saddr @allowed4 accept\n"
	"		ip6 saddr @allowed6 accept\n"
	"		meta l4proto tcp reject with tcp reset\n"
	"	}\n"
	"	chain input {\n"
	"		type filter hook input priority -150; policy accept;\n"
	"		ct direction reply accept\n"
	"		tcp dport @ports jump closed\n"
	"		meta l4proto tcp ct original proto-dst @ports jump closed\n"
	"	}\n"
	"	chain forward {\n"
	"		type filter hook forward priority -150; policy accept;\n"
	"		ct direction reply accept\n"
	"		meta l4proto tcp ct status dnat ct original proto-dst @ports jump closed\n"
	"	}\n";

static bool feed(const char *script, struct err *err)
{
	AUTO_STRBUF struct strbuf out = { 0 }, errors = { 0 };
	int status = 0;

	if (!firewall_run((const char *const[]){ program, "-f", "-", NULL }, script, &out, &errors,
			  &status, err))
		return false;
	return status == 0 || firewall_explain("nft", errors.data, err);
}

/* The words of a list that have the character, or have it not, as elements of a set. */
static void add_set(struct strbuf *out, const char *name, const char *type, const char *words,
		    bool v6)
{
	bool any = false;
	size_t len;

	strbuf_addf(out, "	set %s { type %s; flags interval; auto-merge;", name, type);
	for (const char *at; list_next(&words, &at, &len);) {
		if ((memchr(at, ':', len) != NULL) == v6) {
			strbuf_addf(out, "%s%.*s", any ? ", " : " elements = { ", (int)len, at);
			any = true;
		}
	}
	strbuf_adds(out, any ? " } }\n" : " }\n");
}

static void add_ports(struct strbuf *out, const struct firewall *f)
{
	size_t len;

	strbuf_adds(out, "	set ports { type inet_service; flags timeout; elements = { ");
	for (const char *at, *rest = f->ports; list_next(&rest, &at, &len);) {
		strbuf_addf(out, "%s%.*s", at == f->ports ? "" : ", ", (int)len, at);
		if (f->seconds > 0)
			strbuf_addf(out, " timeout %.0fs", ceil(f->seconds));
	}
	strbuf_adds(out, " } }\n");
}

static bool close_all(const struct firewall *wished, struct err *err)
{
	AUTO_STRBUF struct strbuf script = { 0 };

	/* What is deleted must be there; what is there may be made again. */
	strbuf_adds(&script,
		    "table inet " TABLE "\ndelete table inet " TABLE "\ntable inet " TABLE " {\n");
	add_ports(&script, wished);
	add_set(&script, "allowed4", "ipv4_addr", wished->allowed, false);
	add_set(&script, "allowed6", "ipv6_addr", wished->allowed, true);
	strbuf_addf(&script, "%s}\n", chains);
	return feed(script.data, err);
}

static bool open_all(struct err *err)
{
	return feed("table inet " TABLE "\ndelete table inet " TABLE "\n", err);
}

static void add_word(struct strbuf *out, const char *word)
{
	strbuf_addf(out, "%s%s", out->len ? "," : "", word);
}

static void read_port(const struct json *v, struct firewall *f, struct strbuf *ports)
{
	const struct json *timed = json_get(v, "elem");
	long port = 0, left = 0;
	char word[16];

	if (!json_long(timed ? json_get(timed, "val") : v, &port))
		return;
	/* In whole seconds, rounded down: the last one has begun. */
	if (timed && json_long(json_get(timed, "expires"), &left))
		f->seconds = fmax(f->seconds, (double)left + 1.0);
	(void)snprintf(word, sizeof(word), "%ld", port);
	add_word(ports, word);
}

static void read_network(const struct json *v, struct strbuf *allowed)
{
	const struct json *range = json_get(v, "range");
	const char *address = json_text(json_get(v, "prefix.addr"));
	AUTO_FREE char *word = NULL;
	long bits = 0;

	if (json_text(v))
		word = xstrdup(json_text(v));
	else if (address && json_long(json_get(v, "prefix.len"), &bits))
		word = xasprintf("%s/%ld", address, bits);
	else if (json_text(json_at(range, 0)) && json_text(json_at(range, 1)))
		word = xasprintf("%s-%s", json_text(json_at(range, 0)),
				 json_text(json_at(range, 1)));
	if (word)
		add_word(allowed, word);
}

static void read_set(const struct json *set, struct firewall *f, struct strbuf *ports,
		     struct strbuf *allowed)
{
	const struct json *elements = json_get(set, "elem");
	const char *name = json_text(json_get(set, "name"));

	for (size_t i = 0; name && i < json_count(elements); i++) {
		if (strcmp(name, "ports") == 0)
			read_port(json_at(elements, i), f, ports);
		else
			read_network(json_at(elements, i), allowed);
	}
}

static void read_table(const struct json *tree, struct firewall *f)
{
	AUTO_STRBUF struct strbuf ports = { 0 }, allowed = { 0 };
	const struct json *all = json_get(tree, "nftables");
	size_t hooks = 0, rules = 0;

	for (size_t i = 0; i < json_count(all); i++) {
		const struct json *one = json_at(all, i), *set = json_get(one, "set");

		if (set)
			read_set(set, f, &ports, &allowed);
		hooks += json_get(one, "chain.hook") != NULL;
		rules += json_get(one, "rule") != NULL;
	}
	/* A table that somebody took something out of closes nothing for sure. */
	f->there = true;
	f->closed = ports.len > 0 && hooks == HOOKS && rules == RULES;
	f->ports = strbuf_take(&ports);
	f->allowed = strbuf_take(&allowed);
}

static bool look(struct firewall *ret, struct err *err)
{
	AUTO_STRBUF struct strbuf out = { 0 }, errors = { 0 };
	struct firewall f = { .there = false };
	struct json *tree = NULL;
	int status = 0;

	if (!firewall_run(
		    (const char *const[]){ program, "-j", "list", "table", "inet", TABLE, NULL },
		    NULL, &out, &errors, &status, err))
		return false;
	if (status != 0 && !strstr(errors.data, "No such file or directory"))
		return firewall_explain("nft", errors.data, err);
	if (status == 0) {
		if (!json_parse(out.data, out.len, &tree, err))
			return err_wrap(err, "what nft says of its table");
		read_table(tree, &f);
		json_free(tree);
	}
	*ret = f;
	return true;
}

const struct firewall_tool firewall_nft = {
	.name = "nft",
	.program = program,
	.close = close_all,
	.open = open_all,
	.look = look,
};
