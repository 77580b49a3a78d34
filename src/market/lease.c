/* lease.c - see lease.h. */
#include "market/lease.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/secret.h"

enum { KEEP_EVERY_MS = LEASE_MS / 4, WORK_ARENA_MAX = 64 * 1024, FIELD_START_TIME = 22, RANDOM_LEN = 8 };

static size_t read_small(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, out, size - 1) : -1;
	if (fd >= 0)
		close(fd);
	out[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* When a process began, in ticks since the boot; 0: there is none, or it cannot be told. */
static unsigned long long start_time(long pid)
{
	char path[64], text[1024];
	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	if (!read_small(path, text, sizeof(text)))
		return 0;
	char *p = strrchr(text, ')'); /* the name before it may hold anything */
	for (int field = 2; p && field < FIELD_START_TIME; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p + 1, NULL, 10) : 0;
}

/* "boot/namespace/": whose process numbers mean the same. Empty: cannot be told. */
static void machine(char *out, size_t size)
{
	char boot[64], space[64];
	ssize_t n = readlink("/proc/self/ns/pid", space, sizeof(space) - 1);
	out[0] = '\0';
	if (!read_small("/proc/sys/kernel/random/boot_id", boot, sizeof(boot)) || n <= 0)
		return;
	space[n] = '\0';
	boot[strcspn(boot, "\n")] = '\0';
	(void)snprintf(out, size, "%s/%s/", boot, space);
}

bool lease_holder_lives(struct str holder)
{
	char here[LEASE_HOLDER_MAX], text[LEASE_HOLDER_MAX];
	machine(here, sizeof(here));
	if (!here[0] || holder.len >= sizeof(text) || !str_starts(holder, str_of(here)))
		return true;
	memcpy(text, holder.ptr, holder.len);
	text[holder.len] = '\0';
	char *end = NULL;
	const long pid = strtol(text + strlen(here), &end, 10);
	const unsigned long long began = *end == '/' ? strtoull(end + 1, NULL, 10) : 0;
	return pid > 0 && began > 0 ? start_time(pid) == began : true;
}

struct taking {
	struct lease *lease;
	int64_t now;
	struct arena arena;
};

/* An export under way was begun by a run that did not end: that run goes on. */
static enum err run_unfinished(struct taking *t, struct store_tx *tx, bool *ret)
{
	static const char *const kinds[] = {"licenses", "old_licenses", "sales"};
	*ret = false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct market_poll p;
		enum err e = store_market_poll_get(tx, str_of(kinds[i]), &t->arena, &p);
		if (e != OK)
			return e;
		*ret = *ret || p.export_id.ptr;
	}
	return OK;
}

static enum err take(struct store_tx *tx, void *arg)
{
	struct taking *t = arg;
	struct market_lease l;
	bool unfinished = false;
	enum err e = store_market_lease_get(tx, &t->arena, &l);
	if (e == OK && l.holder.len && l.lease_until > t->now && lease_holder_lives(l.holder))
		e = ERR_BUSY;
	if (e == OK)
		e = run_unfinished(t, tx, &unfinished);
	if (e != OK)
		return e == ERR_BUSY ? ERR_CONFLICT : e; /* an answer, not a failure of the store */
	l.holder = str_of(t->lease->holder);
	l.lease_until = t->now + LEASE_MS;
	l.run += !unfinished;
	t->lease->run = l.run;
	return store_market_lease_put(tx, &l);
}

enum err lease_take(struct store *s, const struct clock *clock, struct lease *ret)
{
	struct taking t = {.lease = ret, .now = clock_wall_ms(clock)};
	char here[LEASE_HOLDER_MAX], random[RANDOM_LEN + 1];
	machine(here, sizeof(here));
	if (!random_text(random, RANDOM_LEN))
		return ERR_IO;
	*ret = (struct lease){.store = s, .clock = clock, .kept_mono_ms = clock_mono_ms(clock)};
	(void)snprintf(ret->holder, sizeof(ret->holder), "%.100s%ld/%llu/%s", here, (long)getpid(),
	               start_time((long)getpid()), random);
	arena_init(&t.arena, WORK_ARENA_MAX);
	enum err e = store_write(s, take, &t);
	arena_release(&t.arena);
	return e == ERR_CONFLICT ? ERR_BUSY : e;
}

struct keeping {
	const struct lease *lease;
	int64_t until;
	bool give;
};

static enum err keep(struct store_tx *tx, void *arg)
{
	const struct keeping *k = arg;
	struct market_lease l;
	struct arena arena;
	arena_init(&arena, WORK_ARENA_MAX);
	enum err e = store_market_lease_get(tx, &arena, &l);
	if (e == OK && !str_eqz(l.holder, k->lease->holder))
		e = ERR_CONFLICT;
	if (e == OK) {
		l.lease_until = k->until;
		l.holder = k->give ? STR("") : l.holder;
		e = store_market_lease_put(tx, &l);
	}
	arena_release(&arena);
	return e;
}

enum err lease_keep(struct lease *l)
{
	if (clock_mono_ms(l->clock) - l->kept_mono_ms < KEEP_EVERY_MS)
		return OK;
	struct keeping k = {.lease = l, .until = clock_wall_ms(l->clock) + LEASE_MS};
	enum err e = store_write(l->store, keep, &k);
	if (e == OK)
		l->kept_mono_ms = clock_mono_ms(l->clock);
	return e;
}

void lease_give(struct lease *l)
{
	struct keeping k = {.lease = l, .give = true};
	(void)store_write(l->store, keep, &k); /* where that fails it runs out by itself */
}
