#!/usr/bin/env bash
# Throws broken requests at a node for as long as you like. See --help.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tests=$repo/tests/PaxosStore.Cluster.Tests
figures=$repo/artifacts/cluster-tests/figures.txt

usage() {
  cat <<TEXT
Attacks one real server process with requests that were spoilt at random, door by door; an honest client works beside the attackers.

  scripts/fuzz.sh [grpc|protobuf|json|url|tls|all] [SECONDS]      (default: all, 600 seconds per door)

  grpc       HTTP/2 frames lost, repeated, swapped, altered, in floods
  protobuf   every method with messages from right to noise
  json       every path of the JSON gateway with bodies from right to noise
  url        HTTP/1.1 with strange methods, paths, queries and headers
  tls        handshakes that are cut, altered, or go wrong late; clients' and peers' port

For each door it prints the seed, requests sent, the slowest answer, the honest client's slowest call and the node's memory. It fails if the node dies, if either
waits longer than PAXOSSTORE_FUZZ_WAIT_MS (1000), if more than 600 MB are resident or much of that is kept, or if the node's log holds an error.
PAXOSSTORE_FUZZ_SEED chooses other requests; PAXOSSTORE_SERVER_DLL another server.
TEXT
}

doors=(grpc protobuf json url tls)
case "${1:-all}" in
  grpc | protobuf | json | url | tls) doors=("$1") ;;
  all) ;;
  -h | --help | help) usage; exit 0 ;;
  *) usage >&2; echo "fuzz.sh: there is no door \"$1\"" >&2; exit 1 ;;
esac
seconds=${2:-600}
case "$seconds" in *[!0-9]* | '' | 0) echo "fuzz.sh: how many seconds? a number from 1" >&2; exit 1 ;; esac

export PAXOSSTORE_FUZZ_SECONDS=$seconds PAXOSSTORE_FUZZ_WAIT_MS=${PAXOSSTORE_FUZZ_WAIT_MS:-1000} PAXOSSTORE_FUZZ_SEED=${PAXOSSTORE_FUZZ_SEED:-$RANDOM}
dotnet build -c Release "$tests" --nologo -v q -nodeReuse:false </dev/null
failed=()
for door in "${doors[@]}"; do
  echo "== $door: $seconds s, seed $PAXOSSTORE_FUZZ_SEED"
  dotnet test -c Release "$tests" --no-build --nologo -v q --filter "FullyQualifiedName~FuzzTests&DisplayName~$door" </dev/null || failed+=("$door")
  grep -F ": fuzz $door: seed $PAXOSSTORE_FUZZ_SEED, $seconds s" "$figures" | tail -n 1 || failed+=("$door")
done
[ ${#failed[@]} -eq 0 ] || { echo "fuzz.sh: failed: ${failed[*]} (again with PAXOSSTORE_FUZZ_SEED=$PAXOSSTORE_FUZZ_SEED)" >&2; exit 1; }
echo "fuzz.sh: all passed: ${doors[*]}"
