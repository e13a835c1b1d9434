// SPDX-License-Identifier: BSD-2-Clause
#include "util/shared_text.h"

#include <stdlib.h>
#include <string.h>

struct shared_text *shared_text__new(const void *bytes, size_t size)
{
	struct shared_text *text = malloc(sizeof(*text) + size + 1);

	if (!text)
		return NULL;
	*text = (struct shared_text){.holder_cnt = 1, .size = size};
	if (size)
		memcpy(text->bytes, bytes, size);
	text->bytes[size] = '\0';
	return text;
}

struct shared_text *shared_text__hold(struct shared_text *text)
{
	text->holder_cnt++;
	return text;
}

void shared_text__release(struct shared_text *text)
{
	if (text && !--text->holder_cnt)
		free(text);
}

void shared_text__release_bytes(void *bytes)
{
	shared_text__release((struct shared_text *)(void *)((char *)bytes -
							    offsetof(struct shared_text, bytes)));
}
