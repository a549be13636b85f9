#!/usr/bin/env bash
# The one entry: makes .venv beside itself where that is needed, then runs the program in it.
#
#   ./run.sh [command] [flags]            python -m vanilla_gan, from the caller's folder
#   ./run.sh test [pytest arguments]      the test suite, from the folder of this file
#
# $VANILLA_GAN_PYTHON names the Python to make .venv with; otherwise the first that fits is taken.
# .venv.log holds what the last setting up printed. .venv/set-up is written last: without it, or
# where it names other files, another place or another Python, the next start sets up again.

# `sh run.sh` may be a shell that cannot read what follows.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
# bash that is called sh does what POSIX says: before 5.1 it cannot read what follows, and it ends
# without a word where a file cannot be opened. So does `bash -e` at the first command that fails.
set +o posix +o errexit +o noclobber
set -u

# What a Python must be, run by the candidate itself; prints its version and what is wrong with it.
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

# Locks the open file 9. The lock belongs to the open file, so it stays when Python ends and goes
# when the last process that holds the file does: a killed start leaves none behind, and its pip,
# should that live on, is waited for.
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

# Ends the start after a failed step: what its log says went wrong (pip's last lines may not), then
# one line.
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

# Prints every path that may be a Python, one a line.
list_pythons() {
  if [[ -n ${VANILLA_GAN_PYTHON:-} ]]; then
    printf '%s\n' "$(type -P -- "$VANILLA_GAN_PYTHON" || printf '%s' "$VANILLA_GAN_PYTHON")"
    return
  fi
  type -aP python3 python3.13 python3.12 python3.11 python3.10
  # The shims of pyenv run only the versions that are switched on.
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

# Reads what the last complete setting up was for.
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

# Writes, whole or not at all, that .venv is complete.
write_stamp() {
  local interpreter
  interpreter=$("$venv/bin/python" -I -c "$REAL_PATH" "$venv/bin/python") &&
    printf '%s\n' "$root" "$interpreter" "${VANILLA_GAN_PYTHON:-}" "$(print_sums)" "$extras" \
      >"$stamp.new" && mv -f -- "$stamp.new" "$stamp"
}

# Prints the sums of the files that say what is installed.
print_sums() { cat -- "$root/setup.py" "$root/constraints.txt" | cksum; }

# Succeeds where the Python that .venv was made with is not ruled out by $VANILLA_GAN_PYTHON.
is_requested_python() {
  [[ -z ${VANILLA_GAN_PYTHON:-} || $VANILLA_GAN_PYTHON == "$set_up_request" ]]
}

# Succeeds where .venv is complete; this is all that a start with nothing to do costs.
is_set_up() {
  [[ $set_up_root == "$root" && $venv/bin/python -ef $set_up_python && -x $venv/bin/python ]] &&
    is_requested_python && [[ $set_up_sums == "$(print_sums)" && $set_up_extras == "$extras" ]]
}

# Succeeds where .venv, complete or not, can be installed into: made for this very folder (its
# scripts hold the path), its Python there and suitable, its pip there.
is_usable() {
  # Newer Pythons write an apostrophe in the path as the shell needs it.
  local quoted=${venv//\'/\'\"\'\"\'}
  is_requested_python && grep -qsF -e "$venv" -e "$quoted" -- "$venv/bin/activate" &&
    "$venv/bin/python" -I -c "$PROBE" && "$venv/bin/python" -I -c 'import pip'
} &>/dev/null

# Sets `extras` to those of the last setting up and those that this start needs.
choose_extras() {
  extras=$set_up_extras
  [[ $1 == test ]] && add_extra test
  # Asked until it answers: a driver may come later. Once the CUDA libraries are in, never again.
  if [[ ,$extras, != *,gpu,* ]] && type -P nvidia-smi >/dev/null &&
    [[ $(timeout 20 nvidia-smi -L 2>/dev/null </dev/null) == *GPU* ]]; then
    add_extra gpu
  fi
}

add_extra() { [[ ,$extras, == *,$1,* ]] || extras+=${extras:+,}$1; }

# Succeeds where a folder is not empty.
holds_something() (
  CDPATH= cd -P -- "$1" 2>/dev/null && shopt -s nullglob dotglob && set -- * && (($#))
)

# Shows on a terminal, each second, for how long pip has been at work and what it does; elsewhere
# nothing. Holds no lock, and ends with the start that it belongs to.
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

# Succeeds where .venv is complete for what the last setting up was asked for.
was_complete() {
  local extras=$set_up_extras
  is_set_up
}

list_installed() { "$venv/bin/python" -I -m pip freeze 2>/dev/null; }

# After a failed installation: what was complete, and has not changed, still is. Succeeds where only
# the libraries for the GPU are missing, which a start can do without.
keep_what_was() {
  local wanted=$extras
  [[ -n $installed && $installed == "$(list_installed)" ]] || return
  extras=$set_up_extras
  write_stamp && [[ $wanted == "${extras:+$extras,}gpu" ]]
}

# Succeeds where .venv is complete but for the libraries for the GPU.
lacks_gpu_alone() { was_complete && [[ $extras == "${set_up_extras:+$set_up_extras,}gpu" ]]; }

# Installs the package as it stands here, and its dependencies, into .venv.
install() {
  local installed=''
  say "setting up .venv (a few minutes at the first start; progress in $log)"
  watch 9>&- &
  watcher=$!
  if is_usable; then
    ! was_complete || installed=$(list_installed)
    rm -f -- "$stamp"
  else
    # Making it anew would empty the folder that a link leads to, which may hold anything.
    [[ -L $venv ]] && holds_something "$venv/" &&
      die "$venv is a link to a folder that is not a usable .venv here; remove the link, or" \
        "let it lead to an empty folder"
    rm -f -- "$stamp"
    "$python" -I -m venv --clear "$venv" >>"$log" 2>&1 </dev/null ||
      die_with_log "could not make $venv with $python"
  fi
  # From the folder itself: pip would read brackets in its path as extras.
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
    # Somebody else's, as for all machines of a cluster.
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
  # The packages of the shell's Python must not stand before those of .venv, here or in children.
  unset PYTHONPATH PYTHONHOME PYTHONSTARTUP
  root=$(find_root) || die "cannot find the folder of $0"
  venv=$root/.venv
  stamp=$venv/set-up
  log=$root/.venv.log
  set_up "${1:-}"
  if [[ ${1:-} == test ]]; then
    shift
    cd -- "$root" || die "cannot enter $root"
    # The whole suite takes a while: some processes share it. One file is faster in a single one.
    (($#)) || set -- -n auto --maxprocesses 4 --dist worksteal
    exec "$venv/bin/python" -m pytest "$@"
  fi
  # Nor must the caller's folder lend its files as modules. TensorFlow takes names of files in UTF-8,
  # whatever the locale says.
  exec "$venv/bin/python" -I -X utf8 -m vanilla_gan "$@"
}

# As a function: an update of this file while it runs does not reach a start under way.
main "$@"
exit
