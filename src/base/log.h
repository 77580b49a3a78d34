/* log.h - structured log: one event a line, JSON when stderr is not a terminal.
 *
 * Never give it a token, a secret, a contact or a URL with its query: fields hold ids, codes, paths, durations.
 * Thread-safe; one write(2) a line. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log_field {
	const char *name;
	enum { LOG_F_STR, LOG_F_INT } kind;
	struct str str;
	int64_t num;
};
#define LF_STR(n, s) ((struct log_field){.name = (n), .kind = LOG_F_STR, .str = (s)})
#define LF_Z(n, z) ((struct log_field){.name = (n), .kind = LOG_F_STR, .str = str_of(z)})
#define LF_INT(n, i) ((struct log_field){.name = (n), .kind = LOG_F_INT, .num = (int64_t)(i)})

/* log_event(LOG_INFO, "tenant.installed", LF_STR("tenant", key), LF_Z("kind", "first")) */
#define log_event(level, event, ...)                                                                                   \
	log_write((level), (event), (const struct log_field[]){__VA_ARGS__},                                               \
	          sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

void log_set_level(enum log_level level); /* default LOG_INFO */
bool log_enabled(enum log_level level);
void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t count);
/* Where lines go instead of stderr; NULL restores it. For tests. */
void log_set_sink(void (*sink)(const char *line, size_t len, void *arg), void *arg);
