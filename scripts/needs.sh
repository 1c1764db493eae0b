#!/usr/bin/env bash
# Installs what a build needs beyond Rust, make and a C compiler, or says what to install.
set -euo pipefail

# bindgen loads libclang when the module's crates are built.
has_libclang() {
  [ -n "${LIBCLANG_PATH:-}" ] && return 0
  ldconfig -p 2>/dev/null | grep 'libclang[-.0-9]*\.so' >/dev/null && return 0
  ls /usr/lib/llvm*/lib/libclang*.so* /usr/lib/*/libclang*.so* /usr/lib*/libclang*.so* 2>/dev/null |
    grep -E 'libclang[-.0-9]*\.so' >/dev/null
}

complain() { echo "needs: $*" >&2; exit 1; }

command -v cargo >/dev/null || complain "cargo is missing: install Rust with rustup"
command -v cc >/dev/null || complain "a C compiler is missing: install gcc or clang"
has_libclang && exit 0
[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null ||
  complain "libclang is missing: install it (Debian: apt-get install libclang-dev) or set LIBCLANG_PATH"
echo "needs: installing libclang-dev"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends \
  libclang-dev; } >"$log" 2>&1; then
  cat "$log" >&2
  complain "libclang-dev could not be installed"
fi
