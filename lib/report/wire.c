/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fields to JSON and back; wire.h says for whom. */
#include "lib/report/wire.h"
#include "lib/drivers/json.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *const quantiles[] = { "p10", "p50", "p90" };

static void add_text(struct strbuf *out, const char *s)
{
	json_quote(out, s, strlen(s));
}

/* JSON has neither infinity nor NaN; what is not a number is unknown and is left out by the caller.
 */
static void add_number(struct strbuf *out, double v)
{
	strbuf_addf(out, "%.6g", v);
}

static bool is_known(const struct field *f)
{
	if (f->kind == FIELD_TEXT)
		return f->v.text;
	if (f->kind == FIELD_REAL)
		return isfinite(f->v.real);
	if (f->kind == FIELD_RANGE)
		return isfinite(f->v.range[0]) && isfinite(f->v.range[1]) &&
		       isfinite(f->v.range[2]);
	if (f->kind == FIELD_LIST)
		return f->v.list;
	if (f->kind == FIELD_MAP)
		return f->v.map && f->v.map[0].name;
	return true;
}

static void add_value(struct strbuf *out, const struct field *f)
{
	switch (f->kind) {
	case FIELD_TEXT:
		add_text(out, f->v.text);
		break;
	case FIELD_INT:
		strbuf_addf(out, "%" PRId64, f->v.i);
		break;
	case FIELD_REAL:
		add_number(out, f->v.real);
		break;
	case FIELD_BOOL:
		strbuf_adds(out, f->v.b ? "true" : "false");
		break;
	case FIELD_LIST:
		strbuf_adds(out, "[");
		for (size_t i = 0; f->v.list[i]; i++) {
			strbuf_adds(out, i ? "," : "");
			add_text(out, f->v.list[i]);
		}
		strbuf_adds(out, "]");
		break;
	case FIELD_RANGE:
		for (int i = 0; i < 3; i++) {
			strbuf_addf(out, "%c\"%s\":", i ? ',' : '{', quantiles[i]);
			add_number(out, f->v.range[i]);
		}
		strbuf_adds(out, "}");
		break;
	case FIELD_MAP:
		for (size_t i = 0; f->v.map[i].name; i++) {
			strbuf_adds(out, i ? "," : "{");
			add_text(out, f->v.map[i].name);
			strbuf_adds(out, ":");
			add_number(out, f->v.map[i].value);
		}
		strbuf_adds(out, "}");
		break;
	case FIELD_NULL:
		strbuf_adds(out, "null");
		break;
	}
}

void wire_add(struct strbuf *out, const struct field *fields)
{
	for (; fields->key; fields++) {
		if (!is_known(fields))
			continue;
		strbuf_adds(out, out->len && out->data[out->len - 1] != '{' ? "," : "");
		add_text(out, fields->key);
		strbuf_adds(out, ":");
		add_value(out, fields);
	}
}

/* Nothing that we measure is negative, or beyond what an int64 holds. */
static bool read_number(const struct json *v, double *ret)
{
	return json_real(v, ret) && *ret >= 0 && *ret < 1e18;
}

struct reading {
	struct wire *wire;
	size_t n;
};

static void read_member(void *arg, const char *key, const struct json *value)
{
	struct reading *r = arg;
	double number;

	if (r->n < WIRE_NAMES && read_number(value, &number))
		r->wire->names[r->n++] = (struct named){ key, number };
}

/* One field at most is a map. */
static bool read_map(const struct json *v, const char *key, struct wire *w, struct field *ret)
{
	struct reading r = { .wire = w };

	json_each(v, read_member, &r);
	w->names[r.n] = (struct named){ NULL, 0 };
	*ret = (struct field){ .key = key, .kind = FIELD_MAP, .v.map = w->names };
	return r.n > 0;
}

static bool read_value(const struct json *v, const struct field_doc *doc, struct wire *w,
		       struct field *ret)
{
	double number;
	bool flag;

	switch (doc->type) {
	case TYPE_TEXT:
		*ret = (struct field)F_TEXT(doc->key, json_text(v));
		return ret->v.text;
	case TYPE_COUNT:
		*ret = (struct field)F_INT(doc->key, read_number(v, &number) ? number : -1);
		return ret->v.i >= 0;
	case TYPE_NUMBER:
		*ret = (struct field)F_REAL(doc->key, read_number(v, &number) ? number : NAN);
		return isfinite(ret->v.real);
	case TYPE_BOOL:
		*ret = (struct field)F_BOOL(doc->key, json_bool(v, &flag) && flag);
		return json_bool(v, &flag);
	case TYPE_RANGE:
		*ret = (struct field){ .key = doc->key, .kind = FIELD_RANGE };
		for (int i = 0; i < 3; i++)
			if (!read_number(json_get(v, quantiles[i]), &ret->v.range[i]))
				return false;
		return true;
	case TYPE_MAP:
		return read_map(v, doc->key, w, ret);
	case TYPE_LIST:
		return false; /* no event that travels has one */
	}
	return false;
}

bool wire_read(const char *event, const char *text, struct wire *ret)
{
	const struct event_doc *e = event_docs;
	struct err why;
	size_t n = 0;

	*ret = (struct wire){ 0 };
	while (e->name && strcmp(e->name, event) != 0)
		e++;
	if (!e->name || !json_parse(text, strlen(text), &ret->tree, &why))
		return false;
	for (const struct field_doc *d = e->fields; d->key && n < WIRE_FIELDS; d++) {
		const struct json *v = json_get(ret->tree, d->key);
		if (v && json_is_null(v) && d->flags & FIELD_NULLABLE)
			ret->fields[n++] = (struct field)F_NULL(d->key);
		else if (v && read_value(v, d, ret, &ret->fields[n]))
			n++;
	}
	ret->fields[n] = (struct field)F_END;
	return true;
}

void wire_release(struct wire *w)
{
	json_free(w->tree);
	*w = (struct wire){ 0 };
}
