#!/usr/bin/env bash
# Real Redis and Valkey servers for the tests, several versions side by side.
#
#   scripts/servers.sh [--one] [DIR]     default DIR: target/servers
#
# Unpacks Debian's own packages, without root and without touching this machine: each suite gets a private
# apt root with an empty package status, so that apt downloads the whole closure, libc included. Every
# program then gets a wrapper DIR/bin/<name>-<tool> that starts it under its own suite's dynamic loader.
# The wrappers find their files relative to themselves: DIR may be moved.
#
#   --one   stop at the first server: enough for `make test`, nothing to do when one is on the PATH already
#
# Runs again from where it stopped; a finished DIR costs no network. A suite that isn't there is a skip.
set -euo pipefail
cd "$(dirname "$0")/.."

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
tools="server cli sentinel benchmark check-rdb check-aof"

only_one=no
dir=target/servers
for argument; do
  case $argument in
    --one) only_one=yes ;;
    -h | --help) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "servers: unknown option $argument (see --help)" >&2; exit 2 ;;
    *) dir=$argument ;;
  esac
done

say() { echo "servers: $*"; }

server_on_path() { command -v redis-server || command -v valkey-server; }

# The archive this machine already uses, as apt reports it: the main component of something called debian,
# security updates aside.
archive() {
  if [ -n "${DEBIAN_ARCHIVE:-}" ]; then echo "${DEBIAN_ARCHIVE%/}"; return; fi
  command -v apt-get >/dev/null || return 0
  apt-get indextargets --format '$(COMPONENT) $(RELEASE) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk '$1 == "main" && $2 !~ /security/ && $3 ~ /\/debian\/?$/ { sub(/\/$/, "", $3); print $3; exit }'
}

keyring() {
  local file
  for file in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
    if [ -e "$file" ]; then echo "$file"; return; fi
  done
}

# Why this machine can't unpack Debian's packages; nothing when it can.
obstacle() {
  command -v apt-get >/dev/null || { echo "this is not Debian: there is no apt-get"; return; }
  command -v dpkg-deb >/dev/null || { echo "dpkg-deb is missing"; return; }
  [ -n "$(keyring)" ] || { echo "Debian's keys are missing: install debian-archive-keyring"; return; }
  [ -n "$(archive)" ] || echo "apt knows no Debian archive here: set DEBIAN_ARCHIVE to the address of one"
}

# A private apt root for one suite. Proxies and the like stay the host's; its hooks don't run.
write_apt_root() { # apt-dir suite base
  local apt=$1 suite=$2 base=$3 release
  mkdir -p "$apt"/etc/{apt.conf.d,preferences.d,sources.list.d} "$apt"/state/lists/partial \
    "$apt"/cache/archives/partial
  : >"$apt/status"
  for release in $(printf '%s\n' "$suite" "$base" | sort -u); do
    echo "deb [signed-by=$(keyring)] $(archive) $release main"
  done >"$apt/etc/sources.list"
  cat >"$apt/apt.conf" <<CONF
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
Dir::Etc "$apt/etc";
Dir::Etc::SourceList "$apt/etc/sources.list";
Dir::Etc::SourceParts "$apt/etc/sources.list.d";
Dir::Etc::PreferencesParts "$apt/etc/preferences.d";
Dir::Etc::Netrc "/etc/apt/auth.conf";
Dir::Etc::NetrcParts "/etc/apt/auth.conf.d";
Dir::State "$apt/state";
Dir::State::Status "$apt/status";
Dir::Cache "$apt/cache";
APT::Default-Release "$base";
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
Debug::NoLocking "true";
CONF
}

# Downloads and unpacks package's servers with everything they need into root.
unpack() { # root suite package base
  local root=$1 suite=$2 package=$3 base=$4 deb version
  local apt=$work/apt/$suite
  if [ ! -e "$apt/.updated" ]; then
    write_apt_root "$apt" "$suite" "$base"
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
  mkdir -p "$dir/bin" "$dir/root"
  work=$(cd "$dir" && pwd)
  bin=$work/bin
  reason=$(obstacle)
  while read -r name suite package base; do
    [ -n "$name" ] || continue
    if [ -n "$reason" ] && [ ! -e "$bin/$name-server" ]; then continue; fi
    if provide "$name" "$suite" "$package" "$base"; then found=$((found + 1)); fi
    if [ "$only_one" = yes ] && [ "$found" -gt 0 ]; then break; fi
  done <<<"$catalogue"
  rm -rf "$work/apt"
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
