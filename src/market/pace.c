/* pace.c - see pace.h. */
#include "market/pace.h"

#include <time.h>

void pace_init(struct pace *p)
{
	pthread_condattr_t monotonic;
	*p = (struct pace){.second_ms = 1000};
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&p->moved, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

void pace_release(struct pace *p)
{
	pthread_cond_destroy(&p->moved);
	pthread_mutex_destroy(&p->lock);
}

void pace_stop(struct pace *p)
{
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->moved);
	pthread_mutex_unlock(&p->lock);
}

void pace_wake(struct pace *p)
{
	pthread_mutex_lock(&p->lock);
	p->woken = true;
	pthread_cond_broadcast(&p->moved);
	pthread_mutex_unlock(&p->lock);
}

bool pace_stopping(void *pace)
{
	struct pace *p = pace;
	pthread_mutex_lock(&p->lock);
	bool stopping = p->stopping;
	pthread_mutex_unlock(&p->lock);
	return stopping;
}

static struct timespec later(int64_t ms)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

static bool wait_until(struct pace *p, int64_t ms, bool wakes)
{
	const struct timespec end = later(ms);
	pthread_mutex_lock(&p->lock);
	while (!p->stopping && !(wakes && p->woken))
		if (pthread_cond_timedwait(&p->moved, &p->lock, &end) != 0)
			break;
	p->woken = p->woken && !wakes;
	bool stopping = p->stopping;
	pthread_mutex_unlock(&p->lock);
	return !stopping;
}

bool pace_wait(struct pace *p, int64_t ms)
{
	return wait_until(p, ms, false);
}

bool pace_rest(struct pace *p, int64_t ms)
{
	return wait_until(p, ms, true);
}
