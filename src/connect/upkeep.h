/* upkeep.h - what the Connect door does by itself, later: the first look-up after an install, the retention sweep.
 *
 * retention_start() and retention_stop() (connect.h) make and end it. */
#pragma once
#include "connect/connect.h"

/* A second from now: asks the host for the tenant's licence, which proves that the new secret works. The site only
 * keeps its side of the secret once it has our answer. Best effort: under a flood of installs the first page load
 * does the same. Any worker. */
void upkeep_prove_soon(struct connect *c, struct str client_key);
