/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How alerts are encoded in messages between the processes of an agent. The reader detects alerts
 * and sends them to the server, which logs them and delivers them; for a command, the server
 * forwards the alert to the runner.
 */
#pragma once

#include "agent/message.h"
#include "alerts/alert_message.h"
#include "alerts/alerts.h"

/* Largest message with an alert, and with a command to run. The sender cuts each text to 16 KiB. */
#define ALERT_WIRE_BYTES_MAX   (80UL << 10)
#define COMMAND_WIRE_BYTES_MAX (512UL << 10)

void alert_wire__pack(struct packer *packer, const struct alert_rule *rule,
		      const struct alert *alert);

/*
 * Decodes @message. The texts of *rule and *alert point into the message and must not be freed.
 * Only the text and the metric of *rule are set. Returns 0 or -EPROTO.
 */
int alert_wire__unpack(const struct message *message, struct alert_rule *rule, struct alert *alert);

/*
 * Identifies the command to run by its number in runner_options.alert_to, and the call, so that the
 * result can be matched to it.
 */
struct command_call {
	uint64_t number;
	unsigned int command;
};

/*
 * The same for a message that asks the runner to run a command. The number of the call is valid
 * even after -EPROTO, so that the call can be answered.
 */
void alert_wire__pack_command(struct packer *packer, const struct command_call *call,
			      const struct alert_message *alert);
int alert_wire__unpack_command(const struct message *message, struct command_call *call,
			       struct alert_message *alert);
