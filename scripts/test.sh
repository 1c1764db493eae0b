#!/usr/bin/env bash
# Every test of the workspace against the module and the servers there are; with arguments, what
# `cargo test` makes of them. Prints one line per test program; the whole output stands in target/test.log.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target"
log=$target/test.log

export REDIS_MIRROR_MODULE=${REDIS_MIRROR_MODULE:-$(cd "$target" && pwd)/release/libmirror.so}
cargo run -q -p redis-mirror-test-support --bin servers
# The module that panics on demand. Copied: the tests' own build puts the ordinary one in its place.
if [ -z "${REDIS_MIRROR_FAULT_MODULE:-}" ]; then
  cargo build -q -p redis-mirror --features fault-injection
  mkdir -p "$target/fault"
  cp -f "$target/debug/libmirror.so" "$target/fault/libmirror.so"
  chmod +x "$target/fault/libmirror.so"
  REDIS_MIRROR_FAULT_MODULE=$(cd "$target" && pwd)/fault/libmirror.so
  export REDIS_MIRROR_FAULT_MODULE
fi

# "Running tests/x.rs (..)" and "Doc-tests x" name what the next "test result:" belongs to.
closing_lines() {
  awk '
    /^ +Running / { name = $2 == "unittests" ? $2 " " $NF : $2; sub(/\(.*\//, "", name); sub(/-[0-9a-f]+\)$/, "", name) }
    /Doc-tests /  { name = "documentation of " $2 }
    /^test result:/ { sub(/^test result: /, ""); if ($0 !~ / 0 passed; 0 failed/) { print "test: " name ": " $0; fflush() } }'
}

[ $# -gt 0 ] || set -- --workspace
if ! cargo test --no-fail-fast "$@" 2>&1 | tee "$log" | closing_lines; then
  sed -n '/^failures:/,/^test result:/p; /^error/,$p' "$log" >&2
  echo "test: failed; the whole output is in $log" >&2
  exit 1
fi
