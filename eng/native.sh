# Sourced by ./lorikeet and eng/test: the native libraries that Lorikeet needs. Defines ensure_libvips, ensure_duckdb and, for tests
# alone, ensure_ffmpeg, ensure_chromium, ensure_gxx and ensure_nvrtc; expects say() and $root.

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

# ffmpeg reads videos; without it the tests of video files are skipped.
ensure_ffmpeg() {
  local tried="$root/artifacts/.ffmpeg-tried"
  { command -v ffmpeg && command -v ffprobe; } >/dev/null && return
  [[ ! -e "$tried" ]] && command -v apt-get >/dev/null && [[ $EUID -eq 0 || "${CI:-}" == true ]] || return 0
  local as=()
  [[ $EUID -eq 0 ]] || as=(sudo -n)
  mkdir -p -- "$root/artifacts" && : >"$tried"
  say "installing ffmpeg, which reads videos ..."
  "${as[@]}" apt-get update -qq >&2 </dev/null
  DEBIAN_FRONTEND=noninteractive "${as[@]}" apt-get install -y -qq --no-install-recommends ffmpeg >/dev/null </dev/null \
    || say "ffmpeg could not be installed; to try again: eng/native.sh ffmpeg"
}

# libduckdb reads Parquet files; nothing else needs it. It comes in an npm package and goes to artifacts/native, where the program looks.
ensure_duckdb() {
  local version=1.5.6-r.1 sum=3f4962cdd266eab2b479a5b5a4a6d063d279b2954ae814ed00385d553b747633 home="$root/artifacts/native" tried="$root/artifacts/.duckdb-tried" folder
  [[ -e "$home/libduckdb.so" || "$(uname -sm)" != 'Linux x86_64' ]] && return
  [[ -z "$(compgen -G '/usr/lib/*/libduckdb.so' || compgen -G '/usr/local/lib*/libduckdb.so')" ]] || return
  [[ "${1:-}" == again || ! -e "$tried" ]] || return   # one attempt: without a network each start would wait for another
  mkdir -p -- "$home" && : >"$tried"
  command -v npm >/dev/null || { say "npm is needed to install libduckdb (Parquet files) and was not found"; return; }
  say "installing libduckdb, which reads Parquet files ..."
  folder="$(mktemp -d "$home/.duckdb-XXXXXX")" || return
  ( cd -- "$folder" && npm pack --silent "@duckdb/node-bindings-linux-x64@$version" >/dev/null 2>&1 </dev/null && tar -xzf ./*.tgz package/libduckdb.so )
  if [[ "$(sha256sum "$folder/package/libduckdb.so" 2>/dev/null)" == "$sum "* ]]; then
    mv -f -- "$folder/package/libduckdb.so" "$home/libduckdb.so"
  else
    say "libduckdb could not be installed: Parquet files cannot be read. To try again: eng/native.sh duckdb"
  fi
  rm -rf -- "$folder"
}

# g++ builds the GPU that tests compute on where there is no other; without it they are skipped.
ensure_gxx() {
  local tried="$root/artifacts/.gxx-tried"
  command -v g++ >/dev/null && return
  [[ ! -e "$tried" ]] && command -v apt-get >/dev/null && [[ $EUID -eq 0 || "${CI:-}" == true ]] || return 0
  local as=()
  [[ $EUID -eq 0 ]] || as=(sudo -n)
  mkdir -p -- "$root/artifacts" && : >"$tried"
  say "installing g++, which builds the emulated GPU of the tests ..."
  "${as[@]}" apt-get update -qq >&2 </dev/null
  DEBIAN_FRONTEND=noninteractive "${as[@]}" apt-get install -y -qq --no-install-recommends g++ >/dev/null </dev/null || say "g++ could not be installed: tests of GPU kernels are skipped"
}

# NVIDIA's kernel compiler, with which tests compile every kernel; without it they are skipped. It needs no GPU. Debian has it in its
# section non-free: it is fetched into artifacts/native with lists of our own, and the system's sources and packages stay as they are.
ensure_nvrtc() {
  local home="$root/artifacts/native" tried="$root/artifacts/.nvrtc-tried" keys=/usr/share/keyrings/debian-archive-keyring.gpg folder package mirror
  [[ -e "$home/libnvrtc.so.11.2" || "$(uname -sm)" != 'Linux x86_64' ]] && return
  [[ "${1:-}" == again || ! -e "$tried" ]] || return   # one attempt: without a network each start would wait for another
  command -v apt-get >/dev/null && command -v dpkg >/dev/null && [[ -e "$keys" ]] || { [[ "${1:-}" != again ]] || say "libnvrtc is installed by this script on Debian alone; else take NVIDIA's CUDA toolkit"; return; }
  # From the mirror of Debian that the system itself uses.
  mirror="$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT)' 2>/dev/null | awk '$2 == "main" && $1 ~ /\/debian\/?$/ { print $1; exit }')"
  [[ -n "$mirror" ]] || { [[ "${1:-}" != again ]] || say "apt knows no mirror of Debian to fetch libnvrtc from"; return; }
  mkdir -p -- "$home" && : >"$tried"
  say "fetching libnvrtc, NVIDIA's kernel compiler (proprietary software under NVIDIA's terms, from Debian's section non-free), into artifacts/native ..."
  folder="$(mktemp -d "$home/.nvrtc-XXXXXX")" || return
  mkdir -p -- "$folder/lists/partial" "$folder/archives/partial"
  printf 'deb [signed-by=%s] %s bookworm non-free\n' "$keys" "$mirror" >"$folder/s.list"
  (
    cd -- "$folder" || exit 1
    own=(-o "Dir::Etc::SourceList=$folder/s.list" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$folder/lists"
      -o "Dir::Cache::Archives=$folder/archives" -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache=" -o APT::Sandbox::User=root)
    apt-get -qq "${own[@]}" update && apt-get -qq "${own[@]}" download libnvrtc11.2 libnvrtc-builtins11.8 || exit 1
    for package in ./*.deb; do dpkg -x "$package" out || exit 1; done
    cp -P -- out/usr/lib/x86_64-linux-gnu/libnvrtc-builtins.so.* out/usr/lib/x86_64-linux-gnu/libnvrtc.so.* "$home/"
  ) >/dev/null 2>"$folder/log" </dev/null || say "libnvrtc could not be fetched ($(tail -1 "$folder/log")); to try again: eng/native.sh nvrtc"
  rm -rf -- "$folder"
}

if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then
  root="$(cd -P -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)"
  say() { printf 'native: %s\n' "$*" >&2; }
  case "${1:-}" in
    libvips) rm -f -- "$root/artifacts/.libvips-tried"; ensure_libvips ;;
    duckdb) ensure_duckdb again; [[ -e "$root/artifacts/native/libduckdb.so" ]] ;;
    ffmpeg) rm -f -- "$root/artifacts/.ffmpeg-tried"; ensure_ffmpeg; command -v ffmpeg >/dev/null ;;
    gxx) rm -f -- "$root/artifacts/.gxx-tried"; ensure_gxx; command -v g++ >/dev/null ;;
    nvrtc) ensure_nvrtc again; [[ -e "$root/artifacts/native/libnvrtc.so.11.2" ]] ;;
    *) say "usage: eng/native.sh libvips | duckdb | ffmpeg | gxx | nvrtc"; exit 2 ;;
  esac
fi
