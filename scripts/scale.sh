#!/usr/bin/env bash
# How much one node bears: watchers, leases, connections, a watcher that does not read. See --help.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tests=$repo/tests/PaxosStore.Cluster.Tests
figures=$repo/artifacts/cluster-tests/figures.txt

usage() {
  cat <<TEXT
Loads one node, fresh for each line, and prints a table with what was measured and the node's resident memory before and at the end of it.

  scripts/scale.sh [PERCENT]       (default 100)

  100,000 watchers on keys of their own, 10,000 on one key; 100,000 leases kept alive; 10,000 connections; 100 MB of events past a watcher that does not read.

The load program runs on the same machine. 10,000 connections need ulimit -Hn 11000. PAXOSSTORE_SERVER_DLL names another server.
TEXT
}

percent=${1:-100}
case "$percent" in
  -h | --help | help) usage; exit 0 ;;
  *[!0-9]* | '' | 0) usage >&2; echo "scale.sh: how many percent? a number from 1" >&2; exit 1 ;;
esac
files=$(ulimit -Hn)
if [ "$files" != unlimited ] && [ "$files" -le $((percent * 100 + 1000)) ]; then
  echo "scale.sh: $((percent * 100)) connections need as many open files and 1000 more, here are $files; raise the limit (ulimit -Hn $((percent * 100 + 1001)), as root)" >&2
  exit 1
fi

export PAXOSSTORE_SCALE_PERCENT=$percent
dotnet build -c Release "$tests" --nologo -v q -nodeReuse:false </dev/null
before=$([ -f "$figures" ] && wc -l <"$figures" || echo 0)
result=0
dotnet test -c Release "$tests" --no-build --nologo -v q --filter "FullyQualifiedName~ScaleTests" </dev/null || result=1
echo
echo "| one node, $percent % | figures | RSS before | RSS |"
echo "|---|---|---|---|"
tail -n +$((before + 1)) "$figures" | sed -n 's/^[a-z]*: scale //p'
[ $result -eq 0 ] || { echo "scale.sh: failed" >&2; exit 1; }
