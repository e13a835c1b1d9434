/* SPDX-License-Identifier: BSD-2-Clause */
/* The SQL schema of a heap's database, and its views. */
#pragma once

#define DATABASE_TABLES                                                                            \
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"                            \
	"CREATE TABLE process(pid INTEGER, comm TEXT, cmdline TEXT, exe TEXT, cgroup TEXT,"        \
	" python TEXT, allocator TEXT, arena_size INTEGER, pool_size INTEGER, alignment INTEGER,"  \
	" start_ticks INTEGER);"                                                                   \
	"CREATE TABLE arenas(address INTEGER PRIMARY KEY, live_blocks INTEGER,"                    \
	" live_bytes INTEGER, pinned INTEGER);"                                                    \
	"CREATE TABLE pools(address INTEGER PRIMARY KEY, arena INTEGER, block_size INTEGER,"       \
	" capacity INTEGER, live_blocks INTEGER, site INTEGER);"                                   \
	"CREATE TABLE types(id INTEGER PRIMARY KEY, address INTEGER, name TEXT,"                   \
	" basic_size INTEGER, item_size INTEGER);"                                                 \
	"CREATE TABLE kinds(id INTEGER PRIMARY KEY, role TEXT, type INTEGER, part TEXT,"           \
	" name TEXT, plain_name TEXT);"                                                            \
	"CREATE TABLE blocks(id INTEGER PRIMARY KEY, address INTEGER, pool INTEGER,"               \
	" arena INTEGER, size INTEGER, kind INTEGER, tracked INTEGER, site INTEGER);"              \
	"CREATE TABLE objects(id INTEGER PRIMARY KEY, address INTEGER, type INTEGER,"              \
	" kind INTEGER, in_arena INTEGER, held_by INTEGER, root INTEGER);"                         \
	"CREATE TABLE edges(source INTEGER, target INTEGER, via INTEGER);"                         \
	"CREATE TABLE vias(id INTEGER PRIMARY KEY, name TEXT);"                                    \
	"CREATE TABLE roots(id INTEGER PRIMARY KEY, object INTEGER, kind TEXT, name TEXT);"        \
	"CREATE TABLE regions(start INTEGER PRIMARY KEY, end INTEGER, resident_bytes INTEGER,"     \
	" part TEXT, path TEXT, state TEXT, swap_bytes INTEGER, thread INTEGER);"                  \
	"CREATE TABLE outside(id INTEGER PRIMARY KEY, address INTEGER, size INTEGER,"              \
	" kind INTEGER, owner INTEGER);"                                                           \
	"CREATE TABLE sites(id INTEGER PRIMARY KEY, live_blocks REAL, live_bytes REAL,"            \
	" hostage_bytes REAL, pools_taken INTEGER, arenas_taken INTEGER);"                         \
	"CREATE TABLE frames(site INTEGER, depth INTEGER, function TEXT, file TEXT,"               \
	" line INTEGER);"                                                                          \
	"CREATE TABLE events(name TEXT PRIMARY KEY, count INTEGER) WITHOUT ROWID;"

/* With millions of rows, creating an index takes a second; scanning the table takes less. */
#define DATABASE_INDEXES                                                                           \
	"CREATE INDEX edges_by_source ON edges(source);"                                           \
	"CREATE INDEX edges_by_target ON edges(target);"                                           \
	"CREATE INDEX frames_by_site ON frames(site);"

/* Common to the views that count blocks and bytes, most bytes first. */
#define DATABASE_COUNT " count(*) AS blocks, sum(blocks.size) AS bytes "
#define DATABASE_ORDER " GROUP BY 1 ORDER BY bytes DESC, 1;"

/* @kind: empty, or the words before VIEW. */
#define DATABASE_VIEWS(kind)                                                                       \
	"CREATE " kind "VIEW by_type AS SELECT kinds.plain_name AS kind," DATABASE_COUNT           \
	"FROM blocks JOIN kinds ON kinds.id = blocks.kind" DATABASE_ORDER "CREATE " kind           \
	"VIEW by_owner AS SELECT kinds.name AS kind," DATABASE_COUNT                               \
	"FROM blocks JOIN kinds ON kinds.id = blocks.kind" DATABASE_ORDER "CREATE " kind           \
	"VIEW by_size AS SELECT blocks.size AS size," DATABASE_COUNT "FROM blocks" DATABASE_ORDER  \
	"CREATE " kind                                                                             \
	"VIEW by_arena AS SELECT printf('0x%x', blocks.arena) AS arena," DATABASE_COUNT            \
	"FROM blocks" DATABASE_ORDER "CREATE " kind                                                \
	"VIEW by_referrers AS SELECT coalesce(referrers, '[no known referrer]') AS"                \
	" referrers," DATABASE_COUNT                                                               \
	"FROM blocks LEFT JOIN (SELECT target, group_concat(name, ', ') AS"                        \
	" referrers FROM (SELECT DISTINCT edges.target, kinds.name FROM edges"                     \
	" LEFT JOIN blocks AS source_blocks ON source_blocks.id = edges.source"                    \
	" LEFT JOIN objects ON objects.id = edges.source"                                          \
	" JOIN kinds ON kinds.id = coalesce(source_blocks.kind, objects.kind)"                     \
	" WHERE edges.source <> edges.target"                                                      \
	" ORDER BY 1, 2) GROUP BY target) ON target = blocks.id" DATABASE_ORDER "CREATE " kind     \
	"VIEW by_via AS SELECT coalesce(vias, '[no known referrer]') AS via," DATABASE_COUNT       \
	"FROM blocks LEFT JOIN (SELECT target, group_concat(name, ', ') AS vias FROM"              \
	" (SELECT DISTINCT edges.target, vias.name FROM edges JOIN vias ON vias.id = edges.via"    \
	" WHERE edges.source <> edges.target"                                                      \
	" ORDER BY 1, 2) GROUP BY target) ON target = blocks.id" DATABASE_ORDER "CREATE " kind     \
	"VIEW pinned_arenas AS SELECT printf('0x%x', address) AS arena, live_blocks,"              \
	" live_bytes, (SELECT arena_size FROM process) - live_bytes AS hostage_bytes"              \
	" FROM arenas WHERE pinned ORDER BY live_blocks;"                                          \
	"CREATE " kind "VIEW pinning_blocks AS SELECT printf('0x%x', blocks.arena) AS arena,"      \
	" printf('0x%x', blocks.address) AS block, blocks.size, kinds.name AS kind FROM blocks"    \
	" JOIN arenas ON arenas.address = blocks.arena JOIN kinds ON kinds.id = blocks.kind"       \
	" WHERE arenas.pinned ORDER BY arenas.live_blocks, blocks.address;"                        \
	"CREATE " kind "VIEW pins_by_kind AS SELECT kinds.name AS kind," DATABASE_COUNT            \
	", sum(((SELECT arena_size FROM process) - arenas.live_bytes) * 1.0"                       \
	" / arenas.live_blocks) AS hostage_bytes"                                                  \
	" FROM blocks JOIN arenas ON arenas.address = blocks.arena"                                \
	" JOIN kinds ON kinds.id = blocks.kind WHERE arenas.pinned GROUP BY 1"                     \
	" ORDER BY hostage_bytes DESC;"                                                            \
	"CREATE " kind                                                                             \
	"VIEW memory AS SELECT part, count(*) AS regions, sum(end - start) AS mapped_bytes,"       \
	" sum(resident_bytes) AS resident_bytes FROM regions GROUP BY part"                        \
	" ORDER BY resident_bytes DESC;"                                                           \
	"CREATE " kind                                                                             \
	"VIEW outside_by_kind AS SELECT kinds.name AS kind, count(*) AS allocations,"              \
	" sum(outside.size) AS bytes"                                                              \
	" FROM outside JOIN kinds ON kinds.id = outside.kind" DATABASE_ORDER "CREATE " kind        \
	"VIEW by_site AS SELECT coalesce((SELECT function || ' (' || file || ':' || line || ')'"   \
	" FROM frames WHERE frames.site = coalesce(blocks.site, pools.site) AND depth = 0),"       \
	" '[not known]') AS site, CASE WHEN blocks.site IS NOT NULL THEN 'block'"                  \
	" WHEN pools.site IS NOT NULL THEN 'pool' END AS known_of,"                                \
	" kinds.plain_name AS kind," DATABASE_COUNT                                                \
	"FROM blocks LEFT JOIN pools ON pools.address = blocks.pool"                               \
	" JOIN kinds ON kinds.id = blocks.kind GROUP BY 1, 2, 3 ORDER BY bytes DESC;"
