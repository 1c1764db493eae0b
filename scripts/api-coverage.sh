#!/usr/bin/env bash
# Runs the tests of redis-context with modules that note which functions of the server they reach, and holds the
# table of crates/context/api against that, the sources and the servers. `--write` renews docs/api-coverage.md.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
reached=$target/trace/reached
rm -rf "$reached"
mkdir -p "$reached"
reached=$(cd "$reached" && pwd)
log=$target/api-coverage.log

echo 'api-coverage: running the tests of redis-context, with notes'
tests=$(cd crates/context/tests && ls -d -- */main.rs *.rs 2>/dev/null | sed 's#/main.rs##; s#\.rs$##' | grep -v '^compile$')
arguments=()
for test in $tests; do arguments+=(--test "$test"); done
if ! REDIS_CONTEXT_TRACE=$reached cargo test --no-fail-fast -p redis-context "${arguments[@]}" >"$log" 2>&1; then
  grep -E '^test .* FAILED|^error' "$log" >&2 || true
  echo "api-coverage: failed; the whole output is in $log" >&2
  exit 1
fi

cargo build -q -p api_probe
probe=$(cd "$target" && pwd)/debug/libapi_probe.so
chmod +x "$probe"
bindings=$(cargo metadata --format-version 1 | grep -o '"manifest_path":"[^"]*/redis-module-[0-9][^"]*/Cargo.toml"' | cut -d'"' -f4)
header=$(find "$(dirname "$bindings")" -name redismodule.h -print -quit)
write=()
if [ "${1:-}" = --write ]; then write=(--write docs/api-coverage.md); fi
cargo run -q -p redis-mirror-test-support --bin api_coverage -- \
  --probe "$probe" --header "$header" --reached "$reached" "${write[@]}"
