/* admin.h - the operator's API and page: every tenant, its licence, its history. Own listener.
 *
 * The API takes the bearer token, or the cookie of somebody who signed in on the page with that token. */
#pragma once
#include "admin/attempts.h"
#include "admin/history.h"
#include "admin/live.h"
#include "admin/session.h"
#include "connect/connect.h"

struct deliveries;
struct poller;

struct admin {
	struct connect *connect;
	uint8_t token_hash[32];    /* SHA-256 of LICGATE_ADMIN_TOKEN */
	bool enabled;              /* false: no token configured, every admin route answers 404 */
	struct attempts *attempts; /* wrong tokens */
	struct sessions *sessions;
	struct live_feed *feed;
	struct history *history;
	struct poller *poller;               /* of the Marketplace; NULL: it is not polled */
	const struct deliveries *deliveries; /* for open pages, to tell them that it changed */
};
/* Sessions, live updates, daily counts: before the listener starts. */
enum err admin_start(struct admin *admin);
/* After the listener has stopped, before timers and store. */
void admin_stop(struct admin *admin);

void auth_admin(struct request *req, void *admin);
void admin_session_post(struct request *req, void *admin);
void admin_session_get(struct request *req, void *admin);
void admin_session_delete(struct request *req, void *admin);
/* /admin, /admin/, /admin/NAME: the page and what it loads. */
void admin_page_redirect(struct request *req, void *admin);
void admin_page(struct request *req, void *admin);

void admin_overview(struct request *req, void *admin);
void admin_stream(struct request *req, void *admin);
void admin_tenants(struct request *req, void *admin);
void admin_tenant(struct request *req, void *admin);
void admin_tenant_events(struct request *req, void *admin);
void admin_tenant_users(struct request *req, void *admin);
void admin_seat_delete(struct request *req, void *admin);
void admin_tenant_refresh(struct request *req, void *admin);
void admin_tenant_test_call(struct request *req, void *admin);
void admin_override_put(struct request *req, void *admin);
void admin_override_delete(struct request *req, void *admin);
void admin_events(struct request *req, void *admin);
void admin_feedback(struct request *req, void *admin);
void admin_funnel(struct request *req, void *admin);
void admin_failures(struct request *req, void *admin);
void admin_endpoints(struct request *req, void *admin);
void admin_endpoint_add(struct request *req, void *admin);
void admin_endpoint_delete(struct request *req, void *admin);
void admin_endpoint_rotate(struct request *req, void *admin);
void admin_endpoint_enable(struct request *req, void *admin);
void admin_endpoint_test(struct request *req, void *admin);
void admin_endpoint_replay(struct request *req, void *admin);
void admin_deliveries(struct request *req, void *admin);
void admin_delivery(struct request *req, void *admin);
void admin_delivery_replay(struct request *req, void *admin);
void admin_mail(struct request *req, void *admin);
void admin_books_transactions(struct request *req, void *admin);
void admin_books_mrr(struct request *req, void *admin);
void admin_books_trials(struct request *req, void *admin);
void admin_drift(struct request *req, void *admin);
void admin_migration(struct request *req, void *admin);
void admin_github_accounts(struct request *req, void *admin);
void admin_github_drift(struct request *req, void *admin);
void admin_marketplace(struct request *req, void *admin);
void admin_marketplace_sync(struct request *req, void *admin);
void admin_metrics(struct request *req, void *admin);
