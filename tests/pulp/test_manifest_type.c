/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The type and its rules, in the order in which pulp_container 2.22 and later tries them: bootable,
 * flatpak, helm, cosign by layer, artifact, image.
 */
#include "tests/pulp/manifest_case.h"

#include <stdio.h>

/* An OCI manifest without config blob: no labels, platform NULL. */
#define OCI(json, t, ...)                                                              \
	{                                                                              \
		.media = OM, .data = json, .annotations = "{}", .type = t, __VA_ARGS__ \
	}

TEST(ordinary_images)
{
	CHECK_CASES(
		{ .media = OM,
		  .data = IMAGE,
		  .config = IMAGE_CONFIG,
		  .annotations = "{}",
		  .labels = "{\"a\":\"b\"}",
		  .type = "image",
		  .architecture = "amd64",
		  .os = "linux",
		  .size = 12 },
		{ .media = V2,
		  .data = IMAGE,
		  .config = IMAGE_CONFIG,
		  .labels = "{\"a\":\"b\"}",
		  .type = "image",
		  .architecture = "amd64",
		  .os = "linux",
		  .size = 12 },
		{ .media = V1S,
		  .data = IMAGE,
		  .config = IMAGE_CONFIG,
		  .labels = "{\"a\":\"b\"}",
		  .type = "image",
		  .architecture = "amd64",
		  .os = "linux",
		  .size = 12 },
		/* Schema 1: platform in the manifest, os is not there, size unknown to it. */
		{ .media = V1,
		  .data = "{\"architecture\":\"amd64\",\"fsLayers\":[{\"blobSum\":\"sha256:0\"}]}",
		  .type = "image",
		  .architecture = "amd64" });
}

TEST(bootable_and_flatpak)
{
	CHECK_CASES(
		{ .media = OM,
		  .data = IMAGE_WITH(",\"annotations\":{\"containers.bootc\":\"1\"}"),
		  .type = "bootable",
		  .annotations = "{\"containers.bootc\":\"1\"}",
		  .bootable = true,
		  .size = 12 },
		{ .media = V2,
		  .data = IMAGE,
		  .config = "{\"config\":{\"Labels\":{\"containers.bootc\":\"1\"}}}",
		  .type = "bootable",
		  .labels = "{\"containers.bootc\":\"1\"}",
		  .bootable = true,
		  .size = 12 },
		/* The string "1" alone counts, in any spelling. */
		OCI(IMAGE_WITH(",\"annotations\":{\"containers.bootc\":1}"), "image",
		    .annotations = "{\"containers.bootc\":1}", .size = 12),
		OCI(IMAGE_WITH(",\"annotations\":{\"containers.bootc\":\"true\"}"), "image",
		    .annotations = "{\"containers.bootc\":\"true\"}", .size = 12),
		OCI(IMAGE_WITH(",\"annotations\":{\"containers\\u002ebootc\":\"\\u0031\"}"),
		    "bootable", .annotations = "{\"containers\\u002ebootc\":\"\\u0031\"}",
		    .bootable = true, .size = 12),
		/* The last duplicate counts. */
		OCI(IMAGE_WITH(
			    ",\"annotations\":{\"containers.bootc\":\"1\",\"containers.bootc\":\"0\"}"),
		    "image",
		    .annotations = "{\"containers.bootc\":\"1\",\"containers.bootc\":\"0\"}",
		    .size = 12),
		OCI(IMAGE_WITH(",\"annotations\":{\"containers.bootc\":\"1\"},\"annotations\":{}"),
		    "image", .size = 12),
		/* Annotations are part of OCI only. */
		{ .media = V2,
		  .data = IMAGE_WITH(",\"annotations\":{\"containers.bootc\":\"1\"}"),
		  .type = "image",
		  .size = 12 },
		{ .media = OM,
		  .data = IMAGE,
		  .config = "{\"config\":{\"Labels\":{\"org.flatpak.ref\":\"app/x\"}}}",
		  .type = "flatpak",
		  .annotations = "{}",
		  .labels = "{\"org.flatpak.ref\":\"app/x\"}",
		  .flatpak = true,
		  .size = 12 },
		{ .media = V2,
		  .data = IMAGE,
		  .config = "{\"config\":{\"Labels\":{\"org.flatpak.ref\":[0]}}}",
		  .type = "flatpak",
		  .labels = "{\"org.flatpak.ref\":[0]}",
		  .flatpak = true,
		  .size = 12 },
		{ .media = V2,
		  .data = IMAGE,
		  .config = "{\"config\":{\"Labels\":{\"org.flatpak.ref\":\"\"}}}",
		  .type = "image",
		  .labels = "{\"org.flatpak.ref\":\"\"}",
		  .size = 12 },
		/* The label, not an annotation. */
		OCI(IMAGE_WITH(",\"annotations\":{\"org.flatpak.ref\":\"app/x\"}"), "image",
		    .annotations = "{\"org.flatpak.ref\":\"app/x\"}", .size = 12),
		/* Bootable comes first; both come before all that the manifest says. */
		{ .media = V2,
		  .data = IMAGE,
		  .config =
			  "{\"config\":{\"Labels\":{\"org.flatpak.ref\":\"x\",\"containers.bootc\":\"1\"}}}",
		  .type = "bootable",
		  .labels = "{\"org.flatpak.ref\":\"x\",\"containers.bootc\":\"1\"}",
		  .bootable = true,
		  .size = 12 },
		{ .media = OM,
		  .data = "{" CONFIG_OF(
			  "application/vnd.cncf.helm.config.v1+json") ",\"layers\":[]}",
		  .config = "{\"config\":{\"Labels\":{\"org.flatpak.ref\":\"x\"}}}",
		  .type = "flatpak",
		  .annotations = "{}",
		  .labels = "{\"org.flatpak.ref\":\"x\"}",
		  .flatpak = true },
		/* An unknown media type is no obstacle to these. */
		{ .media = "application/x",
		  .data = IMAGE,
		  .config = "{\"config\":{\"Labels\":{\"org.flatpak.ref\":\"x\"}}}",
		  .type = "flatpak",
		  .labels = "{\"org.flatpak.ref\":\"x\"}",
		  .flatpak = true,
		  .size = 12 });
}

TEST(helm)
{
	CHECK_CASES(OCI("{" CONFIG_OF("application/vnd.cncf.helm.config.v1+json") "," LAYERS(
				LAYER_OF("x/y", "3")) "}",
			"helm", .size = 3),
		    { .media = V2,
		      .data = "{" CONFIG_OF(
			      "application/vnd.cncf.helm.config.v1+json") ",\"layers\":[]}",
		      .type = "helm" },
		    { .media = "application/x",
		      .data = "{" CONFIG_OF(
			      "application/vnd.cncf.helm.config.v1+json") ",\"layers\":[]}",
		      .type = "helm" },
		    /* Before cosign. */
		    OCI("{" CONFIG_OF("application/vnd.cncf.helm.config.v1+json") "," LAYERS(
				LAYER_OF("text/spdx", "3")) "}",
			"helm", .size = 3));
}

TEST(cosign)
{
	static const char *const map[][2] = {
		{ "application/vnd.dev.cosign.simplesigning.v1+json", "cosign_signature" },
		{ "application/vnd.dsse.envelope.v1+json", "cosign_attestation" },
		{ "application/vnd.dev.sigstore.bundle.v0.3+json", "cosign_attestation_bundle" },
		{ "application/vnd.cyclonedx", "cosign_sbom" },
		{ "application/vnd.cyclonedx+xml", "cosign_sbom" },
		{ "application/vnd.cyclonedx+json", "cosign_sbom" },
		{ "text/spdx", "cosign_sbom" },
		{ "text/spdx+xml", "cosign_sbom" },
		{ "text/spdx+json", "cosign_sbom" },
		{ "application/vnd.syft+json", "cosign_sbom" },
		/* Near misses. */
		{ "application/vnd.syft", "image" },
		{ "application/vnd.syft+xml", "image" },
		{ "application/vnd.cyclonedx+yaml", "image" },
		{ "application/vnd.dev.sigstore.bundle.v0.2+json", "image" },
	};
	for (size_t i = 0; i < ARRAY_LEN(map); i++) {
		AUTO_FREE char *text =
			xasprintf("{" CONFIG_OF(OCI_CONFIG) ",\"layers\":[" LAYER_OF(
					  OCI_LAYER, "1") ",{\"mediaType\":\"%s\",\"size\":2}]}",
				  map[i][0]);
		CHECK_CASES(OCI(text, map[i][1], .size = 3),
			    { .media = V2, .data = text, .type = map[i][1], .size = 3 });
	}
	CHECK_CASES(/* The first one decides, and what is behind it may be incomplete. */
		    OCI("{" LAYERS(LAYER_OF("text/spdx", "1") "," LAYER_OF(
				"application/vnd.dsse.envelope.v1+json", "1") ",{\"size\":2}") "}",
			"cosign_sbom", .size = 4),
		    /* Before artifact. */
		    OCI("{\"artifactType\":\"x/y\"," CONFIG_OF(
				"application/vnd.oci.empty.v1+json") "," LAYERS(LAYER_OF("text/spdx",
											 "1")) "}",
			"cosign_sbom", .size = 1));
}

TEST(artifact)
{
	static const char *const known[] = {
		V1,
		V1S,
		V2,
		ML,
		"application/vnd.docker.container.image.v1+json",
		"application/vnd.docker.image.rootfs.diff.tar.gzip",
		"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
		OM,
		OI,
		OCI_CONFIG,
		"application/vnd.oci.image.layer.v1.tar",
		OCI_LAYER,
		"application/vnd.oci.image.layer.v1.tar+zstd",
		"application/vnd.oci.image.layer.nondistributable.v1.tar",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
		"application/vnd.oci.empty.v1+json",
		"application/vnd.cncf.helm.config.v1+json",
		"application/vnd.dev.cosign.simplesigning.v1+json",
		"application/vnd.dsse.envelope.v1+json",
		"application/vnd.dev.sigstore.bundle.v0.3+json",
	};
	CHECK_INT(ARRAY_LEN(known), 21);
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		AUTO_FREE char *text =
			xasprintf("{\"config\":{\"mediaType\":\"%s\"},\"layers\":[]}", known[i]);
		const char *type = strstr(known[i], "empty")  ? "artifact"
				   : strstr(known[i], "helm") ? "helm"
							      : "image";
		CHECK_CASES(OCI(text, type));
		/* One letter more and nobody knows it. */
		AUTO_FREE char *other =
			xasprintf("{\"config\":{\"mediaType\":\"%sx\"},\"layers\":[]}", known[i]);
		CHECK_CASES(OCI(other, "artifact"),
			    { .media = V2, .data = other, .type = "image" });
	}
	CHECK_CASES(OCI("{" CONFIG_OF("text/spdx") ",\"layers\":[]}", "artifact"),
		    OCI("{\"config\":{\"mediaType\":null},\"layers\":[]}", "artifact"),
		    OCI("{\"artifactType\":\"x/y\"," CONFIG_OF(OCI_CONFIG) ",\"layers\":[]}",
			"artifact"),
		    OCI("{\"artifactType\":\"x/y\",\"layers\":[]}", "artifact"),
		    OCI("{\"artifactType\":5,\"layers\":[]}", "artifact"),
		    OCI("{\"artifactType\":\"\"," CONFIG_OF(OCI_CONFIG) ",\"layers\":[]}", "image"),
		    OCI("{\"artifactType\":{}," CONFIG_OF(OCI_CONFIG) ",\"layers\":[]}", "image"));
}

TEST(lists)
{
	CHECK_CASES({ .media = ML,
		      .data = "{\"manifests\":[],\"annotations\":{\"a\":\"b\"}}",
		      .type = "index",
		      .no_oas = true },
		    { .media = OI,
		      .data = "{\"manifests\":[]}",
		      .annotations = "{}",
		      .type = "index",
		      .no_oas = true },
		    { .media = OI,
		      .data = "{\"annotations\":{\"containers.bootc\":\"1\"}}",
		      .annotations = "{\"containers.bootc\":\"1\"}",
		      .type = "index",
		      .no_oas = true },
		    /* Upstream never calls a method on a list's annotations, so anything but null
		       is stored. */
		    { .media = OI,
		      .data = "{\"annotations\":[1]}",
		      .annotations = "[1]",
		      .type = "index",
		      .no_oas = true },
		    { .media = OI,
		      .data = "{\"annotations\":null}",
		      .type = "index",
		      .no_oas = true,
		      .reason = REASON_ANNOTATIONS_NOT_OBJECT,
		      .missing = FIELD_BIT_ANNOTATIONS },
		    /* A list's text is parsed as bytes only: a byte order mark is no matter. */
		    { .media = OI,
		      .data = "\xef\xbb\xbf{\"annotations\":{\"a\":\"b\"}}",
		      .annotations = "{\"a\":\"b\"}",
		      .type = "index",
		      .no_oas = true },
		    { .media = ML, .data = "[]", .type = "index", .no_oas = true },
		    { .media = ML,
		      .data = "[",
		      .type = "index",
		      .no_oas = true,
		      .reason = REASON_MANIFEST_NOT_JSON },
		    { .media = OI,
		      .data = "[",
		      .type = "index",
		      .no_oas = true,
		      .reason = REASON_MANIFEST_NOT_JSON,
		      .missing = FIELD_BIT_ANNOTATIONS },
		    { .media = OI,
		      .data = "[]",
		      .type = "index",
		      .no_oas = true,
		      .reason = REASON_MANIFEST_NOT_OBJECT,
		      .missing = FIELD_BIT_ANNOTATIONS });
	CHECK(manifest_is_list(ML) && manifest_is_list(OI) && !manifest_is_list(OM) &&
	      !manifest_is_list("x"));
	CHECK_INT(manifest_media(V1S), MEDIA_V1S);
	CHECK_INT(manifest_media(""), MEDIA_OTHER);
}

/* Where upstream's command dies: the type is left out unless something before it settles it. */
TEST(type_not_to_be_had)
{
	const unsigned type = FIELD_BIT_TYPE;
	CHECK_CASES(OCI("{\"layers\":[]}", NULL, .reason = REASON_CONFIG_DESCRIPTOR_INCOMPLETE,
			.missing = type),
		    OCI("{\"config\":{},\"layers\":[]}", NULL,
			.reason = REASON_CONFIG_DESCRIPTOR_INCOMPLETE, .missing = type),
		    OCI("{\"config\":null,\"layers\":[]}", NULL,
			.reason = REASON_CONFIG_DESCRIPTOR_INCOMPLETE, .missing = type),
		    OCI("{\"artifactType\":\"x\",\"config\":[],\"layers\":[]}", NULL,
			.reason = REASON_CONFIG_DESCRIPTOR_INCOMPLETE, .missing = type),
		    { .media = V2, .data = "{\"layers\":[]}", .type = "image" },
		    { .media = V2,
		      .data = "{\"config\":\"x\",\"layers\":[]}",
		      .reason = REASON_CONFIG_DESCRIPTOR_INCOMPLETE,
		      .missing = type },
		    OCI("{" CONFIG_OF(OCI_CONFIG) ",\"layers\":[{\"size\":3}," LAYER_OF("text/spdx",
											"1") "]}",
			NULL, .reason = REASON_LAYER_INCOMPLETE, .missing = type, .size = 4),
		    OCI("{" CONFIG_OF(OCI_CONFIG) ",\"layers\":[\"x\"]}", NULL,
			.reason = REASON_LAYER_INCOMPLETE, .missing = type | FIELD_BIT_SIZE,
			.size_null = true),
		    OCI("{" CONFIG_OF(OCI_CONFIG) ",\"layers\":{\"a\":1}}", NULL,
			.reason = REASON_LAYERS_MISSING, .missing = type | FIELD_BIT_SIZE,
			.size_null = true),
		    /* Python runs over nothing at all without complaint. */
		    OCI("{" CONFIG_OF(OCI_CONFIG) ",\"layers\":\"\"}", "image"),
		    OCI("{" CONFIG_OF(OCI_CONFIG) ",\"layers\":{}}", "image"),
		    { .media = V1,
		      .data = "{\"layers\":null,\"fsLayers\":[1]}",
		      .reason = REASON_LAYERS_MISSING,
		      .missing = type },
		    { .media = "application/x",
		      .data = IMAGE,
		      .reason = REASON_UNKNOWN_MEDIA_TYPE,
		      .missing = type,
		      .size = 12 });
}

TEST(type_where_upstream_dies)
{
	/* The configuration is not to be read: labels may hold anything. */
	CHECK_CASES({ .media = OM,
		      .data = IMAGE,
		      .config_problem = REASON_CONFIG_FILE_MISSING,
		      .annotations = "{}",
		      .size = 12,
		      .reason = REASON_CONFIG_FILE_MISSING,
		      .missing = FIELD_BIT_LABELS | FIELD_BIT_TYPE | FIELD_BIT_ARCHITECTURE |
				 FIELD_BIT_OS },
		    { .media = OM,
		      .data = IMAGE_WITH(",\"annotations\":{\"containers.bootc\":\"1\"}"),
		      .size = 12,
		      .config_problem = REASON_CONFIG_NO_ARTIFACT,
		      .annotations = "{\"containers.bootc\":\"1\"}",
		      .type = "bootable",
		      .bootable = true,
		      .reason = REASON_CONFIG_NO_ARTIFACT,
		      .missing = FIELD_BIT_LABELS | FIELD_BIT_ARCHITECTURE | FIELD_BIT_OS },
		    /* The configuration holds no labels, whatever else it is. */
		    { .media = OM,
		      .data = "{\"artifactType\":\"x/y\"," CONFIG_OF("x/z") ",\"layers\":[]}",
		      .config = "no json",
		      .annotations = "{}",
		      .type = "artifact",
		      .reason = REASON_CONFIG_NOT_JSON,
		      .missing = FIELD_BIT_LABELS | FIELD_BIT_ARCHITECTURE | FIELD_BIT_OS },
		    { .media = OM,
		      .data = IMAGE,
		      .config = "[]",
		      .annotations = "{}",
		      .type = "image",
		      .size = 12,
		      .reason = REASON_CONFIG_NOT_OBJECT,
		      .missing = FIELD_BIT_LABELS | FIELD_BIT_ARCHITECTURE | FIELD_BIT_OS },
		    /* The manifest is no JSON: labels and the level of the media type may still
		       settle it. */
		    { .media = V2,
		      .data = "{",
		      .config = IMAGE_CONFIG,
		      .labels = "{\"a\":\"b\"}",
		      .no_oas = true,
		      .reason = REASON_MANIFEST_NOT_JSON,
		      .missing = FIELD_BIT_TYPE | ALL_OAS },
		    { .media = V2,
		      .data = "{",
		      .config = "{\"config\":{\"Labels\":{\"org.flatpak.ref\":\"x\"}}}",
		      .no_oas = true,
		      .labels = "{\"org.flatpak.ref\":\"x\"}",
		      .type = "flatpak",
		      .flatpak = true,
		      .reason = REASON_MANIFEST_NOT_JSON,
		      .missing = ALL_OAS },
		    /* ... but not where annotations would come first. */
		    { .media = OM,
		      .data = "{",
		      .config = "{\"config\":{\"Labels\":{\"org.flatpak.ref\":\"x\"}}}",
		      .no_oas = true,
		      .labels = "{\"org.flatpak.ref\":\"x\"}",
		      .reason = REASON_MANIFEST_NOT_JSON,
		      .missing = FIELD_BIT_ANNOTATIONS | FIELD_BIT_TYPE | ALL_OAS });
}

TAP_MAIN(row(ordinary_images), row(bootable_and_flatpak), row(helm), row(cosign), row(artifact),
	 row(lists), row(type_not_to_be_had), row(type_where_upstream_dies))
