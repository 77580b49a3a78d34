/* choices.h - what a tenant's administrators chose as the most all its users get of a feature.
 *
 * In force while the features file offers it: what it no longer offers counts as not chosen. The choice only takes
 * away. The store is the truth; memory follows a commit. Any thread. */
#pragma once
#include "license/policy.h"
#include "license/tenants.h"

struct choices;
/* Rows of one tenant, as plain memory: free() it. Values that are no verdict are left out. NULL: out of memory. */
struct choices *choices_new(const struct choice_row *rows, size_t count);
/* Takes the new ones, after their commit. */
void tenant_choices_set(const struct tenant *tenant, struct choices *choices);
/* VERDICT_ALLOW where nothing was chosen. */
enum verdict tenant_choice(const struct tenant *tenant, const struct feature *f);
