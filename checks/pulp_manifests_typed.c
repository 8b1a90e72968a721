/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pulp_container 2.22 gave manifests a type and images their platform; rows that an older command
 * filled have neither, and no later run of Pulp's own command selects lists without a type.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "container_manifest.data container_manifest.type container_manifest.os",
	.sql = "SELECT m.digest || ' in ' || coalesce((SELECT min(r.name) FROM core_repositorycontent i JOIN core_repository r ON r.pulp_id = i.repository_id"
	       " WHERE i.content_id = m.content_ptr_id AND i.version_removed_id IS NULL), 'no repository')"
	       " || CASE WHEN m.type IS NULL THEN ': no type' ELSE ': neither architecture, os nor size' END, count(*) OVER ()"
	       " FROM container_manifest m WHERE m.data <> '' AND (m.type IS NULL OR (m.type IN ('image', 'bootable', 'flatpak')"
	       " AND m.schema_version > 1 AND m.architecture IS NULL AND m.os IS NULL AND m.compressed_image_size IS NULL))"
	       " ORDER BY m.digest LIMIT 10",
	.bad = RESULT_WARNING,
	.sound = "every manifest that has data has its type and platform",
	.found = "manifest(s) (has|have) (its|their) data and lack(s|) type or platform",
	.hint = "`plmaint pre-migrate run --refill` derives what can be derived; what it sets aside it names with the reason.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_manifests_typed = {
	.label = "pulp-manifests-typed",
	.summary = "manifests that have data have their type and platform too",
	.source = "container_manifest, core_repositorycontent",
	.explain =
		"Lists show what they hold by these columns, and Katello and the flatpak index choose by them.",
	.cost = "one scan of all manifests",
	.tags = (const char *const[]){ "content", NULL },
	.remedies = (const char *const[]){ "pulp-manifests-fill", NULL },
	.needs = NEED_DB,
	.run = run,
};
