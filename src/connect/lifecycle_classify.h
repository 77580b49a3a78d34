/* lifecycle_classify.h - which kind of "installed" is this? Pure.
 *
 * A site calls installed for a first install, a re-install, an upgrade, a new secret, a new name and after an import.
 * All that apply are told; the most telling one names the event. Cases: tests/unit/connect/test_lifecycle_classify.c.
 */
#pragma once
#include <stdbool.h>

#include "base/str.h"

/* In the order in which they name the event. */
enum install_kind {
	INSTALL_IMPORT, /* a new clientKey at the address of a tenant we have */
	INSTALL_FIRST,
	INSTALL_REINSTALL,
	INSTALL_RENAME,
	INSTALL_SECRET_ROTATION,
	INSTALL_UPGRADE, /* nothing of the above */
	INSTALL_KIND_COUNT
};

struct install_facts {
	bool known;       /* this clientKey is stored */
	bool uninstalled; /* … as uninstalled */
	bool base_url_changed;
	bool secret_changed;
	bool address_taken; /* another tenant, not uninstalled, has that base URL */
};

/* Bit 1<<kind of all that apply; never 0. */
unsigned install_classify(const struct install_facts *f);
enum install_kind install_kind_of(unsigned kinds);
const char *install_event_type(enum install_kind k); /* "tenant.installed" … */
const char *install_kind_name(enum install_kind k);  /* "first" … */
enum { INSTALL_KINDS_TEXT_SIZE = 96 };
/* "import,first" */
void install_kinds_text(unsigned kinds, char out[static INSTALL_KINDS_TEXT_SIZE]);
