#!/usr/bin/env bash
# Speed beside peers, in one run on one machine (ratios: machines differ and are noisy).
#   benches/compare.sh             table for people; also rewrites docs/benchmarks.md with --write
#   benches/compare.sh --json      one JSON object a row: name us peer ratio unit
# Peers: DCMTK storescp and Orthanc (receiving), SimpleITK and pydicom+numpy (reading). TCP_NODELAY=1 for all.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup --test >&2
venv=.tools/bench-venv
if [ ! -e $venv/.done ]; then
  [ -x $venv/bin/python ] || python3 -m venv $venv
  $venv/bin/pip install -q --disable-pip-version-check SimpleITK==2.5.7 pydicom==3.0.2 pyjpegls==1.5.1 numpy >&2
  touch $venv/.done
fi
CARGO_PROFILE_RELEASE_DEBUG=false cargo build --release --locked --bin lungcad >&2
CARGO_PROFILE_RELEASE_DEBUG=false cargo build --release --locked -p dcm --example folder_to_hu >&2
export ORT_DYLIB_PATH="$PWD/.tools/onnxruntime/lib/libonnxruntime.so" TCP_NODELAY=1
exec $venv/bin/python benches/compare.py "$@"
