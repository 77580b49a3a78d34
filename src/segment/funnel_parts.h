/* funnel_parts.h - what the files that count a funnel share. */
#pragma once
#include "segment/funnel.h"

enum { CAMPAIGN_SLOTS = 1024 };
static const int64_t DAY_MS = 86400000;

/* A funnel being counted. */
struct count {
	const struct funnel_ask *ask;
	struct arena *arena;
	struct funnel *result;
	struct people people;
	uint16_t slots[CAMPAIGN_SLOTS]; /* index + 1 of a campaign, by its hash */
	struct funnel_group no_campaign;
};
/* A person took that step then: within the time asked for it counts, before it is remembered. In order of week for each
 * step. */
void funnel_count_step(struct count *c, struct person *p, enum funnel_step step, int64_t at);

/* funnel_tenants.c */
/* Joins each tenant to the person whose install it is, where only one can be meant. Before anything is counted. */
enum err funnel_tenants_join(struct store_tx *tx, struct count *c);
/* Tenants, evaluations, payments. */
enum err funnel_tenants_count(struct store_tx *tx, struct count *c);
