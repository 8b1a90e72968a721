/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Documents printed from the tables: what is not in a table is not in a document. */
#pragma once
#include "lib/core/step.h"
#include "lib/core/strbuf.h"

void docs_man(struct strbuf *out, const struct catalogue *c); /* plmaint.8 in man(7) */
void docs_man_item(struct strbuf *out, const char *name,
		   const char *text); /* a term and its text */
void docs_markdown(struct strbuf *out,
		   const struct catalogue *c); /* the commands section of README.md */
void docs_json(struct strbuf *out,
	       const struct catalogue *c); /* everything, for programs and tests */
