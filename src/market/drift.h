/* drift.h - where the Marketplace and the product do not say the same, and what to do about it.
 *
 * One walk over all licences with their ties, one over the tenants in memory: some 16 bytes and a key of each tenant
 * that has a licence, and the findings, are all that is kept. Reads the store on this thread: for the admin listener.
 */
#pragma once
#include "license/lookup.h"
#include "store/ledger.h"

enum drift_kind {
	DRIFT_EXPIRED_THERE,    /* licensed here, expired there */
	DRIFT_UNLICENSED_HERE,  /* paid there, the host says none */
	DRIFT_UNKNOWN_THERE,    /* licensed here, no report has it */
	DRIFT_NEVER_SEEN,       /* paid there, no tenant */
	DRIFT_UNINSTALLED_HERE, /* paid there, the tenant is uninstalled */
	DRIFT_OVERRIDE_OVER,    /* an override has ended, and nothing else licenses */
	DRIFT_TWO_TENANTS,      /* a licence fits two tenants */
	DRIFT_TWO_LICENSES,     /* a tenant has two licences in force */
	DRIFT_KINDS
};
const char *drift_kind_name(enum drift_kind kind);
bool drift_kind_parse(struct str name, enum drift_kind *ret);
const char *drift_what_to_do(enum drift_kind kind);

struct drift_item {
	enum drift_kind kind;
	const char *client_key, *base_url, *entitlement;            /* NULL: none */
	const char *state, *source;                                 /* here: literals; NULL where there is no tenant */
	const char *status, *license_type, *tier, *maintenance_end; /* there; NULL where there is no licence */
	int64_t since;                                              /* of an override: its end; else 0 */
};
struct drift {
	struct drift_item *items; /* by kind, then tenant, then licence */
	size_t count, counts[DRIFT_KINDS];
	int64_t polled_at; /* 0: no report has come yet, so that nothing can be missing there */
};
/* Everything in the arena. ERR_NOMEM also where the arena is full. */
enum err drift_read(struct store *store, struct tenants *tenants, struct lookups *lookups, struct arena *a,
                    struct drift *ret);
