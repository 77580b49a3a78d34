/* alloc_libraries.h - lets allocations of OpenSSL, SQLite and libcurl fail too, by their own hooks, as
 * alloc_faults.h lets ours. libmicrohttpd has no hook. */
#pragma once
#include "alloc_faults.h"

/* First thing in main: libraries take their allocator once. */
void alloc_libraries_install(void);
