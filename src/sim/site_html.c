/* site_html.c - serves the pages people look at, and all.js, which gives an app's page in them its AP object.
 *
 * One HTML file shows the list of sites at "/" and one site at "/sites/NAME"; its script asks the control API for the
 * rest. Its policy allows its own script and style alone, and frames of one origin: that of the site's app. */
#include "sim/site_html.h"

#include <string.h>

#include "sim/sim_parts.h"

static const struct embedded *asset_find(struct str name)
{
	for (size_t i = 0; i < sim_asset_count; i++)
		if (str_eqz(name, sim_assets[i].name))
			return &sim_assets[i];
	return NULL;
}

struct str sim_page_script(void)
{
	const struct embedded *script = asset_find(STR("all.js"));
	return (struct str){(const char *)script->bytes, script->len};
}

static const char *content_type(struct str name)
{
	if (str_ends(name, STR(".js")))
		return "text/javascript; charset=utf-8";
	if (str_ends(name, STR(".svg")))
		return "image/svg+xml";
	return str_ends(name, STR(".css")) ? "text/css; charset=utf-8" : "text/html; charset=utf-8";
}

/* frame_origin: whose pages may be framed; empty: nobody's. */
static void serve(struct request *req, int status, struct str name, struct str frame_origin)
{
	const struct embedded *asset = asset_find(name);
	const char *policy =
	    arena_printf(&req->arena,
	                 "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
	                 "frame-src %.*s; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
	                 STR_ARG(frame_origin.len > 0 ? frame_origin : STR("'none'")));
	if (!policy) {
		reply_err(req, ERR_NOMEM);
		return;
	}
	const struct header headers[] = {{"Content-Security-Policy", str_of(policy)}};
	if (asset)
		reply(req, status, content_type(name), (struct str){(const char *)asset->bytes, asset->len}, headers, 1);
	else
		reply_err(req, ERR_NOT_FOUND);
}

void sim_html(struct request *req, void *room)
{
	(void)room;
	serve(req, 200, STR("site.html"), STR(""));
}

/* A person who asks for a site that is not there gets a page too: its script tells so, and lists those that are. */
void sim_site_html(struct request *req, void *room)
{
	struct sim *s = room;
	pthread_mutex_lock(&s->lock);
	const struct site *site = sim_find(s, req->params.part[0]);
	struct str origin = site ? remote_app_origin(&site->app) : STR(""); /* a site keeps its descriptor */
	sim_unlock(s);
	serve(req, site ? 200 : 404, STR("site.html"), origin);
}

void sim_asset(struct request *req, void *room)
{
	(void)room;
	serve(req, 200, req->params.count > 0 ? req->params.part[0] : STR("all.js"), STR(""));
}
