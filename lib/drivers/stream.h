/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes on their way, so that packing, encrypting and cutting into pieces can be put together. */
#pragma once
#include "lib/core/err.h"
#include <stddef.h>

struct sink {
	bool (*put)(void *arg, const void *bytes, size_t n, struct err *err);
	void *arg;
};
struct source {
	/* Up to room bytes, at least one but at the end, where *ret_n is 0. */
	bool (*get)(void *arg, void *bytes, size_t room, size_t *ret_n, struct err *err);
	void *arg;
};
