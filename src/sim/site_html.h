/* site_html.h - the simulated site's own pages, embedded at build time from static/sim (cmake/embed.cmake). */
#pragma once
#include <stddef.h>

struct embedded {
	const char *name;
	const unsigned char *bytes;
	size_t len;
};
extern const struct embedded sim_assets[];
extern const size_t sim_asset_count;
