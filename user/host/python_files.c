// SPDX-License-Identifier: BSD-2-Clause
#include "host/python_files.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "target/elf.h"
#include "target/executable_files.h"
#include "target/mapped_file.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/hash.h"
#include "util/id_table.h"

#define GENERATION_MAX (PYTHON_FILES_PER_USER_MAX / 2)
/*
 * A file may be written twice within one tick of its file system's clock, so a file that was
 * changed more recently than this is not remembered.
 */
#define YOUNG_NS 2000000000UL

struct python_file {
	struct file_identity identity;
	bool is_python;
};

struct generation {
	struct python_file *files; /* array of GENERATION_MAX, or NULL */
	size_t cnt;
	struct id_table ids; /* indexed by identity */
};

/*
 * Each file that is looked up goes into the newer generation. When that is full, the older
 * generation is dropped and the newer one takes its place. So files in use stay, without keeping
 * them sorted.
 */
struct user {
	process_owner owner;
	uint64_t used_at; /* value of question_cnt at the last use */
	struct generation newer, older;
};

struct python_files {
	pthread_mutex_t lock;
	struct user users[PYTHON_FILES_USERS_MAX];
	size_t user_cnt;
	uint64_t question_cnt, bytes_max;
	atomic_ulong left_out_cnt;
};

int python_files__new(struct python_files **out, uint64_t bytes_max)
{
	struct python_files *files = calloc(1, sizeof(*files));

	if (!files)
		return -ENOMEM;
	files->bytes_max = bytes_max;
	pthread_mutex_init(&files->lock, NULL);
	*out = files;
	return 0;
}

static void generation__release(struct generation *generation)
{
	id_table__release(&generation->ids);
	free(generation->files);
	*generation = (struct generation){};
}

void python_files__free(struct python_files *files)
{
	if (!files)
		return;
	for (size_t i = 0; i < files->user_cnt; i++) {
		generation__release(&files->users[i].newer);
		generation__release(&files->users[i].older);
	}
	free(files);
}

/*
 * Returns the cache of a user, an empty one for a new user. This function and those below require
 * the lock.
 */
static struct user *find_user(struct python_files *files, process_owner owner)
{
	struct user *user = &files->users[0];

	files->question_cnt++;
	for (size_t i = 0; i < files->user_cnt; i++) {
		if (files->users[i].owner == owner) {
			files->users[i].used_at = files->question_cnt;
			return &files->users[i];
		}
		if (files->users[i].used_at < user->used_at)
			user = &files->users[i];
	}
	if (files->user_cnt < PYTHON_FILES_USERS_MAX)
		user = &files->users[files->user_cnt++];
	generation__release(&user->newer);
	generation__release(&user->older);
	*user = (struct user){.owner = owner, .used_at = files->question_cnt};
	return user;
}

static uint64_t hash_of(const struct file_identity *identity)
{
	const uint64_t words[] = {identity->device, identity->inode, identity->size,
				  (uint64_t)identity->changed_s, identity->changed_ns};

	return hash__bytes(words, sizeof(words));
}

static bool is_file(const void *owner, uint32_t id, const void *key)
{
	const struct file_identity *a = &((const struct generation *)owner)->files[id].identity,
				   *b = key;

	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->changed_s == b->changed_s && a->changed_ns == b->changed_ns;
}

static const struct python_file *find_in(const struct generation *generation,
					 const struct file_identity *identity)
{
	uint32_t id =
		id_table__find(&generation->ids, hash_of(identity), is_file, generation, identity);

	return id == ID_TABLE_NONE ? NULL : &generation->files[id];
}

static int remember(struct user *user, const struct file_identity *identity, bool is_python)
{
	struct generation *newer = &user->newer;
	int err;

	if (newer->cnt == GENERATION_MAX) {
		generation__release(&user->older);
		user->older = *newer;
		*newer = (struct generation){};
	}
	if (!newer->files)
		newer->files = calloc(GENERATION_MAX, sizeof(*newer->files));
	if (!newer->files)
		return -ENOMEM;
	err = id_table__add(&newer->ids, hash_of(identity), newer->cnt);
	if (err)
		return err;
	newer->files[newer->cnt++] =
		(struct python_file){.identity = *identity, .is_python = is_python};
	return 0;
}

/* Whether the file is known. If only the older generation has it, it is added to the newer one. */
static bool recall(struct user *user, const struct file_identity *identity, bool *is_python)
{
	const struct python_file *file = find_in(&user->newer, identity);

	if (file) {
		*is_python = file->is_python;
		return true;
	}
	file = find_in(&user->older, identity);
	if (!file)
		return false;
	*is_python = file->is_python;
	remember(user, identity, *is_python); /* if out of memory, it stays in the older one */
	return true;
}

/* Examines the content of the file. Returns 0, or a negative errno if the result is not known. */
static int look_into(const struct mapped_file *mapped, uint64_t *room, bool *is_python)
{
	_cleanup_close_ int fd = mapped_file__open(mapped);
	_cleanup_(elf_file__freep) struct elf_file *elf = NULL;
	struct elf_symbol symbol;
	int err = fd < 0 ? fd : elf_file__open(&elf, fd);

	if (!err && elf_file__is_64bit(elf))
		err = elf_file__find_symbol_within(elf, "PyObject_Malloc", room, &symbol);
	else if (!err)
		err = -ENOEXEC;
	if (err && err != -ENOEXEC && err != -ENOENT)
		return err;
	*is_python = !err;
	return 0;
}

static bool is_young(const struct file_identity *identity)
{
	uint64_t changed_ns = (uint64_t)identity->changed_s * 1000000000 + identity->changed_ns;

	return changed_ns + YOUNG_NS > clock_ns(CLOCK_REALTIME);
}

/* @room is the number of bytes that may still be read. */
static int find_file(struct python_files *files, const struct target *target,
		     const struct mapping *mapping, uint64_t *room, bool *is_python)
{
	_cleanup_(mapped_file__release) struct mapped_file mapped = {.path_fd = -1};
	bool is_known;
	int err = 0;

	/*
	 * A file that cannot be found or read now does not count as a Python; it is examined again
	 * next time.
	 */
	if (mapped_file__find(&mapped, target, mapping))
		return 0;
	pthread_mutex_lock(&files->lock);
	is_known = recall(find_user(files, target->owner), &mapped.identity, is_python);
	pthread_mutex_unlock(&files->lock);
	if (is_known)
		return 0;
	err = look_into(&mapped, room, is_python);
	if (err == -ENOBUFS)
		atomic_fetch_add(&files->left_out_cnt, 1);
	if (err || is_young(&mapped.identity))
		return err == -ETIME ? err : 0;
	pthread_mutex_lock(&files->lock);
	/* Another thread may have examined it meanwhile. */
	if (!recall(find_user(files, target->owner), &mapped.identity, is_python))
		err = remember(find_user(files, target->owner), &mapped.identity, *is_python);
	pthread_mutex_unlock(&files->lock);
	return err;
}

int python_files__find(struct python_files *files, const struct target *target, bool *is_python)
{
	_cleanup_(executable_files__release) struct executable_files executables = {};
	int err = executable_files__find(&executables, target->maps, target->map_cnt);
	uint64_t room = files->bytes_max;
	size_t i = 0;

	*is_python = false;
	for (; i < executables.cnt && i < EXECUTABLE_FILES_MAX && !err && !*is_python; i++)
		err = find_file(files, target, executables.items[i], &room, is_python);
	if (i == EXECUTABLE_FILES_MAX && !*is_python)
		atomic_fetch_add(&files->left_out_cnt, executables.cnt - i);
	return err;
}

uint64_t python_files__left_out_cnt(const struct python_files *files)
{
	return atomic_load(&files->left_out_cnt);
}
