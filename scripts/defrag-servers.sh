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

# name, suite, package
catalogue="
redis70-defrag  bookworm redis
redis80-defrag  trixie   redis
valkey81-defrag trixie   valkey
"

dir=${1:-target/servers/defrag}
mkdir -p "$dir/bin" "$dir/source"
bin=$(cd "$dir/bin" && pwd)
source=$(cd "$dir/source" && pwd)

say() { echo "defrag-servers: $*"; }

# The main component's address, as apt on this machine reports it.
archive=${DEBIAN_ARCHIVE:-$(apt-get indextargets --format '$(COMPONENT) $(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
  awk '$1 == "main" && $2 !~ /security/ && $3 ~ /\/debian\/?$/ && !found { print $3; found = 1 }')}
for keyring in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
  if [ -e "$keyring" ]; then break; fi
done

# The source of a package, below a private apt root that leaves this machine's alone.
fetch() { # suite package
  local apt=$source/apt-$1
  mkdir -p "$apt"/{etc,state/lists/partial,cache/archives/partial}
  : >"$apt/status"
  echo "deb-src [signed-by=$keyring] ${archive%/} $1 main" >"$apt/etc/sources.list"
  cat >"$apt/apt.conf" <<CONF
Dir::Etc "$apt/etc";
Dir::State "$apt/state";
Dir::State::Status "$apt/status";
Dir::Cache "$apt/cache";
APT::Sandbox::User "";
Acquire::Languages "none";
CONF
  APT_CONFIG=$apt/apt.conf apt-get -qq update
  (cd "$apt" && APT_CONFIG=$apt/apt.conf apt-get -qq source --download-only "$2")
}

provide() { # name suite package
  local tree=$source/$1
  rm -rf "$tree"
  mkdir -p "$tree"
  fetch "$2" "$3"
  tar xf "$source/apt-$2/$3"_*.orig.tar.* -C "$tree" --strip-components=1
  make -C "$tree/src" -j"$(nproc)" MALLOC=jemalloc BUILD_TLS=no "$3-server" "$3-cli"
  cp "$tree/src/$3-cli" "$bin/$1-cli"
  cp "$tree/src/$3-server" "$bin/$1-server"
}

while read -r name suite package; do
  [ -n "$name" ] || continue
  if [ ! -x "$bin/$name-server" ]; then
    say "building $package of $suite"
    # `set -e` doesn't reach into a condition: a shell of its own for the steps.
    if ! bash -c "set -euo pipefail; $(declare -p source bin archive keyring); $(declare -f); provide \"\$@\"" \
      provide "$name" "$suite" "$package" >"$source/$name.log" 2>&1; then
      say "$name skipped: $(tail -n 1 "$source/$name.log")"
      continue
    fi
  fi
  say "$name is $("$bin/$name-server" --version | sed -n 's/.*v=\([^ ]*\).*malloc=\([^ ]*\).*/\1 with \2/p')"
done <<<"$catalogue"
rm -rf "$source"/apt-* "$source"/*-defrag
