/* installs.h - every Forge installation in memory: found by its id on each call, without the database.
 *
 * What is here follows the store after each commit. Who asks gets copies or the tenant's key; nothing is called while
 * the lock is held. Sights are kept here exactly and stored now and then. */
#pragma once
#include "base/clock.h"
#include "license/tenants.h"
#include "store/forge.h"
#include "token/fit.h"

struct installs;
enum { INSTALLS_MAX = 200000 };
enum err installs_new(struct installs **ret);
void installs_free(struct installs *t);
/* From the store, at start, after the tenants. */
enum err installs_load(struct installs *t, struct store *s, struct tenants *tenants);

/* Takes what the row says. ERR_FULL, ERR_NOMEM: it is not kept, so that the next call reads the store again. */
enum err installs_put(struct installs *t, const struct forge_row *row);
bool installs_full(struct installs *t);

/* What a call may go on with without the store. False: not known, uninstalled, or the token tells something new. */
bool installs_current(struct installs *t, const struct fit *fit, struct arena *a, struct str *ret_client_key);
/* True: the sight should be stored now, by whoever is told so. */
bool installs_seen(struct installs *t, struct str installation_id, int64_t at);
int64_t installs_last_seen(struct installs *t, struct str installation_id); /* 0: not known */
/* Sights that were not stored yet, at the end. fn runs without the lock. */
enum err installs_flush(struct installs *t, struct store *s);
