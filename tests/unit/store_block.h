/* store_block.h - a store whose writer is busy for as long as a test wants: what is queued meanwhile waits. */
#pragma once
#include <pthread.h>

#include "store/store.h"

struct store_block {
	struct store_job job;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool running, let_go, over;
};

/* Returns when the writer is busy. */
void store_block(struct store *store, struct store_block *b);
/* Returns when it goes on; what waited is done soon after. */
void store_unblock(struct store_block *b);
