#!/usr/bin/env bash
# The unit tests of redis-context that need no server, under Miri: it finds what is undefined in the unsafe code that they
# run. Calls into C are beyond it; tests of those are left out of its build (cfg(miri)).
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo +nightly miri --version >/dev/null 2>&1; then
  echo "miri: it is missing; install it: rustup toolchain install nightly --component miri,rust-src" >&2
  exit 2
fi
target=$(mkdir -p "${CARGO_TARGET_DIR:-target}" && cd "${CARGO_TARGET_DIR:-target}" && pwd)
# The tests read the crate's own sources, which Miri's isolation would forbid.
CARGO_TARGET_DIR=$target/miri MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test -q -p redis-context --lib "$@" 2>&1 |
  grep -v '^warning: Miri does not support optimizations'
