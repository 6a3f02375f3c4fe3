#!/bin/bash
# Installs gatereader as a service from this checkout; run again it upgrades, or changes nothing. docs/install.md explains.
#
# Each version has a folder of its own, as an environment cannot be moved once it is made:
#   PREFIX/releases/ID   environment, unit file, documents; the file `installed` in it is written last
#   PREFIX/current       link to the one in use, which the unit names; PREFIX/previous: the one before
# So an upgrade that fails half-way has touched nothing that runs, and going back is a link.
set -euo pipefail
export LC_ALL=C
umask 022                                    # root's own may be 077, and the service is not root
unset PYTHONPATH PYTHONHOME PIP_USER PIP_TARGET PIP_PREFIX

HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
readonly HERE
readonly SOURCE=${HERE%/*}
# Only the tests set it, with stand-ins for the commands: an environment that was made below a folder does not work
# elsewhere. For an image of a system, run this script in the image's chroot, with --no-start.
readonly ROOT=${GATEREADER_ROOT:-}

readonly LEAST_PYTHON=3.11                   # pyproject.toml's requires-python; tests/test_install.py compares
readonly NEED_MB=500                         # 404 while an environment is made, 293 then: du -sm, docs/install.md
readonly USER_NAME=gatereader
readonly ETC=$ROOT/etc/gatereader STATE=$ROOT/var/lib/gatereader CACHE=$ROOT/var/cache/gatereader
readonly CONFIG=$ETC/gatereader.toml
readonly UNITS=$ROOT/etc/systemd/system
readonly UNIT=$UNITS/gatereader.service
readonly SYSUSERS=$ROOT/etc/sysusers.d/gatereader.conf
readonly LINK=$ROOT/usr/local/bin/gatereader
readonly SHARE=share/gatereader              # below a release: what was in systemd/
# Which run of the service is out of date: the next run of this script starts it anew, should this one not come so far.
readonly OUTDATED=$ROOT/run/gatereader-outdated
readonly LOCKS=$ROOT/run/gatereader-install
readonly DROP_INS=(picamera2 jetson gpio)

command=install prefix='' python='' camera='' source='' gpio='' wheels='' dry='' no_start='' replace='' purge=''
changes=0 work='' building='' configuring='' configured='' why='' doing='' told=''

usage() {
  cat <<END
usage: sudo systemd/install.sh [install | rollback | uninstall] [options]

install      install from this checkout, or upgrade to it; the configuration is kept (the default)
rollback     go back to the version before; again: forward
uninstall    remove program and service; keeps /etc/gatereader and /var/lib/gatereader

--dry-run         print each command that would change something, and change nothing; needs no root
--camera KIND     picamera (a Raspberry Pi's own), usb, rtsp, jetson (a CSI camera) or none (the demo scene);
                  without it: as before, else a USB camera that is plugged in, else picamera on a Raspberry Pi, else none
--source ADDRESS  the camera's address for a new configuration, such as rtsp://192.168.1.20/stream
--gpio            let the service use the board's pins;  --no-gpio: no more
--python PATH     the Python to use, $LEAST_PYTHON or newer, instead of the system's
--prefix DIR      where the program goes; /opt/gatereader
--wheels DIR      take everything from this folder of wheels, for a machine without network
--no-start        neither start nor restart the service (also: in a chroot that becomes an image)
--replace         replace a unit file that was changed by hand; it stays beside as gatereader.service.old
--upgrade         the same as install
--purge           with uninstall: configuration, records and the user gatereader too
--help            this text

Exit status: 0 done, 1 failed, 2 wrong usage, 78 the configuration is wrong. After a failure the version before still runs.
END
}

say() { printf '%s\n' "$*"; }
fail() { told=yes; printf 'install.sh: %s\n' "$*" >&2; exit 1; }
misused() { told=yes; printf 'install.sh: %s; --help lists all\n' "$*" >&2; exit 2; }

# Runs a command that changes something, or prints it.
run() {
  changes=$((changes + 1)) doing="$*"
  if [ -z "$dry" ]; then "$@"; return; fi
  printf '+'; printf ' %q' "$@"; printf '\n'
}

# shellcheck disable=SC2317,SC2329  # called by a trap
tidy() {
  local status=$?
  [ -z "$building" ] || rm -rf "$building"   # cut short: what runs is another folder
  [ -z "$configuring" ] || rm -f "$configuring"  # nobody has said yet that it is a sound one
  [ -z "$work" ] || rm -rf "$work"
  case $status in 0 | 130 | 143) told=yes ;; esac
  if [ -z "$told" ]; then
    printf 'install.sh: stopped, as this failed: %s (the reason is above)\n' "$doing" >&2
    status=1
  fi
  exit "$status"
}

parse() {
  local value
  while [ $# -gt 0 ]; do
    case $1 in
      install | rollback | uninstall) command=$1 ;;
      --upgrade) command=install ;;
      --dry-run) dry=yes ;;
      --no-start) no_start=yes ;;
      --replace) replace=yes ;;
      --purge) purge=yes ;;
      --gpio) gpio=yes ;;
      --no-gpio) gpio=no ;;
      --help | -h) usage; exit 0 ;;
      --camera | --source | --python | --prefix | --wheels)
        [ $# -gt 1 ] || misused "$1 wants a value"
        value=$2
        case $1 in
          --camera) camera=$value ;;
          --source) source=$value ;;
          --python) python=$value ;;
          --prefix) prefix=${value%/} ;;
          --wheels) wheels=$value ;;
        esac
        shift ;;
      *) misused "unknown argument $1" ;;
    esac
    shift
  done
  case $camera in
    '' | picamera | usb | rtsp | jetson | none) ;;
    *) misused "--camera is picamera, usb, rtsp, jetson or none, not $camera" ;;
  esac
  [ -z "$purge" ] || [ "$command" = uninstall ] || misused "--purge belongs to uninstall"
  [ -z "$wheels" ] || [ -d "$wheels" ] || misused "--wheels $wheels: there is no such folder"
  # other commands run in other folders, and python's path is remembered
  if [ -n "$wheels" ]; then wheels=$(cd "$wheels" && pwd); fi
  if [[ $python == */* && $python != /* ]]; then python=$PWD/$python; fi
}

# --- what there is

is_raspberry_pi() { grep -qsa 'Raspberry Pi' "$ROOT/proc/device-tree/model"; }
is_jetson() { [ -e "$ROOT/etc/nv_tegra_release" ] || grep -qsaE 'Jetson|NVIDIA' "$ROOT/proc/device-tree/model"; }
usb_camera() { compgen -G "$ROOT/dev/v4l/by-id/*-video-index0" | head -n 1 || true; }

# The last part of the path that a link below PREFIX points to; nothing if there is none.
release_of() { [ ! -L "$prefix/$1" ] || basename "$(readlink "$prefix/$1")"; }
# What a release's record says: `recorded FOLDER KEY`.
recorded() { sed -n "s/^$2=//p" "$1/installed" 2>/dev/null || true; }
works() { [ -f "$1/installed" ] && "$1/bin/gatereader" --version >/dev/null 2>&1; }

find_prefix() {
  local before=''
  [ ! -f "$UNIT" ] || before=$(sed -n 's|^ExecStart=\(/.*\)/current/bin/gatereader .*|\1|p' "$UNIT")
  : "${prefix:=${before:-/opt/gatereader}}"
  [[ $prefix =~ ^/[A-Za-z0-9._/-]+$ ]] || fail "--prefix $prefix: wanted is a full path of letters, digits and ._-/"
  case $prefix/ in
    /home/* | /root/* | /run/* | /tmp/* | /var/tmp/*)
      fail "--prefix $prefix: the service cannot see what lies there; take /opt/gatereader, or a folder below /srv" ;;
  esac
  if [ -n "$before" ] && [ "$before" != "$prefix" ]; then
    fail "gatereader is installed in $before, not in $prefix: leave --prefix out, or run \`uninstall\` first"
  fi
  prefix=$ROOT$prefix
}

check_machine() {
  local machine bits tool
  [ -n "$dry" ] || [ "$(id -u)" = 0 ] || fail "only root can install a service: sudo $0 $*"
  machine=$(uname -m) bits=$(getconf LONG_BIT)
  case $machine in
    x86_64 | aarch64) [ "$bits" = 64 ] || fail "the kernel is 64 bit ($machine) but the system is $bits bit, for which there \
are no wheels: install the 64-bit Raspberry Pi OS (or Debian)" ;;
    *) fail "the processor is said to be $machine; there are wheels for x86_64 and aarch64 only. A Raspberry Pi 3, 4, 5 or \
Zero 2 can run the 64-bit Raspberry Pi OS: install that" ;;
  esac
  for tool in systemctl systemd-sysusers; do
    command -v $tool >/dev/null || fail "this machine has no $tool, and systemd runs the service; \`make run\` starts gatereader \
without, see docs/install.md"
  done
  [ "$command" = uninstall ] || [ -n "$no_start$dry" ] || systemd_runs || fail "systemd is installed but does not run this machine \
(a chroot or a container?); with --no-start all is installed, and the service starts with the next boot"
}

# Prints version, bits, whether venv and ensurepip are there, and the file behind all links.
probe() {
  "$1" -I -c 'import importlib.util as u, os, struct, sys
venv = all(u.find_spec(n) for n in ("venv", "ensurepip"))
v = sys.version_info
print("%d.%d.%d" % v[:3], struct.calcsize("P") * 8, "venv" if venv else "bare", os.path.realpath(sys.executable))' 2>/dev/null
}

# Says what is wrong with a Python that was probed; nothing if it will do.
objection() {
  local version=$1 bits=$2 file=$4
  if [ "$(printf '%s\n' "$LEAST_PYTHON" "$version" | sort -V | head -n 1)" != "$LEAST_PYTHON" ]; then
    echo "is $version, too old"
  elif [ "$bits" != 64 ]; then
    echo "is $bits bit"
  elif [[ $file =~ ^/(home|root|run|tmp)/ ]]; then
    echo "lies in $file, where the service cannot see it"
  fi
}

# Sets python and python_version, and python_bare if its venv module is missing.
find_python() {
  local candidate found words wrong tried=''
  python_version='' python_bare=''
  for candidate in ${python:-python3 "$ROOT/usr/bin/python3" python3.14 python3.13 python3.12 python3.11}; do
    found=$(probe "$candidate") || continue
    read -r -a words <<<"$found"
    wrong=$(objection "${words[@]}")
    if [ -n "$wrong" ]; then tried+="$candidate $wrong; "; continue; fi
    python=$(command -v "$candidate") python_version=${words[0]}
    [ "${words[2]}" = venv ] || python_bare=yes
    return 0
  done
  [ -z "$python" ] || [ -n "$tried" ] || fail "--python $python: is no Python that can be run"
  [ -n "$tried" ] || return 1
  fail "gatereader needs Python $LEAST_PYTHON or newer that every user can read, and ${tried%; }. Ways out: a system that has one \
(Debian 12, Raspberry Pi OS 12, Ubuntu 24.04), or one beside the system's, with uv (docs.astral.sh/uv): \
\`sudo env UV_PYTHON_INSTALL_DIR=/opt/python uv python install 3.12\`, then again with --python and its path below /opt/python"
}

# What was not asked for is as it was at the last run, or as the machine suggests.
choose() {
  local now=$prefix/current before
  before=$(recorded "$now" python)
  if [ -z "$python" ] && [ -x "$before" ]; then python=$before; fi
  : "${camera:=$(recorded "$now" camera)}"
  if [ -z "$camera" ]; then
    camera=none why='no camera found: '
    ! is_raspberry_pi || camera=picamera why="a Raspberry Pi's own camera"
    [ -z "$(usb_camera)" ] || camera=usb why='a USB camera that is plugged in'
  fi
  : "${gpio:=$(recorded "$now" gpio)}" "${gpio:=no}"
  if [ "$camera" = jetson ] && ! is_jetson; then
    fail "--camera jetson is for a Jetson's CSI camera, and this is no Jetson; a USB camera is --camera usb"
  fi
  if [ "$camera" = rtsp ] && [ -z "$source" ] && [ ! -f "$CONFIG" ]; then
    misused "--camera rtsp wants the address too, once: --source rtsp://…"
  fi
  if [ "$gpio" = yes ] && [ -z "$(getent group gpio)" ]; then
    fail "--gpio: there is no group gpio here, and the service would not start; Raspberry Pi OS has it (sudo groupadd gpio, \
and a rule of udev that gives it /dev/gpiochip*)"
  fi
}

missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

install_packages() {
  local wanted=()
  if ! find_python; then
    wanted=(python3 python3-venv)
  elif [ -n "$python_bare" ]; then
    # /usr/bin/python3.12 of Ubuntu's wants python3.12-venv
    if [ "${python##*/}" = python3 ]; then wanted=(python3-venv); else wanted=("${python##*/}-venv"); fi
  fi
  [ "$camera" != picamera ] || wanted+=(python3-picamera2)
  [ "${#wanted[@]}" -gt 0 ] || return 0
  fetch_packages "${wanted[@]}"
  if [ -n "$dry" ]; then
    : "${python:=python3}" "${python_version:=$LEAST_PYTHON}"
    return
  fi
  find_python || fail "apt installed ${wanted[*]}, and there is still no Python that can be run"
  [ -z "$python_bare" ] || fail "$python lacks its modules venv and ensurepip, and ${wanted[*]} did not bring them; take \
another with --python"
  if [ "$camera" = picamera ] && ! "$python" -I -c 'import sys, importlib.util as u; sys.exit(not u.find_spec("picamera2"))'; then
    fail "--camera picamera needs the system's own Python, for which apt brings picamera2, and $python is another: \
--python /usr/bin/python3"
  fi
}

fetch_packages() {
  local wanted=("$@") missing=()
  command -v dpkg-query >/dev/null || fail "${wanted[*]} missing, and this is no system with apt: install what it has in \
their place, and run this again"
  mapfile -t missing < <(missing_packages "${wanted[@]}")
  if [ "${#missing[@]}" -gt 0 ]; then
    command -v apt-get >/dev/null || fail "${missing[*]} missing and there is no apt-get; install them by hand and run this again"
    say "packages: ${missing[*]}"
    run env DEBIAN_FRONTEND=noninteractive apt-get -qq update || fail "apt could not read its package lists, see above; \
is there a network? \`sudo apt update\` must succeed first"
    run env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >"$work/apt" 2>&1 \
      || { tail -n 3 "$work/apt" >&2; fail "apt could not install ${missing[*]}, see above; python3-picamera2 is in Raspberry \
Pi OS only: elsewhere choose --camera usb, rtsp or none. Nothing was changed in gatereader"; }
    [ -z "$dry" ] || cat "$work/apt"
  fi
}

# --- a release

# Its name: the version, and a hash of all that goes into it, so that nothing changed means nothing to do.
name_release() {
  local version hash
  [ -f "$SOURCE/pyproject.toml" ] || fail "$HERE is no checkout of gatereader but an installed copy: run the systemd/install.sh of \
the version that is to be installed (\`rollback\` and \`uninstall\` work here)"
  version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$SOURCE/edge/__init__.py")
  hash=$(
    cd "$SOURCE"
    {
      find edge models systemd docs pyproject.toml README.md LICENSE -type f -not -path '*/__pycache__/*' \
        -not -path 'models/checkpoints/*' -print0 | sort -z | xargs -0 sha256sum
      echo "$python $python_version $(environment_options)"
    } | sha256sum
  )
  id=$version-${hash:0:8}
  case $(release_of current) in               # if the one in use is broken: a new one beside it, as always
    "$id") works "$prefix/releases/$id" || id+=.again ;;
    "$id.again") ! works "$prefix/releases/$id.again" || id+=.again ;;
  esac
  release=$prefix/releases/$id
}

# Raspberry Pi OS brings picamera2 as a package of the system's Python.
environment_options() { [ "$camera" != picamera ] || echo --system-site-packages; }

check_space() {
  local place=$prefix free
  while [ ! -d "$place" ]; do place=$(dirname "$place"); done
  free=$(df -Pm "$place" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$NEED_MB" ] || fail "$place has $free MB free, and a new version needs $NEED_MB while it is made; make room \
(\`sudo apt clean\`, old recordings), or take another disk with --prefix. Nothing was changed"
}

pip() { run "$release/bin/python" -m pip --disable-pip-version-check "$@"; }

pip_install() {
  local offline=()
  [ -z "$wheels" ] || offline=(--no-index --find-links "$wheels")
  if ! pip install --no-cache-dir --progress-bar off "${offline[@]}" "$@" >"$work/pip" 2>&1; then
    tell_pip
  fi
  [ -z "$dry" ] || cat "$work/pip"
}

tell_pip() {
  local last
  last=$(grep -E '^ *(ERROR|error):' "$work/pip" | tail -n 1 | cut -c 1-300) || last=$(tail -n 1 "$work/pip" | cut -c 1-300)
  if grep -q 'No space left' "$work/pip"; then
    fail "the disk of $prefix is full: a new version needs $NEED_MB MB while it is made. What ran before is as it was"
  elif [ -n "$wheels" ]; then
    fail "pip finds not all in $wheels for Python $python_version on $(uname -m): $last. docs/install.md says how to fill the folder"
  elif grep -qE "Retrying|NewConnectionError|NameResolution|Temporary failure|timed out|Connection (reset|refused)|SSLError" "$work/pip"; then
    fail "pip could not fetch the packages: no network, or no way to pypi.org. Try again when there is, or bring the wheels with \
--wheels (docs/install.md). What ran before is as it was"
  fi
  fail "pip could not install: ${last:-it said nothing}. What ran before is as it was"
}

build() {
  if works "$release"; then return; fi
  check_space
  say "making $release (minutes on a small board)"
  [ -n "$dry" ] || building=$release
  run rm -rf "$release"
  run mkdir -p "$release"
  # On Debian 13 /tmp is memory, and a Raspberry Pi has little.
  run mkdir "$release/tmp"
  export TMPDIR=$release/tmp
  local options
  read -r -a options <<<"$(environment_options)"
  run "$python" -m venv "${options[@]}" "$release" || fail "$python could not make an environment in $release, see above"
  pip_install "$SOURCE"
  # picamera2 imports simplejpeg, and that of Raspberry Pi OS 12 does not load beside numpy 2; as in the Makefile.
  [ "$camera" != picamera ] || pip_install --ignore-installed --no-deps simplejpeg
  run "$HERE/trim.sh" "$release"
  run rm -rf "$release/tmp"
  unset TMPDIR
  run mkdir -p "$release/$SHARE/docs"
  run cp -r "$HERE/." "$release/$SHARE/"
  run cp "$SOURCE"/docs/*.md "$SOURCE"/docs/*.png "$release/$SHARE/docs/"
  try_release
}

# Does it compute on this machine what it should? The models' own test pictures, away from the camera and the records.
try_release() {
  local answer wrong
  if ! answer=$(cd "$work" && run "$release/bin/gatereader" check --source demo: --listen 127.0.0.1:0 \
    --csv "$work/plates.csv" 2>&1); then
    wrong=$(sed -n 's/^FAILED  //p' <<<"$answer")
    [ -n "$wrong" ] || wrong=$(tail -n 1 <<<"$answer")
    fail "the new version was installed but does not work here: ${wrong//$'\n'/; }. What ran before is as it was"
  fi
  [ -z "$dry" ] || say "$answer"
}

# Written last: a release without it was cut short. Written anew if only an answer changed.
record() {
  printf '%s\n' "version=${id%%-*}" "camera=$camera" "gpio=$gpio" "python=$python" >"$work/installed"
  put "$work/installed" "$release/installed" 644
  building=''
}

# --- files of the system

# put SOURCE TARGET MODE [GROUP]: unless it is there already, just so.
put() {
  local group=${4:-root}
  if cmp -s "$1" "$2" && [ "$(stat -c '%a %G' "$2")" = "$3 $group" ]; then return; fi
  run install -D -m "$3" -o root -g "$group" "$1" "$2"
}

# Units are compared with what some release would have there, so that a change by hand is seen.
render_unit() { sed "s|/opt/gatereader|${prefix#"$ROOT"}|g" "$1/gatereader.service"; }

# Which drop-ins a release's record asks for.
drop_ins_of() {
  case $(recorded "$1" camera) in
    picamera) echo picamera2 ;;
    jetson) echo jetson ;;
  esac
  [ "$(recorded "$1" gpio)" != yes ] || echo gpio
}

# Fails if the unit or a drop-in is neither as the release in use has it, nor as the new one: somebody changed it.
check_unchanged() {
  local new=$1 now=$prefix/current/$SHARE name file
  if [ -f "$UNIT" ] && ! cmp -s "$UNIT" <(render_unit "$new") \
    && { [ ! -d "$now" ] || ! cmp -s "$UNIT" <(render_unit "$now"); }; then
    changed_by_hand "$UNIT"
  fi
  for name in "${DROP_INS[@]}"; do
    file=$UNIT.d/$name.conf
    if [ -f "$file" ] && ! cmp -s "$file" "$new/drop-ins/$name.conf" && ! cmp -s "$file" "$now/drop-ins/$name.conf"; then
      changed_by_hand "$file"
    fi
  done
  if [ -e "$prefix/current" ] && [ ! -L "$prefix/current" ]; then
    fail "$prefix/current is a folder, from an installation by hand: \`sudo mv $prefix/current $prefix/by-hand\`, and run this again"
  fi
}

changed_by_hand() {
  if [ -n "$replace" ]; then
    run mv "$1" "$1.old"
    return
  fi
  fail "$1 was changed by hand, or installed by hand. Changes belong into a drop-in (\`sudo systemctl edit gatereader\`), which is \
never touched: put yours there and run this again with --replace; the file stays as ${1##*/}.old"
}

place_user() {
  local before=$changes
  put "$1/gatereader.sysusers" "$SYSUSERS" 644
  if [ "$changes" != "$before" ] || [ -z "$(getent passwd "$USER_NAME")" ]; then run systemd-sysusers "$SYSUSERS"; fi
}

place_unit() {
  local folder=$prefix/releases/$1 from=$prefix/releases/$1/$SHARE name wanted
  # nothing of it is there yet in a dry run
  if [ -n "$dry" ] && [ ! -d "$from" ]; then from=$HERE folder=$work; fi
  render_unit "$from" >"$work/unit"
  put "$work/unit" "$UNIT" 644
  wanted=" $(drop_ins_of "$folder" | tr '\n' ' ')"
  for name in "${DROP_INS[@]}"; do
    if [[ $wanted == *" $name "* ]]; then
      put "$from/drop-ins/$name.conf" "$UNIT.d/$name.conf" 644
    elif [ -f "$UNIT.d/$name.conf" ]; then
      run rm "$UNIT.d/$name.conf"
    fi
  done
  if [ "$(readlink "$LINK" 2>/dev/null)" != "$prefix/current/bin/gatereader" ]; then
    [ -d "${LINK%/*}" ] || run mkdir -p "${LINK%/*}"
    run ln -sfn "$prefix/current/bin/gatereader" "$LINK"
  fi
}

# --- the configuration

# The address for a new configuration.
camera_source() {
  local usb
  case ${source:+given}$camera in
    given*) echo "$source" ;;
    picamera) echo picamera:0 ;;
    jetson) echo jetson:0 ;;
    usb) usb=$(usb_camera); echo "v4l2:${usb:-/dev/video0}" ;;
    *) echo demo: ;;
  esac
}

# The same for people. An address that was given may hold a password.
source_words() {
  if [ -n "$source" ]; then echo "as given with --source"; return; fi
  if [ "$camera" = none ]; then echo "demo: (${why}the demo scene's invented plates)"; return; fi
  echo "$(camera_source)${why:+ ($why)}"
}

# The template with the camera's address in it.
first_config() {
  local quoted line
  quoted=$(camera_source | sed 's/[\\"]/\\&/g')
  while IFS= read -r line; do
    [ "$line" != 'source = "demo:"' ] || line="source = \"$quoted\""
    printf '%s\n' "$line"
  done <"$1/gatereader.toml"
}

# A first one is made; a user's own is never written to, only its group and mode are put right.
place_config() {
  local from=$1
  if [ "$(stat -c '%a %G' "$ETC" 2>/dev/null)" != "750 $USER_NAME" ]; then
    run install -d -m 750 -o root -g "$USER_NAME" "$ETC"
  fi
  if [ ! -f "$CONFIG" ]; then
    first_config "$from" >"$work/config"
    configured=yes
    [ -n "$dry" ] || configuring=$CONFIG
    put "$work/config" "$CONFIG" 640 "$USER_NAME"
    return
  fi
  if [ "$(stat -c '%a %G' "$CONFIG")" != "640 $USER_NAME" ]; then
    run chgrp "$USER_NAME" "$CONFIG"
    run chmod 640 "$CONFIG"
  fi
  if [ -n "$source" ]; then
    grep -qF "\"$source\"" "$CONFIG" || say "note: $CONFIG is yours and stays as it is; --source was not written"
  elif [ "$camera" != none ] && grep -qE '^ *source *= *"demo:' "$CONFIG"; then
    say "note: $CONFIG is yours and stays as it is: its source is the demo scene, not $(camera_source)"
  fi
}

# The new version's template beside the user's file, if it brings anything new.
place_template() {
  local new=$1/gatereader.toml before=$prefix/current/$SHARE/gatereader.toml
  [ -f "$CONFIG" ] || return 0               # it will be made from the template
  if cmp -s "$new" "$CONFIG" || cmp -s "$new" "$before" || cmp -s "$new" "$CONFIG.new"; then return; fi
  put "$new" "$CONFIG.new" 640 "$USER_NAME"
  say "note: the settings have changed with this version; compare with $CONFIG.new"
}

# Would the version in this folder take the user's file?
check_config() {
  local answer
  if [ -n "$dry" ]; then run "$1/bin/gatereader" config check "$CONFIG"; return; fi
  # from where the service runs, whose relative paths begin there
  if ! answer=$(cd "$STATE" 2>/dev/null || cd /; "$1/bin/gatereader" config check "$CONFIG" 2>&1); then
    told=yes
    printf 'install.sh: %s\n' "$(tail -n 1 <<<"$answer")" >&2
    if [ -n "$configuring" ]; then
      printf 'install.sh: %s\n' "no $CONFIG is left behind: correct --source and run this again" >&2
    else
      printf 'install.sh: %s\n' \
        "this version does not take $CONFIG as it is: correct it and run this again. Until then nothing is switched over" >&2
    fi
    exit 78
  fi
  configuring=''
}

# --- the switch

point() { run ln -sfn "releases/$2" "$prefix/$1.new" && run mv -T "$prefix/$1.new" "$prefix/$1"; }   # mv is atomic

systemd_runs() { [ -d "$ROOT/run/systemd/system" ]; }
# Another one with each start of the service; nothing if it was never started.
this_run() { ! systemd_runs || systemctl show --property=InvocationID --value gatereader 2>/dev/null || true; }

# Makes a release the one in use, with its unit; goes back if its service does not start.
switch_to() {
  local next=$1 now before as_it_was=$changes restart='' runs
  now=$(release_of current)
  before=$(release_of previous)
  place_unit "$next"
  if [ "$changes" != "$as_it_was" ]; then
    restart=yes
    ! systemd_runs || run systemctl daemon-reload
  fi
  [ "$now" = "$next" ] || restart=yes
  runs=$(this_run)
  if [ -z "$restart" ]; then
    [ -z "$runs" ] || [ "$runs" != "$(cat "$OUTDATED" 2>/dev/null)" ] || restart=yes
  elif [ -n "$runs" ] && [ -z "$dry" ]; then
    echo "$runs" >"$OUTDATED"
  fi
  if [ "$now" != "$next" ]; then
    [ -z "$now" ] || point previous "$now"
    point current "$next"
  fi
  systemctl is-enabled --quiet gatereader 2>/dev/null || run systemctl enable --quiet gatereader
  [ -z "$no_start" ] || return 0
  [ -n "$restart" ] || systemctl is-active --quiet gatereader || restart=yes
  [ -n "$restart" ] || return 0
  ! run systemctl restart gatereader || return 0
  if [ -z "$now" ] || [ "$now" = "$next" ]; then
    fail "all is installed, but the service does not start; the cause: journalctl -u gatereader -n 20"
  fi
  journalctl -u gatereader -n 5 -o cat --no-pager >&2 || true
  go_back "$now" "$before"
  fail "the service does not start with $next, see above; $now is in use again"
}

go_back() {
  place_unit "$1"
  point current "$1"
  if [ -n "$2" ]; then point previous "$2"; else run rm -f "$prefix/previous"; fi
  run systemctl daemon-reload
  run systemctl restart gatereader || true
}

# Only the one in use and the one before it are kept.
prune() {
  local folder
  for folder in "$prefix"/releases/*; do
    case ${folder##*/} in
      "$(release_of current)" | "$(release_of previous)" | '*') ;;
      *) [ -n "$dry" ] || run rm -rf "$folder" ;;
    esac
  done
}

summary() {
  local done=$1
  [ -z "$configured" ] || say "source: $(source_words)"
  [ -z "$dry" ] || { say "(dry run: nothing was changed)"; return; }
  [ -z "$no_start" ] || say "the service was not started; it starts with the next boot, or \`sudo systemctl restart gatereader\`"
  if [ "$changes" = 0 ]; then say "nothing to do: gatereader $(release_of current) is in use and all is as it should be"; return; fi
  say "gatereader $(release_of current) is $done. Settings: $CONFIG, then \`sudo systemctl restart gatereader\`"
  say "How it does: systemctl status gatereader; what it sees: http://127.0.0.1:8080/, from another machine: docs/live.md"
}

# --- the commands

do_install() {
  [ -z "$dry" ] || [ ! -d "$ETC" ] || [ -x "$ETC" ] || say "note: only root can look into $ETC; what follows takes it for empty"
  choose
  install_packages
  name_release
  check_unchanged "$HERE"
  build
  record
  place_user "$HERE"
  place_template "$HERE"
  place_config "$HERE"
  check_config "$release"
  # told before the switch: without it the service does not start
  [ "$camera" != jetson ] || say "note: a Jetson's CSI camera also needs an OpenCV with GStreamer in $release, by hand: docs/sources.md"
  switch_to "$id"
  prune
  summary 'in use'
}

do_rollback() {
  local target
  target=$(release_of previous)
  if [ -z "$target" ] || ! works "$prefix/releases/$target"; then
    fail "there is no version before this one in $prefix/releases to go back to"
  fi
  check_unchanged "$prefix/releases/$target/$SHARE"
  check_config "$prefix/releases/$target"
  switch_to "$target"
  summary 'in use again'
}

# Folders that hold records and lie elsewhere, by the configuration or by a link; a line each.
elsewhere() {
  local place key words
  for place in "$ETC" "$STATE" "$CACHE" "$STATE"/*; do
    [ ! -L "$place" ] || folder_of "$(readlink -m "$place")"
  done
  [ -f "$CONFIG" ] || return 0
  # [csv] path = "…" and csv.path = "…"
  words='s/^[^#]*\b(path|folder|key_file) *= *["'\'']([^"'\'']+)["'\''].*/\1 \2/p'
  sed -nE "$words" "$CONFIG" | while read -r key place; do
    case $place in /*) place=$ROOT$place ;; *) place=$STATE/$place ;; esac
    place=$(readlink -m "$place")
    [ "$key" = folder ] || place=${place%/*}
    case $place/ in "$(readlink -m "$STATE")"/* | "$(readlink -m "$ETC")"/*) ;; *) folder_of "$place" ;; esac
  done
}

folder_of() { if [ -d "$1" ]; then echo "$1"; elif [ -e "$1" ]; then dirname "$1"; fi; }

do_uninstall() {
  local name left=''
  for name in gatereader-mqtt gatereader; do     # the first is there if the owner put it there: docs/integrate.md
    if [ -f "$UNITS/$name.service" ]; then
      ! systemd_runs || run systemctl stop $name
      run systemctl disable --quiet $name
      run rm -f "$UNITS/$name.service"
    fi
  done
  for name in "${DROP_INS[@]}"; do
    [ ! -f "$UNIT.d/$name.conf" ] || run rm "$UNIT.d/$name.conf"
  done
  if [ -d "$UNIT.d" ]; then
    if [ -n "$purge" ]; then run rm -rf "$UNIT.d"
    elif [ -z "$(ls -A "$UNIT.d")" ]; then run rmdir "$UNIT.d"
    else say "$UNIT.d holds drop-ins of your own and stays"; fi
  fi
  if [ "$changes" != 0 ] && systemd_runs; then run systemctl daemon-reload; fi
  [ ! -f "$SYSUSERS" ] || run rm "$SYSUSERS"
  [ "$(readlink "$LINK" 2>/dev/null)" != "$prefix/current/bin/gatereader" ] || run rm "$LINK"
  for name in current previous releases; do
    if [ -e "$prefix/$name" ] || [ -L "$prefix/$name" ]; then run rm -rf "${prefix:?}/$name"; fi
  done
  # a checkout may lie in it
  if [ -d "$prefix" ] && [ -z "$(ls -A "$prefix")" ]; then run rmdir "$prefix"; fi
  if [ -n "$purge" ]; then
    left=$(elsewhere | sort -u | tr '\n' ' ')
    left=${left% }
    for name in "$ETC" "$STATE" "$CACHE"; do [ ! -e "$name" ] || run rm -rf "$name"; done
    [ -z "$(getent passwd "$USER_NAME")" ] || run userdel "$USER_NAME"
  fi
  [ -n "$dry" ] || rm -f "$OUTDATED"
  [ -z "$left" ] || say "note: these hold records too, or did, and stay: $left"
  if [ -n "$dry" ]; then say "(dry run: nothing was changed)"
  elif [ "$changes" = 0 ]; then say "nothing to remove: gatereader is not installed"
  elif [ -n "$purge" ]; then say "gatereader is removed, with $ETC and $STATE"
  else say "gatereader is removed; $ETC and $STATE stay (\`uninstall --purge\` removes them)"; fi
}

main() {
  parse "$@"
  check_machine "$@"
  find_prefix
  trap tidy EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  work=$(mktemp -d)
  if [ -z "$dry" ]; then
    mkdir -p -m 700 "$LOCKS" # in /run/lock anybody could hold the lock, or lay a link in its place
    exec 9>"$LOCKS/lock"
    flock -n 9 || fail "another install.sh is at work on this machine; wait until it is done"
  fi
  case $command in
    install) do_install ;;
    rollback) do_rollback ;;
    uninstall) do_uninstall ;;
  esac
}

main "$@"
exit
