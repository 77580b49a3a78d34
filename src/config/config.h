/* config.h - every setting, read once at start.
 *
 * keys.def is the one table: name, type, default, range, meaning, secret or not. It drives parsing, NAME_FILE,
 * validation, `licgate check`, --help and the README's table. A config is immutable after config_load and shared
 * freely. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/net.h"
#include "base/str.h"

struct cidrs {
	struct cidr *at;
	size_t count;
};

struct config { /* NOLINT(clang-analyzer-optin.performance.Padding): in the order of the table */
#define CFG(type, field, ...) CFG_FIELD_##type(field)
#define CFG_FIELD_STR(field) char *field;    /* NULL when unset */
#define CFG_FIELD_SECRET(field) char *field; /* NULL when unset; never printed */
#define CFG_FIELD_PEM(field) char *field;    /* like SECRET; its lines end in \n */
#define CFG_FIELD_URL(field) char *field;    /* no trailing slash */
#define CFG_FIELD_URLS(field) char **field;  /* NULL-terminated, empty list when unset; no trailing slashes */
#define CFG_FIELD_HOSTS(field) char **field; /* likewise; lower case, `*` is one label, may end in :port */
#define CFG_FIELD_ADDR(field) char *field;   /* host:port, IPv6 in brackets */
#define CFG_FIELD_INT(field) int64_t field;
#define CFG_FIELD_BOOL(field) bool field;
#define CFG_FIELD_CIDRS(field) struct cidrs field;
#define CFG_FIELD_LEVEL(field) int field; /* enum log_level */
#include "config/keys.def"
#undef CFG
	/* derived */
	char *base_path;   /* path of base_url without trailing slash; "" when none */
	char *base_origin; /* scheme://host[:port] */
};

/* Told of every problem, one call each; all are reported before the load fails. place is the setting's name. */
typedef void problem_fn(void *arg, const struct problem *p);

/* Reads environ-like NULL-terminated "NAME=value" strings. An empty value counts as unset. threads is resolved: 0
 * becomes the cores this process may use. ERR_INVALID after at least one problem; ERR_NOMEM. */
enum err config_load(char *const *environ_like, problem_fn *tell, void *arg, struct config **ret);
void config_free(struct config *c); /* wipes secrets */

/* "NAME=value" lines of what is in force, secrets as "***" (or "(not set)"). For `licgate check`. */
void config_print(const struct config *c, struct buf *out);
/* Markdown table of all settings, from keys.def. For the README and --help. */
void config_print_table(struct buf *out);

/* An admin token that could be guessed. It is taken, since how strong is strong enough is the operator's choice, and
 * warned about. False without a token. */
enum { ADMIN_TOKEN_WEAK_BELOW = 16 };
bool config_admin_token_weak(const struct config *c);

/* The address is one of LICGATE_TRUSTED_PROXIES. */
bool config_trusts(const struct config *c, const uint8_t addr[16]);
