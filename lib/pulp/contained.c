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

/* The id, and who keeps it; NULL: no service of Pulp, or in no container.  Caller frees both. */
static char *container_of_service(pid_t pid, char **ret_keeper)
{
	AUTO_STRBUF struct strbuf words = { 0 };
	bool service = proc_read(pid, "cmdline", &words) && live_is_service(words.data, words.len);
	char *id = service ? container_of_process(pid) : NULL;

	*ret_keeper = id ? container_keeper(pid) : NULL;
	return id;
}

static bool is_ours(pid_t pid, void *arg)
{
	AUTO_FREE char *keeper = NULL;
	AUTO_FREE char *id = container_of_service(pid, &keeper);
	struct contained *c = arg;

	c->id = keeper ? NULL : TAKE(id);
	return c->id != NULL;
}

static bool is_elsewhere(pid_t pid, void *arg)
{
	AUTO_FREE char *keeper = NULL;
	AUTO_FREE char *id = container_of_service(pid, &keeper);
	char **ret = arg;

	*ret = keeper ? xasprintf("container %s of %s", id, keeper) : NULL;
	return *ret != NULL;
}

void contained_find(struct contained *ret)
{
	*ret = (struct contained){ .pid = 0 };
	if (access(podmans, F_OK) == 0)
		ret->pid = proc_find(is_ours, ret);
}

char *contained_elsewhere(void)
{
	char *found = NULL;

	(void)proc_find(is_elsewhere, &found);
	return found;
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
