/* app.h - the composition root: builds the parts of a server in order, tears them down in reverse. */
#pragma once
#include "base/buf.h"
#include "config/config.h"
#include "connect/connect.h"
#include "events/mail_template.h"
#include "http/server.h"
#include "segment/listings.h"

/* Which part's pointer a route's handler gets (http/route.h). */
enum { ROOM_APP, ROOM_CONNECT, ROOM_FILES, ROOM_ADMIN, ROOM_SEGMENT, ROOM_GITHUB, ROOM_FORGE, ROOM_MAIL };

extern const struct route_table public_routes, admin_routes; /* routes.c */

/* What people write and the server only reads: features, pages, descriptor, TLS certificate and key, mail templates.
 * Checked together, since each names things of the others. Shared by `serve` and `check`. */
struct app_files {
	struct features *features;
	struct static_files *pages;
	struct descriptor *descriptor;
	struct listings *listings;    /* NULL: none */
	struct buf tls_cert, tls_key; /* NUL-terminated PEM; data NULL where TLS is off */
	struct mail_templates mail;   /* those that are on */
};
/* Tells every problem of all of them before it fails. */
enum err app_files_load(const struct config *config, problem_fn *tell, void *arg, struct app_files *ret);
void app_files_release(struct app_files *files);

/* Prints "licgate: place: text" on stderr: a problem_fn. */
void print_problem(void *arg, const struct problem *p);

struct app;
/* Starts both listeners. Problems are in the log. */
enum err app_start(const struct config *config, struct app **ret);
/* Graceful: readiness fails, running requests end, everything acknowledged is stored. */
void app_stop(struct app *app);
/* What the doors share: for the library (library.c). */
struct connect *app_connect(struct app *app);
const char *app_public_address(const struct app *app);
const char *app_admin_address(const struct app *app); /* NULL: no admin token, no admin listener */

/* health.c: GET /healthz and /readyz. room is the struct app's health. */
struct health {
	struct store *store;
	_Atomic bool stopping;
};
void health_get(struct request *req, void *health);
void ready_get(struct request *req, void *health);

/* For __cleanup(config_free_p). */
static inline void config_free_p(struct config **c)
{
	config_free(*c);
}
