#!/usr/bin/env bash
# Compares PaxosStore with etcd on this machine; prints a table of ratios. See --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ "${1:-}" != --help ] && ! command -v etcd >/dev/null; then
  echo "bench.sh: needs a real etcd to compare with (scripts/install-test-tools.sh)" >&2
  exit 1
fi
exec dotnet run -c Release --project tests/PaxosStore.Benchmarks -v q -- "$@"
