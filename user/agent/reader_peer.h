/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the server has from the reader: pages, its health, reports, alerts. It may have been taken
 * over: what it sends is checked before it is used, and nothing of it is more than a text or a
 * number.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/message.h"
#include "agent/pages.h"
#include "agent/reader.h"
#include "alerts/alert_sender.h"
#include "util/shared_text.h"

struct reader_peer {
	struct inbox inbox;
	const char *listen;	     /* where is answered, to be said when it is ready */
	struct alert_sender *sender; /* NULL: alerts are logged only; not owned */
	bool is_ready;
	uint64_t heard_ns;		     /* CLOCK_MONOTONIC: of its health; 0: not yet */
	bool is_stuck, is_stale;	     /* as the host has it */
	struct shared_text *pages[PAGE_CNT]; /* NULL: there is none, or it is too large */
	/* The last report that was asked for, and its answer, if nobody waits for it any more. */
	uint64_t report_number;
	bool waits_for_report;
	enum report_result report_result;
	struct shared_text *report; /* if that is REPORT_OK */
	uint64_t report_cpu_ns;	    /* that reports took the reader, as it says; not charged yet */
};

/* @fd: the server's end of the socket, which does not wait. The caller releases. */
void reader_peer__init(struct reader_peer *peer, int fd, const char *listen);
void reader_peer__release(struct reader_peer *peer);

/*
 * Takes what has arrived, so much at a time that a reader which never stops keeps nobody else
 * waiting. Returns 0; -ECANCELED: it ends, and why was logged; -EPIPE: it is gone; -EPROTO: it
 * sends what it may not; or -ENOMEM.
 */
int reader_peer__take(struct reader_peer *peer);

/* Asks for the report of a process, as message__send() without waiting. */
int reader_peer__ask_report(struct reader_peer *peer, pid_t pid);
