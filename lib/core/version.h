/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The release; schema of the JSON events and format of the ledger have their own numbers. */
#pragma once
#define PLMAINT_VERSION "0.1.0"
#define PLMAINT_DATE "2026-11-21" /* of the man page */
#define PLMAINT_EVENT_SCHEMA 1
