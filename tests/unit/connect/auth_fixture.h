/* auth_fixture.h - one request in front of the authenticators, without a server: the answer, the waiting and the key
 * cache are doubles that write down what happened. Tenants and failures are the real ones. */
#pragma once
#include "token/vectors.h"

#include "base/clock.h"
#include "connect/auth_internal.h"
#include "connect/descriptor.h"
#include "http/request.h"
#include "license/tenants.h"

#define TENANT_SECRET STR("secret-of-acme")
enum { FIXTURE_NOW = 1750000000 };

/* What happened to the request. */
struct outcome {
	int authorized, status, woken, looked, fetched; /* status 0: no answer */
	const char *problem;
	handler_fn *then; /* it waits */
};

/* How the double of the key cache answers. */
struct key_script {
	bool kept;            /* at once */
	bool came_in_between; /* the second question is answered at once */
	bool before_return;   /* done runs before the question returns */
	bool on_thread;       /* done runs on another thread, whenever */
	enum key_status status;
	const struct rsa_key *key;
};

struct auth_fixture {
	struct connect connect;
	struct config config;
	struct clock_manual clock;
	struct descriptor descriptor;
	struct str audience;
	struct request req;
	struct route route;
	struct str authorization;
};
extern struct outcome outcome;
extern struct key_script key_script;

int auth_fixture_up(void **state);
int auth_fixture_down(void **state);
/* A fresh request; the fixture's clock, tenants and failures stay. */
void auth_request(struct auth_fixture *f, const char *method, const char *target, const char *authorization);
void auth_request_end(struct auth_fixture *f);
void auth_tenant(struct auth_fixture *f, const char *client_key, const char *status, struct str secret);
/* A page token of that tenant for that request, "JWT …", in the request's arena's stead malloc'd. */
char *auth_token(const char *client_key, const char *method, const char *target, struct str secret);
/* Any claims. */
char *auth_token_of(const char *claims, struct str secret);
/* Waits until key_script.on_thread's thread is done. */
void auth_join(void);
