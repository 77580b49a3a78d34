/* settings.h - inside of config/: keys.def as an array, and what is done for each type of setting.
 *
 * Nothing here reports a problem by itself: functions that find one fill in its text, config.c tells it. */
#pragma once
#include <stddef.h>

#include "config/config.h"

enum setting_type {
	SETTING_STR,
	SETTING_SECRET,
	SETTING_PEM,
	SETTING_URL,
	SETTING_URLS,
	SETTING_HOSTS,
	SETTING_ADDR,
	SETTING_INT,
	SETTING_BOOL,
	SETTING_CIDRS,
	SETTING_LEVEL
};

struct setting {
	const char *name, *default_text, *meaning;
	size_t offset;    /* of the field in struct config */
	int64_t min, max; /* INT */
	enum setting_type type;
	bool required;
};

enum { SETTING_TEXT_MAX = 16384, URL_LEN_MAX = 200 };

extern const struct setting settings[];
extern const size_t settings_count;

/* Never printed, wiped, and may come from NAME_FILE. */
static inline bool setting_is_secret(const struct setting *s)
{
	return s->type == SETTING_SECRET || s->type == SETTING_PEM;
}
void *setting_field(struct config *c, const struct setting *s);
const void *setting_value(const struct config *c, const struct setting *s);
/* Parses text into the field (which is empty before). ERR_INVALID with ret_problem->text, or ERR_NOMEM. */
enum err setting_parse(const struct setting *s, struct str text, struct config *c, struct problem *ret_problem);
void setting_release(const struct setting *s, struct config *c);
/* What several settings together must satisfy; called when each alone is right. Tells each problem; ERR_INVALID after
 * one, ERR_NOMEM. */
enum err config_check(const struct config *c, problem_fn *tell, void *arg);
