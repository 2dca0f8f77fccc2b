# Sourced by ./lorikeet and eng/test: the native libraries that Lorikeet needs. Defines ensure_libvips and, for tests alone,
# ensure_chromium; expects say() and $root.

# libvips decodes the pictures. It is the only native library that the main job needs.
ensure_libvips() {
  local found package
  found="$(compgen -G '/usr/lib/*/libvips.so.42' || compgen -G '/usr/lib*/libvips.so.42' || compgen -G '/usr/local/lib*/libvips.so.42')"
  [[ -n "$found" || "$(uname -s)" != Linux ]] && return
  command -v apt-get >/dev/null || { say "libvips 8.13 or newer is needed to decode pictures; install it with your package manager"; return; }
  local as=()
  [[ $EUID -eq 0 ]] || as=(sudo -n)
  local tried="$root/artifacts/.libvips-tried"   # one attempt: without a network each start would wait for another
  if [[ ($EUID -eq 0 || "${CI:-}" == true) && ! -e "$tried" ]]; then
    mkdir -p -- "$root/artifacts" && : >"$tried"
    say "installing libvips, which decodes the pictures ..."
    "${as[@]}" apt-get update -qq >&2 </dev/null
    for package in libvips42t64 libvips42; do
      [[ -n "$(apt-cache search --names-only "^$package\$" 2>/dev/null)" ]] || continue
      DEBIAN_FRONTEND=noninteractive "${as[@]}" apt-get install -y -qq --no-install-recommends "$package" >/dev/null </dev/null && return
    done
    say "libvips could not be installed"
  fi
  if [[ -z "$(compgen -G '/usr/lib/*/libvips.so.42')" ]]; then
    package=libvips42
    [[ -n "$(apt-cache search --names-only '^libvips42t64$' 2>/dev/null)" ]] && package=libvips42t64
    say "pictures need libvips; type once: sudo apt-get install -y --no-install-recommends $package"
  fi
}

# The browser that slow tests open reports in; without it they are skipped.
ensure_chromium() {
  local tried="$root/artifacts/.chromium-tried"
  [[ -x /usr/bin/chromium || -e "$tried" ]] && return
  command -v apt-get >/dev/null && [[ $EUID -eq 0 || "${CI:-}" == true ]] || return 0
  local as=()
  [[ $EUID -eq 0 ]] || as=(sudo -n)
  mkdir -p -- "$root/artifacts" && : >"$tried"
  say "installing chromium, in which tests open the reports ..."
  "${as[@]}" apt-get update -qq >&2 </dev/null
  DEBIAN_FRONTEND=noninteractive "${as[@]}" apt-get install -y -qq --no-install-recommends chromium >/dev/null </dev/null || say "chromium could not be installed"
}
