/* session.h - who is signed in on the admin page.
 *
 * In memory only: a restart signs everybody out. A session ends 12 hours after it began; there are at most
 * SESSIONS_MAX, the oldest makes room. Only a hash of the cookie is kept, compared in constant time. Thread-safe. */
#pragma once
#include "base/clock.h"
#include "base/str.h"

enum { SESSIONS_MAX = 64, SESSION_TEXT_LEN = 40 };
#define SESSION_LIFE_MS (12 * INT64_C(3600000))

struct sessions;
struct sessions *sessions_new(const struct clock *clock); /* NULL if out of memory */
void sessions_free(struct sessions *s);

struct session {
	uint64_t serial; /* of this session and no other; 0: none */
	int64_t expires_at;
	char csrf[SESSION_TEXT_LEN + 1]; /* what every changing request must say besides the cookie */
};
/* ret_cookie: the one time it is known. False without random bytes. */
bool session_open(struct sessions *s, struct session *ret, char ret_cookie[static SESSION_TEXT_LEN + 1]);
/* False: no such session, or no longer. */
bool session_find(struct sessions *s, struct str cookie, struct session *ret);
bool session_alive(struct sessions *s, uint64_t serial);
void session_close(struct sessions *s, uint64_t serial);
