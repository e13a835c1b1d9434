// SPDX-License-Identifier: BSD-2-Clause
#include "census/path_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "census/frames.h"
#include "census/members.h"
#include "census/own_dict.h"
#include "census/value.h"
#include "target/py_string.h"
#include "util/cleanup.h"

struct writer {
	const struct graph *graph;
	const struct census *census;
	const struct path_text_options *options;
	char *text; /* so far */
	/* The text is the path to the object that owns the dict from which the next step starts. */
	bool is_owner_of_dict;
	/* The text is the path to a variable, and the next step starts from the variable's cell. */
	bool is_variable_of_cell;
};

/* Replaces the text; the arguments may include the old text. */
static int rewrite(struct writer *writer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int rewrite(struct writer *writer, const char *format, ...)
{
	va_list arguments;
	char *text;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		return -ENOMEM;
	free(writer->text);
	writer->text = text;
	return 0;
}

static const struct type *type_of(const struct writer *writer, uint32_t node)
{
	uint32_t number = graph__type(writer->graph, node);

	return number == TYPE_NONE ? NULL : type_table__at(writer->census->types, number);
}

static bool is_named(const struct type *type, const char *name)
{
	return type && type__is_built_in(type, name);
}

/* Whether @name can follow a dot. Non-ASCII characters are accepted as they are. */
static bool is_identifier(const char *name)
{
	if (!*name || isdigit((unsigned char)*name))
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && *name != '_' && !(*name & 0x80))
			return false;
	return true;
}

/* Reads the str at @address; *out is NULL if there is none. */
static int read_name(const struct writer *writer, uint64_t address, char **out)
{
	uint32_t number = graph__type_at(writer->graph, address);
	const struct type *type =
		number == TYPE_NONE ? NULL : type_table__at(writer->census->types, number);
	uint64_t flag = writer->census->major < 3 ? TYPE_BYTES_SUBCLASS : TYPE_UNICODE_SUBCLASS;
	int err;

	*out = NULL;
	if (!type || !(type->flags & flag))
		return 0;
	err = py_string__read(out, writer->census->memory, &writer->census->offsets, address);
	return memory__is_missing(err) ? 0 : err;
}

static int write_key(struct writer *writer, const struct reference *reference)
{
	_cleanup_free_ char *value = NULL;
	bool is_any = writer->options->generic || reference->index == REFERENCE_ANY;
	int err;

	if (is_any || writer->options->no_values)
		return rewrite(writer, "%s[%s]", writer->text, is_any ? "*" : "...");
	err = value__describe(&value, writer->census, reference->key,
			      graph__type_at(writer->graph, reference->key), VALUE_WHOLE);
	if (err)
		return err;
	if (value)
		return rewrite(writer, "%s[%s]", writer->text, value);
	return rewrite(writer, "list(%s.values())[%u]", writer->text, reference->index);
}

/*
 * Writes an attribute, given the object whose dict it is in. In a class' dict, the value may be a
 * descriptor.
 */
static int write_attribute(struct writer *writer, const struct retention_step *step,
			   const char *name, bool of_class)
{
	const struct type *type = type_of(writer, step->node);
	int err;

	/* The class' own type may have an attribute of such a name, too. */
	of_class = of_class && (strncmp(name, "__", 2) == 0 || (type && type->has_get));
	/* A lazy import is replaced by its module when the attribute is accessed (3.15). */
	of_class |= is_named(type, "lazy_import");
	if (is_identifier(name) && !of_class)
		return rewrite(writer, "%s.%s", writer->text, name);
	if (is_identifier(name))
		return rewrite(writer, "%s.__dict__['%s']", writer->text, name);
	/* Not a name that a programmer has chosen, but data. */
	err = rewrite(writer, "%s.__dict__", writer->text);
	return err ? err : write_key(writer, &step->reference);
}

static int write_index(struct writer *writer, const char *before, const char *after, uint32_t index)
{
	if (writer->options->generic || index == REFERENCE_ANY)
		return rewrite(writer, "%s%s%s[*]", before, writer->text, after);
	return rewrite(writer, "%s%s%s[%u]", before, writer->text, after, index);
}

/*
 * Names for members of a function that its type has no name for (Include/funcobject.h,
 * Include/cpython/funcobject.h).
 */
static const char *function_member(const struct census *census, uint32_t offset)
{
	static const char
		*const old[] = {[16] = "func_code", [32] = "func_defaults"},
		       *const until_39[] =
			       {[16] = "__code__", [32] = "__defaults__", [40] = "__kwdefaults__"},
		       *const later[] = {
			       [48] = "__code__", [56] = "__defaults__", [64] = "__kwdefaults__"};

	if (census->major < 3)
		return offset < ARRAY_SIZE(old) ? old[offset] : NULL;
	if (census->minor < 10)
		return offset < ARRAY_SIZE(until_39) ? until_39[offset] : NULL;
	return offset < ARRAY_SIZE(later) ? later[offset] : NULL;
}

/*
 * Other members that a type has no name for: Include/cpython/traceback.h, cpython/methodobject.h;
 * and some that have no name in Python: Objects/moduleobject.c, md_state, 3.0 on;
 * Modules/_asynciomodule.c, FutureObj_HEAD, 3.6 on; Modules/_functoolsmodule.c, lru_cache_object,
 * 3.5 on.
 */
static const char *other_member(const struct type *type, uint32_t offset)
{
	static const struct {
		const char *type;
		uint32_t offset;
		const char *name;
	} members[] = {
		{"traceback", 16, "tb_next"},
		{"builtin_function_or_method", 24, "__self__"},
		{"_asyncio.Future", 24, "<callback>"},
		{"_asyncio.Task", 24, "<callback>"},
		{"functools._lru_cache_wrapper", 72, "<cache>"},
		{"module", 32, "<state>"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		if (members[i].offset == offset && !strcmp(type->name, members[i].type))
			return members[i].name;
	return NULL;
}

static bool is_frame(const struct type *type)
{
	return type && (type->is_generator || is_named(type, "frame"));
}

/* From 3.11 on, a frame is a part of its generator. */
static const char *frame_of(const struct type *type)
{
	return is_named(type, "generator")   ? ".gi_frame"
	       : is_named(type, "coroutine") ? ".cr_frame"
	       : type->is_generator	     ? ".ag_frame"
					     : "";
}

/* Writes what is known about a word of an object whose layout is not known. */
static int write_word(struct writer *writer, const struct retention_step *step, uint32_t from)
{
	const struct type *type = type_of(writer, from);
	_cleanup_free_ char *member = NULL;
	uint32_t offset = step->reference.index;
	int err = 0;

	if (is_named(type, "cell")) {
		bool is_written = writer->is_variable_of_cell;

		writer->is_variable_of_cell = false;
		return is_written ? 0 : rewrite(writer, "%s.cell_contents", writer->text);
	}
	if (type && offset != REFERENCE_ANY)
		err = members__name(&member, writer->census, type, offset);
	if (err)
		return err;
	if (member)
		return rewrite(writer, "%s.%s", writer->text, member);
	if (is_frame(type) && offset != REFERENCE_ANY)
		err = frames__local_name(&member, writer->graph,
					 graph__address(writer->graph, from),
					 graph__type(writer->graph, from), offset);
	if (err)
		return err;
	if (member) {
		writer->is_variable_of_cell = is_named(type_of(writer, step->node), "cell");
		return rewrite(writer, "%s%s.f_locals['%s']", writer->text, frame_of(type), member);
	}
	if (is_named(type, "function") && function_member(writer->census, offset))
		return rewrite(writer, "%s.%s", writer->text,
			       function_member(writer->census, offset));
	if (type && other_member(type, offset))
		return rewrite(writer, "%s.%s", writer->text, other_member(type, offset));
	if (type && type->flags & TYPE_TYPE_SUBCLASS && offset == TYPE_BASES_OFFSET)
		return rewrite(writer, "%s.__bases__", writer->text);
	if (offset == REFERENCE_ANY)
		return rewrite(writer, "%s.<?>", writer->text);
	return rewrite(writer, "%s.<+%u>", writer->text, offset);
}

static bool is_class(const struct writer *writer, uint32_t node)
{
	const struct type *type = type_of(writer, node);

	return type && (type->flags & TYPE_TYPE_SUBCLASS || is_named(type, "classobj"));
}

/* @owner: the object that owns the dict from which the step starts. */
static int write_from_dict(struct writer *writer, const struct retention_step *step, uint32_t owner)
{
	_cleanup_free_ char *name = NULL;
	int err;

	writer->is_owner_of_dict = false;
	if (step->reference.how == REFERS_BY_KEY) {
		err = read_name(writer, step->reference.key, &name);
		if (err || name)
			return err ? err
				   : write_attribute(writer, step, name, is_class(writer, owner));
	}
	err = rewrite(writer, "%s.__dict__", writer->text);
	if (err)
		return err;
	if (step->reference.how == REFERS_AS_KEY)
		return write_index(writer, "list(", ")", step->reference.index);
	return write_key(writer, &step->reference);
}

static int write_step(struct writer *writer, const struct retention_step *step, uint32_t from,
		      uint32_t before)
{
	const struct reference *reference = &step->reference;
	_cleanup_free_ char *name = NULL;
	int err;

	if (writer->is_owner_of_dict &&
	    (reference->how == REFERS_BY_KEY || reference->how == REFERS_AS_KEY))
		return write_from_dict(writer, step, before);
	switch (reference->how) {
	case REFERS_BY_INDEX:
		return write_index(writer, "", "", reference->index);
	case REFERS_BY_KEY:
		return write_key(writer, reference);
	case REFERS_AS_KEY:
	case REFERS_AS_ELEMENT:
		return write_index(writer, "list(", ")", reference->index);
	case REFERS_BY_ATTRIBUTE:
		err = read_name(writer, reference->key, &name);
		return err ? err : write_attribute(writer, step, name ? name : "?", false);
	case REFERS_AS_DICT:
		writer->is_owner_of_dict = true;
		return 0;
	case REFERS_AS_TYPE:
		return rewrite(writer, "type(%s)", writer->text);
	case REFERS_TO_BUFFER:
		return 0; /* a buffer is a part of the object */
	default:
		writer->is_owner_of_dict =
			own_dict__is(writer->graph, from, step->node, reference->index);
		return writer->is_owner_of_dict ? 0 : write_word(writer, step, from);
	}
}

static int write_root(struct writer *writer, enum root_kind kind, const char *label)
{
	switch (kind) {
	case ROOT_FRAME:
		return rewrite(writer, "<frame of %s>", label);
	case ROOT_INTERPRETER:
		return rewrite(writer, "<%s>", label);
	case ROOT_DATA:
		return rewrite(writer, "<static data of %s>", label);
	default:
		return rewrite(writer, "%s", label);
	}
}

int path_text__make(char **out, const struct graph *graph, const struct roots *roots,
		    const struct retention_path *path, const struct path_text_options *options)
{
	struct writer writer = {.graph = graph, .census = graph->census, .options = options};
	const struct retention_step *steps = path->steps;
	int err;

	if (path->root)
		err = write_root(&writer, path->root->kind, roots->labels[path->root->label]);
	else
		err = rewrite(&writer, "<...>");
	writer.is_variable_of_cell = path->root && path->root->kind == ROOT_LOCAL &&
				     is_named(type_of(&writer, steps[0].node), "cell");
	for (size_t i = 1; i < path->step_cnt && !err; i++)
		err = write_step(&writer, &steps[i], steps[i - 1].node,
				 i > 1 ? steps[i - 2].node : NODE_NONE);
	/* The path ends at the dict itself. Python does not expose the dict of a class. */
	if (!err && writer.is_owner_of_dict)
		err = rewrite(&writer,
			      path->step_cnt > 1 &&
					      is_class(&writer, steps[path->step_cnt - 2].node)
				      ? "%s.<dict>"
				      : "%s.__dict__",
			      writer.text);
	if (err)
		free(writer.text);
	else
		*out = writer.text;
	return err;
}
