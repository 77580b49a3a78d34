/* remote_app.h - the app a simulated site installs, as its descriptor describes it. Plain data from outside: every
 * member is checked where it is used. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/jsonw.h"

enum { REMOTE_DESCRIPTOR_MAX = 1024 * 1024, REMOTE_LISTED_MAX = 200, REMOTE_NAME_MAX = 200 };

struct remote_app {
	json_t *descriptor;
	struct str key, base_url, base_path; /* in the descriptor; base_url without trailing slash, base_path "" or "/x" */
	struct str name;                     /* the key where it has none */
	bool licensing;                      /* enableLicensing */
};
/* text: the descriptor as fetched. ret_why: a literal, what is wrong with it. */
enum err remote_app_read(struct str text, struct remote_app *ret, const char **ret_why);
void remote_app_release(struct remote_app *a);

/* Absolute URL of lifecycle.NAME; empty: the descriptor has none, or not a relative one. False: out of memory. */
bool remote_app_lifecycle_url(const struct remote_app *a, const char *name, struct arena *arena, struct str *ret);
/* A module with a page, by key: its URL as in the descriptor, placeholders unfilled. False: no such module. */
bool remote_app_module(const struct remote_app *a, struct str key, struct str *ret_url);
/* "http://host:port" of base_url. */
struct str remote_app_origin(const struct remote_app *a);
/* The URL of the webhook for that event; false: the app asks for none. */
bool remote_app_webhook(const struct remote_app *a, struct str event, struct str *ret_url);
/* ["user_created",…] */
void remote_app_webhooks_write(const struct remote_app *a, struct jsonw *w);
/* [{"kind":"generalPages","key":…,"name":…,"location":…,"opens":true}] of the first REMOTE_LISTED_MAX modules that have
 * a page; names cut to REMOTE_NAME_MAX bytes. opens: false where the URL leads away from the app. */
void remote_app_modules_write(const struct remote_app *a, struct jsonw *w);
/* Path and query of a URL below base_url, as the app's server sees them (and qsh needs them). */
struct str url_target(struct str url);
/* base_url and a relative URL joined; empty: it would lead elsewhere. False: out of memory. */
bool remote_app_url(const struct remote_app *a, struct str relative, struct arena *arena, struct str *ret);
