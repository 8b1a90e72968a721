/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --help of every level, from the tables: an example first, then the text, then the options. */
#pragma once
#include "lib/core/step.h"
#include "lib/core/strbuf.h"

void help_top(struct strbuf *out, const struct catalogue *c);
void help_command(struct strbuf *out, const struct command *c);
void help_action(struct strbuf *out, const struct command *c, const struct action *a);
/* "plmaint procedure run LABEL [OPTIONS]" */
void help_usage(struct strbuf *out, const struct command *c, const struct action *a);
/* "-w, --whitelist LABEL,..." */
void help_option_words(struct strbuf *out, const struct opt *o);
