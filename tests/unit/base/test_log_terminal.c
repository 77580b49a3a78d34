/* What a person sees: with a terminal as stderr a line is short and plain, and a field cannot steer the terminal. A
 * program of its own, as the log looks once what stderr is. */
#include "check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"

static int terminal; /* the side that reads what is shown */
static int kept;     /* stderr as it was */

static int setup(void **state)
{
	(void)state;
	kept = dup(STDERR_FILENO);
	terminal = posix_openpt(O_RDWR | O_NOCTTY);
	if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0)
		return -1;
	int shown = open(ptsname(terminal), O_RDWR | O_NOCTTY);
	struct termios raw;
	if (shown < 0 || tcgetattr(shown, &raw) != 0)
		return -1;
	cfmakeraw(&raw); /* so that \n stays one byte */
	return tcsetattr(shown, TCSANOW, &raw) == 0 && dup2(shown, STDERR_FILENO) >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return dup2(kept, STDERR_FILENO) >= 0 ? 0 : -1;
}

/* One line as it was shown, after its "10:00:00 ". */
static void assert_shown(const char *wanted)
{
	char line[4096];
	size_t len = 0;
	while (len == 0 || line[len - 1] != '\n') {
		ssize_t got = read(terminal, line + len, sizeof(line) - len);
		assert_true(got > 0);
		len += (size_t)got;
	}
	assert_true(len > 9 && line[2] == ':' && line[5] == ':' && line[8] == ' ');
	assert_text((struct str){line + 9, len - 9}, wanted);
}

static void lines_for_people(void **state)
{
	(void)state;
	log_event(LOG_INFO, "tenant.installed", LF_Z("tenant", "client-1"), LF_INT("ms", 7));
	assert_shown("info  tenant.installed tenant=client-1 ms=7\n");
	log_event(LOG_ERROR, "x");
	assert_shown("error x\n");
	log_event(LOG_WARN, "x", LF_Z("a", ""), LF_Z("b", "two words"), LF_Z("c", "k=v"), LF_Z("d", "\x1b[2J\n\x7f"),
	          LF_Z("e", "\xc2\x9b\xff"));
	assert_shown("warn  x a=\"\" b=\"two words\" c=\"k=v\" d=\"\\u001b[2J\\n\\u007f\" e=\"\\u009b\xef\xbf\xbd\"\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(lines_for_people)};
	return cmocka_run_group_tests(tests, setup, teardown);
}
