/* fault_vfs.h - a file layer for SQLite that fails when told: the nth operation, once or from then on.
 *
 * It is the default one after fault_install(), so a store under test knows nothing of it. Counts writes, syncs,
 * truncations and opens of every file, and reads where the fault is an I/O error. */
#pragma once
#include <stdbool.h>

void fault_install(void);
/* The nth operation from now (1: the next) gives `code`; with `for_good` all that follow too. */
void fault_arm(int nth, int code, bool for_good);
/* Everything works again. Whether the fault was reached. */
bool fault_disarm(void);
