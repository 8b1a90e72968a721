/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Columns other than the type, rows that are half done, and every row of odd content on which
 * upstream's command dies or which it skips.
 */
#include "tests/pulp/manifest_case.h"

#define LABELS(l) "{\"config\":{\"Labels\":" l "}}"
/* An ordinary OCI image with this configuration. */
#define CONFIGURED(c, ...)                                                                     \
	{                                                                                      \
		.media = OM, .data = IMAGE, .config = c, .annotations = "{}", .type = "image", \
		.size = 12, __VA_ARGS__                                                        \
	}
/* An ordinary OCI image without configuration and with these keys more. */
#define KEYS(k, ...)                                                                          \
	{                                                                                     \
		.media = OM, .data = IMAGE_WITH("," k), .annotations = "{}", .type = "image", \
		.size = 12, __VA_ARGS__                                                       \
	}
/* A docker image with these layers. */
#define SIZED(l, ...)                                                        \
	{                                                                    \
		.media = V2, .data = "{" l "}", .type = "image", __VA_ARGS__ \
	}
#define SIZES(a, b) LAYERS(LAYER_OF(OCI_LAYER, a) "," LAYER_OF(OCI_LAYER, b))

TEST(labels)
{
	CHECK_CASES(
		CONFIGURED(LABELS("{ \"b\" : \"1\", \"a\":\"2\" }"),
			   .labels = "{ \"b\" : \"1\", \"a\":\"2\" }"),
		CONFIGURED(LABELS("null"), .labels = "{}"),
		CONFIGURED(LABELS("[]"), .labels = "{}"), CONFIGURED(LABELS("0"), .labels = "{}"),
		CONFIGURED(LABELS("\"\""), .labels = "{}"),
		CONFIGURED(LABELS("false"), .labels = "{}"),
		CONFIGURED("{\"config\":{\"labels\":{\"a\":\"b\"}}}", .labels = "{}"),
		CONFIGURED("{}", .labels = "{}"),
		CONFIGURED("{\"Labels\":{\"a\":\"b\"}}", .labels = "{}"),
		CONFIGURED("{\"config\":{\"Labels\":{\"a\":\"b\"}},\"config\":{}}", .labels = "{}"),
		CONFIGURED(LABELS("[1]"), .reason = REASON_LABELS_NOT_OBJECT,
			   .missing = FIELD_BIT_LABELS),
		CONFIGURED(LABELS("\"x\""), .reason = REASON_LABELS_NOT_OBJECT,
			   .missing = FIELD_BIT_LABELS),
		CONFIGURED("{\"config\":null}", .reason = REASON_CONFIG_SECTION_NOT_OBJECT,
			   .missing = FIELD_BIT_LABELS),
		CONFIGURED("{\"config\":[]}", .reason = REASON_CONFIG_SECTION_NOT_OBJECT,
			   .missing = FIELD_BIT_LABELS),
		/* Bootable by its annotations: upstream asks the labels for nothing and stores
		   them. */
		{ .media = OM,
		  .data = IMAGE_WITH(",\"annotations\":{\"containers.bootc\":\"1\"}"),
		  .config = LABELS("[1]"),
		  .annotations = "{\"containers.bootc\":\"1\"}",
		  .labels = "[1]",
		  .type = "bootable",
		  .bootable = true,
		  .size = 12 });
}

TEST(labels_that_jsonb_refuses)
{
	const unsigned missing = FIELD_BIT_LABELS;
	CHECK_CASES(CONFIGURED(LABELS("{\"a\":\"\\u0000\"}"), .reason = REASON_LABELS_NOT_STORABLE,
			       .missing = missing),
		    CONFIGURED(LABELS("{\"\\u0000\":1}"), .reason = REASON_LABELS_NOT_STORABLE,
			       .missing = missing),
		    CONFIGURED(LABELS("{\"a\":\"\\ud800\"}"), .reason = REASON_LABELS_NOT_STORABLE,
			       .missing = missing),
		    CONFIGURED(LABELS("{\"a\":[{\"b\":NaN}]}"),
			       .reason = REASON_LABELS_NOT_STORABLE, .missing = missing),
		    CONFIGURED(LABELS("{\"a\":-Infinity}"), .reason = REASON_LABELS_NOT_STORABLE,
			       .missing = missing),
		    CONFIGURED(LABELS("{\"a\":1e400}"), .reason = REASON_LABELS_NOT_STORABLE,
			       .missing = missing),
		    /* What they say of the type is still known. */
		    { .media = V2,
		      .data = IMAGE,
		      .config = LABELS("{\"a\":\"\\u0000\",\"org.flatpak.ref\":\"x\"}"),
		      .type = "flatpak",
		      .flatpak = true,
		      .size = 12,
		      .reason = REASON_LABELS_NOT_STORABLE,
		      .missing = missing },
		    /* Overwritten, it is no matter; numbers are as Python's floats are. */
		    CONFIGURED(LABELS("{\"a\":\"\\u0000\",\"b\":1,\"a\":\"x\"}"),
			       .labels = "{\"b\": 1, \"a\": \"x\"}"),
		    CONFIGURED(LABELS("{\"a\":[1e3,0.10,{\"b\":\"\\u00e9\\n\"}]}"),
			       .labels = "{\"a\": [1000.0, 0.1, {\"b\": \"\xc3\xa9\\u000a\"}]}"),
		    /* Two halves in UTF-8 are one character once Python has written them. */
		    CONFIGURED(LABELS("{\"a\":\"\xed\xa0\xbd\xed\xb8\x80\"}"),
			       .labels = "{\"a\": \"\xf0\x9f\x98\x80\"}"),
		    CONFIGURED(LABELS("{\"a\":\"\xed\xa0\xbd\"}"),
			       .reason = REASON_LABELS_NOT_STORABLE, .missing = missing),
		    KEYS("\"annotations\":{\"a\":\"\\u0000\"}", .annotations = NULL,
			 .reason = REASON_ANNOTATIONS_NOT_STORABLE,
			 .missing = FIELD_BIT_ANNOTATIONS));
}

TEST(annotations)
{
	CHECK_CASES(KEYS("\"annotations\":{ \"a\": \"b\" }", .annotations = "{ \"a\": \"b\" }"),
		    KEYS("\"annotations\":{}"),
		    KEYS("\"annotations\":null", .annotations = NULL,
			 .reason = REASON_ANNOTATIONS_NOT_OBJECT, .missing = FIELD_BIT_ANNOTATIONS),
		    KEYS("\"annotations\":\"x\"", .annotations = NULL,
			 .reason = REASON_ANNOTATIONS_NOT_OBJECT, .missing = FIELD_BIT_ANNOTATIONS),
		    KEYS("\"annotations\":[]", .annotations = NULL,
			 .reason = REASON_ANNOTATIONS_NOT_OBJECT,
			 .missing = FIELD_BIT_ANNOTATIONS));
}

TEST(platform)
{
#define PLATFORM(a, o) "{\"architecture\":" a ",\"os\":" o "}"
	CHECK_CASES(
		CONFIGURED(PLATFORM("\"arm64\"", "\"linux\""), .labels = "{}",
			   .architecture = "arm64", .os = "linux"),
		CONFIGURED("{\"os\":\"linux\"}", .labels = "{}", .os = "linux"),
		CONFIGURED("{}", .labels = "{}"),
		CONFIGURED(PLATFORM("\"\"", "null"), .labels = "{}", .architecture = ""),
		CONFIGURED(PLATFORM("\"a\\u0041\"", "\"\\u00e9\""), .labels = "{}",
			   .architecture = "aA", .os = "\xc3\xa9"),
		/* As str() of Python. */
		CONFIGURED(PLATFORM("5", "5.50"), .labels = "{}", .architecture = "5", .os = "5.5"),
		CONFIGURED(PLATFORM("true", "false"), .labels = "{}", .architecture = "True",
			   .os = "False"),
		CONFIGURED(PLATFORM("[]", "{\"a\":[1,null,\"x\"]}"), .labels = "{}",
			   .architecture = "[]", .os = "{'a': [1, None, 'x']}"),
		CONFIGURED(PLATFORM("NaN", "-Infinity"), .labels = "{}", .architecture = "nan",
			   .os = "-inf"),
		CONFIGURED(PLATFORM("-0", "1e400"), .labels = "{}", .architecture = "0",
			   .os = "inf"),
		CONFIGURED(PLATFORM("\"a\\u0000\"", "\"linux\""), .labels = "{}", .os = "linux",
			   .reason = REASON_PLATFORM_NOT_STORABLE,
			   .missing = FIELD_BIT_ARCHITECTURE),
		CONFIGURED(PLATFORM("\"x\"", "\"\\udc00\""), .labels = "{}", .architecture = "x",
			   .reason = REASON_PLATFORM_NOT_STORABLE, .missing = FIELD_BIT_OS),
		CONFIGURED(PLATFORM("[\"\xc3\xa9\"]", "0"), .labels = "{}", .os = "0",
			   .reason = REASON_PLATFORM_NOT_STORABLE,
			   .missing = FIELD_BIT_ARCHITECTURE),
		/* The manifest's own come first, both from one place. */
		{ .media = OM,
		  .data = IMAGE_WITH(",\"os\":\"plan9\""),
		  .config = PLATFORM("\"arm64\"", "\"linux\""),
		  .annotations = "{}",
		  .labels = "{}",
		  .type = "image",
		  .os = "plan9",
		  .size = 12 },
		{ .media = OM,
		  .data = IMAGE_WITH(",\"os\":\"\",\"architecture\":0"),
		  .config = PLATFORM("\"arm64\"", "\"linux\""),
		  .annotations = "{}",
		  .labels = "{}",
		  .type = "image",
		  .architecture = "arm64",
		  .os = "linux",
		  .size = 12 },
		KEYS("\"architecture\":\"mips\",\"os\":\"\"", .architecture = "mips", .os = ""),
		KEYS("\"architecture\":null"));
}

TEST(configuration_encodings)
{
	CHECK_CASES(CONFIGURED("\xef\xbb\xbf{\"os\":\"linux\"}", .labels = "{}", .os = "linux"));
	/* UTF-16 and UTF-32 have NULs: json.loads(bytes) takes them, in either order, marked or
	 * not. */
	static const struct {
		const char *bytes;
		size_t len;
	} samples[] = {
#define SAMPLE(s) { s, sizeof(s) - 1 }
		SAMPLE("{\0\"\0o\0s\0\"\0:\0\"\0x\0\"\0}\0"),
		SAMPLE("\0{\0\"\0o\0s\0\"\0:\0\"\0x\0\"\0}"),
		SAMPLE("\xff\xfe{\0\"\0o\0s\0\"\0:\0\"\0x\0\"\0}\0"),
		SAMPLE("\xfe\xff\0{\0\"\0o\0s\0\"\0:\0\"\0x\0\"\0}"),
		SAMPLE("{\0\0\0\"\0\0\0o\0\0\0s\0\0\0\"\0\0\0:\0\0\0\"\0\0\0x\0\0\0\"\0\0\0}\0\0\0"),
		SAMPLE("\0\0\xfe\xff\0\0\0{\0\0\0\"\0\0\0o\0\0\0s\0\0\0\"\0\0\0:\0\0\0\"\0\0\0x\0\0\0\"\0\0\0}"),
	};
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		struct manifest_out out = { .own = { 0 } };
		struct manifest_in in = { .media_type = V2,
					  .data = { IMAGE, strlen(IMAGE) },
					  .data_is_new = true,
					  .has_config = true,
					  .config = { samples[i].bytes, samples[i].len },
					  .level_type = true };
		manifest_classify(&in, &out);
		CHECK_INT(out.reason, REASON_NONE);
		check_slice("os", out.os, "x");
		/* Half a unit less is an error to both. */
		in.config.len--;
		manifest_classify(&in, &out);
		CHECK_INT(out.reason, REASON_CONFIG_NOT_JSON);
		strbuf_release(&out.own);
	}
}

TEST(sizes)
{
	CHECK_CASES(SIZED(SIZES("7", "5"), .size = 12), SIZED(LAYERS(""), .size = 0),
		    SIZED(SIZES("-7", "5"), .size = -2), SIZED(SIZES("true", "5"), .size = 6),
		    SIZED(SIZES("5", "false"), .size = 5),
		    /* A fraction is cut off towards zero, once, at the end. */
		    SIZED(SIZES("1.5", "1.5"), .size = 3), SIZED(SIZES("1.9", "1"), .size = 2),
		    SIZED(SIZES("-1.9", "0"), .size = -1), SIZED(SIZES("2.5", "true"), .size = 3),
		    SIZED(SIZES("9007199254740993", "0.0"), .size = 9007199254740992),
		    SIZED(SIZES("9223372036854775807", "0"), .size = INT64_MAX),
		    SIZED(SIZES("9223372036854775808", "-1"), .size = INT64_MAX),
		    SIZED(SIZES("9223372036854775807", "1"), .size_null = true,
			  .reason = REASON_SIZE_OVERFLOW, .missing = FIELD_BIT_SIZE),
		    SIZED(SIZES("-9223372036854775808", "0"), .size = INT64_MIN),
		    SIZED(SIZES("1e300", "0"), .size_null = true, .reason = REASON_SIZE_OVERFLOW,
			  .missing = FIELD_BIT_SIZE),
		    SIZED(SIZES("9223372036854775807", "0.0"), .size_null = true,
			  .reason = REASON_SIZE_OVERFLOW, .missing = FIELD_BIT_SIZE),
		    SIZED(SIZES("NaN", "0"), .size_null = true, .reason = REASON_SIZE_OVERFLOW,
			  .missing = FIELD_BIT_SIZE),
		    SIZED(SIZES("1", "1000000000000000000000000000000000000000"), .size_null = true,
			  .reason = REASON_SIZE_OVERFLOW, .missing = FIELD_BIT_SIZE),
		    SIZED(SIZES("1", "\"5\""), .size_null = true, .reason = REASON_LAYER_INCOMPLETE,
			  .missing = FIELD_BIT_SIZE),
		    SIZED(SIZES("null", "5"), .size_null = true, .reason = REASON_LAYER_INCOMPLETE,
			  .missing = FIELD_BIT_SIZE),
		    SIZED(LAYERS("{\"mediaType\":\"x\"}"), .size_null = true,
			  .reason = REASON_LAYER_INCOMPLETE, .missing = FIELD_BIT_SIZE),
		    SIZED("\"a\":1", .size_null = true, .reason = REASON_LAYERS_MISSING,
			  .missing = FIELD_BIT_SIZE),
		    SIZED("\"layers\":[],\"fsLayers\":[]", .size = 0),
		    SIZED("\"fsLayers\":[{}]", .size = 0),
		    /* fsLayers alone decides when there are some. */
		    SIZED(SIZES("7", "5") ",\"fsLayers\":[{}]", .size = 0),
		    /* Layers twice: the last list counts. */
		    SIZED(SIZES("7", "5") "," LAYERS(LAYER_OF("x", "1")), .size = 1),
		    { .media = V1,
		      .data = "{\"architecture\":\"x\",\"fsLayers\":[]}",
		      .type = "image",
		      .architecture = "x",
		      .size_null = true,
		      .reason = REASON_LAYERS_MISSING,
		      .missing = FIELD_BIT_SIZE });
}

/* 30 digits are added as they are, more are too many; the ends of the range as floats. */
TEST(edges_of_sizes)
{
	CHECK_CASES(
		SIZED(SIZES("999999999999999999999999999999", "-999999999999999999999999999999"),
		      .size_null = true, .reason = REASON_SIZE_OVERFLOW, .missing = FIELD_BIT_SIZE),
		SIZED(SIZES("999999999999999999999999999990", "-99999999999999999999999999999"),
		      .size_null = true, .reason = REASON_SIZE_OVERFLOW, .missing = FIELD_BIT_SIZE),
		SIZED(SIZES("99999999999999999999999999999", "-99999999999999999999999999998"),
		      .size = 1),
		SIZED(SIZES("100000000000000000000000000000", "-99999999999999999999999999999"),
		      .size = 1),
		SIZED(SIZES("-9223372036854775808", "0.0"), .size = INT64_MIN),
		SIZED(SIZES("-9223372036854777856.0", "0"), .size_null = true,
		      .reason = REASON_SIZE_OVERFLOW, .missing = FIELD_BIT_SIZE),
		SIZED(SIZES("-9223372036854775808", "-1"), .size_null = true,
		      .reason = REASON_SIZE_OVERFLOW, .missing = FIELD_BIT_SIZE),
		SIZED(SIZES("2147483647.0", "0"), .int4 = true, .size = INT32_MAX),
		SIZED(SIZES("-2147483648.5", "0"), .int4 = true, .size = INT32_MIN),
		SIZED(SIZES("-2147483649.0", "0"), .int4 = true, .size_null = true,
		      .reason = REASON_SIZE_INT4, .missing = FIELD_BIT_SIZE),
		SIZED(SIZES("-2147483648", "0"), .int4 = true, .size = INT32_MIN),
		SIZED(SIZES("-2147483648", "-1"), .int4 = true, .size_null = true,
		      .reason = REASON_SIZE_INT4, .missing = FIELD_BIT_SIZE));
}

TEST(int4_column)
{
	CHECK_CASES(SIZED(SIZES("2147483647", "0"), .int4 = true, .size = INT32_MAX),
		    SIZED(SIZES("2147483647", "1"), .int4 = true, .size_null = true,
			  .reason = REASON_SIZE_INT4, .missing = FIELD_BIT_SIZE),
		    SIZED(SIZES("2147483647", "0.5"), .int4 = true, .size_null = true,
			  .reason = REASON_SIZE_INT4, .missing = FIELD_BIT_SIZE),
		    SIZED(SIZES("2147483647", "1"), .size = INT64_C(2147483648)),
		    SIZED(SIZES("9223372036854775807", "1"), .int4 = true, .size_null = true,
			  .reason = REASON_SIZE_INT4, .missing = FIELD_BIT_SIZE));
}

TEST(manifest_not_json)
{
	static const char *const texts[] = {
		"", "{", "no", IMAGE "x", "{\"layers\":[}", "{\"a\":\"\x01\"}", "\xef\xbb\xbf{}x"
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		CHECK_CASES({ .media = V2,
			      .data = texts[i],
			      .config = IMAGE_CONFIG,
			      .labels = "{\"a\":\"b\"}",
			      .no_oas = true,
			      .reason = REASON_MANIFEST_NOT_JSON,
			      .missing = FIELD_BIT_TYPE | ALL_OAS });
	CHECK_CASES({ .media = OM,
		      .data = "[1]",
		      .config = IMAGE_CONFIG,
		      .labels = "{\"a\":\"b\"}",
		      .no_oas = true,
		      .reason = REASON_MANIFEST_NOT_OBJECT,
		      .missing = FIELD_BIT_ANNOTATIONS | FIELD_BIT_TYPE | ALL_OAS },
		    /* A mark is stepped over in bytes (annotations) and not in text (all else). */
		    { .media = OM,
		      .data = "\xef\xbb\xbf" IMAGE_WITH(",\"annotations\":{\"a\":\"b\"}"),
		      .annotations = "{\"a\":\"b\"}",
		      .no_oas = true,
		      .reason = REASON_MANIFEST_NOT_JSON,
		      .missing = FIELD_BIT_TYPE | ALL_OAS });
}

/* A row that had some of its columns: upstream reads labels and annotations only when all is empty.
 */
TEST(rows_half_done)
{
	CHECK_CASES(
		/* Labels from 2.19, bytes new: kept, and they decide the type. */
		{ .media = OM,
		  .data = IMAGE,
		  .config = IMAGE_CONFIG,
		  .old_labels = "{\"org.flatpak.ref\": \"x\"}",
		  .type = "flatpak",
		  .flatpak = true,
		  .architecture = "amd64",
		  .os = "linux",
		  .size = 12 },
		{ .media = OM,
		  .data = IMAGE,
		  .config = IMAGE_CONFIG,
		  .old_annotations = "{\"containers.bootc\": \"1\"}",
		  .type = "bootable",
		  .bootable = true,
		  .architecture = "amd64",
		  .os = "linux",
		  .size = 12 },
		{ .media = OM,
		  .data = IMAGE,
		  .config = IMAGE_CONFIG,
		  .old_annotations = "{}",
		  .old_labels = "{}",
		  .annotations = "{}",
		  .labels = "{\"a\":\"b\"}",
		  .type = "image",
		  .architecture = "amd64",
		  .os = "linux",
		  .size = 12 },
		/* Data there, the rest not: labels are never filled. */
		{ .media = OM,
		  .data = IMAGE,
		  .config = IMAGE_CONFIG,
		  .old_data = true,
		  .type = "image",
		  .architecture = "amd64",
		  .os = "linux",
		  .size = 12 },
		{ .media = OM,
		  .data = IMAGE,
		  .config = IMAGE_CONFIG,
		  .old_data = true,
		  .has_oas = true,
		  .type = "image",
		  .no_oas = true },
		{ .media = OM,
		  .data = IMAGE,
		  .config = IMAGE_CONFIG,
		  .old_data = true,
		  .has_type = true,
		  .architecture = "amd64",
		  .os = "linux",
		  .size = 12 },
		{ .media = OM,
		  .data = "{",
		  .old_data = true,
		  .has_type = true,
		  .has_oas = true,
		  .no_oas = true },
		{ .media = OI, .data = "[", .old_data = true, .type = "index", .no_oas = true },
		/* Everything there but the data: only the data is new. */
		{ .media = OM,
		  .data = IMAGE,
		  .config_problem = REASON_CONFIG_FILE_MISSING,
		  .has_type = true,
		  .has_oas = true,
		  .no_oas = true });
}

TEST(refill)
{
	CHECK_CASES({ .media = OM,
		      .data = IMAGE,
		      .config = IMAGE_CONFIG,
		      .old_data = true,
		      .refill = true,
		      .has_type = true,
		      .has_oas = true,
		      .annotations = "{}",
		      .labels = "{\"a\":\"b\"}",
		      .no_oas = true },
		    /* Labels that were missing may make it a flatpak after all. */
		    { .media = OM,
		      .data = IMAGE,
		      .config = LABELS("{\"org.flatpak.ref\":\"x\"}"),
		      .old_data = true,
		      .refill = true,
		      .has_type = true,
		      .has_oas = true,
		      .annotations = "{}",
		      .labels = "{\"org.flatpak.ref\":\"x\"}",
		      .type = "flatpak",
		      .flatpak = true,
		      .no_oas = true },
		    /* What is there stays. */
		    { .media = OM,
		      .data = IMAGE_WITH(",\"annotations\":{\"n\":\"e\"}"),
		      .config = IMAGE_CONFIG,
		      .old_data = true,
		      .refill = true,
		      .has_type = true,
		      .has_oas = true,
		      .old_annotations = "{\"o\": \"l\"}",
		      .old_labels = "{\"o\": \"l\"}",
		      .no_oas = true },
		    { .media = OI,
		      .data = "{\"annotations\":{\"a\":\"b\"}}",
		      .old_data = true,
		      .refill = true,
		      .annotations = "{\"a\":\"b\"}",
		      .type = "index",
		      .no_oas = true },
		    { .media = OM,
		      .data = IMAGE,
		      .config_problem = REASON_CONFIG_NO_ARTIFACT,
		      .old_data = true,
		      .refill = true,
		      .has_type = true,
		      .has_oas = true,
		      .annotations = "{}",
		      .no_oas = true,
		      .reason = REASON_CONFIG_NO_ARTIFACT,
		      .missing = FIELD_BIT_LABELS });
}

/* 2.19 to 2.21 have no type, platform and size; the two booleans follow the same two rules. */
TEST(levels_without_type)
{
	CHECK_CASES({ .media = OM,
		      .data = IMAGE,
		      .config = IMAGE_CONFIG,
		      .no_type_level = true,
		      .annotations = "{}",
		      .labels = "{\"a\":\"b\"}",
		      .no_oas = true },
		    { .media = OM,
		      .data = IMAGE,
		      .config = LABELS("{\"containers.bootc\":\"1\"}"),
		      .no_type_level = true,
		      .annotations = "{}",
		      .labels = "{\"containers.bootc\":\"1\"}",
		      .bootable = true,
		      .no_oas = true },
		    { .media = V2,
		      .data = "{}",
		      .config = LABELS("{\"org.flatpak.ref\":\"x\"}"),
		      .no_type_level = true,
		      .labels = "{\"org.flatpak.ref\":\"x\"}",
		      .flatpak = true,
		      .no_oas = true },
		    { .media = OI,
		      .data = "{}",
		      .no_type_level = true,
		      .annotations = "{}",
		      .no_oas = true },
		    { .media = OM,
		      .data = IMAGE,
		      .config = LABELS("{\"org.flatpak.ref\":\"x\"}"),
		      .no_type_level = true,
		      .old_data = true,
		      .no_oas = true });
}

/* The memory of one row serves the next. */
TEST(memory_is_reused)
{
	struct manifest_out out = { .own = { 0 } };
	struct manifest_in in = { .media_type = V2,
				  .data = { IMAGE, strlen(IMAGE) },
				  .data_is_new = true,
				  .has_config = true,
				  .level_type = true };
	static const char *const configs[] = {
		"{\"os\":\"\\u0061\",\"architecture\":1.50,\"config\":{\"Labels\":{\"a\":1.0}}}",
		"{\"os\":\"\\u0062\"}"
	};
	for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
		in.config = (struct slice){ configs[i], strlen(configs[i]) };
		manifest_classify(&in, &out);
		check_slice("os", out.os, i ? "b" : "a");
		check_slice("architecture", out.architecture, i ? NULL : "1.5");
		check_slice("labels", out.labels, i ? "{}" : "{\"a\": 1.0}");
	}
	strbuf_release(&out.own);
}

TAP_MAIN(row(labels), row(labels_that_jsonb_refuses), row(annotations), row(platform),
	 row(configuration_encodings), row(sizes), row(edges_of_sizes), row(int4_column),
	 row(manifest_not_json), row(rows_half_done), row(refill), row(levels_without_type),
	 row(memory_is_reused))
