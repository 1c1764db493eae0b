#!/usr/bin/env bash
# Real Redis and Valkey servers for the tests, several versions side by side.
#
#   scripts/servers.sh [--one] [DIR]     default DIR: target/servers
#
# Unpacks Debian's own packages, without root and without touching this machine: each suite gets a private
# apt root with an empty package status, so that apt downloads the whole closure, libc included. Every
# program then gets a wrapper DIR/bin/<name>-<tool> that starts it under its own suite's dynamic loader.
# The wrappers find their files relative to themselves: DIR may be moved. A server that is too old for the module, for
# the tests that want one, stands in DIR/old/bin.
#
#   --one   stop at the first server: enough for `make test`, nothing to do when one is on the PATH already
#
# Runs again from where it stopped; a finished DIR costs no network. A suite that isn't there is a skip.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/debian.sh

# Name, suite, package, and the suite its dependencies come from.
catalogue="
redis70  bookworm           redis  bookworm
valkey80 bookworm-backports valkey bookworm
redis80  trixie             redis  trixie
valkey81 trixie             valkey trixie
redis8   sid                redis  sid
valkey9  sid                valkey sid
redis86  experimental       redis  sid
"
# With a C library that modules built here can be loaded with.
too_old="
redis60 bullseye redis bookworm
"
tools="server cli sentinel benchmark check-rdb check-aof"

only_one=no
dir=target/servers
for argument; do
  case $argument in
    --one) only_one=yes ;;
    -h | --help) sed -n '2,15s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "servers: unknown option $argument (see --help)" >&2; exit 2 ;;
    *) dir=$argument ;;
  esac
done

say() { echo "servers: $*"; }

server_on_path() { command -v redis-server || command -v valkey-server; }

# Downloads and unpacks package's servers with everything they need into root.
unpack() { # root suite package base
  local root=$1 suite=$2 package=$3 base=$4 deb version
  local apt=$work/apt/$suite
  if [ ! -e "$apt/.updated" ]; then
    write_apt_root "$apt" deb "$suite" "$base"
    apt-get -qq -c "$apt/apt.conf" update
    touch "$apt/.updated"
  fi
  rm -f "$apt"/cache/archives/*.deb
  version=$(apt-cache -c "$apt/apt.conf" madison "$package-server" |
    awk -F ' *[|] *' -v suite="$suite/main" 'index($3, suite) { print $2; exit }')
  apt-get -qq -c "$apt/apt.conf" -y --download-only install "$package-server=$version" "$package-tools=$version"
  rm -rf "$root.part"
  mkdir -p "$root.part"
  for deb in "$apt"/cache/archives/*.deb; do dpkg-deb -x "$deb" "$root.part"; done
  rm -rf "$root"
  mv "$root.part" "$root"
}

# Debian ships the sentinel as a link to the server: the name decides what the program is.
write_wrappers() { # name root package
  local name=$1 root=$2 package=$3 tool triplet loader libraries
  triplet=$(basename "$(echo "$root"/usr/lib/*-linux-gnu*)")
  loader=$(cd "$root" && find lib/"$triplet" usr/lib/"$triplet" -maxdepth 1 -name 'ld*.so.[0-9]' 2>/dev/null | head -n 1)
  [ -n "$loader" ] || { echo "no dynamic loader among the unpacked packages"; return 1; }
  libraries="\$root/lib/$triplet:\$root/usr/lib/$triplet"
  for tool in $tools; do
    [ "$tool" != sentinel ] || [ -e "$root/usr/bin/$package-sentinel" ] ||
      ln -s "$package-server" "$root/usr/bin/$package-sentinel"
    [ -e "$root/usr/bin/$package-$tool" ] || continue
    cat >"$bin/.$name-$tool" <<WRAPPER
#!/bin/sh
root=\$(cd "\$(dirname "\$0")/../root/$name" && pwd) || exit 1
program=\$root/usr/bin/$package-$tool
exec "\$root/$loader" --argv0 "\$program" --library-path "$libraries" "\$program" "\$@"
WRAPPER
    chmod +x "$bin/.$name-$tool"
    mv "$bin/.$name-$tool" "$bin/$name-$tool"
  done
}

version_of() { "$1" --version | sed -n 's/.*v=\([^ ]*\).*/\1/p'; }

# Runs a step with its output kept aside; failing is for the caller to explain.
quietly() { "$@" >"$work/log" 2>&1; }

provide() { # name suite package base
  local name=$1 suite=$2 package=$3 base=$4 root=$work/root/$1 version
  if [ ! -e "$bin/$name-server" ]; then
    say "fetching $package from $suite"
    # `set -e` doesn't reach into a condition: a shell of its own for the steps.
    if ! quietly bash -c "set -euo pipefail; $(declare -p work bin tools); $(declare -f); unpack \"\$@\"" \
      unpack "$root" "$suite" "$package" "$base" || ! quietly write_wrappers "$name" "$root" "$package"; then
      say "$name skipped: $package can't be had from $suite: $(grep -E '^E:|^no ' "$work/log" | tail -n 1)"
      return 1
    fi
  fi
  if ! version=$(version_of "$bin/$name-server") || [ -z "$version" ]; then
    say "$name skipped: it doesn't run here; remove $bin/$name-server to fetch it again"
    return 1
  fi
  say "$name is $package $version"
}

# Where all that follows is put.
enter() { # dir
  mkdir -p "$1/bin" "$1/root"
  work=$(cd "$1" && pwd)
  bin=$work/bin
}

may_provide() { [ -n "$1" ] && { [ -z "$reason" ] || [ -e "$bin/$1-server" ]; }; }

# In a folder of their own: every test takes the others for servers that the module loads on.
provide_too_old() {
  local name suite package base
  enter "$dir/old"
  while read -r name suite package base; do
    if may_provide "$name"; then provide "$name" "$suite" "$package" "$base" || true; fi
  done <<<"$too_old"
  rm -rf "$work/apt"
}

main() {
  local reason found=0 name suite package base
  if [ "$only_one" = yes ] && [ -n "${REDIS_MIRROR_TEST_SERVERS:-}" ]; then
    say "using those in $REDIS_MIRROR_TEST_SERVERS"
    return 0
  fi
  if [ "$only_one" = yes ] && server_on_path >/dev/null && ! ls "$dir"/bin/*-server >/dev/null 2>&1; then
    say "using $(server_on_path)"
    return 0
  fi
  reason=$(obstacle)
  enter "$dir"
  while read -r name suite package base; do
    may_provide "$name" || continue
    if provide "$name" "$suite" "$package" "$base"; then found=$((found + 1)); fi
    if [ "$only_one" = yes ] && [ "$found" -gt 0 ]; then break; fi
  done <<<"$catalogue"
  rm -rf "$work/apt"
  [ "$only_one" = yes ] || provide_too_old
  if [ "$found" -gt 0 ]; then return 0; fi
  if server_on_path >/dev/null; then
    say "${reason:-no suite could be read}; the tests will use $(server_on_path)"
    return 0
  fi
  say "${reason:-no suite could be read}" >&2
  say "install redis-server or valkey-server (7.0 or newer), or point REDIS_MIRROR_TEST_SERVERS at a folder" \
    "of <name>-server programs" >&2
  return 1
}

main
