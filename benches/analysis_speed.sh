#!/usr/bin/env bash
# Seconds from files to findings by stage, and the same networks in Python with MONAI's sliding windows beside them.
#   benches/analysis_speed.sh DATA [--pack NAME ...]    DATA as training/README.md describes it
# Installs torch and MONAI (some GB) into .tools/speed-venv, unless SPEED_PYTHON names an environment that has them.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup >&2
if [ -z "${SPEED_PYTHON:-}" ]; then
  venv=.tools/speed-venv
  if [ ! -e $venv/.done ]; then
    [ -x $venv/bin/python ] || python3 -m venv $venv
    $venv/bin/pip install -q --disable-pip-version-check -r training/requirements.txt monai==1.6.1 >&2
    touch $venv/.done
  fi
  SPEED_PYTHON=$venv/bin/python
fi
CARGO_PROFILE_RELEASE_DEBUG=false cargo build --release --locked --bin lungcad >&2
export ORT_DYLIB_PATH="$PWD/.tools/onnxruntime/lib/libonnxruntime.so"
data=$1; shift
exec "$SPEED_PYTHON" benches/analysis_speed.py "$data" models "$@"
