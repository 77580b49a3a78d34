/* test_kill.c - killed in the middle of writing, again and again: all that was acknowledged is there, nothing is torn.
 *
 * A child opens the database, writes from several threads and reports each acknowledged key through a pipe; the parent
 * kills it after some of them, reads what the pipe still holds and looks into the database. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/fixture.h"

enum { ROUNDS = 12, THREADS = 4, ACKED_MAX = 20000 };

struct ack {
	int round, thread, number;
};

struct child {
	struct store *store;
	int pipe, round, thread;
};

static void key_of(const struct ack *a, char out[static 64])
{
	snprintf(out, 64, "k%d-%d-%d", a->round, a->thread, a->number);
}

static void *write_for_ever(void *arg)
{
	struct child *c = arg;
	for (int i = 0;; i++) {
		struct ack a = {c->round, c->thread, i};
		char key[64];
		key_of(&a, key);
		if (put_tenant(c->store, key) != OK)
			_exit(3);
		if (write(c->pipe, &a, sizeof(a)) != (ssize_t)sizeof(a)) /* atomic: below PIPE_BUF */
			_exit(4);
	}
	return NULL;
}

static void child_main(struct fixture *f, int pipe, int round)
{
	struct child children[THREADS];
	pthread_t threads[THREADS];
	if (fixture_open(f, 5000, false) != OK)
		_exit(2);
	for (int i = 0; i < THREADS; i++) {
		children[i] = (struct child){f->store, pipe, round, i};
		if (pthread_create(&threads[i], NULL, write_for_ever, &children[i]) != 0)
			_exit(2);
	}
	pthread_join(threads[0], NULL);
	_exit(2);
}

/* Kills the child after some acknowledgements; returns how many there are now in all. */
static size_t kill_after(struct fixture *f, int round, size_t enough, struct ack *acked, size_t count)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		child_main(f, ends[1], round);
	}
	close(ends[1]);
	size_t first = count;
	bool killed = false;
	while (count < ACKED_MAX && read(ends[0], &acked[count], sizeof(*acked)) == (ssize_t)sizeof(*acked)) {
		count++;
		if (!killed && count - first >= enough) {
			kill(child, SIGKILL);
			killed = true;
		}
	}
	close(ends[0]);
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return count;
}

static void what_was_acknowledged_survives_being_killed(void **state)
{
	(void)state;
	struct fixture f;
	struct ack *acked = calloc(ACKED_MAX, sizeof(*acked));
	size_t count = 0;
	fixture_init(&f);
	for (int round = 0; round < ROUNDS; round++) {
		/* the first rounds end early, while the database is made or recovered */
		count = kill_after(&f, round, (size_t)(1 + round * round * 2), acked, count);
		assert_int_equal(fixture_open(&f, 5000, false), OK);
		for (size_t i = 0; i < count; i++) {
			char key[64];
			key_of(&acked[i], key);
			if (acked[i].round >= round - 1) /* the earlier ones are looked at in the end */
				assert_true(has_tenant(f.store, key));
		}
		assert_true(count_tenants(f.store) >= count);
		store_close(f.store);
		f.store = NULL;
		assert_whole(f.file);
	}
	assert_int_equal(fixture_open(&f, 5000, false), OK);
	for (size_t i = 0; i < count; i++) {
		char key[64];
		key_of(&acked[i], key);
		assert_true(has_tenant(f.store, key));
	}
	fixture_release(&f);
	free(acked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_was_acknowledged_survives_being_killed)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
