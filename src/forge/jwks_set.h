/* jwks_set.h - what jwks.c needs of the keys of a set besides jwks.h. Of those two files alone. */
#pragma once
#include "forge/jwks.h"

void jwks_key_ref(struct jwks_key *k);
