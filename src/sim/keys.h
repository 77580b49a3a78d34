/* keys.h - the simulated key host's one RSA key: made anew at each start, never stored. */
#pragma once
#include "base/err.h"
#include "base/str.h"

enum { SIM_KID_LEN = 36 };

struct sim_key {
	char kid[SIM_KID_LEN + 1];
	char *private_pem, *public_pem; /* NUL-terminated, owned */
	char *jwk_n, *jwk_e;            /* modulus and exponent, base64url; owned */
};
/* Takes some 100 ms. ERR_NOMEM, ERR_INTERNAL. */
enum err sim_key_make(struct sim_key *ret);
void sim_key_release(struct sim_key *k);

/* A random version 4 UUID: kids, client keys, account ids. False: no randomness. */
enum { UUID_TEXT_LEN = 36 };
bool uuid_text(char out[static UUID_TEXT_LEN + 1]);
