/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Found by what runs, as services are: a quadlet may call its container whatever it likes. */
#include "lib/pulp/contained.h"

#include "lib/core/mem.h"
#include "lib/drivers/container.h"
#include "lib/drivers/proc.h"
#include "lib/pulp/live.h"

#include <stdlib.h>
#include <unistd.h>

/* Podman keeps there what a reboot ends. */
static const char podmans[] = "/run/libpod";

static bool is_contained_service(pid_t pid, void *arg)
{
	AUTO_STRBUF struct strbuf words = { 0 };
	struct contained *c = arg;

	if (!proc_read(pid, "cmdline", &words) || !live_is_service(words.data, words.len))
		return false;
	c->id = container_of_process(pid);
	return c->id != NULL;
}

void contained_find(struct contained *ret)
{
	*ret = (struct contained){ .pid = 0 };
	if (access(podmans, F_OK) == 0)
		ret->pid = proc_find(is_contained_service, ret);
}

void contained_release(struct contained *c)
{
	free(c->id);
	*c = (struct contained){ .pid = 0 };
}

void contained_environment(const struct contained *c, struct unit_environment *env)
{
	AUTO_STRBUF struct strbuf text = { 0 };

	if (!c->pid) {
		unit_environment_read(env);
		return;
	}
	*env = (struct unit_environment){ .vars = NULL };
	if (proc_read(c->pid, "environ", &text))
		unit_environment_add_block(env, text.data, text.len);
}
