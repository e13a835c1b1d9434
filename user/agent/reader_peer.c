// SPDX-License-Identifier: BSD-2-Clause
#include "agent/reader_peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/alert_wire.h"
#include "alerts/alert_log.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

#define MESSAGES_MAX 64
/* Upper limit of the charge for one report, as the reader may claim any number. */
#define REPORT_CPU_NS_MAX 10000000000UL

void reader_peer__init(struct reader_peer *peer, int fd, const char *listen)
{
	static const message_limits limits = {
		[MESSAGE_READY] = 1,
		[MESSAGE_FAILED] = REASON_BYTES_MAX + 64,
		[MESSAGE_PAGE] = PAGE_BYTES_MAX + 64,
		[MESSAGE_HEALTH] = 2 * sizeof(uint64_t) + 1,
		[MESSAGE_REPORT] = REPORT_BYTES_MAX + 64,
		[MESSAGE_ALERT] = ALERT_WIRE_BYTES_MAX,
	};

	*peer = (struct reader_peer){.inbox = {.fd = fd, .limits = limits}, .listen = listen};
}

void reader_peer__release(struct reader_peer *peer)
{
	inbox__release(&peer->inbox);
	for (int i = 0; i < PAGE_CNT; i++)
		shared_text__release(peer->pages[i]);
	shared_text__release(peer->report);
}

/* Replaces *kept with the rest of the message, or with NULL if no bytes are left. */
static int keep(struct shared_text **kept, struct cursor *cursor)
{
	size_t size;
	const uint8_t *bytes = cursor__rest(cursor, &size);
	struct shared_text *text = size ? shared_text__new(bytes, size) : NULL;

	if (size && !text)
		return -ENOMEM;
	shared_text__release(*kept);
	*kept = text;
	return 0;
}

static int take_page(struct reader_peer *peer, const struct message *message)
{
	struct cursor cursor = cursor__of(message);
	uint64_t kind = cursor__u64(&cursor);

	if (cursor.failed || kind >= PAGE_CNT)
		return -EPROTO;
	return keep(&peer->pages[kind], &cursor);
}

static int take_health(struct reader_peer *peer, const struct message *message)
{
	struct cursor cursor = cursor__of(message);

	peer->is_stuck = cursor__u64(&cursor) != 0;
	peer->is_stale = cursor__u64(&cursor) != 0;
	peer->heard_ns = clock_ns(CLOCK_MONOTONIC);
	return cursor__is_done(&cursor) ? 0 : -EPROTO;
}

static int take_alert(const struct reader_peer *peer, const struct message *message)
{
	struct alert_rule rule;
	struct alert alert;
	int err = alert_wire__unpack(message, &rule, &alert);

	if (err)
		return err;
	if (peer->sender)
		alert_sender__send(peer->sender, &rule, &alert);
	alert_log__write(&rule, &alert);
	return 0;
}

static int take_report(struct reader_peer *peer, const struct message *message)
{
	struct cursor cursor = cursor__of(message);
	uint64_t number = cursor__u64(&cursor), result = cursor__u64(&cursor),
		 cpu_ns = cursor__u64(&cursor);

	if (cursor.failed || result >= REPORT_RESULT_CNT)
		return -EPROTO;
	peer->report_cpu_ns += cpu_ns < REPORT_CPU_NS_MAX ? cpu_ns : REPORT_CPU_NS_MAX;
	/* This report came too late; nobody waits for it. */
	if (number != peer->report_number || !peer->waits_for_report)
		return 0;
	peer->waits_for_report = false;
	peer->report_result = (enum report_result)result;
	return keep(&peer->report, &cursor);
}

static int take_failure(const struct message *message)
{
	struct cursor cursor = cursor__of(message);
	const char *why = cursor__text(&cursor, REASON_BYTES_MAX);

	if (!cursor__is_done(&cursor))
		return -EPROTO;
	log_error("%s", why);
	return -ECANCELED;
}

static int take_message(struct reader_peer *peer, const struct message *message)
{
	switch (message->type) {
	case MESSAGE_READY:
		if (peer->is_ready)
			return -EPROTO;
		peer->is_ready = true;
		log_note("listening on http://%s/metrics", peer->listen);
		return 0;
	case MESSAGE_PAGE:
		return take_page(peer, message);
	case MESSAGE_HEALTH:
		return take_health(peer, message);
	case MESSAGE_REPORT:
		return take_report(peer, message);
	case MESSAGE_ALERT:
		return take_alert(peer, message);
	default:
		return take_failure(message);
	}
}

int reader_peer__take(struct reader_peer *peer)
{
	for (int i = 0; i < MESSAGES_MAX; i++) {
		_cleanup_(message__release) struct message message = {};
		int result = inbox__take(&peer->inbox, &message);

		if (result > 0)
			result = take_message(peer, &message);
		else if (!result)
			return 0;
		if (result < 0)
			return result;
	}
	return 0;
}

int reader_peer__ask_report(struct reader_peer *peer, pid_t pid)
{
	_cleanup_(packer__release) struct packer packer = {};

	packer__add_u64(&packer, ++peer->report_number);
	packer__add_u64(&packer, (uint64_t)pid);
	peer->waits_for_report = true;
	return message__send(peer->inbox.fd, MESSAGE_ASK_REPORT, &packer, MESSAGE_NO_WAIT);
}
