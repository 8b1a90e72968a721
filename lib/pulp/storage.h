/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Artifact bytes by the name in core_artifact.file; thread safe after opening. */
#pragma once
#include "lib/core/err.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/probe.h"
#include "lib/pulp/reasons.h"

struct storage;
/*
 * Opens the media root and the roots of other domains named by pulp.domain_roots
 * ("NAME=/path,NAME=/path").  Errors: root missing, unreadable, without an `artifact` directory
 * (unmounted, or another host's path), or a backend that is not a file system (ERR_UNSUPPORTED).
 */
bool storage_open(const struct config *config, const struct place *place, struct storage **ret,
		  struct err *err) MUST_CHECK;
void storage_close(struct storage *s);
/* The directory that pulp.domain_roots names for the domain, which is not looked at; NULL: none.
 * Caller frees. */
char *storage_domain_root(const struct config *config, const char *domain);
/*
 * Reads one artifact whole.  domain: name of the artifact's domain, NULL or "default" for the media
 * root; its class may be another backend: REASON_STORAGE_UNSUPPORTED.  size: core_artifact.size,
 * checked against the file before reading: REASON_SIZE_MISMATCH. Returns REASON_NONE and fills out
 * (out->data owned by the caller), or the reason; REASON_MEDIA_GONE when the root is no longer
 * there (fatal).
 */
enum reason storage_read(const struct storage *s, const char *domain, const char *file,
			 int64_t size, struct fs_file *out);
/* Opens one file for reading, of any size; the caller closes *ret_fd.  FS_OUTSIDE, too, for a
 * domain whose root is not known. */
enum fs_verdict storage_open_file(const struct storage *s, const char *domain, const char *file,
				  int *ret_fd, struct fs_file *out);
/* Whether the root of the domain is not there any more: an unmounted disk. */
bool storage_gone(const struct storage *s, const char *domain);
/* Removes a file of Pulp's that no artifact is: FS_OUTSIDE for a domain whose root is not known. */
enum fs_verdict storage_remove(const struct storage *s, const char *domain, const char *file);
/* size and time of change for a fingerprint; false when the file is not there. */
bool storage_stat(const struct storage *s, const char *domain, const char *file, int64_t *size,
		  int64_t *changed);
