/* descriptor_check.h - is this a descriptor that a host takes and that this server can answer for?
 *
 * Told every problem, not only the first: a vendor mends the file in one go. Rules: "Descriptor" of the Connect
 * protocol; lengths and patterns of the host's own schema. */
#pragma once
#include <jansson.h>

#include "config/config.h"

struct descriptor_check {
	const char *file;
	const struct config *config;
	bool (*serves)(void *arg, const char *method, struct str path);
	void *serves_arg;
	problem_fn *tell;
	void *arg;
	bool bad; /* at least one problem was told */
};

/* where: JSON path such as "modules.generalPages[0].url", NULL for the file as a whole. */
void descriptor_problem(struct descriptor_check *c, const char *where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void descriptor_check(struct descriptor_check *c, const json_t *root);
