/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Alerts on their way between the processes of an agent: from the reader, which finds them, to the
 * server, which logs and sends them, and on to the runner of commands.
 */
#pragma once

#include "agent/message.h"
#include "alerts/alert_message.h"
#include "alerts/alerts.h"

/*
 * More of a message about an alert is not taken, nor of one with a command. Each text is cut to
 * 16 KiB.
 */
#define ALERT_WIRE_BYTES_MAX   (80UL << 10)
#define COMMAND_WIRE_BYTES_MAX (512UL << 10)

void alert_wire__pack(struct packer *packer, const struct alert_rule *rule,
		      const struct alert *alert);

/*
 * Takes it apart. The texts of *rule and *alert lie in the message, and nothing of them is to be
 * released. Of the rule there are its text and metric only. Returns 0 or -EPROTO.
 */
int alert_wire__unpack(const struct message *message, struct alert_rule *rule, struct alert *alert);

/* Which command is to be run, by its number, and which call that is, for the result. */
struct command_call {
	uint64_t number;
	unsigned int command;
};

/*
 * The same with what a command gets. The number of the call is there also with -EPROTO, so that it
 * can be answered.
 */
void alert_wire__pack_command(struct packer *packer, const struct command_call *call,
			      const struct alert_message *alert);
int alert_wire__unpack_command(const struct message *message, struct command_call *call,
			       struct alert_message *alert);
