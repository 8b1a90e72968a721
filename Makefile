# SPDX-License-Identifier: GPL-3.0-or-later
# Builds plmaint into build/.  `make help` lists the targets.
#
# Dependencies, and why each is there:
#   libpq      PostgreSQL, where Pulp keeps what is migrated
#   libcurl    HTTP, for Pulp's status and registry
#   json-c     settings and ledger values as trees, and every JSON line that is written
#   popt       the command line
#   hiredis    Redis, where Pulp caches what it serves: its protocol, over a socket of ours
#   libcrypto  SHA-256, the proof of every manifest; AES and HMAC, to try the key of encrypted columns
#   libssl     TLS to Redis: hiredis_ssl begins with hiredis 1.0, and Debian 12 and EL 8 have 0.1x
#   libinih    configuration files
#   libarchive tar with zstd, owners, access lists and labels: a backup's configuration
#   zlib       gzip: the data files of dumps, as pg_dump writes them

# A variant has its own directory below build/ and its own flags: `make VARIANT=asan units`.
VARIANT ?=
BUILD ?= build$(if $(VARIANT),/$(VARIANT))
PREFIX ?= /usr/local
PYTHON ?= /usr/bin/python3
PKGS = libpq libcurl json-c popt hiredis libssl libcrypto inih libarchive zlib

WARNINGS = -Wall -Wextra -Werror -Wshadow -Wconversion -Wcast-qual -Wmissing-prototypes \
	-Wstrict-prototypes -Wvla -Wpointer-arith -Wformat=2 -Wundef -Wwrite-strings
HARDEN = -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE -fstack-clash-protection
OPTIMIZE ?= -O2 -g
SANITIZE ?=
ifeq ($(origin CC),default)
CC = gcc
endif
ifeq ($(VARIANT),asan)
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
# As shared libraries gcc's two runtimes get in each other's way, and what UBSan says never reaches
# the file that log_path names.  clang links its own statically anyhow.
SANITIZE_LINK = $(if $(findstring gcc,$(CC)),-static-libasan -static-libubsan)
OPTIMIZE = -O1 -g
HARDEN = -fPIE
else ifeq ($(VARIANT),tsan)
SANITIZE = -fsanitize=thread -fno-omit-frame-pointer
OPTIMIZE = -O1 -g
HARDEN = -fPIE
else ifeq ($(VARIANT),coverage)
SANITIZE = --coverage
OPTIMIZE = -O0 -g
HARDEN = -fPIE
else ifeq ($(VARIANT),clang)
CC = clang
else ifneq ($(VARIANT),)
$(error VARIANT is $(VARIANT); there are asan, tsan, coverage and clang)
endif
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -I. -I$(BUILD) $(PKG_CFLAGS) $(WARNINGS) $(HARDEN) $(OPTIMIZE) \
	$(SANITIZE) -MMD -MP -pthread $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now -Wl,--as-needed -pthread $(SANITIZE) $(SANITIZE_LINK) $(LDFLAGS)

SRCS := $(wildcard bin/*.c commands/*.c checks/*.c procedures/*.c lib/*/*.c)
SQLS := $(wildcard lib/*/*.sql)
OBJS := $(SRCS:%.c=$(BUILD)/%.o)
LIB_OBJS := $(filter-out $(BUILD)/bin/plmaint.o,$(OBJS))
UNIT_SRCS := $(wildcard tests/*/test_*.c tests/*/*/test_*.c)
UNITS := $(UNIT_SRCS:%.c=$(BUILD)/%.t)

FUZZ_SECONDS ?= 60
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: all units
all: $(BUILD)/plmaint

# Asked once for a build directory, so that a missing library is one sentence with the command that
# installs it, and not a compiler's message about a header.
$(BUILD)/.libraries:
	@missing=; \
	command -v $(firstword $(CC)) >/dev/null || missing="$$missing $(CC)"; \
	command -v pkg-config >/dev/null || missing="$$missing pkg-config"; \
	for p in $(PKGS); do \
		pkg-config --exists $$p 2>/dev/null || missing="$$missing $$p"; \
	done; \
	test -z "$$missing" || { \
		echo "plmaint cannot be built without:$$missing." \
			"As root, run: packaging/install-deps.sh build" >&2; exit 1; }
	@mkdir -p $(@D) && touch $@

$(BUILD)/plmaint: $(OBJS)
	$(CC) $(ALL_LDFLAGS) -o $@ $(OBJS) $(PKG_LIBS) -lm

# Kept: a deleted intermediate would make the next make, a test's own for one, build all again
# and link the program anew under the tests that run it.
.SECONDARY: $(SQLS:%.sql=$(BUILD)/%.sql.h)
# A statement file becomes a string literal, so that SQL is read and edited as SQL.
$(BUILD)/%.sql.h: %.sql
	@mkdir -p $(@D)
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $< > $@

$(BUILD)/%.o: %.c $(SQLS:%.sql=$(BUILD)/%.sql.h) | $(BUILD)/.libraries
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

# Archives, so that a unit test or a fuzzer is linked with what it names only, which is a tenth of
# all: quick, and a fuzzer's coverage means something. What is fuzzed is all below lib.
$(BUILD)/plmaint.a: $(LIB_OBJS)
$(BUILD)/lib.a: $(filter $(BUILD)/lib/%,$(LIB_OBJS))
$(BUILD)/plmaint.a $(BUILD)/lib.a:
	rm -f $@
	ar rcsDT $@ $^

units: $(UNITS)
$(BUILD)/tests/%.t: tests/%.c $(BUILD)/plmaint.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MF $@.d -o $@ $< $(BUILD)/plmaint.a $(ALL_LDFLAGS) $(PKG_LIBS) -lm

# Fuzzing: the library once more under clang's sanitizers; each target replays its corpus and then
# makes its own.  Classification, which decides what is written, has the whole time; the others go
# one after another beside it and share as much.  What a target finds and its log stay in
# build/fuzz, a crash beside them.
FUZZ_RUNS := fuzz-manifest $(patsubst %,fuzz-%,$(filter-out manifest,$(FUZZERS)))
FUZZ_TIME = $(shell expr $(FUZZ_SECONDS) / $(words $(filter-out manifest,$(FUZZERS))))
fuzz-manifest: FUZZ_TIME = $(FUZZ_SECONDS)
.PHONY: fuzz fuzz-build $(FUZZ_RUNS)
fuzz:
	$(MAKE) BUILD=$(BUILD)/fuzz CC=clang WARNINGS= HARDEN=-fPIE OPTIMIZE="-O1 -g" fuzz-build \
		SANITIZE="-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined"
	@$(MAKE) --no-print-directory -j2 $(FUZZ_RUNS)

$(FUZZ_RUNS): fuzz-%:
	@cd $(BUILD)/fuzz && mkdir -p found/$* && \
	corpus="$(CURDIR)/tests/fuzz/corpus/$*"; dict="$(CURDIR)/tests/fuzz/fuzz_$*.dict"; \
	set --; test ! -f "$$dict" || set -- "-dict=$$dict"; \
	{ tests/fuzz/fuzz_$* -runs=0 "$$corpus" && \
	  tests/fuzz/fuzz_$* "$$@" -max_total_time=$(FUZZ_TIME) -timeout=10 -max_len=8192 \
		-artifact_prefix=$*- found/$* "$$corpus"; } > $*.log 2>&1 \
	|| { tail -n 40 $*.log; echo "fuzz $*: failed, see $(BUILD)/fuzz/$*.log"; exit 1; }; \
	echo "fuzz $*: $$(sed -n 's/^Done \(.*\) second.*/\1 s/p' $*.log | tail -n 1)"

fuzz-build: $(FUZZERS:%=$(BUILD)/tests/fuzz/fuzz_%)
$(BUILD)/tests/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(BUILD)/lib.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MF $@.d -o $@ $< $(BUILD)/lib.a $(ALL_LDFLAGS) -fsanitize=fuzzer \
		$(PKG_LIBS) -lm

# -- the two commands of README.md

.PHONY: demo check test
demo:
	packaging/install-deps.sh demo
	+$(MAKE) --no-print-directory -j "$$(nproc)" all
	$(PYTHON) tests/demo/demo.py

check:
	packaging/install-deps.sh test
	$(PYTHON) tests/check.py all

# The quick part of check, for the inner loop.
test:
	@$(PYTHON) tests/check.py quick

# -- variants, lint, figures

.PHONY: print-compile print-objects print-link print-libs
.PHONY: asan tsan coverage lint format bench bench-peer crash chain golden docs tour docs-check docs-lint
asan tsan:
	$(PYTHON) tests/check.py $@

coverage:
	$(PYTHON) tests/check.py coverage

# ONLY names some of it: make lint ONLY="layers clang-tidy".
lint:
	packaging/install-deps.sh test
	+$(MAKE) --no-print-directory -j "$$(nproc)" all
	$(PYTHON) tests/lint/lint.py $(ONLY)
# How things are compiled and linked, for scripts that do it with one file.
print-compile:
	@echo '$(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS))'
print-objects:
	@echo '$(OBJS)'
print-link:
	@echo '$(ALL_LDFLAGS)'
print-libs:
	@echo '$(PKG_LIBS) -lm'

format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

# ONLY names some of the figures.
bench: all $(BUILD)/tests/bench/bench_classify.t $(BUILD)/tests/bench/simulate.t
	ONLY=$(ONLY) $(PYTHON) tests/bench/run.py

# Against upstream's own command.
bench-peer:
	$(MAKE) bench ONLY=upstream

# The kill tests of check with more rows and at every write of every case, then on builds that break
# a rule on purpose, where they must see the loss.
crash: all
	PLMAINT_CRASH_ROWS=300 PLMAINT_CRASH_ALL=1 PLMAINT_CRASH_ROUNDS=100 \
		$(PYTHON) -m pytest -c tests/pytest.ini tests/crash tests/crash/broken_builds.py \
		tests/host/test_services.py tests/host/test_upgrade.py tests/restore/test_kill.py

# A real Pulp upgraded through six releases, and the fixture schema held against each of them: minutes,
# and a gigabyte of packages the first time.
chain: all
	PLMAINT_CHAIN=1 $(PYTHON) -m pytest -c tests/pytest.ini tests/realpulp/test_chain.py \
		tests/realpulp/test_schema.py

golden: all
	$(PYTHON) tests/golden/regenerate.py

# Documents are printed by the program from its own tables.
docs: $(BUILD)/plmaint.8 $(BUILD)/plmaint.bash
	$(PYTHON) packaging/readme_section.py $(BUILD)/plmaint README.md
# The tour of README.md: what the demo printed this time, and a run in the background, a refused
# upgrade and backups as recorded.
tour: all
	$(PYTHON) tests/demo/recording.py $(BUILD)/recording.md
	$(PYTHON) packaging/readme_section.py --recording $(BUILD)/recording.md README.md
	$(PYTHON) tests/demo/refusal.py $(BUILD)/refusal.md
	$(PYTHON) packaging/readme_section.py --refusal $(BUILD)/refusal.md README.md
	$(PYTHON) tests/demo/backup.py $(BUILD)/backup.md
	$(PYTHON) packaging/readme_section.py --backup $(BUILD)/backup.md README.md
	$(PYTHON) tests/demo/demo.py --tour $(BUILD)/tour.md
	$(PYTHON) packaging/readme_section.py --tour $(BUILD)/tour.md README.md
docs-check: all
	$(PYTHON) packaging/readme_section.py --check $(BUILD)/plmaint README.md
docs-lint: $(BUILD)/plmaint.8 $(BUILD)/plmaint.bash
	mandoc -T lint -W warning $(BUILD)/plmaint.8
	bash -n $(BUILD)/plmaint.bash
$(BUILD)/plmaint.8: $(BUILD)/plmaint
	$(BUILD)/plmaint --dump=man > $@
$(BUILD)/plmaint.bash: $(BUILD)/plmaint
	$(BUILD)/plmaint --dump=completion > $@

# -- a real Pulp to play with, until Ctrl-C; PULP names the release, ROWS how much is to migrate

.PHONY: lab
lab: all
	packaging/install-deps.sh test
	@exec $(PYTHON) tests/realpulp/lab.py --pulp $(or $(PULP),2.22) --rows $(or $(ROWS),5000)

# -- to other machines

UNITS_OF_SYSTEMD = plmaint-pre-migrate.service plmaint-maintenance-mode.service
.PHONY: install dist clean help
install: all $(BUILD)/plmaint.8 $(BUILD)/plmaint.bash $(UNITS_OF_SYSTEMD:%=$(BUILD)/%)
	install -D -m 755 $(BUILD)/plmaint "$(DESTDIR)$(PREFIX)/sbin/plmaint"
	install -D -m 644 $(BUILD)/plmaint.8 "$(DESTDIR)$(PREFIX)/share/man/man8/plmaint.8"
	install -D -m 644 $(BUILD)/plmaint.bash \
		"$(DESTDIR)$(PREFIX)/share/bash-completion/completions/plmaint"
	install -D -m 644 -t "$(DESTDIR)$(PREFIX)/lib/systemd/system" $(UNITS_OF_SYSTEMD:%=$(BUILD)/%)
	install -d "$(DESTDIR)$(PREFIX)/lib/systemd/system/multi-user.target.wants"
	ln -sf ../plmaint-maintenance-mode.service \
		"$(DESTDIR)$(PREFIX)/lib/systemd/system/multi-user.target.wants/"
	install -d -m 755 "$(DESTDIR)$(PREFIX)/share/doc/plmaint/examples"
	install -m 755 packaging/examples/upgrade-gate "$(DESTDIR)$(PREFIX)/share/doc/plmaint/examples/"
	install -m 644 packaging/examples/plmaint-apt.conf packaging/examples/plmaint-dnf.actions \
		"$(DESTDIR)$(PREFIX)/share/doc/plmaint/examples/"
# A unit names the program where it is installed, so it is made anew for each PREFIX.
.PHONY: $(UNITS_OF_SYSTEMD:%=$(BUILD)/%)
$(UNITS_OF_SYSTEMD:%=$(BUILD)/%): $(BUILD)/%.service: packaging/%.service.in
	@mkdir -p $(@D)
	sed 's|@SBINDIR@|$(PREFIX)/sbin|g' $< > $@

VERSION = $(shell sed -n 's/^.define PLMAINT_VERSION "\(.*\)"/\1/p' lib/core/version.h)
dist:
	@mkdir -p $(BUILD)
	git archive --prefix=plmaint-$(VERSION)/ -o $(BUILD)/plmaint-$(VERSION).tar.gz HEAD

clean:
	rm -rf $(BUILD)

help:
	@echo "make               build build/plmaint"
	@echo "make demo          see it work on a throwaway Pulp database"
	@echo "make check         all tests; ends with: N passed, N failed, N skipped"
	@echo "make test          the quick part of check"
	@echo "make lint          formatters, analysers and the rules of the tree"
	@echo "make format        clang-format over the tree"
	@echo "make asan, tsan    the tests on a build with these sanitizers"
	@echo "make coverage      which lines the tests reach, in build/coverage"
	@echo "make fuzz          fuzzers of what reads foreign bytes, FUZZ_SECONDS (60) long"
	@echo "make crash         kill at every write, with many rows"
	@echo "make chain         a real Pulp upgraded through six releases"
	@echo "make bench         figures and their peers; ONLY=NAME for one; bench-peer: upstream's"
	@echo "make golden        write the expected help texts and plans anew"
	@echo "make docs          man page, completion, tables of README.md; make tour: its tour"
	@echo "make lab           a real Pulp to play with, until Ctrl-C; PULP=2.22 ROWS=5000"
	@echo "make install       below DESTDIR and PREFIX; make dist: a tarball"
	@echo "make clean         forget what was built"

-include $(OBJS:.o=.d) $(UNITS:.t=.t.d)
