/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One object of JSON, a member for each text and number of struct place. */
#include "lib/pulp/settings_kept.h"

#include "lib/core/mem.h"
#include "lib/core/state.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/json.h"

#include <stddef.h>
#include <string.h>

static const char dir[] = "/run/plmaint", file[] = "pulp.json";
enum { MOST_BYTES = 64 << 10 };

#define AT(member)                                      \
	{                                               \
#member, offsetof(struct place, member) \
	}
static const struct member {
	const char *name;
	size_t offset;
} texts[] = { AT(conninfo),   AT(conninfo_source), AT(settings_source), AT(settings_inside),
	      AT(media_root), AT(storage_class),   AT(redis_url),	AT(encryption_key) },
  numbers[] = { AT(api_ttl), AT(content_ttl), AT(worker_ttl) };
#undef AT

static char **text_at(struct place *p, const struct member *m)
{
	return (char **)(void *)((char *)p + m->offset);
}

static double *number_at(struct place *p, const struct member *m)
{
	return (double *)(void *)((char *)p + m->offset);
}

bool settings_keep(const struct place *place, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, file);
	AUTO_STRBUF struct strbuf out = { 0 };
	struct place p = *place;

	if (!p.settings_inside)
		return true;
	strbuf_addf(&out, "{\"cache_enabled\":%s,\"domain_enabled\":%d",
		    p.cache_enabled ? "true" : "false", p.domain_enabled);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		strbuf_addf(&out, ",\"%s\":%.3f", numbers[i].name, *number_at(&p, &numbers[i]));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const char *text = *text_at(&p, &texts[i]);

		if (!text)
			continue;
		strbuf_addf(&out, ",\"%s\":", texts[i].name);
		json_quote(&out, text, strlen(text));
	}
	strbuf_adds(&out, "}\n");
	bool ok = state_dir_make(dir, err) && fs_write_atomic(path, out.data, out.len, 0600, err);
	explicit_bzero(out.data, out.len);
	return ok;
}

static void take(const struct json *all, struct place *ret)
{
	long domains = -1;

	*ret = (struct place){ .domain_enabled = -1 };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const char *text = json_text(json_get(all, texts[i].name));

		*text_at(ret, &texts[i]) = text ? xstrdup(text) : NULL;
	}
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		(void)json_real(json_get(all, numbers[i].name), number_at(ret, &numbers[i]));
	(void)json_bool(json_get(all, "cache_enabled"), &ret->cache_enabled);
	if (json_long(json_get(all, "domain_enabled"), &domains))
		ret->domain_enabled = (int)domains;
}

bool settings_kept(struct place *ret)
{
	AUTO_FREE char *text = xmalloc(MOST_BYTES);
	struct json *all = NULL;
	struct err err;
	bool found;

	if (!state_read(dir, file, text, MOST_BYTES, &found, &err) || !found)
		return false;
	bool ok =
		json_parse(text, strlen(text), &all, &err) && json_text(json_get(all, "conninfo"));
	if (ok)
		take(all, ret);
	json_free(all);
	explicit_bzero(text, MOST_BYTES);
	return ok;
}

bool settings_forget(struct err *err)
{
	return state_remove(dir, file, err);
}
