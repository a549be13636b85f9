#!/usr/bin/env bash
# Makes the environments in which benchmarks/speed.py runs its peers: a few minutes, about 5 GB.
#
#   benchmarks/setup.sh [--tf1_python PATH] [--python PATH]
#
# --tf1_python  a Python 3.7 for TensorFlow 1.15; python3.7 by default
# --python      a Python for PyTorch and JAX, 3.11 or newer; python3 by default
#
# They are made in benchmarks/.envs, each with its log beside it. The package and TensorFlow 2 use
# the .venv of run.sh. An environment that cannot be made is named, and speed.py skips it.
set -u

readonly root=$(CDPATH= cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
readonly envs=$root/benchmarks/.envs
status=0

say() { printf 'setup.sh: %s\n' "$*" >&2; }

# make_env NAME PYTHON PIP_ARGUMENTS...
make_env() {
  local name=$1 python=$2 log=$envs/$1.log
  shift 2
  say "$name: installing (progress in $log)"
  if "$python" -m venv "$envs/$name" >"$log" 2>&1 &&
    PIP_USER=0 "$envs/$name/bin/python" -m pip install --progress-bar off "$@" >>"$log" 2>&1; then
    say "$name: ready"
  else
    say "$name: failed, see $log; speed.py will skip it"
    status=1
  fi
}

tf1_python=python3.7 python=python3
while (($#)); do
  case $1 in
    --tf1_python=*) tf1_python=${1#*=} ;;
    --python=*) python=${1#*=} ;;
    --tf1_python | --python)
      (($# > 1)) || { say "$1 needs a path"; exit 2; }
      printf -v "${1#--}" %s "$2"
      shift
      ;;
    *)
      say "unknown argument $1; usage: benchmarks/setup.sh [--tf1_python PATH] [--python PATH]"
      exit 2
      ;;
  esac
  shift
done

mkdir -p -- "$envs" || exit
if "$tf1_python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 7))' 2>/dev/null; then
  make_env tf1 "$tf1_python" tensorflow==1.15.5 'protobuf<3.21' matplotlib==3.5.3
else
  say "tf1: $tf1_python is no Python 3.7; give --tf1_python PATH, or speed.py will skip it"
fi
# The second index has PyTorch without CUDA; pip prefers it.
make_env torch "$python" torch==2.13.0 numpy \
  --extra-index-url https://download.pytorch.org/whl/cpu
make_env jax "$python" jax==0.10.2
"$root/run.sh" --version || status=1
exit "$status"
