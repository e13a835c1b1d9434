/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the memory of a running process by process_vm_readv(2): without stopping the process, and
 * without its cooperation.
 */
#pragma once

#include <sys/types.h>

#include "target/memory.h"
#include "target/page_tables.h"
#include "target/swapped_pages.h"

struct live_memory {
	struct memory memory;
	pid_t pid;
	pid_t thread; /* the one that last gave access to the memory: memory_thread.h */
	struct page_tables tables;
	struct swapped_pages swapped;
};

void live_memory__init(struct live_memory *memory, pid_t pid);

/*
 * Page tables that reading has caused stay charged until the process exits: page_tables__release().
 */
void live_memory__release(struct live_memory *memory);
