/* session.h - who is signed in with GitHub: the cookie, and what its owner may see.
 *
 * The cookie holds 32 random characters, the store their SHA-256. Twelve hours, at most five a person; ended by signing
 * out, by a cancellation, by erasing. */
#pragma once
#include "events/request_write.h"
#include "github/page.h"

enum { GITHUB_SESSION_LEN = 32, GITHUB_SESSION_S = 12 * 3600, GITHUB_SESSIONS_KEEP = 5, GITHUB_ACCOUNTS_SHOWN = 50 };
enum { GITHUB_HASH_SIZE = 65 };

void github_session_hash(struct str cookie_value, char ret[static GITHUB_HASH_SIZE]);
/* A Set-Cookie value in the arena; value empty ends it. NULL: out of memory. path: behind the base path. */
char *github_cookie(const struct github *g, struct arena *a, const char *name, const char *path, const char *value,
                    int64_t max_age_s);
/* The one cookie of that name; empty: none, or two. */
struct str github_cookie_of(const struct request *req, const char *name);
extern const char github_session_cookie[], github_setup_cookie[];

/* Inside a write job: all the person's accounts, in the arena. */
enum err github_view_read(struct github *g, struct store_tx *tx, struct arena *a, const char *user_id,
                          struct github_view *ret);
/* Takes a seat in each account that counts them, and notes which there is one in. After the commit, on any thread. */
void github_seats(struct github *g, const char *user_id, struct github_view *view);
