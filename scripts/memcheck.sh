#!/usr/bin/env bash
# The tests of redis-context with their servers under valgrind's memcheck: what reads or writes where it must not, and
# what is never freed. Complains about findings whose stack of calls names our code.
#
#   [REDIS_MIRROR_MEMCHECK_SERVER=FILE[:FILE..]] scripts/memcheck.sh [FILTER..]
#
# Each FILE is a redis-server or valkey-server built with the C library's malloc, which valgrind knows; Debian's
# are built with jemalloc, which it does not. Without FILE one is built from Debian's source package, once, into
# target/servers/memcheck. FILTER is what `cargo test -- FILTER` takes.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/debian.sh

complain() { echo "memcheck: $*" >&2; exit 2; }

command -v valgrind >/dev/null || complain "valgrind is missing: install it (Debian: apt-get install valgrind libc6-dbg)"

target=$(mkdir -p "${CARGO_TARGET_DIR:-target}" && cd "${CARGO_TARGET_DIR:-target}" && pwd)
work=$target/memcheck
rm -rf "$work"
mkdir -p "$work/bin" "$work/logs"
suppressions=$PWD/scripts/memcheck.supp

# A program that the tests take for an installed server; its tools lie beside it.
write_wrapper() { # server
  local server=$1 family number version name
  version=$("$server" --version) || complain "$server doesn't run"
  grep -q 'malloc=libc' <<<"$version" || complain "$server isn't built with MALLOC=libc: valgrind sees nothing of its memory"
  family=$(awk '{ print tolower($1) }' <<<"$version")
  number=$(sed -n 's/.*v=\([0-9]*\)\.\([0-9]*\)\..*/\1\2/p' <<<"$version")
  name=$family$number
  cat >"$work/bin/$name-server" <<WRAPPER
#!/bin/sh
if [ "\$1" = --version ]; then exec "$server" --version; fi
exec valgrind --leak-check=full --show-leak-kinds=definite,indirect --keep-debuginfo=yes --num-callers=40 \\
  --suppressions="$suppressions" --log-file="$work/logs/%p" "$server" "\$@"
WRAPPER
  chmod +x "$work/bin/$name-server"
  if [ -x "${server%server}cli" ]; then ln -sf "${server%server}cli" "$work/bin/$name-cli"; fi
  echo "memcheck: $(cut -d' ' -f1-3 <<<"$version")"
}

if [ -z "${REDIS_MIRROR_MEMCHECK_SERVER:-}" ]; then
  built=target/servers/memcheck
  build_server "$built" redis70-libc bookworm redis MALLOC=libc OPTIMIZATION=-O1 | sed 's/^/memcheck: /' ||
    complain "name a server built with MALLOC=libc by REDIS_MIRROR_MEMCHECK_SERVER"
  REDIS_MIRROR_MEMCHECK_SERVER=$built/bin/redis70-libc-server
fi
IFS=: read -ra servers <<<"$REDIS_MIRROR_MEMCHECK_SERVER"
for server in "${servers[@]}"; do write_wrapper "$(realpath "$server")"; done

# The beginnings of the names of all that is ours in a server: the crate, its examples, the modules that tests load.
names=(redis_context example_)
for module in crates/context/tests/modules/*/; do names+=("$(basename "$module")"); done

# Skipped: the compiler alone; TLS, which a server built here does not know; long doubles, which valgrind computes with 64 bits
# only; and what a wall clock measures, which a server twenty times as slow doesn't keep.
status=0
REDIS_MIRROR_TEST_SERVERS=$work/bin REDIS_MIRROR_TEST_SLOWNESS=20 cargo test -q -p redis-context --no-fail-fast --tests -- \
  --skip what_is_wrong_does_not_compile --skip a_certificate_is_seen_by_commands_and_by_auth \
  --skip native_type::numbers --skip the_time_of_a_thread_is_the_commands_own --skip measured_intervals_add_up_once_each "$@" >"$work/log" 2>&1 || status=$?
grep -aE '^test result:' "$work/log" | grep -v ' 0 passed; 0 failed' || true
if [ "$status" != 0 ]; then
  grep -aE '^test .*FAILED|--- FAILED$|^    [a-z_:]+$' "$work/log" | sort -u >&2 || true
  echo "memcheck: tests failed; their output is in $work/log" >&2
fi
cargo run -q -p redis-mirror-test-support --bin memcheck -- "$work/logs" "${names[@]}" || status=1
exit "$status"
