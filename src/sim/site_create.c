/* site_create.c - a new site: fetches the app's descriptor, as a host does before it installs anything.
 *
 * The descriptor is anybody's: at most 1 MiB, read once, kept as data. */
#include <stdlib.h>
#include <string.h>

#include "sim/sim_parts.h"

static void refuse(struct creation *c, int status, const char *code, const char *detail)
{
	c->status = status;
	c->code = code;
	c->detail = detail;
}

/* Lock held. The name is taken, or there is no place: says so. */
static bool place_free(struct creation *c)
{
	if (sim_find(c->sim, str_of(c->name))) {
		refuse(c, 409, "site_exists", "a site of that name is there already");
		return false;
	}
	if (c->sim->site_count == SIM_SITES_MAX) {
		refuse(c, 503, "too_many_sites", "no more sites fit");
		return false;
	}
	return true;
}

static void add_site(struct creation *c, struct remote_app *app)
{
	struct sim *sim = c->sim;
	pthread_mutex_lock(&sim->lock);
	if (place_free(c)) {
		c->site = site_new(str_of(c->name), app, clock_wall_ms(sim->clock));
		if (c->site) {
			sim->sites[sim->site_count++] = c->site;
			c->status = 201;
		} else {
			refuse(c, 503, "out_of_memory", NULL);
		}
	}
	sim_unlock(sim);
}

static const char *trouble(enum err err)
{
	if (err == ERR_TIMEOUT)
		return "the descriptor's URL did not answer in time";
	if (err == ERR_TOO_LARGE)
		return "the descriptor is larger than 1 MiB";
	if (err == ERR_NOMEM || err == ERR_STOPPING || err == ERR_FULL)
		return err_text(err);
	return "the descriptor's URL cannot be reached";
}

static void on_descriptor(void *arg, const struct http_answer *answer)
{
	struct creation *c = arg;
	struct remote_app app = {0};
	const char *why = "the descriptor's URL did not answer with 200";
	if (answer->err != OK)
		refuse(c, 502, "descriptor_unreachable", trouble(answer->err));
	else if (answer->status != 200)
		refuse(c, 502, "descriptor_unreachable", why);
	else if (remote_app_read(answer->body, &app, &why) != OK)
		refuse(c, 502, "descriptor_invalid", why);
	else
		add_site(c, &app);
	remote_app_release(&app);
	c->done(c);
}

void sim_create(struct creation *c, struct str descriptor_url)
{
	pthread_mutex_lock(&c->sim->lock);
	bool ok = place_free(c);
	sim_unlock(c->sim);
	char *url = ok ? str_dup(descriptor_url) : NULL;
	if (ok) {
		const struct http_call call = {
		    .method = "GET", .url = url, .answer_max = REMOTE_DESCRIPTOR_MAX, .done = on_descriptor, .arg = c};
		enum err err = url ? http_client_call(c->sim->client, &call) : ERR_NOMEM;
		ok = err == OK;
		if (!ok)
			refuse(c, err == ERR_INVALID ? 400 : 502, "descriptor_unreachable", err_text(err));
	}
	free(url);
	if (!ok)
		c->done(c);
}
