/* process.c - see process.h. */
#include "process.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/log.h"

enum {
	CONNECTIONS_MAX = 4096,
	OWN_FILES_MAX = 512, /* database, outgoing calls, threads' descriptors */
	CONNECTIONS_LEAST = 64,
};

unsigned connections_max(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) != 0 ||
	    files.rlim_cur >= CONNECTIONS_MAX + ADMIN_CONNECTIONS_MAX + OWN_FILES_MAX)
		return CONNECTIONS_MAX;
	const unsigned own = ADMIN_CONNECTIONS_MAX + OWN_FILES_MAX;
	const unsigned left =
	    files.rlim_cur > own + CONNECTIONS_LEAST ? (unsigned)files.rlim_cur - own : (unsigned)CONNECTIONS_LEAST;
	log_event(LOG_WARN, "start.few_files", LF_INT("limit", (int64_t)files.rlim_cur), LF_INT("connections", left),
	          LF_Z("do", "raise the limit of open files: ulimit -n, LimitNOFILE"));
	return left;
}

void raise_file_limit(void)
{
	struct rlimit files;
	const rlim_t wanted = CONNECTIONS_MAX + ADMIN_CONNECTIONS_MAX + OWN_FILES_MAX;
	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= wanted)
		return;
	files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}

static void stop_signals(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGTERM);
}

void block_stop_signals(void)
{
	sigset_t set;
	stop_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

void wait_for_stop_signal(void)
{
	sigset_t set;
	int number = 0;
	stop_signals(&set);
	sigwait(&set, &number);
	log_event(LOG_INFO, "server.stopping", LF_INT("signal", number));
}
