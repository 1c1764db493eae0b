# What the scripts that fetch from Debian's archive share; to be sourced.

# The archive this machine already uses, as apt reports it: the main component of something called debian,
# security updates aside.
archive() {
  if [ -n "${DEBIAN_ARCHIVE:-}" ]; then echo "${DEBIAN_ARCHIVE%/}"; return; fi
  command -v apt-get >/dev/null || return 0
  apt-get indextargets --format '$(COMPONENT) $(RELEASE) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk '$1 == "main" && $2 !~ /security/ && $3 ~ /\/debian\/?$/ && !found { sub(/\/$/, "", $3); print $3; found = 1 }'
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

# A private apt root for one suite, with an empty package status. Proxies and the like stay the host's; its hooks
# don't run.
write_apt_root() { # apt-dir kind suite base
  local apt=$1 kind=$2 suite=$3 base=$4 release
  mkdir -p "$apt"/etc/{apt.conf.d,preferences.d,sources.list.d} "$apt"/state/lists/partial \
    "$apt"/cache/archives/partial
  : >"$apt/status"
  for release in $(printf '%s\n' "$suite" "$base" | sort -u); do
    echo "$kind [signed-by=$(keyring)] $(archive) $release main"
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

# Builds a server and its command line client from Debian's source package, without TLS: bin/<name>-server and -cli.
# What was built before is kept; what can't be had is a skip, said in one line. Needs a C compiler.
build_server() { # folder name suite package make-argument..
  local folder=$1 name=$2 suite=$3 package=$4
  mkdir -p "$folder/bin" "$folder/source"
  if [ ! -x "$folder/bin/$name-server" ]; then
    echo "$name: building $package of $suite"
    # `set -e` doesn't reach into a condition: a shell of its own for the steps.
    if ! bash -c "set -euo pipefail; $(declare -f); build_from_source \"\$@\"" build "$@" \
      >"$folder/source/$name.log" 2>&1; then
      echo "$name skipped: $(tail -n 1 "$folder/source/$name.log")"
      return 1
    fi
  fi
  echo "$name is $("$folder/bin/$name-server" --version | sed -n 's/.*v=\([^ ]*\).*malloc=\([^ ]*\).*/\1 with \2/p')"
}

build_from_source() { # folder name suite package make-argument..
  local folder name=$2 suite=$3 package=$4 apt tree reason
  folder=$(cd "$1" && pwd)
  shift 4
  apt=$folder/source/$name-apt tree=$folder/source/$name
  reason=$(obstacle)
  if [ -n "$reason" ]; then echo "$reason"; return 1; fi
  rm -rf "$apt" "$tree"
  mkdir -p "$tree"
  write_apt_root "$apt" deb-src "$suite" "$suite"
  apt-get -qq -c "$apt/apt.conf" update
  (cd "$apt" && apt-get -qq -c "$apt/apt.conf" source --download-only "$package")
  tar xf "$apt/$package"_*.orig.tar.* -C "$tree" --strip-components=1
  nice make -C "$tree/src" -j"$(nproc)" BUILD_TLS=no "$@" "$package-server" "$package-cli"
  cp "$tree/src/$package-cli" "$folder/bin/$name-cli"
  # The server last: what stands there is taken for complete.
  cp "$tree/src/$package-server" "$folder/bin/.$name-server"
  mv "$folder/bin/.$name-server" "$folder/bin/$name-server"
  rm -rf "$apt" "$tree"
}
