// SPDX-License-Identifier: BSD-2-Clause
#include "alerts/alert_queue.h"

void alert_queue__release(struct alert_queue *queue)
{
	for (size_t i = 0; i < queue->cnt; i++)
		alert_message__release(&queue->items[i].message);
	*queue = (struct alert_queue){};
}

static bool are_of_one_user(const struct alert_queue_item *a, const struct alert_queue_item *b)
{
	return a->message.owner == b->message.owner;
}

static size_t count_of_user(const struct alert_queue *queue, const struct alert_queue_item *item)
{
	size_t cnt = 0;

	for (size_t i = 0; i < queue->cnt; i++)
		cnt += are_of_one_user(&queue->items[i], item);
	return cnt;
}

static void remove_at(struct alert_queue *queue, size_t at)
{
	queue->items[at] = queue->items[--queue->cnt];
}

/* The newest message of the user with the most messages. The queue must be full. */
static size_t find_victim(const struct alert_queue *queue)
{
	size_t victim = 0, most = 0;

	for (size_t i = 0; i < queue->cnt; i++) {
		size_t cnt = count_of_user(queue, &queue->items[i]);

		if (cnt < most ||
		    (cnt == most && queue->items[i].number < queue->items[victim].number))
			continue;
		victim = i;
		most = cnt;
	}
	return victim;
}

bool alert_queue__put(struct alert_queue *queue, struct alert_message *message)
{
	struct alert_queue_item item = {.message = *message, .number = queue->next_number++};
	bool is_full = queue->cnt == ALERT_QUEUE_MAX;

	*message = (struct alert_message){};
	item.turn = queue->turn + 1;
	for (size_t i = 0; i < queue->cnt; i++)
		if (are_of_one_user(&queue->items[i], &item) && queue->items[i].turn >= item.turn)
			item.turn = queue->items[i].turn + 1;
	if (is_full) {
		size_t victim = find_victim(queue);

		/*
		 * If the new message is of the user with the most messages, it is itself the newest
		 * of them.
		 */
		if (are_of_one_user(&queue->items[victim], &item)) {
			alert_message__release(&item.message);
			return true;
		}
		alert_message__release(&queue->items[victim].message);
		remove_at(queue, victim);
	}
	queue->items[queue->cnt++] = item;
	return is_full;
}

static bool is_before(const struct alert_queue_item *a, const struct alert_queue_item *b)
{
	return a->turn < b->turn || (a->turn == b->turn && a->number < b->number);
}

bool alert_queue__take(struct alert_queue *queue, alert_queue_may_fn *may_take, const void *context,
		       struct alert_message *out)
{
	size_t next = queue->cnt;

	for (size_t i = 0; i < queue->cnt; i++) {
		const struct alert_queue_item *item = &queue->items[i];

		if ((next == queue->cnt || is_before(item, &queue->items[next])) &&
		    (!may_take || may_take(context, &item->message)))
			next = i;
	}
	if (next == queue->cnt)
		return false;
	/* The turn of a message that may_take() held back may be over; turns never go backwards. */
	if (queue->items[next].turn > queue->turn)
		queue->turn = queue->items[next].turn;
	*out = queue->items[next].message;
	remove_at(queue, next);
	return true;
}
