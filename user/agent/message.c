// SPDX-License-Identifier: BSD-2-Clause
#include "agent/message.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "util/array.h"
#include "util/cleanup.h"

void message__release(struct message *message)
{
	free(message->bytes);
	*message = (struct message){};
}

void inbox__release(struct inbox *inbox)
{
	free(inbox->bytes);
	inbox->bytes = NULL;
	inbox->head_used = inbox->used = 0;
}

/* Reads until @bytes has @size bytes. Returns 1 if it has; 0 if not yet; or negative errno. */
static int fill(int fd, void *bytes, size_t size, size_t *used)
{
	while (*used < size) {
		ssize_t got = recv(fd, (uint8_t *)bytes + *used, size - *used, 0);

		if (!got)
			return -EPIPE;
		if (got > 0)
			*used += (size_t)got;
		else if (errno == EAGAIN)
			return 0;
		else if (errno != EINTR)
			return errno == ECONNRESET ? -EPIPE : -errno;
	}
	return 1;
}

static int begin(struct inbox *inbox)
{
	const struct message_head *head = &inbox->head;

	if (head->type >= MESSAGE_TYPE_CNT || head->size >= inbox->limits[head->type])
		return -EPROTO;
	if (!head->size)
		return 0;
	/* One more byte for a NUL, so that a text at the end can be used in place as a C string. */
	inbox->bytes = malloc((size_t)head->size + 1);
	if (!inbox->bytes)
		return -ENOMEM;
	inbox->bytes[head->size] = '\0';
	return 0;
}

int inbox__take(struct inbox *inbox, struct message *out)
{
	int result = 1, err;

	if (inbox->head_used < sizeof(inbox->head)) {
		result = fill(inbox->fd, &inbox->head, sizeof(inbox->head), &inbox->head_used);
		err = result > 0 ? begin(inbox) : 0;
		if (err)
			return err;
	}
	if (result > 0)
		result = fill(inbox->fd, inbox->bytes, inbox->head.size, &inbox->used);
	if (result <= 0)
		return result;
	*out = (struct message){.type = (enum message_type)inbox->head.type,
				.size = inbox->head.size,
				.bytes = TAKE_PTR(inbox->bytes)};
	inbox->head_used = inbox->used = 0;
	return 1;
}

void packer__release(struct packer *packer)
{
	free(packer->bytes);
	*packer = (struct packer){};
}

void packer__add_bytes(struct packer *packer, const void *bytes, size_t size)
{
	if (packer->failed || !size)
		return;
	if (ARRAY_RESERVE(packer->bytes, packer->capacity, packer->size + size)) {
		packer->failed = true;
		return;
	}
	memcpy(packer->bytes + packer->size, bytes, size);
	packer->size += size;
}

void packer__add_u64(struct packer *packer, uint64_t value)
{
	packer__add_bytes(packer, &value, sizeof(value));
}

void packer__add_double(struct packer *packer, double value)
{
	packer__add_bytes(packer, &value, sizeof(value));
}

void packer__add_text(struct packer *packer, const char *text)
{
	size_t length = text ? strlen(text) : 0;

	packer__add_u64(packer, length);
	packer__add_bytes(packer, text, length);
	packer__add_bytes(packer, "", 1);
}

static int wait_for_room(int fd, int wait_ms)
{
	struct pollfd room = {.fd = fd, .events = POLLOUT};
	int cnt = poll(&room, 1, wait_ms);

	if (!cnt)
		return -ETIMEDOUT;
	return cnt > 0 || errno == EINTR ? 0 : -errno;
}

/* Sets *begun once a part was sent; then the rest must follow. */
static int send_all(int fd, const void *bytes, size_t size, enum message_wait wait, bool *begun)
{
	const uint8_t *at = bytes;
	int err = 0;

	while (size && !err) {
		ssize_t sent = send(fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent >= 0) {
			at += sent;
			size -= (size_t)sent;
			*begun = true;
		} else if (errno == EAGAIN && (wait == MESSAGE_WAIT || *begun)) {
			err = wait_for_room(fd, wait == MESSAGE_WAIT ? -1 : MESSAGE_REST_MS);
		} else if (errno != EINTR) {
			err = -errno;
		}
	}
	return err;
}

int message__send(int fd, enum message_type type, const struct packer *packed,
		  enum message_wait wait)
{
	struct message_head head = {.type = type, .size = packed ? (uint32_t)packed->size : 0};
	bool begun = false;
	int err;

	if (packed && packed->failed)
		return -ENOMEM;
	if (packed && packed->size > UINT32_MAX)
		return -EMSGSIZE;
	err = send_all(fd, &head, sizeof(head), wait, &begun);
	return err || !packed ? err : send_all(fd, packed->bytes, packed->size, wait, &begun);
}

struct cursor cursor__of(const struct message *message)
{
	/* Adding to a null pointer is undefined, even adding 0. */
	static const uint8_t none[1];
	const uint8_t *bytes = message->bytes ? message->bytes : none;

	return (struct cursor){.at = bytes, .end = bytes + message->size};
}

static bool has(struct cursor *cursor, size_t size)
{
	cursor->failed |= (size_t)(cursor->end - cursor->at) < size;
	return !cursor->failed;
}

uint64_t cursor__u64(struct cursor *cursor)
{
	uint64_t value;

	if (!has(cursor, sizeof(value)))
		return 0;
	memcpy(&value, cursor->at, sizeof(value));
	cursor->at += sizeof(value);
	return value;
}

double cursor__double(struct cursor *cursor)
{
	double value;

	if (!has(cursor, sizeof(value)))
		return 0;
	memcpy(&value, cursor->at, sizeof(value));
	cursor->at += sizeof(value);
	cursor->failed |= !isfinite(value);
	return cursor->failed ? 0 : value;
}

const char *cursor__text(struct cursor *cursor, size_t max)
{
	uint64_t length = cursor__u64(cursor);
	const char *text = (const char *)cursor->at;

	cursor->failed |= length > max;
	if (cursor->failed || !has(cursor, length + 1))
		return "";
	cursor->failed |= strnlen(text, length + 1) != length;
	if (cursor->failed)
		return "";
	cursor->at += length + 1;
	return text;
}

const uint8_t *cursor__rest(struct cursor *cursor, size_t *size)
{
	const uint8_t *rest = cursor->at;

	*size = (size_t)(cursor->end - cursor->at);
	cursor->at = cursor->end;
	return rest;
}

bool cursor__is_done(const struct cursor *cursor)
{
	return !cursor->failed && cursor->at == cursor->end;
}
