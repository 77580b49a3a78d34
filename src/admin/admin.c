/* admin.c - what the admin API keeps besides what it shows: begun before its listener, ended after it. */
#include "admin/admin.h"

enum err admin_start(struct admin *a)
{
	if (!a->enabled)
		return OK;
	if (!(a->attempts = attempts_new(a->connect->clock)) || !(a->sessions = sessions_new(a->connect->clock)))
		return ERR_NOMEM;
	enum err err = live_feed_start(a->connect, a->sessions, &a->deliveries, &a->feed);
	return err == OK ? history_start(a->connect, &a->history) : err;
}

void admin_stop(struct admin *a)
{
	history_stop(a->history);
	live_feed_stop(a->feed);
	sessions_free(a->sessions);
	attempts_free(a->attempts);
	a->history = NULL;
	a->feed = NULL;
	a->sessions = NULL;
	a->attempts = NULL;
}
