/* err.h - operating errors: the one list of what can fail outside the program's own logic.
 *
 * Three kinds of "no" are never mixed: a programmer's error is an assert(), an operating error is an
 * enum err (OK is zero), and a domain outcome (a token refused, a verdict) is an enum of its own whose
 * zero value denies. The HTTP status here is what a public route answers when the error reaches it. */
#pragma once

#define ERR_TABLE(X)                                                                                                   \
	X(ERR_NOMEM, "out of memory", 503)                                                                                 \
	X(ERR_IO, "input or output failed", 503)                                                                           \
	X(ERR_BUSY, "the database is busy", 503)                                                                           \
	X(ERR_FULL, "a queue or a disk is full", 503)                                                                      \
	X(ERR_STOPPING, "the server is stopping", 503)                                                                     \
	X(ERR_TIMEOUT, "the deadline passed", 503)                                                                         \
	X(ERR_UPSTREAM, "another server failed", 503)                                                                      \
	X(ERR_NOT_FOUND, "not found", 404)                                                                                 \
	X(ERR_CONFLICT, "conflicts with what is stored", 409)                                                              \
	X(ERR_INVALID, "not what it should be", 400)                                                                       \
	X(ERR_TOO_LARGE, "too large", 413)                                                                                 \
	X(ERR_DENIED, "not allowed", 403)                                                                                  \
	X(ERR_SEAL, "a sealed value does not open", 500)                                                                   \
	X(ERR_INTERNAL, "internal error", 500)

enum err {
	OK = 0,
#define X(name, text, status) name,
	ERR_TABLE(X)
#undef X
};

/* Name ("ERR_IO"), plain text and HTTP status of an error; OK gives "OK", "done", 200. */
const char *err_name(enum err err);
const char *err_text(enum err err);
int err_status(enum err err);

/* A problem told to a person: where it is and what to do. Filled by functions that read what people write
 * (settings, descriptor, features file). Fixed size, so that reporting cannot fail. */
struct problem {
	char place[160]; /* "LICGATE_LISTEN" or "descriptor/features.json: features.board.expired" */
	char text[320];  /* "is not a verdict: use allow, read_only or deny" */
};
