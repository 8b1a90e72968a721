/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From words to a command's work and its exit status. */
#pragma once

int dispatch(int argc, char *const *argv, char *const *environment);
