/* lifecycle_classify.c - the kinds of install as a table. See lifecycle_classify.h. */
#include "connect/lifecycle_classify.h"

#include <assert.h>
#include <string.h>

static const struct {
	const char *name, *event;
} KINDS[INSTALL_KIND_COUNT] = {
    [INSTALL_IMPORT] = {"import", "tenant.imported"},
    [INSTALL_FIRST] = {"first", "tenant.installed"},
    [INSTALL_REINSTALL] = {"reinstall", "tenant.reinstalled"},
    [INSTALL_RENAME] = {"rename", "tenant.renamed"},
    [INSTALL_SECRET_ROTATION] = {"secret_rotation", "tenant.secret_rotated"},
    [INSTALL_UPGRADE] = {"upgrade", "tenant.upgraded"},
};

static unsigned bit(enum install_kind k, bool applies)
{
	return applies ? 1U << k : 0;
}

unsigned install_classify(const struct install_facts *f)
{
	if (!f->known)
		return bit(INSTALL_FIRST, true) | bit(INSTALL_IMPORT, f->address_taken);
	unsigned kinds = bit(INSTALL_REINSTALL, f->uninstalled) | bit(INSTALL_RENAME, f->base_url_changed) |
	                 bit(INSTALL_SECRET_ROTATION, f->secret_changed);
	return kinds ? kinds : bit(INSTALL_UPGRADE, true);
}

enum install_kind install_kind_of(unsigned kinds)
{
	enum install_kind k = INSTALL_IMPORT;
	while (k < INSTALL_UPGRADE && !(kinds & 1U << k))
		k++;
	assert(kinds & 1U << k);
	return k;
}

const char *install_event_type(enum install_kind k)
{
	return KINDS[k].event;
}

const char *install_kind_name(enum install_kind k)
{
	return KINDS[k].name;
}

void install_kinds_text(unsigned kinds, char out[static INSTALL_KINDS_TEXT_SIZE])
{
	size_t used = 0;
	out[0] = '\0';
	for (unsigned k = 0; k < INSTALL_KIND_COUNT; k++) {
		if (!(kinds & 1U << k))
			continue;
		size_t len = strlen(KINDS[k].name);
		assert(used + len + 2 <= INSTALL_KINDS_TEXT_SIZE);
		if (used)
			out[used++] = ',';
		memcpy(out + used, KINDS[k].name, len + 1);
		used += len;
	}
}
