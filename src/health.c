/* health.c - is the process alive, and may a balancer send it requests?
 *
 * /healthz answers as long as workers run. /readyz is 503 with what is not ready: while the server stops, and while
 * the database does not take writes. */
#include <stdatomic.h>

#include "app.h"
#include "http/reply.h"

void health_get(struct request *req, void *health)
{
	(void)health;
	reply(req, 200, "application/json", STR("{\"status\":\"ok\"}\n"), NULL, 0);
}

void ready_get(struct request *req, void *room)
{
	struct health *health = room;
	if (atomic_load_explicit(&health->stopping, memory_order_relaxed)) {
		reply_problem(req, 503, "stopping", "The server is stopping.", NULL, 0);
		return;
	}
	enum err err = store_healthy(health->store);
	if (err != OK) {
		reply_problem(req, 503, "database", err_text(err), NULL, 0);
		return;
	}
	reply(req, 200, "application/json", STR("{\"status\":\"ready\"}\n"), NULL, 0);
}
