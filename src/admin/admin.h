/* admin.h - the operator's API: every tenant, its licence, its history. Bearer token, own listener. */
#pragma once
#include "connect/connect.h"

struct admin {
	struct connect *connect;
	uint8_t token_hash[32]; /* SHA-256 of LICGATE_ADMIN_TOKEN */
	bool enabled;           /* false: no token configured, every admin route answers 404 */
};
void auth_admin(struct request *req, void *admin);
void admin_tenants(struct request *req, void *admin);
void admin_tenant(struct request *req, void *admin);
void admin_tenant_events(struct request *req, void *admin);
void admin_tenant_users(struct request *req, void *admin);
void admin_seat_delete(struct request *req, void *admin);
void admin_tenant_refresh(struct request *req, void *admin);
void admin_override_put(struct request *req, void *admin);
void admin_override_delete(struct request *req, void *admin);
void admin_events(struct request *req, void *admin);
void admin_feedback(struct request *req, void *admin);
void admin_failures(struct request *req, void *admin);
void admin_metrics(struct request *req, void *admin);
