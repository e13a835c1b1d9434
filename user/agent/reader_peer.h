/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the server has received from the reader: pages, the reader's health, reports, alerts. The
 * reader may have been compromised, so every message is checked before use, and a message carries
 * only texts and numbers.
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
	const char *listen;	     /* listening address, logged when the reader is ready */
	struct alert_sender *sender; /* NULL: alerts are logged only; not owned */
	bool is_ready;
	uint64_t heard_ns;	 /* CLOCK_MONOTONIC time of the last health message; 0: none */
	bool is_stuck, is_stale; /* as reported by host__is_stuck() and host__is_stale() */
	struct shared_text *pages[PAGE_CNT]; /* NULL: not received, or too large */
	/*
	 * The last report that was requested, and its answer if it has come while the server
	 * waited.
	 */
	uint64_t report_number;
	bool waits_for_report;
	enum report_result report_result;
	struct shared_text *report; /* if the result is REPORT_OK */
	uint64_t report_cpu_ns;	    /* for reports, as the reader claims; not charged yet */
};

/* @fd: the server's end of the socket, non-blocking. The caller releases the peer. */
void reader_peer__init(struct reader_peer *peer, int fd, const char *listen);
void reader_peer__release(struct reader_peer *peer);

/*
 * Handles the messages that have arrived, up to a limit, so that a reader that sends without end
 * cannot block the server's other work. Returns 0; -ECANCELED if the reader ends and its reason was
 * logged; -EPIPE if it has closed the connection; -EPROTO if it has sent a malformed message; or
 * -ENOMEM.
 */
int reader_peer__take(struct reader_peer *peer);

/* Requests the report of process @pid without waiting. Returns what message__send() returns. */
int reader_peer__ask_report(struct reader_peer *peer, pid_t pid);
