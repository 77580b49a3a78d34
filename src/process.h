/* process.h - what a server asks of the system for its process: signals, and how many files may be open. */
#pragma once

enum { ADMIN_CONNECTIONS_MAX = 256 };
/* Of the public listener, as many as there are files for: one more would find none, and so would a look-up or the
 * database. */
unsigned connections_max(void);
/* As many open files as all connections need, where the system lets us: shells give a process 1,024. */
void raise_file_limit(void);

/* Before any thread starts: then wait_for_stop_signal() returns on SIGINT or SIGTERM. */
void block_stop_signals(void);
void wait_for_stop_signal(void);
