#!/bin/sh
# Takes out of a device's environment what nothing there runs, 70 MB: pip, LiteRT's compilers and its way to a GPU, and
# NumPy's tests.
# usage: trim.sh ENVIRONMENT
set -eu
[ -x "$1/bin/python" ] || { echo "$1 is no environment of Python" >&2; exit 1; }
if "$1/bin/python" -c 'import importlib.util, sys; sys.exit(not importlib.util.find_spec("pip"))'; then
  "$1/bin/python" -m pip --disable-pip-version-check uninstall -qq --yes setuptools pip || true
fi
for packages in "$1"/lib/python3*/site-packages; do
  litert=$packages/ai_edge_litert
  rm -rf "$litert/vendors" "$litert/tools/apply_plugin_main" "$litert/libLiteRtWebGpuAccelerator.so"
  [ ! -d "$packages/numpy" ] || find "$packages/numpy" -name tests -type d -prune -exec rm -rf {} +
done
