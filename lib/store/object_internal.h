/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where an object is below DIR/store; for object.c and object_write.c. */
#pragma once

enum { OBJECT_NAME_SIZE = 66 };
void object_name(const char *sha256, char out[OBJECT_NAME_SIZE]); /* "ab/cdef..." */
