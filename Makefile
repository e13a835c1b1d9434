# SPDX-License-Identifier: BSD-2-Clause

VERSION := 0.1.0

CC      ?= cc
CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PYTHON  ?= /usr/bin/python3
PREFIX  ?= /usr/local
BUILD   ?= build

# What building takes, and what testing takes besides.
PACKAGES      := build-essential pkg-config clang llvm bpftool libbpf-dev libelf-dev zlib1g-dev \
	libcapstone-dev libjansson-dev libsqlite3-dev libmicrohttpd-dev libinih-dev libcurl4-openssl-dev libcap-ng-dev libseccomp-dev libssl-dev libxxhash-dev libprotobuf-c-dev protobuf-c-compiler python3
TEST_PACKAGES := clang-format clang-tidy libclang-rt-14-dev libcmocka-dev python3-dev \
	python3-pytest python3-fastjsonschema python3-pyelftools golang-go \
	uwsgi-core uwsgi-plugin-python3

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wno-unknown-warning-option -Wno-format-truncation
CFLAGS   ?= -O2 -g
CPPFLAGS += -Iinclude -Iuser -I$(BUILD) -D_GNU_SOURCE -DPYFRAG_VERSION='"$(VERSION)"'
ALL_CFLAGS = -std=gnu17 -fno-strict-aliasing $(WARNINGS) $(CFLAGS) $(SANITIZERS)
LDLIBS   := -lbpf -lelf -lz -lcapstone -ljansson -lsqlite3 -lmicrohttpd -linih -lcurl -lcap-ng -lseccomp -lcrypto -lxxhash -lprotobuf-c -lm -lpthread

# make SANITIZE=1 ...: with the address and undefined behaviour sanitizers, under build/sanitize
ifdef SANITIZE
override BUILD := build/sanitize
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif

SOURCES  := $(sort $(wildcard user/*/*.c user/*/*/*.c))
OBJECTS  := $(SOURCES:%.c=$(BUILD)/%.o) $(BUILD)/pprof.pb-c.o
PROGRAM  := $(if $(filter build,$(BUILD)),pyfrag,$(BUILD)/pyfrag)
CODE     := $(sort $(shell find user include bpf vmlinux tests -name '*.[ch]'))

# What is made on the way stays.
.SECONDARY:

# V=1 shows the commands.
Q   := $(if $(V),,@)
say  = $(if $(V),,@printf '  %-8s %s\n' '$(1)' '$(2)')

.PHONY: all
all: $(PROGRAM) ## build ./pyfrag (the default)

.PHONY: help
help: ## list the targets
	@echo 'Targets:'
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | \
		sort | awk -F'\t' '{printf "  %-14s %s\n", $$1, $$2}'

# BPF programs, embedded as skeletons.

# The architecture that $(CC) builds for: x86_64, arm64. Files that are particular to one are named after it.
ARCH       := $(patsubst aarch64,arm64,$(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null))))
# libbpf's name for it.
BPF_ARCH   := $(patsubst x86_64,x86,$(ARCH))
BPF_ARCH_CFLAGS := -D__TARGET_ARCH_$(BPF_ARCH) -DARCH_BPF_H='"arch/$(ARCH).bpf.h"' -Ivmlinux/$(ARCH)
BPF_CFLAGS := -g -O2 -target bpf -Wall -Wextra -Werror -Iinclude -Ibpf
BPF_HEADERS := $(wildcard bpf/*.h bpf/arch/*.h include/pyfrag/*.h vmlinux/*.h vmlinux/*/*.h)
SKELETONS  := $(patsubst bpf/%.bpf.c,$(BUILD)/%.skel.h,$(wildcard bpf/*.bpf.c))

$(BUILD)/%.bpf.o: bpf/%.bpf.c $(BPF_HEADERS) Makefile
	$(Q)mkdir -p $(@D)
	$(call say,BPF,$<)
	$(Q)$(CLANG) $(BPF_CFLAGS) $(BPF_ARCH_CFLAGS) -c -o $@ $<

$(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@.tmp && mv $@.tmp $@

# What protoc-c makes of a schema: a struct a message, and what packs it.

$(BUILD)/%.pb-c.c $(BUILD)/%.pb-c.h: user/output/%.proto
	$(Q)mkdir -p $(@D)
	$(call say,PROTO,$<)
	$(Q)protoc-c --proto_path=$(<D) --c_out=$(@D) $<

$(BUILD)/%.pb-c.o: $(BUILD)/%.pb-c.c Makefile
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

GENERATED := $(SKELETONS) $(BUILD)/pprof.pb-c.h

# The program.

$(BUILD)/%.o: %.c Makefile
	$(Q)mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(OBJECTS): | $(GENERATED)

$(PROGRAM): $(BUILD)/user/main.o $(OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

.PHONY: install
install: pyfrag ## install to $(DESTDIR)$(PREFIX)
	install -D -m 0755 pyfrag $(DESTDIR)$(PREFIX)/sbin/pyfrag
	install -D -m 0644 docs/report.schema.json \
		$(DESTDIR)$(PREFIX)/share/doc/pyfrag/report.schema.json
	install -D -m 0644 README.md $(DESTDIR)$(PREFIX)/share/doc/pyfrag/README.md

.PHONY: clean
clean: ## remove what was built
	rm -rf build pyfrag

# What is missing is installed by root; others are told.

.PHONY: deps test-deps
deps: ## install the Debian packages that building needs
test-deps: PACKAGES += $(TEST_PACKAGES)
test-deps: ## install those that building and testing need
deps test-deps:
	@missing=$$(for package in $(PACKAGES); do \
		dpkg-query -W -f='$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed || \
			echo $$package; done); \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" != 0 ]; then \
		echo "missing packages; run as root: apt-get install" $$missing >&2; exit 1; fi; \
	apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y $$missing

.PHONY: demo
demo: deps ## trace a Python that fragments its heap (as root)
	$(Q)$(MAKE) --no-print-directory pyfrag
	$(Q)tests/demo.sh ./pyfrag

# Tests. Unit tests need no root; the end-to-end tests do.

UNIT_TESTS   := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/test_*.c))
UNIT_SUPPORT := $(patsubst %.c,$(BUILD)/%.o,$(filter-out tests/unit/test_%,$(wildcard tests/unit/*.c)))

$(BUILD)/tests/unit/%.o: CPPFLAGS += -Itests/unit \
	-DRECORDINGS_DIRECTORY='"$(CURDIR)/tests/unit/recordings"'

$(UNIT_TESTS:=.o): | $(GENERATED)

$(BUILD)/tests/unit/test_%: $(BUILD)/tests/unit/test_%.o $(UNIT_SUPPORT) $(OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

# The BPF programs for the stub of an architecture, tests/unit/stub_arch.c: no test runs them.
STUB_ARCH_BPF := $(patsubst bpf/%.bpf.c,$(BUILD)/tests/unit/stub_arch/%.bpf.o,$(wildcard bpf/*.bpf.c))

$(BUILD)/tests/unit/stub_arch/%.bpf.o: bpf/%.bpf.c $(BPF_HEADERS) $(wildcard tests/unit/stub_arch/*.h) Makefile
	$(Q)mkdir -p $(@D)
	$(call say,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -DARCH_BPF_H='"stub.bpf.h"' -Itests/unit/stub_arch -c -o $@ $<

# Prometheus and Alertmanager are unpacked only: installed, they would run as services.

DAEMONS := prometheus prometheus-alertmanager

build/daemons/.done:
	$(Q)mkdir -p $(@D)
	$(call say,UNPACK,$(DAEMONS))
	$(Q)if cd $(@D) && apt-get download -q $(DAEMONS) > download.log 2>&1 && \
		for package in *.deb; do dpkg-deb -x $$package . || exit 1; done; \
	then touch .done; else echo "not to be had here: $(DAEMONS)"; fi

# How many jobs run at a time.
JOBS ?= $(shell nproc)

.PHONY: check
check: test-deps ## install what is missing, build, run all tests (as root)
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) pyfrag
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) format-check lint
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) check-unit
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) check-unit SANITIZE=1
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) check-clang
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) fuzz FUZZ_SECONDS=5 FUZZ_SEED=1
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) check-e2e

.PHONY: check-unit
check-unit: $(UNIT_TESTS) $(STUB_ARCH_BPF) ## run the unit tests; with SANITIZE=1 under ASan and UBSan
	$(Q)failed=0; for test in $(sort $(UNIT_TESTS)); do \
		CMOCKA_MESSAGE_OUTPUT=stdout $$test > $$test.log 2>&1 || \
			{ failed=1; echo "FAILED $$test"; cat $$test.log; }; \
		grep -h '^\[  PASSED' $$test.log | sed "s|^|$${test##*/}: |"; done; exit $$failed

.PHONY: check-clang
check-clang: ## build with clang too
	$(Q)$(MAKE) --no-print-directory BUILD=build/clang CC=$(CLANG) build/clang/pyfrag

FUZZ_SECONDS ?= 60

.PHONY: fuzz
fuzz: ## fuzz what reads foreign bytes, FUZZ_SECONDS (60) a target, FUZZ="fuzz_X ..." for some of them
	$(Q)$(MAKE) --no-print-directory fuzz-build
	$(Q)FUZZ_SEED=$(FUZZ_SEED) tests/fuzz/run.sh $(FUZZ_SECONDS) $(FUZZ)

# Each target (tests/fuzz/fuzz_X.c) may use whatever there is: it takes what it needs from an archive.

FUZZ_TARGETS    := $(patsubst %.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SANITIZERS := address,undefined

.PHONY: fuzz-build
fuzz-build:
	$(Q)$(MAKE) --no-print-directory -j$(JOBS) BUILD=build/fuzz CC="$(CLANG)" \
		CFLAGS="-O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all -Wno-error" \
		SANITIZERS=-fsanitize=fuzzer-no-link,$(FUZZ_SANITIZERS) $(FUZZ_TARGETS)

build/fuzz/tests/fuzz/%.o: CPPFLAGS += -Itests/unit -Itests/fuzz
$(FUZZ_TARGETS:=.o): | $(GENERATED)

build/fuzz/all.a: $(OBJECTS) $(UNIT_SUPPORT)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcsT $@ $^

build/fuzz/tests/fuzz/fuzz_%: build/fuzz/tests/fuzz/fuzz_%.o build/fuzz/all.a
	$(call say,LINK,$@)
	$(Q)$(CC) -fsanitize=fuzzer,$(FUZZ_SANITIZERS) -o $@ $^ $(LDLIBS) -lcmocka

E2E_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/e2e/*.c))
# What tests preload into pyfrag.
E2E_PRELOADS := $(patsubst %.c,$(BUILD)/%.so,$(wildcard tests/e2e/preload/*.c))

ATTEMPTS     := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/e2e/attempt/*.c))

$(BUILD)/tests/e2e/%.o: CPPFLAGS += -Itests/e2e -Itests/e2e/attempt
$(BUILD)/tests/e2e/attempts: $(ATTEMPTS)

$(BUILD)/tests/e2e/preload/%.so: tests/e2e/preload/%.c Makefile
	$(Q)mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -fPIC -shared -o $@ $<

# Programs of a hostile user: plain C, nothing of pyfrag in them.
HOSTILE_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/hostile/programs/*.c))
E2E_ENVIRONMENT = PYFRAG=$(abspath $(PROGRAM)) PYFRAG_WALK=$(abspath $(BUILD)/tests/e2e/walk) \
	PYFRAG_HOSTILE=$(abspath $(BUILD)/tests/hostile/programs)

# Not run by the tests, but built with them, so that they follow what they use.
BENCH_PROGRAMS := $(BUILD)/tests/bench/floor $(BUILD)/tests/bench/consumer

.PHONY: check-e2e
check-e2e: $(PROGRAM) $(E2E_PROGRAMS) $(E2E_PRELOADS) $(HOSTILE_PROGRAMS) $(BENCH_PROGRAMS) build/daemons/.done ## run the end-to-end tests on every Python found here (as root)
	$(Q)$(E2E_ENVIRONMENT) $(PYTHON) -m pytest -q -rs -p no:cacheprovider tests/e2e tests/bench tests/hostile

HOSTILE_SECONDS ?= 60

.PHONY: check-hostile
check-hostile: $(PROGRAM) $(HOSTILE_PROGRAMS) ## run programs of a hostile user against each command, HOSTILE_SECONDS (60) each (as root)
	$(Q)$(E2E_ENVIRONMENT) PYFRAG_HOSTILE_SECONDS=$(HOSTILE_SECONDS) \
		$(PYTHON) -m pytest -q -rs -p no:cacheprovider tests/hostile

.PHONY: check-matrix
check-matrix: pyfrag $(E2E_PROGRAMS) $(E2E_PRELOADS) ## run them on the Pythons of other Debian releases and on other kernels (slow)
	$(Q)tests/matrix/run.sh

.PHONY: bench
bench: $(PROGRAM) $(BENCH_PROGRAMS) ## print what pyfrag costs, as ratios measured side by side (as root; 45 minutes)
	$(Q)PYFRAG=$(abspath $(PROGRAM)) $(PYTHON) tests/bench/bench.py $(BENCH)

$(BUILD)/tests/bench/%.bpf.o: tests/bench/%.bpf.c $(BPF_HEADERS) Makefile
	$(Q)mkdir -p $(@D)
	$(call say,BPF,$<)
	$(Q)$(CLANG) $(BPF_CFLAGS) $(BPF_ARCH_CFLAGS) -c -o $@ $<

$(BUILD)/tests/bench/%.skel.h: $(BUILD)/tests/bench/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@.tmp && mv $@.tmp $@

$(BUILD)/tests/bench/consumer.o: CPPFLAGS += -I$(BUILD)/tests/bench
$(BUILD)/tests/bench/consumer.o: $(BUILD)/tests/bench/replay.skel.h

$(BENCH_PROGRAMS:=.o): | $(GENERATED)

$(BENCH_PROGRAMS) $(E2E_PROGRAMS): %: %.o $(OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(HOSTILE_PROGRAMS): %: %.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^

# What reads the code.

.PHONY: format
format: ## format the code
	$(Q)clang-format -i $(CODE)

.PHONY: format-check
format-check: ## check that the code is formatted
	$(call say,FORMAT,all)
	$(Q)clang-format --dry-run -Werror $(CODE)

TIDY := $(SOURCES:%.c=build/tidy/%.ok) build/tidy/user/main.ok

build/tidy/%.ok: %.c .clang-tidy | $(GENERATED)
	$(Q)mkdir -p $(@D)
	$(call say,TIDY,$<)
	$(Q)clang-tidy --quiet $< -- $(CPPFLAGS) -std=gnu17 2> $@.log || { cat $@.log; exit 1; }
	$(Q)touch $@

.PHONY: lint
lint: $(TIDY) ## clang-tidy, the order of rooms, circles of includes, columns
	$(call say,LINT,includes columns)
	$(Q)$(PYTHON) tools/include_graph.py -q
	$(Q)$(PYTHON) tools/columns.py

-include $(OBJECTS:.o=.d) $(BUILD)/user/main.d $(UNIT_TESTS:=.d) $(UNIT_SUPPORT:.o=.d) \
	$(E2E_PROGRAMS:=.d) $(HOSTILE_PROGRAMS:=.d) $(BENCH_PROGRAMS:=.d) $(FUZZ_TARGETS:=.d)
