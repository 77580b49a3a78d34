/* deliver_fixture.h - deliveries between a journal and a receiver that the test plays, with a clock that it steps. */
#pragma once
#include <pthread.h>

#include "base/secret.h"
#include "events/deliver.h"
#include "events/endpoints.h"
#include "store/deliveries.h"
#include "store/fixture.h"

enum { CALLS_MAX = 1024 };

struct sent {
	char url[128], id[64], timestamp[32], signature[256], body[1024];
	void (*done)(void *arg, const struct http_answer *answer);
	void *arg;
	bool answered;
};

struct world {
	struct fixture fixture;
	struct timers *timers;
	struct keyring *keys;
	struct deliveries *deliveries;
	char endpoint[ENDPOINT_ID_SIZE], secret[SIGNING_SECRET_SIZE]; /* of the newest */
	int events;
	pthread_mutex_t lock;
	struct sent sent[CALLS_MAX];
	size_t count;
	enum err refuse; /* what a call is answered with at once */
};
extern struct world w;

/* One endpoint, https://hooks.example.com/a, and deliveries that run. */
int deliver_set_up(void **state);
int deliver_tear_down(void **state);
void start_deliveries(void);
void add_endpoint(const char *url);
/* An event of that tenant. */
void happens(const char *tenant);
/* Until nothing more happens by itself. */
void settle(void);
/* Time passes, and what it brings happens. */
void pass(int64_t ms);
void answer(size_t i, enum err err, int status, int64_t retry_after_s);
/* All calls that were not answered yet. */
void answer_all(int status);

struct look {
	struct arena arena; /* of newest(): release it */
	struct delivery_row *rows;
	size_t count;
	struct endpoint_row endpoint; /* the newest */
};
/* The newest delivery. */
struct delivery_row newest(struct look *l);
void assert_newest(const char *status, int attempts, int last_status, const char *error);
