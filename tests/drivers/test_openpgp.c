/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signed documents of gpg and of Sequoia, and what Pulp's own library (pysequoia) reads in each. */
#include "lib/core/mem.h"
#include "lib/drivers/openpgp.h"
#include "tests/harness/tap.h"

#define FIRST "8524CB5123E1AF48F80622756360CF6EBB18D0FB"
#define OTHER "D12C62E8D2072E5A1C02274ABCC18D6BF12A384A"

/* gpg --sign, each way that it compresses */
static const char zip[] =
	"owGbwMvMwCGWnHA+b7fEhd+Ma9yTGFOymYrqq5WSizJLMpMTc5SsFKqVMnMT01PBrJT85OzUIt3cxLzMtNTi"
	"Et2UzHQgBZRSKs5INDI1szJQqq2t5eqoYmEQ42BQElNkaVU5Haj8cL3HDzalUphFrEwgS1hkEh0qGLg4BWDC"
	"+asYGV4x5xaasW3abFJ/S//jJb3ivzMWv7Cz+v5UV+OTlpvLrnyGvxIbs/v6ysy3FOXaW1d/1W/81LvsybaF"
	"lZHfdTvqPno3sAMA";

static const char zlib[] =
	"owJ4nJvAy8zAIZaccD5vt8SF34xr3JMYU7KZiuqrlZKLMksykxNzlKwUqpUycxPTU8GslPzk7NQi3dzEvMy0"
	"1OIS3ZTMdCAFlFIqzkg0MjWzMlCqra3l6qhiYRDjYFASU2RpVTkdqPxwvccPNqVSmEWsTCBLWGQSHSoYuDgF"
	"YML5qxgZXjHnFpqxbdpsUn9L/+MlveK/Mxa/sLP6/lRX45OWm8uufIa/Ehuz+/rKzLcU5dpbV3/Vb/zUu+zJ"
	"toWVkd91O+o+ejewAwBLLFMX";

static const char bzip2[] =
	"owNCWmg2MUFZJlNZf8/trQAAVH////JBRHxT15nFyCAgf++/e+JDQEApFL0YAAjQECZQMsowALWo71ABoTCY"
	"AJjQJgJgATNA0ABoaaAGp6abKh3qNNNDTQAMgAAD1ADQAAaAAAAAGgqg9QekGgAAAAAAAAAAAB6gDQNAJUFR"
	"CzssU0eacUebJhQxr28UrJO3cjARqt/cgEhAOMZTsYAPHAaGMKB42URwj2ZPitqslPQDkXA6xibfbuI8zWDd"
	"eGSo9H2ZfLIawriQu2j2nlZkbwYxPr5tR3IOEE4AlmCxWVs5D7RgJCDSnASEofgrDTBwvAPp26Lj15E5nhDA"
	"cvJ7OOjxw88qHgRssHn0BUCw/NDpCWg+PCYEoIgCjfxdyRThQkH/P7a0";

/* two keys, nothing compressed */
static const char two[] =
	"kA0DAAgWvMGNa/EqOEoAkA0DAAgWY2DPbrsY0PsBrEdiAWRrAnG3eyJjcml0aWNhbCI6IHsiaW1hZ2UiOiB7"
	"ImRvY2tlci1tYW5pZmVzdC1kaWdlc3QiOiAic2hhMjU2OjAifX19Coh6BAAWCAAiFiEEhSTLUSPhr0j4BiJ1"
	"Y2DPbrsY0PsFAmsCcbcEHGFAeAAKCRBjYM9uuxjQ+2wxAQCzfvBlgzDYdWBsUGKlCUJKAtOMaBBer0YOgCkG"
	"haKSZAEA4Zzmn5DsLL2lNWiyMN+BecQzKHSGF6ub0pyerhodfQqIegQAFggAIhYhBNEsYujSBy5aHAInSrzB"
	"jWvxKjhKBQJrAnG3BBxiQHgACgkQvMGNa/EqOEoFswD7Bhy5YKLMU/iWL+LoGjtMXfva9IVXdfO8lBT4x4Iz"
	"HHAA/3/Vj43lom1MnkP4gS6T7+HY8Fsq/ZW3jiZ3zruGITQP";

/* the length of the text in parts, that of the signature in five octets */
static const char parts[] =
	"kA0DAAgWY2DPbrsY0PsBy+JiAAAABAAAe33C/wAAAHoEABYIACIWIQTRLGLo0gcuWhwCJ0q8wY1r8So4SgUC"
	"awJxtwQcYkB4AAoJELzBjWvxKjhKBbMA+wYcuWCizFP4li/i6Bo7TF372vSFV3XzvJQU+MeCMxxwAP9/1Y+N"
	"5aJtTJ5D+IEuk+/h2PBbKv2Vt44md867hiE0Dw==";

/* the first signature has a short name only */
static const char short_name[] =
	"kA0DAAgWY2DPbrsY0PsBywhiAAAAAAB7fcJjBAAWCAALBQJrAnG3BBxiQHgACgkQvMGNa/EqOEoFswD7Bhy5"
	"YKLMU/iWL+LoGjtMXfva9IVXdfO8lBT4x4IzHHAA/3/Vj43lom1MnkP4gS6T7+HY8Fsq/ZW3jiZ3zruGITQP"
	"iHoEABYIACIWIQTRLGLo0gcuWhwCJ0q8wY1r8So4SgUCawJxtwQcYkB4AAoJELzBjWvxKjhKBbMA+wYcuWCi"
	"zFP4li/i6Bo7TF372vSFV3XzvJQU+MeCMxxwAP9/1Y+N5aJtTJ5D+IEuk+/h2PBbKv2Vt44md867hiE0Dw==";

/* the first signature breaks off */
static const char broken[] =
	"kA0DAAgWY2DPbrsY0PsBywhiAAAAAAB7fcIFBAAWCP+IegQAFggAIhYhBNEsYujSBy5aHAInSrzBjWvxKjhK"
	"BQJrAnG3BBxiQHgACgkQvMGNa/EqOEoFswD7Bhy5YKLMU/iWL+LoGjtMXfva9IVXdfO8lBT4x4IzHHAA/3/V"
	"j43lom1MnkP4gS6T7+HY8Fsq/ZW3jiZ3zruGITQP";

/* version 6 */
static const char version6[] =
	"xEYGAAobIMCVSidspVyrQBgxjKPhSA/OIIZQA7ZcYqWdXzTf1MAGUHuv/1QHu15IGDv5Ro0sAGT+zP4lLE74"
	"fMRNM1FCeKQBywhiAAAAAAB7fcKYBgAbCgAAACkFgmsCcn8iIQZQe6//VAe7XkgYO/lGjSwAZP7M/iUsTvh8"
	"xE0zUUJ4pAAAAABMbSDAlUonbKVcq0AYMYyj4UgPziCGUAO2XGKlnV8039TABmiyX/iMMT664uMuQpgGW88N"
	"WWMq1KBX6a6XfQEzxjM8mYSIIlHlOWhnn8bXEZABy498/MTbgdFOp+JyIGw5Sgw=";

static const char *signer(const char *base64)
{
	static char found[OPENPGP_FINGERPRINT];

	return openpgp_signer(base64, strlen(base64), found) ? found : "unreadable";
}

TEST(first_signature_counts)
{
	CHECK_STR(signer(zip), FIRST);
	CHECK_STR(signer(zlib), FIRST);
	CHECK_STR(signer(bzip2), FIRST);
	CHECK_STR(signer(two), FIRST);
	CHECK_STR(signer(parts), OTHER);
	CHECK_STR(signer(short_name), "");
	CHECK_STR(signer(broken), OTHER);
	CHECK_STR(signer(version6),
		  "507BAFFF5407BB5E48183BF9468D2C0064FECCFE252C4EF87CC44D33514278A4");
}

TEST(short_names)
{
	char key[17];

	openpgp_key_id(FIRST, key);
	CHECK_STR(key, "6360CF6EBB18D0FB");
	openpgp_key_id(signer(version6), key);
	CHECK_STR(key, "507BAFFF5407BB5E");
	openpgp_key_id("", key);
	CHECK_STR(key, "");
}

/* Python's decoder passes over what is no digit. */
TEST(base64_in_lines)
{
	AUTO_FREE char *lines = xasprintf("%.40s\n%s\n", two, two + 40);

	CHECK_STR(signer(lines), FIRST);
	CHECK_STR(signer(""), "");
	CHECK_STR(signer("A"), "unreadable");
}

/* Whatever is cut off or changed: it ends, and a sanitizer is content. */
TEST(damaged)
{
	const char *const all[] = { parts, version6, two, zip, bzip2 };
	enum { ONE_SIGNATURE_LAST = 2 };
	char found[OPENPGP_FINGERPRINT];

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		size_t len = strlen(all[i]), cut = 0;

		for (size_t n = 4; n < len; n += 4)
			cut += openpgp_signer(all[i], n, found) && *found;
		CHECK(cut == 0 || i >= ONE_SIGNATURE_LAST);
		for (size_t at = 0; at < len; at++) {
			AUTO_FREE char *text = xstrdup(all[i]);

			text[at] = text[at] == 'A' ? '/' : 'A';
			(void)openpgp_signer(text, len, found);
		}
	}
}

TAP_MAIN(row(first_signature_counts), row(short_names), row(base64_in_lines), row(damaged))
