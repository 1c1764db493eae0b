#!/usr/bin/env bash
# Runs the fuzz targets of redis-replica and record-store one after the other, each FUZZ_SECONDS (60) long; with arguments, only those named.
# What they learn stays in target/fuzz/corpus; what they break, in target/fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60}
[ $# -gt 0 ] || set -- resp rdb_file rdb_value rdb_pieces rdb_write lzf handshake session dual aof records

if ! cargo +nightly fuzz --version >/dev/null 2>&1; then
  echo "fuzz: it is missing; install it: rustup toolchain install nightly; cargo install cargo-fuzz" >&2
  exit 2
fi
target=$(mkdir -p "${CARGO_TARGET_DIR:-target}/fuzz" && cd "${CARGO_TARGET_DIR:-target}/fuzz" && pwd)
cargo +nightly fuzz build --fuzz-dir fuzz --target-dir "$target" 2>&1 | { grep -E '^(error|warning)' || true; }

broken=0
for name in "$@"; do
  learnt=$target/corpus/$name artifacts=$target/artifacts/$name log=$target/$name.log
  mkdir -p "$learnt" "$artifacts"
  # A single allocation of 64 MiB is far beyond what the targets' limits allow.
  if cargo +nightly fuzz run --fuzz-dir fuzz --target-dir "$target" "$name" "$learnt" "fuzz/corpus/$name" -- \
    -max_total_time="$seconds" -timeout=20 -max_len=2048 -rss_limit_mb=1024 -malloc_limit_mb=64 \
    -print_final_stats=1 -artifact_prefix="$artifacts/" >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    peak=$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")
    echo "fuzz: $name: $runs runs in $seconds s, nothing found, at most $peak MB"
  else
    echo "fuzz: $name: failed; the input lies in $artifacts, the whole output in $log" >&2
    grep -m 3 -E 'panicked|assert|ERROR' "$log" >&2 || true
    broken=1
  fi
done
exit "$broken"
