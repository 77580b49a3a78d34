/* join.h - the same customer at two doors is one tenant: how a Forge installation and a Connect tenant find each other.
 *
 * By an id, strongest first: installation id, entitlement (id, number, SEN), cloud id; then by the site's URL. Cloud
 * and site name every app in a site, so there the product must agree too, and without a product only a single candidate
 * will do. The URL is the tenant's present one: an old one may belong to another customer by now. Ids of an environment
 * other than PRODUCTION join by installation id alone. All of it is told by tokens that were verified. Which came first
 * does not matter: a tenant that was made for a Forge installation is taken in by the Connect tenant that arrives
 * later. Its journal stays under its own key; aliases on both sides lead from one to the other. */
#pragma once
#include "license/tenants.h"

#define FORGE_TENANT_PREFIX "forge:"

/* What an installation is known by; empty where it is not. */
struct join_facts {
	struct str installation_id, entitlement_id, entitlement_number, sen, cloud_id;
	struct str url;     /* of the site, without trailing slash: "https://acme.atlassian.net" */
	struct str product; /* "Jira", "confluence" … */
	bool any_id;        /* false: by installation id alone */
};
/* The Connect tenant of a Forge installation. *ret_by: a literal ("entitlement_id"). ERR_NOT_FOUND. */
enum err join_find_connect(struct store_tx *tx, const struct join_facts *f, struct arena *a, const char **ret_key,
                           const char **ret_by);
/* The tenant that was made for a Forge installation of the customer that now installs by Connect; url is Connect's base
 * URL. ERR_NOT_FOUND. */
enum err join_find_forge(struct store_tx *tx, const struct join_facts *f, struct arena *a, const char **ret_key,
                         const char **ret_by);

/* Inside a write job: `to`, whose row is there, takes in what the Forge tenant `from` has: installations, users and
 * their seats, override, licence history where it has none of its own. from is then uninstalled, with an event that
 * names to. */
enum err join_adopt(struct store_tx *tx, struct str from, struct str to, const char *by, int64_t at);
/* Counts installations that went from one Connect tenant to another (an import): who keeps whose they are in memory
 * asks the store again when it has changed. */
unsigned join_moves(void);
void join_moved(void);
/* After its commit, writer thread. */
void join_adopted(struct tenants *t, struct str from, struct str to, int64_t at);
