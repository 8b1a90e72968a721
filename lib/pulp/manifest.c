/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The conclusions: which columns a manifest's bytes give, in the order and with the truth values of
 * pulp_container's own command (2.22 and later; 2.20 and 2.21 where the level has no type).  Where
 * that would die or skip, a map of the wrong shape (labels, annotations) holds nothing, while a
 * required key that is absent or unreadable leaves unknown what follows from it.
 */
#include "lib/pulp/manifest.h"

#include "lib/pulp/manifest_facts.h"
#include "lib/pulp/python_text.h"

#include <string.h>

static const char *const media_types[] = {
	[MEDIA_V1] = "application/vnd.docker.distribution.manifest.v1+json",
	[MEDIA_V1S] = "application/vnd.docker.distribution.manifest.v1+prettyjws",
	[MEDIA_V2] = "application/vnd.docker.distribution.manifest.v2+json",
	[MEDIA_ML] = "application/vnd.docker.distribution.manifest.list.v2+json",
	[MEDIA_OM] = "application/vnd.oci.image.manifest.v1+json",
	[MEDIA_OI] = "application/vnd.oci.image.index.v1+json",
};

struct work {
	const struct manifest_in *in;
	struct manifest_out *out;
	int media;
	bool is_list;
	struct manifest_facts doc;
	enum reason doc_reason; /* why the document says nothing */
	bool config_read;
	enum reason config_reason;
	struct config_facts config;
	struct strbuf config_text; /* the configuration in UTF-8 where it was not */
	struct map_facts annotations, labels;
	/* Slices of out->own, which moves while it grows: set at the end. */
	struct {
		struct slice *slice;
		size_t from;
	} owned[4];
	int n_owned;
};

static void partial(struct work *w, enum reason reason, unsigned fields)
{
	if (w->out->reason == REASON_NONE)
		w->out->reason = reason;
	w->out->missing |= fields;
}

static void own_slice(struct work *w, struct slice *slice, size_t from)
{
	slice->len = w->out->own.len - from;
	w->owned[w->n_owned].slice = slice;
	w->owned[w->n_owned++].from = from;
}

/* Does the span lie in the caller's bytes, and not in our copy of the configuration? */
static bool lasts(const struct work *w, const struct json_span *v)
{
	return w->config_text.len == 0 || v->p < w->config_text.data ||
	       v->p >= w->config_text.data + w->config_text.len;
}

/* The value for a jsonb column: the caller's bytes where both sides read them alike. */
static bool store_json(struct work *w, const struct json_span *v, struct slice *ret)
{
	const unsigned unlike =
		JSON_HAS_NUL | JSON_HAS_HALF | JSON_HAS_REAL | JSON_HAS_NOT_FINITE | JSON_HAS_HUGE;
	size_t from = w->out->own.len;

	if (!(v->flags & unlike) && lasts(w, v)) {
		*ret = (struct slice){ v->p, v->len };
		return true;
	}
	if (!python_json(v, &w->out->own))
		return false;
	own_slice(w, ret, from);
	return true;
}

/* The value for a text column, as Django's TextField makes text of anything. */
static bool store_text(struct work *w, const struct json_span *v, struct slice *ret)
{
	struct strbuf *own = &w->out->own;
	size_t from = own->len;

	*ret = (struct slice){ 0 };
	if (v->kind == JSON_ABSENT || v->kind == JSON_NULL)
		return true;
	if (v->kind != JSON_STRING) {
		if (!python_str(v, own))
			return false;
	} else if (v->flags & (JSON_HAS_NUL | JSON_HAS_HALF)) {
		return false;
	} else if (!(v->flags & JSON_HAS_ESCAPE) && lasts(w, v)) {
		*ret = (struct slice){ v->p + 1, v->len - 2 };
		return true;
	} else {
		json_span_text(v, own);
	}
	own_slice(w, ret, from);
	return true;
}

static bool column_is_empty(const struct slice *column)
{
	struct json_span v;

	return !column->p || !json_span_parse(column->p, column->len, 0, &v) || !json_span_true(&v);
}

static void column_facts(const struct slice *column, struct map_facts *ret)
{
	struct json_span v = { 0 };

	if (column->p)
		(void)json_span_parse(column->p, column->len, 0, &v);
	map_facts_read(&v, ret);
}

static enum reason document_reason(enum document d, enum reason not_json, enum reason not_object)
{
	return d == DOCUMENT_NOT_JSON	  ? not_json
	       : d == DOCUMENT_NOT_OBJECT ? not_object
					  : REASON_NONE;
}

static void read_config(struct work *w)
{
	const struct manifest_in *in = w->in;

	if (w->config_read)
		return;
	w->config_read = true;
	w->config_reason = in->config_problem;
	if (in->config_problem != REASON_NONE)
		return;
	if (in->config.len && python_decode(in->config.p, in->config.len, &w->config_text)) {
		config_facts_read(w->config_text.data, w->config_text.len, JSON_SURROGATES,
				  &w->config);
	} else {
		strbuf_clear(&w->config_text);
		config_facts_read(in->config.p, in->config.len, JSON_BOM | JSON_SURROGATES,
				  &w->config);
	}
	w->config_reason = document_reason(w->config.document, REASON_CONFIG_NOT_JSON,
					   REASON_CONFIG_NOT_OBJECT);
}

static void derive_annotations(struct work *w)
{
	const struct json_span *v = &w->doc.annotations;
	struct manifest_out *out = w->out;

	if (w->doc.document != DOCUMENT_OBJECT) {
		w->annotations.unknown = w->doc.document == DOCUMENT_NOT_JSON;
		partial(w, w->doc_reason, FIELD_BIT_ANNOTATIONS);
		return;
	}
	map_facts_read(v, &w->annotations);
	if (v->kind == JSON_ABSENT) {
		out->annotations = (struct slice){ "{}", 2 };
	} else if (v->kind == JSON_NULL || (v->kind != JSON_OBJECT && !w->is_list)) {
		partial(w, REASON_ANNOTATIONS_NOT_OBJECT, FIELD_BIT_ANNOTATIONS);
		return;
	} else if (!store_json(w, v, &out->annotations)) {
		partial(w, REASON_ANNOTATIONS_NOT_STORABLE, FIELD_BIT_ANNOTATIONS);
		return;
	}
	out->set_annotations = true;
}

static void derive_labels(struct work *w)
{
	const struct json_span *v = &w->config.labels;
	struct manifest_out *out = w->out;

	read_config(w);
	if (w->config_reason != REASON_NONE) {
		w->labels.unknown = w->in->config_problem != REASON_NONE;
		partial(w, w->config_reason, FIELD_BIT_LABELS);
		return;
	}
	if (w->config.config.kind != JSON_ABSENT && w->config.config.kind != JSON_OBJECT) {
		partial(w, REASON_CONFIG_SECTION_NOT_OBJECT, FIELD_BIT_LABELS);
		return;
	}
	map_facts_read(v, &w->labels);
	if (!json_span_true(v)) {
		out->labels = (struct slice){ "{}", 2 };
	} else if (v->kind != JSON_OBJECT && !w->is_list && !w->annotations.bootc) {
		partial(w, REASON_LABELS_NOT_OBJECT, FIELD_BIT_LABELS);
		return;
	} else if (!store_json(w, v, &out->labels)) {
		partial(w, REASON_LABELS_NOT_STORABLE, FIELD_BIT_LABELS);
		return;
	}
	out->set_labels = true;
}

/* Can Python's `for` run over the manifest's layers?  An empty string or object has no layers. */
static bool layers_listed(const struct manifest_facts *doc)
{
	enum json_kind kind = doc->layers.kind;

	return kind == JSON_ARRAY ||
	       ((kind == JSON_STRING || kind == JSON_OBJECT) && doc->layers.empty);
}

/* The type by the manifest's own keys, once labels and annotations have said nothing. */
static const char *structure_type(struct work *w, enum reason *why)
{
	const struct manifest_facts *doc = &w->doc;

	*why = w->doc_reason;
	if (w->doc_reason != REASON_NONE)
		return NULL;
	*why = REASON_CONFIG_DESCRIPTOR_INCOMPLETE;
	if (doc->config.kind != JSON_ABSENT && doc->config.kind != JSON_OBJECT)
		return NULL;
	if (json_span_is(&doc->config_type, "application/vnd.cncf.helm.config.v1+json"))
		return "helm";
	if (doc->layers.kind != JSON_ABSENT) {
		*why = layers_listed(doc) ? REASON_LAYER_INCOMPLETE : REASON_LAYERS_MISSING;
		if (*why == REASON_LAYERS_MISSING || doc->layer_without_type)
			return NULL;
		if (doc->signature)
			return doc->signature;
	}
	if (w->media == MEDIA_OM) {
		const struct json_span *type = &doc->config_type;
		*why = REASON_CONFIG_DESCRIPTOR_INCOMPLETE;
		if (json_span_true(&doc->artifact_type))
			return "artifact";
		if (type->kind == JSON_ABSENT)
			return NULL;
		if (json_span_is(type, "application/vnd.oci.empty.v1+json") ||
		    !manifest_known_blob(type))
			return "artifact";
	}
	*why = REASON_UNKNOWN_MEDIA_TYPE;
	return w->media == MEDIA_OTHER ? NULL : "image";
}

static void derive_type(struct work *w)
{
	struct manifest_out *out = w->out;
	const char *type = NULL;
	enum reason why = REASON_NONE;
	bool unknown = w->annotations.unknown || w->labels.unknown;

	if (w->is_list) {
		type = "index"; /* is_bootable and is_flatpak come from the children's rows */
	} else if (w->annotations.bootc || w->labels.bootc) {
		out->is_bootable = true;
		type = "bootable";
	} else if (!unknown && w->labels.flatpak) {
		out->is_flatpak = true;
		type = "flatpak";
	} else if (w->in->level_type && !w->in->has_type) {
		if (!unknown)
			type = structure_type(w, &why);
		else
			why = w->annotations.unknown ? w->doc_reason : w->config_reason;
		if (!type)
			partial(w, why, FIELD_BIT_TYPE);
	}
	if (!w->in->level_type || !type)
		return;
	/* Only a refill sees a row that has a type. */
	if (!w->in->has_type || out->is_bootable || out->is_flatpak) {
		out->type = type;
		out->set_type = true;
	}
}

static void derive_platform(struct work *w)
{
	const struct json_span *architecture = &w->doc.architecture, *os = &w->doc.os;
	struct manifest_out *out = w->out;

	if (!json_span_true(architecture) && !json_span_true(os)) {
		if (!w->in->has_config)
			return;
		read_config(w);
		if (w->config_reason != REASON_NONE) {
			partial(w, w->config_reason, FIELD_BIT_ARCHITECTURE | FIELD_BIT_OS);
			return;
		}
		architecture = &w->config.architecture;
		os = &w->config.os;
	}
	if (!store_text(w, architecture, &out->architecture))
		partial(w, REASON_PLATFORM_NOT_STORABLE, FIELD_BIT_ARCHITECTURE);
	if (!store_text(w, os, &out->os))
		partial(w, REASON_PLATFORM_NOT_STORABLE, FIELD_BIT_OS);
}

/* The sum as the column takes it.  Python's int() cuts a fraction off towards zero. */
static enum reason round_size(const struct size_sum *sum, bool is_int4, int64_t *ret)
{
	const double limit = 9223372036854775808.0; /* 2^63 */
	bool fits = sum->is_real ? sum->real >= -limit && sum->real < limit
				 : sum->whole >= INT64_MIN && sum->whole <= INT64_MAX;

	if (sum->overflow || !fits)
		return is_int4 ? REASON_SIZE_INT4 : REASON_SIZE_OVERFLOW;
	/* Compared before it is cut off: 2147483647.5 is too large for upstream as well. */
	if (is_int4 && (sum->is_real ? sum->real > INT32_MAX || sum->real <= INT32_MIN - 1.0
				     : sum->whole > INT32_MAX || sum->whole < INT32_MIN))
		return REASON_SIZE_INT4;
	*ret = sum->is_real ? (int64_t)sum->real : (int64_t)sum->whole;
	return REASON_NONE;
}

static void derive_size(struct work *w)
{
	const struct manifest_facts *doc = &w->doc;
	enum reason why;

	if (json_span_true(&doc->fs_layers))
		return; /* schema 1 does not know sizes: 0 */
	if (!layers_listed(doc))
		why = REASON_LAYERS_MISSING;
	else if (doc->sizes.incomplete)
		why = REASON_LAYER_INCOMPLETE;
	else
		why = round_size(&doc->sizes, w->in->size_is_int4, &w->out->size);
	if (why == REASON_NONE)
		return;
	w->out->size_null = true;
	partial(w, why, FIELD_BIT_SIZE);
}

static void derive_oas(struct work *w)
{
	if (w->doc_reason != REASON_NONE) {
		partial(w, w->doc_reason, FIELD_BIT_ARCHITECTURE | FIELD_BIT_OS | FIELD_BIT_SIZE);
		return;
	}
	w->out->set_oas = true;
	derive_platform(w);
	derive_size(w);
}

static void read_document(struct work *w)
{
	const struct manifest_in *in = w->in;

	manifest_facts_read(in->data.p, in->data.len, &w->doc);
	w->doc_reason = document_reason(w->doc.document, REASON_MANIFEST_NOT_JSON,
					REASON_MANIFEST_NOT_OBJECT);
	if (in->data_is_new && w->doc.document == DOCUMENT_NOT_JSON)
		partial(w, w->doc_reason, 0);
	/* Annotations are read from bytes, where Python steps over a mark; the rest from text. */
	if (w->doc.bom && w->doc.document == DOCUMENT_OBJECT)
		w->doc_reason = REASON_MANIFEST_NOT_JSON;
}

void manifest_classify(const struct manifest_in *in, struct manifest_out *out)
{
	struct work w = { .in = in, .out = out };
	struct strbuf own = out->own;
	bool no_annotations = column_is_empty(&in->annotations);
	bool no_labels = column_is_empty(&in->labels);

	strbuf_clear(&own);
	*out = (struct manifest_out){ .own = own };
	w.media = manifest_media(in->media_type);
	w.is_list = w.media == MEDIA_ML || w.media == MEDIA_OI;

	bool fresh = in->data_is_new && no_annotations && no_labels && !in->has_type;
	bool annotations = (w.media == MEDIA_OM || w.media == MEDIA_OI) &&
			   (fresh || (in->refill && no_annotations));
	bool labels = in->has_config && (fresh || (in->refill && no_labels));
	bool type = in->refill || (in->level_type ? !in->has_type : fresh);
	bool oas = in->level_type && !w.is_list && !in->has_oas;

	if (in->data_is_new || annotations || (type && !w.is_list) || oas)
		read_document(&w);
	if (annotations)
		derive_annotations(&w);
	else
		column_facts(&in->annotations, &w.annotations);
	if (labels)
		derive_labels(&w);
	else
		column_facts(&in->labels, &w.labels);
	if (type)
		derive_type(&w);
	if (oas)
		derive_oas(&w);
	for (int i = 0; i < w.n_owned; i++)
		w.owned[i].slice->p = out->own.data + w.owned[i].from;
	strbuf_release(&w.config_text);
}

const char *manifest_media_text(int media)
{
	return media < MEDIA_OTHER ? media_types[media] : NULL;
}

int manifest_media(const char *media_type)
{
	int media = 0;

	while (media < MEDIA_OTHER && strcmp(media_type, media_types[media]) != 0)
		media++;
	return media;
}

bool manifest_is_list(const char *media_type)
{
	int media = manifest_media(media_type);

	return media == MEDIA_ML || media == MEDIA_OI;
}
