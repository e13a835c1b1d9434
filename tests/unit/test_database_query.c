/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Malicious databases and malicious queries. Each database is a small one of pyfrag's, changed by
 * SQL.
 */
#include "output/database_query.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "output/database_schema.h"
#include "output/report_writers.h"
#include "scratch_directory.h"
#include "unit_test.h"
#include "util/cleanup.h"

#define ENDLESS "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"

static char path[64];

static int set_up(void **state)
{
	(void)state;
	if (scratch_directory__enter())
		return -1;
	snprintf(path, sizeof(path), "%s/heap.db", scratch_directory__path());
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return scratch_directory__leave();
}

/* A database with one arena and two blocks, changed by @sql. */
static void make(const char *sql)
{
	static const char rows[] =
		"INSERT INTO meta VALUES('schema_version', 1), ('time', 'now');"
		"INSERT INTO process(pid, comm, python, allocator, arena_size)"
		" VALUES(17, 'app', '3.11.2', 'pymalloc', 1048576);"
		"INSERT INTO arenas VALUES(1048576, 2, 96, 1);"
		"INSERT INTO kinds VALUES(1, 'object', 1, NULL, 'dict of app.User', 'dict');"
		"INSERT INTO blocks VALUES(1, 1048640, 1048576, 1048576, 48, 1, 0, NULL),"
		" (2, 1048688, 1048576, 1048576, 48, 1, 0, NULL);";
	char *message = NULL;
	sqlite3 *db;

	unlink(path);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, DATABASE_TABLES, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, rows, NULL, NULL, NULL), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &message))
		fail_msg("%s: %s", sql, message);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static struct database_options options_of(const char *name)
{
	return (struct database_options){.name = name, .cpu_s = 0.2, .memory_bytes = 32 << 20};
}

/* The result of a query; the caller frees it. NULL on error, which is in *err and @failure. */
static char *ask(const char *sql, bool json, int *err, struct failure *failure)
{
	const struct database_options options = options_of(path);
	_cleanup_(database__closep) struct database *database = NULL;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	*err = database__open_path(&database, &options, failure);
	if (!*err)
		*err = database__query(database, sql,
				       json ? &report_writer_json : &report_writer_text, out,
				       failure);
	fclose(out);
	if (!*err)
		return text;
	free(text);
	return NULL;
}

static void check_answer(const char *sql, const char *expected)
{
	struct failure failure;
	int err;
	_cleanup_free_ char *text = ask(sql, true, &err, &failure);

	if (err)
		fail_msg("%s: %s", sql, failure.text);
	assert_string_equal(text, expected);
}

static void check_refused(const char *sql, int expected, const char *why)
{
	struct failure failure;
	int err;
	_cleanup_free_ char *text = ask(sql, false, &err, &failure);

	if (err != expected || !strstr(failure.text, why))
		fail_msg("%s: %d: %s", sql, err, err ? failure.text : text);
}

static void test_good_questions(void **state)
{
	(void)state;
	make("");
	check_answer("SELECT * FROM by_owner",
		     "{\"kind\":\"dict of app.User\",\"blocks\":2,\"bytes\":96}\n");
	check_answer("SELECT arena, hostage_bytes FROM pinned_arenas",
		     "{\"arena\":\"0x100000\",\"hostage_bytes\":1048480}\n");
	check_answer(
		"SELECT upper(comm) AS c, 1e999 AS infinite, NULL AS n, x'ff' AS b FROM process",
		"{\"c\":\"APP\",\"infinite\":null,\"n\":null,\"b\":\"\xef\xbf\xbd\"}\n");
	check_answer("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 9)"
		     " SELECT sum(x) AS s FROM c",
		     "{\"s\":45}\n");
}

static void test_one_question(void **state)
{
	(void)state;
	make("");
	check_answer("SELECT 1 AS a;", "{\"a\":1}\n");
	check_answer("SELECT 1 AS a; ; -- nothing more\n /* ; */ ;", "{\"a\":1}\n");
	check_answer("SELECT ';' AS a", "{\"a\":\";\"}\n");
	check_refused("SELECT 1; SELECT 2", -EINVAL, "more than one SQL statement");
	check_refused("SELECT 1;;; -- and\n SELECT 2;", -EINVAL, "more than one SQL statement");
	check_refused("SELECT 1; DELETE FROM blocks", -EINVAL, "more than one SQL statement");
	check_refused("SELECT 1; and nonsense", -EINVAL, "more than one SQL statement");
	check_refused("SELECT 1; " ENDLESS " SELECT x FROM c", -EINVAL,
		      "more than one SQL statement");
}

/* The SQL for @question; the caller frees it. NULL if it is refused. */
static char *sql_for(const char *question, struct failure *failure)
{
	const struct database_options options = options_of(path);
	_cleanup_(database__closep) struct database *database = NULL;
	char *sql = NULL;

	assert_int_equal(database__open_path(&database, &options, failure), 0);
	if (database__sql(&sql, database, question, failure))
		assert_null(sql);
	return sql;
}

static void test_names(void **state)
{
	static const char *const views[] = {"by_type",	     "by_owner",       "by_size",
					    "by_arena",	     "by_referrers",   "by_via",
					    "pinned_arenas", "pinning_blocks", "pins_by_kind",
					    "memory",	     "by_site",	       "outside_by_kind"};
	struct failure failure;

	(void)state;
	make("");
	for (size_t i = 0; i < ARRAY_SIZE(views); i++) {
		_cleanup_free_ char *sql = sql_for(views[i], &failure);

		assert_non_null(strstr(sql, views[i]));
		assert_int_equal(strncmp(sql, "SELECT * FROM ", 14), 0);
	}
	assert_null(sql_for("by_typ", &failure));
	assert_non_null(strstr(failure.text, "no such view: 'by_typ'"));
	for (size_t i = 0; i < ARRAY_SIZE(views); i++)
		assert_non_null(strstr(failure.text, views[i]));
	for (const char *const *sql =
		     (const char *const[]){"SELECT 1", "", "x\"y", "x' OR 'a' = 'a", NULL};
	     *sql; sql++) {
		_cleanup_free_ char *same = sql_for(*sql, &failure);

		assert_string_equal(same, *sql);
	}
}

static void test_questions_only_read(void **state)
{
	static const char *const writing[] = {
		"DELETE FROM blocks",
		"CREATE TABLE x(y)",
		"CREATE TEMP TABLE x(y)",
		"CREATE TEMP VIEW x AS SELECT 1",
		"VACUUM",
		"VACUUM INTO 'stolen'",
		"ATTACH 'stolen' AS x",
		"ATTACH ':memory:' AS x",
		"ATTACH 'file:/.pyfrag-descriptor/0' AS x",
		"DETACH temp",
		"PRAGMA user_version",
		"PRAGMA query_only = 0",
		"PRAGMA writable_schema = 1",
		"PRAGMA temp_store_directory = '.'",
		"SELECT * FROM pragma_table_info('blocks')",
		"SELECT load_extension('x')",
		"SELECT writefile('stolen', 'x')",
		"SELECT randomblob(1000000000)",
		"SELECT zeroblob(1000000000)",
		"SELECT fts3_tokenizer('x')",
		"SELECT * FROM dbstat",
		"SELECT * FROM json_each('[1]')",
		"BEGIN",
		"REINDEX",
		"ANALYZE",
		"",
		"SELECT",
	};
	struct stat before, after;

	(void)state;
	make("");
	assert_int_equal(stat(path, &before), 0);
	for (size_t i = 0; i < ARRAY_SIZE(writing); i++)
		check_refused(writing[i], -EINVAL, "the query");
	assert_int_equal(stat(path, &after), 0);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
	assert_int_equal(access("stolen", F_OK), -1);
}

/* Each query would take unlimited time or memory. */
static void test_questions_are_bounded(void **state)
{
	(void)state;
	make("");
	check_refused(ENDLESS " SELECT count(*) FROM c", -ETIME, "--timeout");
	check_refused(ENDLESS " SELECT x, printf('%09999d', x) AS y FROM c ORDER BY y", -ENOMEM,
		      "--max-memory");
	check_answer("SELECT printf('%02000000d', 1) AS x", "{\"x\":null}\n");
	check_refused("SELECT replace(printf('%0900000d', 1), '0', 'xxxxxxxx')", -EIO, "too big");
}

static void test_sql_is_bounded(void **state)
{
	char *sql = calloc(1, 300000);

	(void)state;
	assert_non_null(sql);
	make("");
	strcpy(sql, "SELECT 1");
	for (int i = 0; i < 1000; i++)
		strcat(sql, " + 1");
	check_refused(sql, -EINVAL, "depth");
	strcpy(sql, "SELECT ");
	for (int i = 0; i < 1000; i++)
		strcat(sql, "(");
	check_refused(sql, -EINVAL, "the query");
	memset(sql, ' ', 299999);
	memcpy(sql, "SELECT 1", 8);
	memcpy(sql + 299990, "+1", 2);
	check_refused(sql, -EIO, "too big");
	free(sql);
}

/*
 * Tables, views and triggers in the file are not executed, whether they have pyfrag's names or
 * others.
 */
static void test_what_the_file_brings_is_not_run(void **state)
{
	static const char views[] =
		"CREATE VIEW pinned_arenas AS " ENDLESS " SELECT count(*) FROM c;"
		"CREATE VIEW by_owner AS SELECT hex(zeroblob(100000000)) AS kind, 1, 1;"
		"CREATE VIEW own AS SELECT 1;";

	(void)state;
	make(views);
	check_answer("SELECT live_blocks FROM pinned_arenas", "{\"live_blocks\":2}\n");
	check_answer("SELECT kind FROM by_owner", "{\"kind\":\"dict of app.User\"}\n");
	check_refused("SELECT * FROM own", -EINVAL, "view");
	check_refused("SELECT * FROM main.by_owner", -EINVAL, "view");
	make("DROP TABLE blocks; CREATE VIEW blocks AS " ENDLESS " SELECT x AS id FROM c;");
	check_refused("SELECT * FROM by_owner", -EINVAL, "the query");
	make("DROP TABLE meta; CREATE VIEW meta AS " ENDLESS
	     " SELECT 'schema_version' AS key, 1 AS value FROM c;");
	check_refused("SELECT 1", -EINVAL, "is not a pyfrag heap database");
	/* A column that is computed when it is read. */
	make("DROP TABLE process; CREATE TABLE process(pid, comm AS (hex(zeroblob(100000000))),"
	     " arena_size AS (1)); INSERT INTO process(pid) VALUES(1);");
	check_refused("SELECT comm FROM process", -EIO, "too big");
}

static void test_virtual_tables_are_not_opened(void **state)
{
	sqlite3 *db;
	int result;

	(void)state;
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	result = sqlite3_exec(db, "CREATE VIRTUAL TABLE x USING fts5(y)", NULL, NULL, NULL);
	sqlite3_close(db);
	if (result != SQLITE_OK) {
		print_message("skipped: this SQLite has no FTS5\n");
		skip();
	}
	make("DROP TABLE blocks; CREATE VIRTUAL TABLE blocks USING fts5(kind, size)");
	check_refused("SELECT * FROM by_size", -EINVAL, "no such module");
}

static void test_values_that_are_none(void **state)
{
	(void)state;
	make("INSERT INTO kinds VALUES(NULL, NULL, NULL, NULL, NULL, NULL);"
	     "UPDATE blocks SET size = x'00ff', kind = 'nothing' WHERE id = 2;"
	     "UPDATE arenas SET live_blocks = 0;"
	     "UPDATE process SET arena_size = NULL, comm = x'fe'");
	check_answer("SELECT kind, blocks FROM by_owner",
		     "{\"kind\":\"dict of app.User\",\"blocks\":1}\n");
	check_answer("SELECT hostage_bytes FROM pins_by_kind", "{\"hostage_bytes\":null}\n");
	check_answer("SELECT comm FROM process", "{\"comm\":\"\xef\xbf\xbd\"}\n");
	make("UPDATE meta SET value = NULL");
	check_refused("SELECT 1", -EINVAL, "is not a pyfrag heap database");
	make("UPDATE meta SET value = 'one' WHERE key = 'schema_version'");
	check_refused("SELECT 1", -EINVAL, "is not a pyfrag heap database");
	make("UPDATE meta SET value = 9223372036854775807 WHERE key = 'schema_version'");
	check_refused("SELECT 1", -EINVAL, "has schema version 9223372036854775807");
	make("UPDATE meta SET value = 2 WHERE key = 'schema_version'");
	check_refused("SELECT 1", -EINVAL, "has schema version 2");
}

static int count(void *context, uint64_t address, const char *kind)
{
	assert_true(address == 1048640 || address == 1048688);
	assert_string_equal(kind, "dict");
	++*(int *)context;
	return 0;
}

static int visit_all(int *cnt, struct failure *failure)
{
	const struct database_options options = options_of(path);
	_cleanup_(database__closep) struct database *database = NULL;
	int err = database__open_path(&database, &options, failure);

	*cnt = 0;
	return err ? err : database__visit_blocks(database, count, cnt, failure);
}

static void test_blocks(void **state)
{
	static const char *const damages[] = {
		"UPDATE kinds SET plain_name = NULL",
		"UPDATE blocks SET address = NULL WHERE id = 2",
		"UPDATE blocks SET address = 'x' WHERE id = 1",
		"UPDATE blocks SET address = 1.5",
	};
	struct failure failure;
	int cnt;

	(void)state;
	make("");
	assert_int_equal(visit_all(&cnt, &failure), 0);
	assert_int_equal(cnt, 2);
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
		make(damages[i]);
		assert_int_equal(visit_all(&cnt, &failure), -EINVAL);
		assert_non_null(strstr(failure.text, "is damaged"));
	}
	make("DROP TABLE blocks; CREATE VIEW blocks AS SELECT 1 AS address, 1 AS kind");
	assert_int_equal(visit_all(&cnt, &failure), -EINVAL);
}

static void check_no_file(const char *name, int expected)
{
	const struct database_options options = options_of(name);
	struct database *database = NULL;
	struct failure failure;

	assert_int_equal(database__open_path(&database, &options, &failure), expected);
	assert_null(database);
	assert_non_null(strstr(failure.text, name));
}

static void test_no_file(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	check_no_file(path, -EINVAL);
	check_no_file("/dev/zero", -EINVAL);
	check_no_file("/tmp", -EINVAL);
	check_no_file("none", -ENOENT);
}

/* The database is opened by its descriptor, whatever file has its name by then. */
static void test_the_descriptor_counts(void **state)
{
	_cleanup_(database__closep) struct database *database = NULL;
	struct database_options options = options_of(path);
	_cleanup_free_ char *sql = NULL;
	_cleanup_close_ int fd = -1;
	struct failure failure;

	(void)state;
	make("");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(unlink(path) || mkfifo(path, 0600), 0);
	options.fd = fd;
	assert_int_equal(database__open(&database, &options, &failure), 0);
	assert_int_equal(database__sql(&sql, database, "blocks", &failure), 0);
}

static void test_another_one(void **state)
{
	_cleanup_(database__closep) struct database *database = NULL;
	struct database_options options = options_of(path);
	_cleanup_close_ int fd = -1, other = -1;
	_cleanup_free_ char *text = NULL;
	struct failure failure;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	make("");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	make("DELETE FROM blocks WHERE id = 2");
	other = open(path, O_RDONLY | O_CLOEXEC);
	options.fd = fd;
	options.has_other = true;
	options.other_fd = other;
	options.other_name = "B";
	assert_int_equal(database__open(&database, &options, &failure), 0);
	assert_int_equal(
		database__query(database,
				"SELECT (SELECT count(*) FROM main.blocks) AS a, count(*) AS b"
				" FROM other.blocks",
				&report_writer_json, out, &failure),
		0);
	fclose(out);
	assert_string_equal(text, "{\"a\":2,\"b\":1}\n");
	database__close(TAKE_PTR(database));
	make("UPDATE meta SET value = 3 WHERE key = 'schema_version'");
	close(other);
	other = open(path, O_RDONLY | O_CLOEXEC);
	options.other_fd = other;
	assert_int_equal(database__open(&database, &options, &failure), -EINVAL);
	assert_non_null(strstr(failure.text, "B has schema version 3"));
}

static struct database_process process_of(const char *sql)
{
	const struct database_options options = options_of(path);
	_cleanup_(database__closep) struct database *database = NULL;
	struct failure failure;

	make(sql);
	assert_int_equal(database__open_path(&database, &options, &failure), 0);
	return database__process(database, false);
}

static void test_processes(void **state)
{
	struct database_process one, other, later, old, none;

	(void)state;
	one = process_of("UPDATE process SET start_ticks = 100");
	assert_int_equal(one.pid, 17);
	assert_int_equal(one.start_ticks, 100);
	other = process_of("UPDATE process SET pid = 18, start_ticks = 100");
	later = process_of("UPDATE process SET start_ticks = 200");
	old = process_of("ALTER TABLE process DROP COLUMN start_ticks");
	assert_int_equal(old.pid, 17);
	assert_int_equal(old.start_ticks, -1);
	none = process_of("DELETE FROM process");
	assert_int_equal(none.pid, -1);
	assert_true(database_process__may_be(&one, &one));
	assert_false(database_process__may_be(&one, &other));
	assert_false(database_process__may_be(&one, &later));
	assert_true(database_process__may_be(&one, &old));
	assert_false(database_process__may_be(&old, &other));
	assert_true(database_process__may_be(&none, &other));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_good_questions),
		TEST(test_one_question),
		TEST(test_names),
		TEST(test_questions_only_read),
		TEST(test_questions_are_bounded),
		TEST(test_sql_is_bounded),
		TEST(test_what_the_file_brings_is_not_run),
		TEST(test_virtual_tables_are_not_opened),
		TEST(test_values_that_are_none),
		TEST(test_blocks),
		TEST(test_no_file),
		TEST(test_the_descriptor_counts),
		TEST(test_another_one),
		TEST(test_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
