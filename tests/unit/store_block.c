/* store_block.c - see store_block.h. */
#include "store_block.h"

#include "test.h"

static enum err block_run(struct store_job *job, struct store_tx *tx)
{
	struct store_block *b = (struct store_block *)job;
	(void)tx;
	pthread_mutex_lock(&b->lock);
	b->running = true;
	pthread_cond_broadcast(&b->changed);
	while (!b->let_go)
		pthread_cond_wait(&b->changed, &b->lock);
	pthread_mutex_unlock(&b->lock);
	return OK;
}

static void block_done(struct store_job *job, enum err err)
{
	struct store_block *b = (struct store_block *)job;
	(void)err;
	pthread_mutex_lock(&b->lock);
	b->over = true;
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
}

void store_block(struct store *store, struct store_block *b)
{
	*b = (struct store_block){.job = {.run = block_run, .done = block_done}};
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->changed, NULL);
	assert_int_equal(store_submit(store, &b->job), OK);
	pthread_mutex_lock(&b->lock);
	while (!b->running)
		pthread_cond_wait(&b->changed, &b->lock);
	pthread_mutex_unlock(&b->lock);
}

void store_unblock(struct store_block *b)
{
	pthread_mutex_lock(&b->lock);
	b->let_go = true;
	pthread_cond_broadcast(&b->changed);
	while (!b->over)
		pthread_cond_wait(&b->changed, &b->lock);
	pthread_mutex_unlock(&b->lock);
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->changed);
}
