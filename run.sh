#!/usr/bin/env bash
# The only entry point: makes .venv beside itself if needed, then runs the program in it.
#
#   ./run.sh [command] [flags]            python -m vanilla_gan, from the caller's folder
#   ./run.sh test [pytest arguments]      the test suite, from the folder of this file
#
# $VANILLA_GAN_PYTHON names the Python to make .venv with; otherwise the first that fits is taken.
# .venv.log holds the output of the last set-up. .venv/set-up is written last: if it is missing, or
# does not match the files, the folder or the Python, the next start sets up .venv again.

# `sh run.sh` may start a shell that cannot parse what follows.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# A bash that is called sh follows POSIX: before 5.1 it cannot parse what follows, and it exits
# silently if a file cannot be opened. `bash -e` exits silently at the first command that fails.
set +o posix +o errexit +o noclobber
set -u

# Each candidate Python runs this to check itself; prints its version and what is wrong with it.
readonly PROBE='
import platform, sys
flaw = ""
if platform.python_implementation() != "CPython":
    flaw = "not CPython"
elif not (3, 10) <= sys.version_info[:2] <= (3, 13):
    flaw = "not 3.10 to 3.13"
elif sys.maxsize < 2**32:
    flaw = "32 bits"
else:
    try:
        import ensurepip, venv
    except ImportError:
        flaw = "has no venv module: install python3-venv"
print(platform.python_version() + (flaw and ", " + flaw))
sys.exit(bool(flaw))
'

# Locks the open file 9. The lock belongs to the open file, so it outlives this Python and ends with
# the last process that holds the file: a killed start leaves none behind, and if its pip lives on,
# other starts wait for it.
readonly LOCK='
import fcntl, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.stderr.write("run.sh: another start is setting up .venv; waiting for it\n")
    sys.stderr.flush()
    fcntl.flock(9, fcntl.LOCK_EX)
except OSError:
    pass  # a file system without locks
'

readonly REAL_PATH='import os, sys; print(os.path.realpath(sys.argv[1]))'

say() { printf 'run.sh: %s\n' "$*" >&2; }

die() {
  stop_watching
  say "$@"
  exit 1
}

# Ends the start after a failed step: prints the errors in its log, which pip's last lines may not
# contain, and then one line.
die_with_log() {
  local reasons
  reasons=$(grep -oE '(ERROR: |WARNING: .*Errno).*' "$log" | tail -n 3)
  printf '%s\n' "${reasons:-$(tail -n 5 "$log")}" >&2
  die "$1; all it printed is in $log; fix that and give the same command again"
}

# Prints the folder of this file, through any links to it.
find_root() {
  local file=${BASH_SOURCE[0]} folder
  while [[ -L $file ]]; do
    folder=$(CDPATH= cd -P -- "$(dirname -- "$file")" && pwd) || return
    file=$(readlink -- "$file")
    [[ $file == /* ]] || file=$folder/$file
  done
  [[ $file == */* ]] || file=./$file
  CDPATH= cd -P -- "${file%/*}/" && pwd
}

# Prints every path that may be a Python, one per line.
list_pythons() {
  if [[ -n ${VANILLA_GAN_PYTHON:-} ]]; then
    printf '%s\n' "$(type -P -- "$VANILLA_GAN_PYTHON" || printf '%s' "$VANILLA_GAN_PYTHON")"
    return
  fi
  type -aP python3 python3.13 python3.12 python3.11 python3.10
  # The shims of pyenv run only the versions that are activated.
  printf '%s\n' "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/3.1[0-3].*/bin/python3
}

# Sets `python` to the first candidate that runs and fits.
find_python() {
  local candidate previous='' answer tried=''
  while IFS= read -r candidate; do
    [[ -x $candidate || -n ${VANILLA_GAN_PYTHON:-} ]] || continue
    [[ -n $previous && $candidate -ef $previous ]] && continue
    previous=$candidate
    if answer=$("$candidate" -I -c "$PROBE" 2>/dev/null </dev/null); then
      python=$candidate
      return
    fi
    tried+="${tried:+, }$candidate (${answer:-does not run})"
  done < <(list_pythons)
  die "no suitable Python: CPython 3.10 to 3.13, 64 bits, with its venv module is needed;" \
    "found ${tried:-none}; install one, or set VANILLA_GAN_PYTHON to its path"
}

# Reads what the last complete set-up was for.
read_stamp() {
  set_up_root='' set_up_python='' set_up_request='' set_up_sums='' set_up_extras=''
  [[ -r $stamp ]] || return
  {
    IFS= read -r set_up_root
    IFS= read -r set_up_python
    IFS= read -r set_up_request
    IFS= read -r set_up_sums
    IFS= read -r set_up_extras
  } <"$stamp"
}

# Notes, atomically, that .venv is complete.
write_stamp() {
  local interpreter
  interpreter=$("$venv/bin/python" -I -c "$REAL_PATH" "$venv/bin/python") &&
    printf '%s\n' "$root" "$interpreter" "${VANILLA_GAN_PYTHON:-}" "$(print_sums)" "$extras" \
      >"$stamp.new" && mv -f -- "$stamp.new" "$stamp"
}

# Prints a checksum of the files that say what is installed.
print_sums() { cat -- "$root/setup.py" "$root/constraints.txt" | cksum; }

# Succeeds if $VANILLA_GAN_PYTHON does not rule out the Python that .venv was made with.
is_requested_python() {
  [[ -z ${VANILLA_GAN_PYTHON:-} || $VANILLA_GAN_PYTHON == "$set_up_request" ]]
}

# Succeeds if .venv is complete. A start with nothing to do costs little more than this.
is_set_up() {
  [[ $set_up_root == "$root" && $venv/bin/python -ef $set_up_python && -x $venv/bin/python ]] &&
    is_requested_python && [[ $set_up_sums == "$(print_sums)" && $set_up_extras == "$extras" ]]
}

# Succeeds if pip can install into .venv, complete or not: it was made for this very folder (its
# scripts contain the path), its Python exists and is suitable, and it has pip.
is_usable() {
  # Newer Pythons quote an apostrophe in the path for the shell.
  local quoted=${venv//\'/\'\"\'\"\'}
  is_requested_python && grep -qsF -e "$venv" -e "$quoted" -- "$venv/bin/activate" &&
    "$venv/bin/python" -I -c "$PROBE" && "$venv/bin/python" -I -c 'import pip'
} &>/dev/null

# Sets `extras` to those of the last set-up and those that this start needs.
choose_extras() {
  extras=$set_up_extras
  [[ $1 == test ]] && add_extra test
  # Checked at each start until the CUDA libraries are installed: a driver may come later.
  if [[ ,$extras, != *,gpu,* ]] && type -P nvidia-smi >/dev/null &&
    [[ $(timeout 20 nvidia-smi -L 2>/dev/null </dev/null) == *GPU* ]]; then
    add_extra gpu
  fi
}

add_extra() { [[ ,$extras, == *,$1,* ]] || extras+=${extras:+,}$1; }

# Succeeds if a folder is not empty.
holds_something() (
  CDPATH= cd -P -- "$1" 2>/dev/null && shopt -s nullglob dotglob && set -- * && (($#))
)

# On a terminal only, shows each second how much time has passed and what pip is doing. Holds no
# lock, and ends with the start that it belongs to.
watch() {
  [[ -t 2 && ${TERM:-} != dumb ]] || return 0
  local doing
  while sleep 1 && kill -0 $$ 2>/dev/null; do
    doing=$(tail -n 1 -- "$log" 2>/dev/null)
    printf '\r\033[K%.78s' "run.sh: $SECONDS s: ${doing//[![:print:]]/}" >&2
  done
}

stop_watching() {
  [[ -n $watcher ]] || return 0
  { kill "$watcher" && wait "$watcher"; } 2>/dev/null
  watcher=''
  [[ ! -t 2 || ${TERM:-} == dumb ]] || printf '\r\033[K' >&2
}

# Succeeds if .venv is complete for the extras of the last set-up.
was_complete() {
  local extras=$set_up_extras
  is_set_up
}

list_installed() { "$venv/bin/python" -I -m pip freeze 2>/dev/null; }

# After a failed installation: marks .venv as complete again if it was and has not changed. Succeeds
# if only the libraries for the GPU are missing, which a start can do without.
keep_what_was() {
  local wanted=$extras
  [[ -n $installed && $installed == "$(list_installed)" ]] || return
  extras=$set_up_extras
  write_stamp && [[ $wanted == "${extras:+$extras,}gpu" ]]
}

# Succeeds if .venv is complete except for the libraries for the GPU.
lacks_gpu_alone() { was_complete && [[ $extras == "${set_up_extras:+$set_up_extras,}gpu" ]]; }

# Installs the package, as it is in this folder, and its dependencies into .venv.
install() {
  local installed=''
  say "setting up .venv (a few minutes at the first start; progress in $log)"
  watch 9>&- &
  watcher=$!
  if is_usable; then
    ! was_complete || installed=$(list_installed)
    rm -f -- "$stamp"
  else
    # Making it anew would empty the folder that a link points to, which may hold anything.
    [[ -L $venv ]] && holds_something "$venv/" &&
      die "$venv is a link to a folder that is not a usable .venv here; remove the link, or" \
        "let it lead to an empty folder"
    rm -f -- "$stamp"
    "$python" -I -m venv --clear "$venv" >>"$log" 2>&1 </dev/null ||
      die_with_log "could not make $venv with $python"
  fi
  # From inside the folder, because pip would read brackets in its path as extras.
  (
    cd -- "$root" && PIP_USER=0 "$venv/bin/python" -I -m pip install --no-input \
      --disable-pip-version-check --progress-bar off \
      --constraint constraints.txt --editable ".${extras:+[$extras]}"
  ) >>"$log" 2>&1 </dev/null || {
    keep_what_was || die_with_log "could not install the package and its dependencies"
    stop_watching
    say "could not install the libraries for the GPU, see $log; this start computes without them"
    return
  }
  stop_watching
  write_stamp || die "cannot write $stamp; free some space and give the same command again"
}

# Makes .venv complete, one start at a time.
set_up() {
  read_stamp
  choose_extras "$1"
  is_set_up && return
  { exec 9>>"$log"; } 2>/dev/null || {
    # The folder may belong to somebody else, such as one for all machines of a cluster.
    lacks_gpu_alone || die "cannot write $log; make $root writable"
    say "cannot write $log, so the libraries for the GPU are not installed; this start computes" \
      "without them"
    return 0
  }
  find_python
  "$python" -I -c "$LOCK" || die "cannot lock $log"
  # Another start may have finished it meanwhile.
  read_stamp
  choose_extras "$1"
  if ! is_set_up; then
    : >"$log"
    install
  fi
  exec 9>&-
}

main() {
  local root venv stamp log python extras watcher=''
  local set_up_root set_up_python set_up_request set_up_sums set_up_extras
  # The packages of the shell's Python must not come before those of .venv, here or in children.
  unset PYTHONPATH PYTHONHOME PYTHONSTARTUP
  root=$(find_root) || die "cannot find the folder of $0"
  venv=$root/.venv
  stamp=$venv/set-up
  log=$root/.venv.log
  set_up "${1:-}"
  if [[ ${1:-} == test ]]; then
    shift
    cd -- "$root" || die "cannot enter $root"
    # Several processes share the whole suite, which takes a while. A single file is faster in one.
    (($#)) || set -- -n auto --maxprocesses 4 --dist worksteal
    exec "$venv/bin/python" -m pytest "$@"
  fi
  # Nor may Python import modules from the caller's folder. TensorFlow takes file names in UTF-8,
  # whatever the locale says.
  exec "$venv/bin/python" -I -X utf8 -m vanilla_gan "$@"
}

# bash has read the whole function, so an update of this file does not affect a start under way.
main "$@"
exit
