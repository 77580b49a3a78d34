/* routes.c - THE table: every route of both listeners, with the authentication each one needs.
 *
 * A row that forgets its authentication stops the start. Rows say AUTH_NONE aloud where a route is open on purpose.
 * Contract: README, "Routes". */
#include "admin/admin.h"
#include "app.h"
#include "authz/authz.h"
#include "events/mail_unsubscribe.h"
#include "forge/forge.h"
#include "github/github.h"
#include "segment/body.h"
#include "segment/segment.h"

#define ENVOY(method)                                                                                                  \
	{                                                                                                                  \
		method, "/authz/envoy/REST", AUTH_SELF, ROOM_CONNECT, 0, authz_envoy                                           \
	}

static const struct route public_rows[] = {
    {METHOD_GET, "/healthz", AUTH_NONE, ROOM_APP, 0, health_get},
    {METHOD_GET, "/readyz", AUTH_NONE, ROOM_APP, 0, ready_get},
    {METHOD_GET, "/atlassian-connect.json", AUTH_NONE, ROOM_CONNECT, 0, descriptor_get},
    {METHOD_GET, "/assets/REST", AUTH_NONE, ROOM_FILES, 0, static_files_serve},

    /* The token in the path is what counts: it names no address. A GET changes nothing. */
    {METHOD_GET, "/mail/unsubscribe/REST", AUTH_NONE, ROOM_MAIL, 0, unsubscribe_get},
    {METHOD_POST, "/mail/unsubscribe/REST", AUTH_NONE, ROOM_MAIL, 1024, unsubscribe_post},

    {METHOD_POST, "/installed", AUTH_LIFECYCLE, ROOM_CONNECT, 0, lifecycle_installed},
    {METHOD_POST, "/uninstalled", AUTH_LIFECYCLE, ROOM_CONNECT, 0, lifecycle_uninstalled},
    {METHOD_POST, "/enabled", AUTH_PAGE, ROOM_CONNECT, 0, lifecycle_enabled},
    {METHOD_POST, "/disabled", AUTH_PAGE, ROOM_CONNECT, 0, lifecycle_disabled},
    {METHOD_POST, "/webhooks/NAME", AUTH_PAGE, ROOM_CONNECT, 0, webhook_receive},

    {METHOD_GET, "/app/license.json", AUTH_PAGE, ROOM_CONNECT, 0, page_license_json},
    {METHOD_GET, "/app/NAME", AUTH_PAGE, ROOM_CONNECT, 0, page_get},
    {METHOD_GET, "/api/v1/license", AUTH_CONTEXT, ROOM_CONNECT, 0, api_license},
    {METHOD_POST, "/api/v1/feedback", AUTH_CONTEXT, ROOM_CONNECT, 0, api_feedback},
    {METHOD_GET, "/api/v1/configure", AUTH_CONTEXT, ROOM_CONNECT, 0, api_configure_get},
    {METHOD_PUT, "/api/v1/configure", AUTH_CONTEXT, ROOM_CONNECT, 0, api_configure_put},
    {METHOD_DELETE, "/api/v1/seats/KEY", AUTH_CONTEXT, ROOM_CONNECT, 0, api_seat_delete},

    {METHOD_POST, "/github/webhook", AUTH_SELF, ROOM_GITHUB, 262144, github_webhook}, /* signed body */
    {METHOD_GET, "/github/setup", AUTH_NONE, ROOM_GITHUB, 0, github_setup},
    {METHOD_GET, "/github/callback", AUTH_SELF, ROOM_GITHUB, 0, github_callback}, /* state and code */
    {METHOD_GET, "/github/account", AUTH_SELF, ROOM_GITHUB, 0, github_account},   /* these by cookie */
    {METHOD_POST, "/github/members", AUTH_SELF, ROOM_GITHUB, 4096, github_members},
    {METHOD_POST, "/github/sign-out", AUTH_SELF, ROOM_GITHUB, 4096, github_sign_out},
    {METHOD_GET, "/api/v1/github/license", AUTH_SELF, ROOM_GITHUB, 0, github_license},
    {METHOD_POST, "/forge/v1/license", AUTH_FORGE, ROOM_FORGE, 0, forge_license_post},
    {METHOD_POST, "/forge/events", AUTH_FORGE, ROOM_FORGE, 0, forge_events_post},

    /* Forward authentication: the handler verifies the original request's token. Envoy calls with the original method.
     */
    {METHOD_GET, "/authz/nginx", AUTH_SELF, ROOM_CONNECT, 0, authz_nginx},
    {METHOD_GET, "/authz/forward", AUTH_SELF, ROOM_CONNECT, 0, authz_forward},
    ENVOY(METHOD_GET),
    ENVOY(METHOD_POST),
    ENVOY(METHOD_PUT),
    ENVOY(METHOD_PATCH),
    ENVOY(METHOD_DELETE),
    ENVOY(METHOD_OPTIONS),

    /* Segment: the signature is over the body, the write key may be in it. Larger bodies are told so by the handler. */
    {METHOD_POST, "/segment/webhook", AUTH_SELF, ROOM_SEGMENT, 2 * SEGMENT_EVENT_MAX, segment_webhook},
    {METHOD_POST, "/segment/v1/NAME", AUTH_SELF, ROOM_SEGMENT, 2 * SEGMENT_BATCH_MAX, segment_track},
    {METHOD_OPTIONS, "/segment/v1/NAME", AUTH_NONE, ROOM_SEGMENT, 0, segment_options},
    {METHOD_GET, "/go/NAME", AUTH_NONE, ROOM_SEGMENT, 0, segment_go},
};
const struct route_table public_routes = {public_rows, sizeof public_rows / sizeof public_rows[0]};

#define ADMIN(method, pattern, handler)                                                                                \
	{                                                                                                                  \
		method, "/admin/api/v1/" pattern, AUTH_ADMIN, ROOM_ADMIN, 0, handler                                           \
	}

static const struct route admin_rows[] = {
    {METHOD_GET, "/healthz", AUTH_NONE, ROOM_APP, 0, health_get},
    {METHOD_GET, "/readyz", AUTH_NONE, ROOM_APP, 0, ready_get},
    {METHOD_GET, "/metrics", AUTH_NONE, ROOM_ADMIN, 0, admin_metrics}, /* counts only: no tenant, no person */
    /* The page's files hold nothing; the session's handler checks the token itself. */
    {METHOD_GET, "/admin", AUTH_NONE, ROOM_ADMIN, 0, admin_page_redirect},
    {METHOD_GET, "/admin/", AUTH_NONE, ROOM_ADMIN, 0, admin_page},
    {METHOD_GET, "/admin/NAME", AUTH_NONE, ROOM_ADMIN, 0, admin_page},
    {METHOD_POST, "/admin/session", AUTH_SELF, ROOM_ADMIN, 4096, admin_session_post},
    {METHOD_GET, "/admin/session", AUTH_ADMIN, ROOM_ADMIN, 0, admin_session_get},
    {METHOD_DELETE, "/admin/session", AUTH_ADMIN, ROOM_ADMIN, 0, admin_session_delete},
    ADMIN(METHOD_GET, "overview", admin_overview),
    ADMIN(METHOD_GET, "stream", admin_stream),
    ADMIN(METHOD_GET, "tenants", admin_tenants),
    ADMIN(METHOD_GET, "tenants/KEY", admin_tenant),
    ADMIN(METHOD_GET, "tenants/KEY/events", admin_tenant_events),
    ADMIN(METHOD_GET, "tenants/KEY/users", admin_tenant_users),
    ADMIN(METHOD_DELETE, "tenants/KEY/users/KEY/seat", admin_seat_delete),
    ADMIN(METHOD_POST, "tenants/KEY/refresh", admin_tenant_refresh),
    ADMIN(METHOD_POST, "tenants/KEY/test-call", admin_tenant_test_call),
    ADMIN(METHOD_PUT, "tenants/KEY/override", admin_override_put),
    ADMIN(METHOD_DELETE, "tenants/KEY/override", admin_override_delete),
    ADMIN(METHOD_GET, "events", admin_events),
    ADMIN(METHOD_GET, "books/transactions", admin_books_transactions),
    ADMIN(METHOD_GET, "books/mrr", admin_books_mrr),
    ADMIN(METHOD_GET, "books/trials", admin_books_trials),
    ADMIN(METHOD_GET, "drift", admin_drift),
    ADMIN(METHOD_GET, "feedback", admin_feedback),
    ADMIN(METHOD_GET, "auth-failures", admin_failures),
    ADMIN(METHOD_GET, "migration", admin_migration),
    ADMIN(METHOD_GET, "funnel", admin_funnel),
    ADMIN(METHOD_GET, "mail", admin_mail),
    ADMIN(METHOD_GET, "github/accounts", admin_github_accounts),
    ADMIN(METHOD_GET, "github/drift", admin_github_drift),
    ADMIN(METHOD_GET, "marketplace", admin_marketplace),
    ADMIN(METHOD_POST, "marketplace/sync", admin_marketplace_sync),
    ADMIN(METHOD_GET, "endpoints", admin_endpoints),
    ADMIN(METHOD_POST, "endpoints", admin_endpoint_add),
    ADMIN(METHOD_DELETE, "endpoints/KEY", admin_endpoint_delete),
    ADMIN(METHOD_POST, "endpoints/KEY/rotate", admin_endpoint_rotate),
    ADMIN(METHOD_POST, "endpoints/KEY/enable", admin_endpoint_enable),
    ADMIN(METHOD_POST, "endpoints/KEY/test", admin_endpoint_test),
    ADMIN(METHOD_POST, "endpoints/KEY/replay", admin_endpoint_replay),
    ADMIN(METHOD_GET, "deliveries", admin_deliveries),
    ADMIN(METHOD_GET, "deliveries/KEY", admin_delivery),
    ADMIN(METHOD_POST, "deliveries/KEY/replay", admin_delivery_replay),
};
const struct route_table admin_routes = {admin_rows, sizeof admin_rows / sizeof admin_rows[0]};
