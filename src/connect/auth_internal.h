/* auth_internal.h - what auth.c and auth_lifecycle.c share: how a refusal is kept and answered. */
#pragma once
#include "connect/connect.h"
#include "token/qsh.h"

/* One token's way through verification: what a refusal is recorded with. */
struct attempt {
	struct connect *connect;
	struct arena *arena;
	struct str method, target; /* of the request that is asked for */
	const char *route, *request_id;
	const struct token_unverified *token; /* NULL: not parsed */
	bool qsh_compared;                    /* the record tells what was computed */
};
/* Keeps the refusal for the operator. */
void auth_record(const struct attempt *at, enum token_code code);
/* The rules every kind of token shares: clock, audiences, app key. */
struct token_rules auth_rules(const struct connect *c);
struct str auth_base_path(const struct connect *c);
/* Answers a refused request: 400, 401 or 503. */
void auth_refuse(struct request *req, enum token_code code);
/* Finds the request's token; a refusal is recorded and answered. False: answered. */
bool auth_find_token(struct request *req, struct connect *c, struct str *ret_token);
