#!/usr/bin/env bash
# Compares PaxosStore with a real etcd: random requests, seed after seed. See --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

exec dotnet run -c Release --project tests/PaxosStore.Differential -v q -- "$@"
