#!/usr/bin/env bash
# Servers that can defragment, for the tests of defragmentation: Debian's own can't.
#
#   scripts/defrag-servers.sh [DIR]     default DIR: target/servers/defrag
#
# Builds them from Debian's source packages with the jemalloc in there, which takes a few minutes:
# DIR/bin/<name>-server and -cli, without TLS. Needs apt-get, make and a C compiler.
# What was built before is kept; a suite that isn't there is a skip.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/debian.sh

# name, suite, package
catalogue="
redis70-defrag  bookworm redis
redis80-defrag  trixie   redis
valkey81-defrag trixie   valkey
"

dir=${1:-target/servers/defrag}
while read -r name suite package; do
  [ -n "$name" ] || continue
  build_server "$dir" "$name" "$suite" "$package" MALLOC=jemalloc </dev/null | sed 's/^/defrag-servers: /' || true
done <<<"$catalogue"
