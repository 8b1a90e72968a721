/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The proofs that come before anything is written: the bytes are the ones that the digest names,
 * and PostgreSQL can hold them.  A signed schema 1 manifest is named by its payload: docker's
 * libtrust puts into each signature's protected header how many bytes of the document belong to it
 * (formatLength) and what closes it (formatTail).
 */
#include "lib/pulp/manifest.h"

#include "lib/core/base64.h"
#include "lib/drivers/hash.h"
#include "lib/drivers/json_scan.h"

#include <stdint.h>
#include <string.h>

/* RFC 7515: no padding; some writers add it.  The content of a JSON string without escapes. */
static bool base64url(const struct json_span *v, struct strbuf *out)
{
	return v->kind == JSON_STRING && !(v->flags & JSON_HAS_ESCAPE) &&
	       base64_decode(v->p + 1, v->len - 2, BASE64_URL, true, out);
}

struct payload {
	size_t length;	    /* this much of the document, */
	struct strbuf tail; /* and then this */
	bool found;
};

static bool read_length(const struct json_span *v, size_t max, size_t *ret)
{
	size_t n = 0;

	if (v->kind != JSON_INT || v->len > 18 || v->p[0] == '-')
		return false;
	for (size_t i = 0; i < v->len; i++)
		n = n * 10 + (size_t)(v->p[i] - '0');
	*ret = n;
	return n <= max;
}

/* One signature: its protected header must agree with those before it. */
static bool read_signature(const struct json_span *signature, size_t max, struct payload *payload)
{
	AUTO_STRBUF struct strbuf header = { 0 }, tail = { 0 };
	struct json_span protected, object, v;
	size_t length;

	json_span_get(signature, "protected", &protected);
	if (!base64url(&protected, &header) || !header.data ||
	    !json_span_parse(header.data, header.len, 0, &object))
		return false;
	json_span_get(&object, "formatLength", &v);
	if (!read_length(&v, max, &length))
		return false;
	json_span_get(&object, "formatTail", &v);
	if (!base64url(&v, &tail))
		return false;
	if (payload->found)
		return payload->length == length && payload->tail.len == tail.len &&
		       (tail.len == 0 || memcmp(payload->tail.data, tail.data, tail.len) == 0);
	payload->found = true;
	payload->length = length;
	strbuf_add(&payload->tail, tail.data ? tail.data : "", tail.len);
	return true;
}

static bool read_signatures(const char *data, size_t len, struct payload *payload)
{
	struct json_span document, signatures, signature;
	struct json_scan s;

	if (!json_span_parse(data, len, 0, &document))
		return false;
	json_span_get(&document, "signatures", &signatures);
	if (signatures.kind != JSON_ARRAY)
		return false;
	json_scan_init(&s, signatures.p, signatures.len, 0);
	(void)json_scan_enter(&s);
	while (json_scan_element(&s) && json_scan_value(&s, &signature))
		if (!read_signature(&signature, len, payload))
			return false;
	return payload->found;
}

static bool hash_matches(const char *hex, const void *data, size_t len)
{
	char actual[65];

	sha256_hex(data, len, actual);
	return strcmp(hex, actual) == 0;
}

static bool payload_matches(const char *hex, const char *data, size_t len)
{
	AUTO_STRBUF struct strbuf text = { 0 };
	struct payload payload = { 0 };
	bool ok = read_signatures(data, len, &payload);

	if (ok) {
		strbuf_add(&text, data, payload.length);
		strbuf_add(&text, payload.tail.data, payload.tail.len);
		ok = hash_matches(hex, text.data, text.len);
	}
	strbuf_release(&payload.tail);
	return ok;
}

bool manifest_digest_matches(const char *media_type, const char *digest, const char *data,
			     size_t len)
{
	int media = manifest_media(media_type);

	if (strncmp(digest, "sha256:", 7) != 0)
		return false;
	return hash_matches(digest + 7, data, len) || ((media == MEDIA_V1 || media == MEDIA_V1S) &&
						       payload_matches(digest + 7, data, len));
}

enum reason manifest_storable(const char *data, size_t len)
{
	if (len == 0)
		return REASON_NONE;
	if (memchr(data, '\0', len))
		return REASON_NUL_BYTE;

	const char *p = data, *end = data + len;
	while (p < end) {
		uint64_t w;
		if (end - p >= 8) {
			memcpy(&w, p, 8);
			if (!(w & UINT64_C(0x8080808080808080))) {
				p += 8;
				continue;
			}
		}
		size_t n = utf8_sequence(p, end);
		if (n == 0)
			return REASON_NOT_UTF8;
		p += n;
	}
	return REASON_NONE;
}
