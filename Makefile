# Each target can be used alone on a fresh machine with Rust, make and a C compiler.
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
MODULE := $(abspath $(TARGET_DIR))/release/libmirror.so
PREFIX ?= /usr
MODULE_DIR ?= $(PREFIX)/lib/redis/modules
SOAK_RECORDS ?= 600
SUPPORT := cargo run -q --release -p redis-mirror-test-support --bin
export REDIS_MIRROR_MODULE ?= $(MODULE)

.PHONY: help build demo test api-coverage pairs soak lint bench bench-overhead bench-records bench-replica fuzz memcheck miri servers defrag-servers install fmt
.DEFAULT_GOAL := help

help:
	@echo 'make build     the module: $(TARGET_DIR)/release/libmirror.so'
	@echo 'make demo      a mirror at work, in about twenty seconds; DEMO="redis70 valkey9" chooses servers'
	@echo 'make test      every test, with the servers there are (fetches one if there is none);'
	@echo '               TESTS="-p redis-replica" for one package'
	@echo 'make api-coverage  which functions of the module API redis-context covers: each is reached by a test'
	@echo 'make pairs     every version mirrored into every other; PAIRS=--help for options'
	@echo 'make soak      an hour of traffic between two servers that mirror each other, a minute of snapshots in a row,'
	@echo '               SOAK_RECORDS (600) seconds of record stores whose servers are killed again and again'
	@echo 'make servers   fetches seven versions of Redis and Valkey into target/servers, and one that is too old'
	@echo 'make defrag-servers  builds servers that can defragment, for the tests of it and make api-coverage'
	@echo 'make lint      format, lints, documentation, licences'
	@echo 'make bench     against native replication, in the same run; BENCH=--help for options'
	@echo 'make bench-overhead  what redis-context adds to a command, in instructions, beside C and redis-module;'
	@echo '               OVERHEAD=--help for options'
	@echo 'make bench-records  the record store beside a loop of WATCH and MULTI, and beside HSET; RECORDS=--help for options'
	@echo 'make bench-replica  the parsers of redis-replica beside those of the crate redis-event'
	@echo 'make fuzz      the fuzz targets of redis-replica and record-store, FUZZ_SECONDS (60) each; FUZZ="resp lzf" for some'
	@echo 'make memcheck  the tests of redis-context with their servers under valgrind;'
	@echo '               builds one for it, or REDIS_MIRROR_MEMCHECK_SERVER=file names one built with MALLOC=libc'
	@echo 'make miri      the unit tests that need no server, under Miri'
	@echo 'make install   copies the module to $(MODULE_DIR) (PREFIX, MODULE_DIR, DESTDIR)'
	@echo 'make fmt       formats the code'

build:
	@scripts/needs.sh
	@echo 'build: $(TARGET_DIR)/release/libmirror.so'
	@cargo build -q --release -p redis-mirror
	@chmod +x '$(MODULE)'

demo: build
	@scripts/servers.sh --one
	@$(SUPPORT) demo -- $(DEMO)

test: build
	@scripts/servers.sh --one
	@scripts/test.sh $(TESTS)

api-coverage:
	@scripts/needs.sh
	@scripts/servers.sh --one
	@scripts/api-coverage.sh

pairs: build
	@scripts/servers.sh --one
	@$(SUPPORT) pairs -- $(PAIRS)

soak: build
	@scripts/servers.sh --one
	@REDIS_MIRROR_SOAK_COMMANDS=3600000 cargo test -q --test mutual hour -- --nocapture
	@REDIS_MIRROR_BREAKS=2000 cargo test -q -p redis-replica --test breaks -- --nocapture
	@REDIS_MIRROR_SOAK_SECONDS=60 cargo test -q --test accidents snapshots -- --nocapture
	@REDIS_MIRROR_SOAK_SECONDS=$(SOAK_RECORDS) cargo test -q --test records soak -- --nocapture

lint:
	@scripts/needs.sh
	@echo 'lint: format, lints, documentation, licences'
	@scripts/lint.sh

bench: build
	@scripts/servers.sh --one
	@$(SUPPORT) bench -- $(BENCH)

bench-overhead:
	@scripts/needs.sh
	@scripts/servers.sh --one
	@cargo run -q -p redis-context-overhead --bin overhead -- $(OVERHEAD)

bench-records: build
	@scripts/servers.sh --one
	@$(SUPPORT) bench_records -- $(RECORDS)

bench-replica:
	@scripts/needs.sh
	@scripts/servers.sh --one
	@cargo run -q --release --locked --manifest-path benches/replica/Cargo.toml --target-dir '$(TARGET_DIR)/bench-replica'

fuzz:
	@scripts/needs.sh
	@scripts/fuzz.sh $(FUZZ)

memcheck:
	@scripts/needs.sh
	@scripts/memcheck.sh $(MEMCHECK)

miri:
	@scripts/needs.sh
	@scripts/miri.sh

servers:
	@scripts/servers.sh

defrag-servers:
	@scripts/defrag-servers.sh

install: build
	@install -D -m 755 '$(MODULE)' '$(DESTDIR)$(MODULE_DIR)/mirror.so'
	@echo "install: $(DESTDIR)$(MODULE_DIR)/mirror.so; add to the server's configuration:"
	@echo '  loadmodule $(MODULE_DIR)/mirror.so'

fmt:
	@cargo fmt --all
	@rustfmt --edition 2024 --config-path . fuzz/src/lib.rs fuzz/fuzz_targets/*.rs benches/replica/src/main.rs
	@echo 'fmt: done'
