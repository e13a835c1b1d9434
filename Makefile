# SPDX-License-Identifier: BSD-2-Clause
#
# make                builds ./pyfrag (objects under build/)
# sudo make demo      installs what is missing, builds, and traces a Python that fragments its heap
# sudo make check     installs what is missing, builds, runs all tests
# make help           lists the other targets

VERSION := 0.1.0

CC      ?= cc
CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PREFIX  ?= /usr/local
BUILD   ?= build

PACKAGES := build-essential clang llvm clang-format clang-tidy libclang-rt-dev bpftool libbpf-dev \
	libelf-dev zlib1g-dev libcapstone-dev libjansson-dev libcap-ng-dev libcmocka-dev pkg-config \
	python3 python3-pytest python3-jsonschema

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-format-truncation
CFLAGS   ?= -O2 -g
CPPFLAGS += -Iinclude -Iuser -I$(BUILD) -D_GNU_SOURCE -DPYFRAG_VERSION='"$(VERSION)"'
ALL_CFLAGS = -std=gnu17 -fno-strict-aliasing $(WARNINGS) $(CFLAGS)
LDLIBS   := -lbpf -lelf -lcapstone -ljansson -lcap-ng -lm -lpthread

SOURCES := $(wildcard user/*/*.c)
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)

# V=1 shows the commands.
Q   := $(if $(V),,@)
say  = $(if $(V),,@printf '  %-8s %s\n' '$(1)' '$(2)')

.PHONY: all
all: pyfrag

# BPF programs, embedded as skeletons.
BPF_ARCH   := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))
BPF_CFLAGS := -g -O2 -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -Wall -Wextra -Werror \
	-Iinclude -Ivmlinux -Ibpf
SKELETONS  := $(patsubst bpf/%.bpf.c,$(BUILD)/%.skel.h,$(wildcard bpf/*.bpf.c))

$(BUILD)/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h include/pyfrag/*.h) vmlinux/vmlinux.h Makefile
	$(Q)mkdir -p $(@D)
	$(call say,BPF,$<)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $<

$(BUILD)/%.skel.h: $(BUILD)/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@.tmp && mv $@.tmp $@

$(OBJECTS): | $(SKELETONS)

pyfrag: $(BUILD)/user/main.o $(OBJECTS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c Makefile
	$(Q)mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d) $(BUILD)/user/main.d
