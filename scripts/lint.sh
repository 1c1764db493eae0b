#!/usr/bin/env bash
# Format, lints, documentation, licences, and the promises of the architecture a compiler doesn't check.
set -euo pipefail
cd "$(dirname "$0")/.."

broken=0
report() { # what, offending lines
  [ -z "$2" ] && return
  printf 'lint: %s\n%s\n' "$1" "$2" >&2
  broken=1
}
rust() { git ls-files -- "$@" | grep '\.rs$' || true; }

sources=$(rust src crates tests benches examples fuzz)
pure=$(rust crates/replica/src crates/engine/src crates/records/src | grep -v '/transport' || true)
report "unsafe belongs into crates/context" \
  "$(grep -nE '\bunsafe (\{|fn|impl|extern)' $(grep -v '^crates/context/src/' <<<"$sources") /dev/null || true)"
for file in $(git ls-files -- 'examples/*/src/lib.rs' 'crates/context/tests/modules/*/src/lib.rs'); do
  grep -q '^#!\[forbid(unsafe_code)\]' "$file" || report "a module without #![forbid(unsafe_code)]" "$file"
done
for crate in replica engine records; do
  grep -q '^#!\[forbid(unsafe_code)\]' "crates/$crate/src/lib.rs" || report "a library without #![forbid(unsafe_code)]" "$crate"
done
report "unfinished or ignored code" "$(grep -nE '\b(todo|unimplemented)!\(|#\[ignore' $sources /dev/null || true)"
report "a clock, a socket or a thread in a crate that has none" \
  "$(grep -nE 'Instant::now|SystemTime::now|TcpStream|thread::spawn|UnixStream' $pure /dev/null || true)"
report "no crate depends on the module" "$(grep -n '^redis-mirror *=\|^redis-mirror\.' crates/*/Cargo.toml tests/*/Cargo.toml || true)"
for file in $sources; do
  lines=$(wc -l <"$file")
  [ "$lines" -le 800 ] || report "longer than 800 lines: split it by subject" "$file ($lines)"
done
if command -v shellcheck >/dev/null; then shellcheck -S warning scripts/*.sh .ci/run || broken=1; fi

cargo fmt --all --check || { echo "lint: run make fmt" >&2; broken=1; }
# Workspaces of their own, which cargo fmt --all doesn't reach.
rustfmt --check --edition 2024 --config-path . fuzz/src/lib.rs fuzz/fuzz_targets/*.rs benches/*/src/main.rs >/dev/null ||
  { echo "lint: run make fmt" >&2; broken=1; }
cargo clippy -q --workspace --all-targets -- -D warnings || broken=1
# The replication client is for others too: alone, without sockets, without TLS.
for features in "" net tls; do
  cargo clippy -q -p redis-replica --all-targets --no-default-features --features "$features" -- -D warnings || broken=1
done
RUSTDOCFLAGS="-D warnings" cargo doc -q --workspace --no-deps || broken=1
if command -v cargo-deny >/dev/null; then
  cargo deny --log-level error check --hide-inclusion-graph licenses bans sources || broken=1
else
  echo "lint: cargo-deny isn't installed: licences and sources of dependencies not checked (cargo install cargo-deny)"
fi
exit "$broken"
