#!/usr/bin/env bash
# Runs `cargo xtask test --without docker` on a bare machine: a Debian 12 in a folder, with nothing but a C compiler,
# git, curl and Rust.
#
#     xtask/bare-debian.sh FOLDER [COMMAND…]
#
# Needs root, `debootstrap`, a Rust toolchain and, for the first run, 10 GB in FOLDER. The last commit is cloned into the
# Debian, so it tests nothing that is not committed. A FOLDER made by an earlier run is entered again as it was left,
# to look into a failure; delete it to begin anew.
#
# MIRROR names Debian's mirror; without it apt's configuration on this machine does, or else debootstrap's default.
set -euo pipefail

folder="$(realpath -m "${1:?usage: $0 FOLDER [COMMAND…]}")"
shift
# There is no Docker daemon within: its Debian has neither cgroups nor a network of its own.
[ $# -gt 0 ] || set -- cargo xtask test --without docker
repository="$(realpath "$(dirname "$0")/..")"
rust="$(rustc --print sysroot)"
[ -x "$rust/bin/cargo" ] && [ "$rust" != /usr ] || { echo "no toolchain of rustup's in $rust" >&2; exit 1; }

# The caller's settings for networks: proxies, certificate authorities and package registries.
network_variables() {
  env | grep -E -e '^([a-z]+_proxy|[A-Z]+_PROXY|SSL_CERT_[A-Z]+|[A-Z]+_CA_BUNDLE|NODE_EXTRA_CA_CERTS|GIT_SSL_CAINFO)=' \
    -e '^PIP_(INDEX_URL|EXTRA_INDEX_URL|CERT|PROXY|TRUSTED_HOST|DEFAULT_TIMEOUT)=' \
    -e '^(npm_config|CARGO_(HTTP|NET|SOURCE))_\w+=' || true
}

# The same settings as files.
copy_network_settings() {
  local file
  mkdir -p "$folder/etc/apt/apt.conf.d"
  apt-config dump Acquire | grep -v '::IndexTargets' >"$folder/etc/apt/apt.conf.d/50caller" || true
  for file in /etc/resolv.conf /etc/hosts /etc/apt/auth.conf /etc/apt/auth.conf.d /etc/pip.conf /etc/npmrc \
    /usr/local/share/ca-certificates /etc/ssl/certs/ca-certificates.crt; do
    [ ! -e "$file" ] || cp -RLT "$file" "$folder$file"
  done
  for file in .npmrc .pip/pip.conf .config/pip/pip.conf .cargo/config.toml; do
    [ ! -e "$HOME/$file" ] || install -D "$HOME/$file" "$folder/root/$file"
  done
}

make_debian() {
  local mirror="${MIRROR:-}"
  if [ -z "$mirror" ] && command -v apt-get >/dev/null; then
    mirror="$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' 'Codename: bookworm' | head -n 1)"
  fi
  debootstrap --variant=minbase --include=build-essential,git,curl,ca-certificates bookworm "$folder" \
    ${mirror:+"$mirror"}
  copy_network_settings
  mkdir -p "$folder/opt/rust"
  # Comes last: its presence means that the folder is complete.
  git clone --quiet "$repository" "$folder/root/switchboard"
}

[ -d "$folder/root/switchboard" ] || make_debian

# Mounts and processes live in namespaces of their own: none is left behind, however this ends.
export folder rust
mapfile -t variables < <(network_variables)
exec unshare --mount --propagation private --pid --fork --kill-child bash -euc '
  mount -t proc proc "$folder/proc"
  mount -t sysfs -o ro sysfs "$folder/sys"
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$folder/dev/pts"
  mkdir -p "$folder/dev/shm"
  mount -t tmpfs tmpfs "$folder/dev/shm"
  mount --bind "$rust" "$folder/opt/rust"
  mount -o remount,bind,ro "$folder/opt/rust"
  # Without exec, so that this shell stays the first process of its namespace and collects orphans.
  chroot "$folder" "$@" || exit $?
' bash /usr/bin/env -i HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" "${variables[@]}" \
  PATH=/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  bash -c 'cd /root/switchboard && exec "$@"' bash "$@"
