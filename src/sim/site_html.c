/* site_html.c - serves the pages people look at, and all.js, which gives an app's page in them its AP object.
 *
 * One HTML file shows the list of sites at "/" and one site at "/sites/NAME"; its script asks the control API for the
 * rest. It frames the app's pages from wherever the app is, hence frame-src. */
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
	return str_ends(name, STR(".css")) ? "text/css; charset=utf-8" : "text/html; charset=utf-8";
}

static void serve(struct request *req, struct str name)
{
	static const struct header policy = {"Content-Security-Policy",
	                                     {"default-src 'self'; frame-src http: https:; frame-ancestors 'none'", 66}};
	const struct embedded *asset = asset_find(name);
	if (asset)
		reply(req, 200, content_type(name), (struct str){(const char *)asset->bytes, asset->len}, &policy, 1);
	else
		reply_err(req, ERR_NOT_FOUND);
}

void sim_html(struct request *req, void *room)
{
	(void)room;
	serve(req, STR("site.html"));
}

void sim_site_html(struct request *req, void *room)
{
	if (!sim_enter(req, room))
		return;
	sim_unlock(room);
	serve(req, STR("site.html"));
}

void sim_asset(struct request *req, void *room)
{
	(void)room;
	serve(req, req->params.count > 0 ? req->params.part[0] : STR("all.js"));
}
