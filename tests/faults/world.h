/* world.h - a whole server inside a test: temporary database, a host that has the install keys and every tenant's
 * licence, and a client that speaks for both of them.
 *
 * Tenants whose key starts with "paid" are licensed by the host, others are not. The client's functions may be
 * called from any thread; they assert with assert(), not cmocka's. */
#pragma once
#include "app.h"
#include "fake_server.h"
#include "sim/keys.h"

struct world {
	char dir[32];
	struct sim_key key;
	struct fake_server *host;
	struct config *config;
	struct app *app;
	_Atomic bool host_down; /* licences are a 500; the key host works */
};

void world_start(struct world *w);
/* Stops the server and starts one on the same database. */
void world_restart(struct world *w);
void world_stop(struct world *w);

/* Each answers with the HTTP status; 0: the connection ended without an answer. kid: any text a key may have. */
int world_installed(struct world *w, const char *tenant, const char *kid);
int world_uninstalled(struct world *w, const char *tenant, const char *kid);
struct page {
	int status;
	char body[8192]; /* cut */
};
/* GET of a gated page or the licence answer, with the tenant's page token. */
void world_page(struct world *w, const char *tenant, const char *target, struct page *ret);
int world_posted(struct world *w, const char *tenant, const char *target, const char *body);
/* POST /admin/api/v1/tenants/KEY/refresh */
int world_refreshed(struct world *w, const char *tenant);
/* GET /admin/api/v1/tenants */
int world_listed(struct world *w);
int world_healthy(struct world *w);
/* The secret an install gives a tenant. */
void world_secret(const char *tenant, char out[static 64]);
