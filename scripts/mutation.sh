#!/usr/bin/env bash
# How many small changes to the pure code its unit tests notice. See --help.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

usage() {
  cat <<TEXT
Changes the protocol core or the key-value state machine in one place at a time (dotnet-stryker), runs its unit tests on each, and prints the share that they notice.

  scripts/mutation.sh consensus [GLOB]    src/PaxosStore.Consensus with PaxosStore.Consensus.Tests
  scripts/mutation.sh kv [GLOB]           src/PaxosStore.Kv with PaxosStore.Kv.Tests
  scripts/mutation.sh all                 both

GLOB keeps it to some files, as in: scripts/mutation.sh consensus '**/Acceptor.cs'. The report stands in artifacts/mutation/<which>/reports, as HTML and JSON.
What counts is in tests/PaxosStore.<which>.Tests/stryker-config.json. Left out are texts and ToString: what an exception or a log line says decides nothing here, and
tests that pin it would stand in the way of better words. The simulator's seeds and mutants are not counted either: they notice more, but take too long per change.
It runs one after the other at the lowest priority: about an hour for the core on two cores, several for the state machine.
TEXT
}

case "${1:-}" in
  consensus) projects=(Consensus) ;;
  kv) projects=(Kv) ;;
  all) projects=(Consensus Kv) ;;
  -h | --help | help) usage; exit 0 ;;
  *) usage >&2; echo "mutation.sh: which: consensus, kv or all?" >&2; exit 1 ;;
esac
only=()
[ -z "${2:-}" ] || only=(--mutate "$2")

cd "$repo"
dotnet tool restore
for project in "${projects[@]}"; do
  # Stryker changes what is built in place, so it works on a copy.
  copy=$(mktemp -d)
  trap 'rm -rf "$copy"' EXIT
  git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy" 2>/dev/null || true
  echo "== $project"
  (cd "$copy/tests/PaxosStore.$project.Tests" && dotnet tool restore >/dev/null \
    && nice -n 19 dotnet stryker -f stryker-config.json -O "$repo/artifacts/mutation/${project,,}" "${only[@]}" </dev/null)
  rm -rf "$copy"
done
