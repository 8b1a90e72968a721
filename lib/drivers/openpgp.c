/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets are taken apart as far as their signatures.  gpg compresses what it signs, so the packets
 * are usually inside of one; libarchive unpacks it, as a gzip file that was given its header here,
 * since it does not look at the sum in the end of one.
 */
#include "lib/drivers/openpgp.h"

#include "lib/core/base64.h"
#include "lib/core/strbuf.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <string.h>

enum { MOST_BYTES = 4 << 20, MOST_DEPTH = 16 };
enum { TAG_SIGNATURE = 2, TAG_COMPRESSED = 8 };
enum { SUB_ISSUER = 16, SUB_FINGERPRINT = 33 };
enum { ZIP = 1, ZLIB = 2, BZIP2 = 3 };

/* What is left to read. */
struct span {
	const unsigned char *p;
	size_t n;
};

struct found {
	bool decided;
	char fingerprint[OPENPGP_FINGERPRINT];
};

static bool take_number(struct span *in, size_t bytes, size_t *ret)
{
	size_t n = 0;

	if (in->n < bytes)
		return false;
	for (size_t i = 0; i < bytes; i++)
		n = n << 8 | in->p[i];
	in->p += bytes;
	in->n -= bytes;
	*ret = n;
	return true;
}

/* The lengths that packets and what is in them share: one, two or five octets. */
static bool take_length(struct span *in, size_t first, size_t *ret)
{
	size_t second;

	if (first == 255)
		return take_number(in, 4, ret);
	if (first < 192) {
		*ret = first;
		return true;
	}
	if (!take_number(in, 1, &second))
		return false;
	*ret = ((first - 192) << 8) + second + 192;
	return true;
}

static bool take_body(struct span *in, size_t len, struct strbuf *body)
{
	if (in->n < len)
		return false;
	strbuf_add(body, (const char *)in->p, len);
	in->p += len;
	in->n -= len;
	return true;
}

static bool take_old(struct span *in, unsigned head, struct strbuf *body)
{
	size_t kind = head & 3, len = in->n; /* kind 3: all that is left */

	return (kind == 3 || take_number(in, (size_t)1 << kind, &len)) && take_body(in, len, body);
}

/* In parts, of which the last has a length of its own kind. */
static bool take_new(struct span *in, struct strbuf *body)
{
	size_t first, len;

	while (take_number(in, 1, &first)) {
		if (first < 224 || first == 255)
			return take_length(in, first, &len) && take_body(in, len, body);
		if (!take_body(in, (size_t)1 << (first & 31), body))
			return false;
	}
	return false;
}

static bool take_packet(struct span *in, unsigned *tag, struct strbuf *body)
{
	size_t head;

	if (!take_number(in, 1, &head) || !(head & 0x80))
		return false;
	*tag = head & 0x40 ? head & 0x3f : head >> 2 & 0xf;
	return head & 0x40 ? take_new(in, body) : take_old(in, (unsigned)head, body);
}

/* version: that of the key, before the fingerprint itself. */
static void keep_fingerprint(const struct span *data, struct found *f)
{
	size_t bytes = data->n ? data->n - 1 : 0;

	if (*f->fingerprint || (bytes != 20 && bytes != 32))
		return;
	for (size_t i = 0; i < bytes; i++)
		(void)snprintf(f->fingerprint + 2 * i, 3, "%02X", data->p[i + 1]);
}

/* *named: it has a short name for its key. */
static bool read_area(struct span area, struct found *f, bool *named)
{
	while (area.n) {
		size_t first, len;

		if (!take_number(&area, 1, &first) || !take_length(&area, first, &len) ||
		    len == 0 || len > area.n)
			return false;
		const struct span data = { area.p + 1, len - 1 };
		unsigned type = area.p[0] & 0x7f;

		if (type == SUB_FINGERPRINT)
			keep_fingerprint(&data, f);
		*named |= type == SUB_ISSUER;
		area.p += len;
		area.n -= len;
	}
	return true;
}

/* One that cannot be read names nobody. */
static void read_signature(struct span in, struct found *f)
{
	size_t version, ignored, len;
	bool named = false;

	if (!take_number(&in, 1, &version))
		return;
	f->decided = version == 3; /* which has a short name only */
	if ((version != 4 && version != 6) || !take_number(&in, 3, &ignored))
		return;
	for (int area = 0; area < 2; area++) {
		if (!take_number(&in, version == 6 ? 4 : 2, &len) || len > in.n ||
		    !read_area((struct span){ in.p, len }, f, &named)) {
			*f->fingerprint = '\0';
			return;
		}
		in.p += len;
		in.n -= len;
	}
	f->decided = named || *f->fingerprint;
}

static bool unpack(struct archive *a, const struct strbuf *packed, struct strbuf *out)
{
	struct archive_entry *entry;
	char chunk[4096];
	la_ssize_t n = 0;

	if (archive_read_support_format_raw(a) != ARCHIVE_OK ||
	    archive_read_open_memory(a, packed->data, packed->len) != ARCHIVE_OK ||
	    archive_read_next_header(a, &entry) != ARCHIVE_OK)
		return false;
	while (out->len <= MOST_BYTES && (n = archive_read_data(a, chunk, sizeof(chunk))) > 0)
		strbuf_add(out, chunk, (size_t)n);
	return n == 0;
}

static bool decompress(struct span in, struct strbuf *out)
{
	static const char head[10] = { 0x1f, (char)0x8b, 8 }, tail[8] = { 0 };
	enum { ZLIB_HEAD = 2 };
	AUTO_STRBUF struct strbuf packed = { 0 };
	size_t how, skip;
	bool ok;

	if (!take_number(&in, 1, &how) || how > BZIP2)
		return false;
	skip = how == ZLIB ? ZLIB_HEAD : 0;
	if (in.n < skip)
		return false;
	if (how == ZIP || how == ZLIB)
		strbuf_add(&packed, head, sizeof(head));
	strbuf_add(&packed, (const char *)in.p + skip, in.n - skip);
	if (how == 0) {
		strbuf_add(out, packed.data, packed.len);
		return true;
	}
	if (how != BZIP2)
		strbuf_add(&packed, tail, sizeof(tail));

	struct archive *a = archive_read_new();

	ok = a &&
	     (how == BZIP2 ? archive_read_support_filter_bzip2(a)
			   : archive_read_support_filter_gzip(a)) == ARCHIVE_OK &&
	     unpack(a, &packed, out);
	archive_read_free(a);
	return ok;
}

static bool walk(struct span in, int depth, struct found *f)
{
	while (in.n) {
		AUTO_STRBUF struct strbuf body = { 0 }, inner = { 0 };
		unsigned tag;

		if (!take_packet(&in, &tag, &body))
			return false;
		const struct span span = { (const unsigned char *)body.data, body.len };

		if (tag == TAG_SIGNATURE && !f->decided)
			read_signature(span, f);
		if (tag == TAG_COMPRESSED &&
		    (depth == 0 || !decompress(span, &inner) ||
		     !walk((struct span){ (const unsigned char *)inner.data, inner.len }, depth - 1,
			   f)))
			return false;
	}
	return true;
}

bool openpgp_signer(const char *base64, size_t len, char ret[OPENPGP_FINGERPRINT])
{
	AUTO_STRBUF struct strbuf raw = { 0 };
	struct found f = { .decided = false };

	/* As Python reads it, and so Pulp. */
	if (!base64_decode(base64, len, BASE64_PLAIN, false, &raw) ||
	    !walk((struct span){ (const unsigned char *)raw.data, raw.len }, MOST_DEPTH, &f))
		return false;
	memcpy(ret, f.fingerprint, sizeof(f.fingerprint));
	return true;
}

void openpgp_key_id(const char *fingerprint, char ret[17])
{
	size_t len = strlen(fingerprint);

	(void)snprintf(ret, 17, "%.16s",
		       len == 40   ? fingerprint + 24
		       : len == 64 ? fingerprint
				   : "");
}
