/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The note is a file of six lines, written whole or not at all. */
#include "lib/host/closure_renew.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/options.h"
#include "lib/core/state.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/ini.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char file_name[] = "maintenance-mode";
static const double latest = 1e11;	  /* seconds since 1970 that a note may name */
static const double same_moment = 0.0005; /* seconds; a note has milliseconds */

static const char *state_dir(const struct config *c)
{
	return config_get(c, "general.state_dir");
}

void closure_release(struct closure *c)
{
	firewall_release(&c->kernel);
	free(c->ports);
	free(c->allowed);
	free(c->by);
	*c = (struct closure){ .noted = false };
}

static bool take_value(void *arg, const char *section, const char *key, const char *value, int line,
		       struct err *err)
{
	struct closure *c = arg;

	(void)section;
	(void)line;
	if (strcmp(key, "since") == 0)
		return parse_real(value, 0, latest, &c->since, err);
	if (strcmp(key, "until") == 0)
		return parse_real(value, 0, latest, &c->until, err);

	char **text = strcmp(key, "ports") == 0 ? &c->ports
		      : strcmp(key, "by") == 0	? &c->by
						: &c->allowed;

	free(*text);
	*text = xstrdup(value);
	return true;
}

static bool read_note(const char *dir, struct closure *c, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, file_name);

	c->noted = ini_read(path, take_value, c, err);
	if (c->noted || err->code == ERR_NOT_FOUND)
		return true;
	if (err->code == ERR_DENIED)
		return err_hint(err, "Run it as root.");
	if (err->code != ERR_IO)
		err->code = ERR_DATA;
	return err_hint(err, "`plmaint maintenance-mode stop` opens the ports and removes it.");
}

bool closure_look(const struct config *config, struct closure *ret, struct err *err)
{
	struct closure c = { .noted = false };

	if (!read_note(state_dir(config), &c, err) || (c.by && !firewall_has(c.by, err)) ||
	    !firewall_look(&c.kernel, err)) {
		closure_release(&c);
		return false;
	}
	*ret = c;
	return true;
}

/* The kernel has its own clock: the last second of a time may be over there and not yet here. */
static bool is_over(const struct closure *c)
{
	return c->noted && c->until > 0 && c->until - 1.0 <= clock_wall();
}

enum closure_state closure_state(const struct closure *c)
{
	if (!c->kernel.closed)
		return c->noted && !is_over(c) ? CLOSURE_HALF : CLOSURE_OPEN;
	return c->noted && !c->kernel.doubled && (c->until > 0) == (c->kernel.seconds > 0) &&
			       firewall_same(c->ports, c->kernel.ports)
		       ? CLOSURE_CLOSED
		       : CLOSURE_HALF;
}

static char *closed_words(const struct closure *c)
{
	bool some = c->kernel.allowed && *c->kernel.allowed;
	char left[32];

	clock_in_words(c->kernel.seconds, left, sizeof(left));
	return xasprintf("ports %s are closed to all but this host%s%s, %s%s", c->kernel.ports,
			 some ? " and " : "", some ? c->kernel.allowed : "",
			 c->kernel.seconds > 0 ? "for another " : "until they are opened",
			 c->kernel.seconds > 0 ? left : "");
}

char *closure_words(const struct closure *c)
{
	AUTO_FREE char *closed = c->kernel.closed ? closed_words(c) : NULL;
	char since[40];

	clock_rfc3339(c->since, since, sizeof(since));
	if (closure_state(c) == CLOSURE_CLOSED)
		return xasprintf("%s, since %s", closed, since);
	if (closure_state(c) == CLOSURE_OPEN)
		return xstrdup(c->noted ? "the ports are open: the time of the closure is over"
					: "the ports are open");
	if (closed && c->kernel.doubled)
		return xasprintf("%s, and both nft and iptables have rules of ours", closed);
	if (!c->noted)
		return xasprintf("%s, and this state directory has no note of it", closed);
	if (closed)
		return xasprintf("%s, and the note of %s says otherwise: ports %s%s", closed, since,
				 c->ports, c->until > 0 ? " for a time" : " until they are opened");
	return xasprintf(
		"the kernel closes nothing, and by the note of %s it should close ports %s", since,
		c->ports);
}

static bool write_note(const char *dir, const struct firewall *f, double since, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, file_name);
	AUTO_STRBUF struct strbuf note = { 0 };

	strbuf_addf(&note, "[maintenance-mode]\nsince = %.3f\nuntil = %.3f\n", since,
		    f->seconds > 0 ? clock_wall() + f->seconds : 0.0);
	strbuf_addf(&note, "ports = %s\nallowed = %s\nby = %s\n", f->ports,
		    f->allowed ? f->allowed : "", firewall_program());
	return fs_write_atomic(path, note.data, note.len, 0640, err);
}

/* Held for note and kernel together, which takes milliseconds; closing ends it. */
static bool take_turn(const char *dir, int *ret_fd, struct err *err)
{
	static const char turn_name[] = "maintenance-mode.lock";
	AUTO_FD int fd = -1;

	if (!state_dir_make(dir, err) || !state_open(dir, turn_name, O_RDWR | O_CREAT, &fd, err))
		return false;
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_errno(err, "cannot lock '%s' in '%s'", turn_name, dir);
	*ret_fd = fd;
	fd = -1;
	return true;
}

bool closure_close(const struct config *config, const struct firewall *wished, struct err *err)
{
	const char *dir = state_dir(config);
	AUTO_FD int turn = -1;

	return take_turn(dir, &turn, err) && write_note(dir, wished, clock_wall(), err) &&
	       firewall_close(wished, err);
}

bool closure_open(const struct config *config, struct err *err)
{
	const char *dir = state_dir(config);
	AUTO_FD int turn = -1;

	return take_turn(dir, &turn, err) && firewall_open(err) &&
	       state_remove(dir, file_name, err);
}

/* As noted, with another time. */
static bool again(const char *dir, struct closure *c, double seconds, struct err *err)
{
	const struct firewall f = { .seconds = seconds, .ports = c->ports, .allowed = c->allowed };

	return write_note(dir, &f, c->since, err) && firewall_close(&f, err);
}

bool closure_renew(const struct config *config, double since, double seconds, bool *ret_ours,
		   struct err *err)
{
	const char *dir = state_dir(config);
	struct closure c = { .noted = false };
	AUTO_FD int turn = -1;
	bool ok = take_turn(dir, &turn, err) && read_note(dir, &c, err), ours;

	ours = ok && c.noted && c.until > 0 && fabs(c.since - since) < same_moment;
	ok = ok && (!ours || again(dir, &c, seconds, err));
	if (ok)
		*ret_ours = ours;
	closure_release(&c);
	return ok;
}

bool closure_resume(const struct config *config, enum closure_left *ret, struct err *err)
{
	const char *dir = state_dir(config);
	struct closure c = { .noted = false };
	AUTO_FD int turn = -1;
	bool ok = take_turn(dir, &turn, err) && read_note(dir, &c, err);

	if (ok && c.noted)
		ok = c.until > 0 ? firewall_open(err) && state_remove(dir, file_name, err)
				 : again(dir, &c, 0, err);
	if (ok)
		*ret = !c.noted	     ? CLOSURE_LEFT_NOTHING
		       : c.until > 0 ? CLOSURE_LEFT_TIMED
				     : CLOSURE_LEFT_HELD;
	closure_release(&c);
	return ok;
}

bool closure_survives(void)
{
	static const char *const places[] = { "/etc", "/usr/local/lib", "/usr/lib", "/lib" };

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		AUTO_FREE char *path = xasprintf("%s/systemd/system/multi-user.target.wants/"
						 "plmaint-maintenance-mode.service",
						 places[i]);

		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}
