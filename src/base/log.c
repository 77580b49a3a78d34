/* log.c - structured log lines. See log.h.
 *
 * A line is built in memory and leaves with one write(2), so that lines of several threads do not mix and no lock is
 * shared. Field text is cut at FIELD_MAX bytes and escaped: nothing a client sends can start a new line or
 * steer a terminal. When memory is out, the line says at least what happened. */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsonw.h"

enum { FIELD_MAX = 512, LINE_MAX_BYTES = 65536 };

static _Atomic int max_level = LOG_INFO;
static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static void *sink_arg; /* under sink_lock */
typedef void sink_fn(const char *line, size_t len, void *arg);
static sink_fn *_Atomic current_sink;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&max_level, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&max_level, memory_order_relaxed);
}

void log_set_sink(void (*sink)(const char *line, size_t len, void *arg), void *arg)
{
	pthread_mutex_lock(&sink_lock);
	sink_arg = arg;
	current_sink = sink;
	pthread_mutex_unlock(&sink_lock);
}

static void emit(const char *line, size_t len)
{
	if (current_sink) {
		pthread_mutex_lock(&sink_lock);
		sink_fn *sink = current_sink;
		if (sink)
			sink(line, len, sink_arg);
		pthread_mutex_unlock(&sink_lock);
		return;
	}
	int kept = errno;
	while (write(STDERR_FILENO, line, len) < 0 && errno == EINTR)
		;
	errno = kept;
}

/* At most FIELD_MAX bytes, not ending inside a character. */
static struct str cut(struct str s)
{
	if (s.len <= FIELD_MAX)
		return s;
	s.len = FIELD_MAX;
	while (s.len > FIELD_MAX - 3 && ((unsigned char)s.ptr[s.len] & 0xc0) == 0x80)
		s.len--;
	return s;
}

static void write_json(struct buf *out, int64_t now, enum log_level level, const char *event,
                       const struct log_field *fields, size_t count)
{
	struct jsonw w = jsonw(out);
	jw_obj(&w);
	jw_ktime(&w, "at", now);
	jw_kz(&w, "level", level_names[level]);
	jw_kz(&w, "event", event);
	for (size_t i = 0; i < count; i++) {
		if (fields[i].kind == LOG_F_INT)
			jw_kint(&w, fields[i].name, fields[i].num);
		else
			jw_kstr(&w, fields[i].name, cut(fields[i].str));
	}
	jw_end_obj(&w);
	buf_char(out, '\n');
}

static bool needs_quotes(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c <= ' ' || c > '~' || c == '"' || c == '=')
			return true;
	}
	return s.len == 0;
}

static void write_human(struct buf *out, int64_t now, enum log_level level, const char *event,
                        const struct log_field *fields, size_t count)
{
	char at[TIME_TEXT_SIZE];
	time_text(now - now % 1000, at);
	buf_printf(out, "%.8s %-5s %s", at + 11, level_names[level], event);
	for (size_t i = 0; i < count; i++) {
		buf_printf(out, " %s=", fields[i].name);
		struct str text = cut(fields[i].str);
		struct jsonw w = jsonw(out);
		if (fields[i].kind == LOG_F_INT)
			buf_int(out, fields[i].num);
		else if (needs_quotes(text))
			jw_str(&w, text);
		else
			buf_str(out, text);
	}
	buf_char(out, '\n');
}

static pthread_once_t terminal_once = PTHREAD_ONCE_INIT;
static bool terminal;

static void find_terminal(void)
{
	terminal = isatty(STDERR_FILENO) == 1;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields, size_t count)
{
	if (!log_enabled(level))
		return;
	pthread_once(&terminal_once, find_terminal);
	int64_t now = clock_wall_ms(&clock_system);
	__cleanup_buf struct buf line = BUF_INIT(LINE_MAX_BYTES);
	if (terminal && !current_sink)
		write_human(&line, now, level, event, fields, count);
	else
		write_json(&line, now, level, event, fields, count);
	if (line.err == OK) {
		emit(line.data, line.len);
		return;
	}
	char at[TIME_TEXT_SIZE];
	time_text(now, at);
	char text[256];
	int len = snprintf(text, sizeof(text), "{\"at\":\"%s\",\"level\":\"%s\",\"event\":\"%.100s\",\"cut\":\"%s\"}\n", at,
	                   level_names[level], event, err_name(line.err));
	emit(text, (size_t)len);
}
