/* qsh.h - the query string hash of Atlassian Connect: which request a token was made for.
 *
 * qsh = hex SHA-256(METHOD & "&" & PATH & "&" & QUERY). PATH is the raw path: base path stripped by whole segments, one
 * trailing slash dropped, empty becomes "/", '&' becomes %26, nothing else changes. QUERY: parameters decoded, `jwt`
 * left out, grouped, sorted (values by UTF-16 code units, names by their encoded form), encoded again. Source:
 * Atlassian's "Creating a query string hash". Pure; no limits of its own but the arena's. */
#pragma once
#include "base/arena.h"
#include "base/str.h"

enum { QSH_LEN = 64 };

/* target: raw path and query (anything before the path already removed). base_path: "" or "/base". Canonical text is in
 * the arena. False: out of memory. */
bool qsh_canonical(struct arena *a, struct str method, struct str target, struct str base_path, struct str *ret);
/* Lower-case hex, no terminator. */
bool qsh_compute(struct arena *a, struct str method, struct str target, struct str base_path, char out[static QSH_LEN]);
/* Whether path and decoded parameters of the target are valid UTF-8: others are refused before hashing. */
bool qsh_target_utf8(struct str target);
