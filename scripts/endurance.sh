#!/usr/bin/env bash
# Long runs of the tests over real processes: what takes minutes to hours and is too much for every change. See --help.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tests=$repo/tests/PaxosStore.Cluster.Tests

usage() {
  cat <<TEXT
Runs scenarios of tests/PaxosStore.Cluster.Tests at full size. Figures go to artifacts/cluster-tests/figures.txt, too.

  scripts/endurance.sh log        5 million puts over 10,000 keys on three nodes: disk and memory stay bounded, restart is short
  scripts/endurance.sh state      1 million keys of 256 bytes: snapshots under load, a replaced member, restart
  scripts/endurance.sh members    members come and go under load; no write waits longer than three election time-outs
  scripts/endurance.sh rolling    ten rolling restarts under load
  scripts/endurance.sh kills      kill -9 at each of the first 300 calls that write a file or make it durable; the leader and all nodes killed again and again
  scripts/endurance.sh checks     etcdctl check perf (small and medium load) and check datascale on three nodes; check perf's largest beside a real etcd
  scripts/endurance.sh all        one after the other

Sizes by environment: PAXOSSTORE_BOUNDED_PUTS, PAXOSSTORE_BIG_KEYS, PAXOSSTORE_BIG_SECONDS, PAXOSSTORE_BIG_SNAPSHOT_COUNT, PAXOSSTORE_READY_MS, PAXOSSTORE_SILENCE_MS, PAXOSSTORE_ROLLING_ROUNDS,
PAXOSSTORE_KILL_SWEEP, PAXOSSTORE_KILLS, PAXOSSTORE_CLUSTER_KILLS.
The server is the published one (compiled ahead of time, as operators run it); PAXOSSTORE_SERVER_DLL names another.
Needs about 2 GB of memory and 5 GB of disk below TMPDIR (${TMPDIR:-/tmp}).
TEXT
}

run() {
  echo "== $1"
  dotnet test -c Release "$tests" --no-build --nologo --logger "console;verbosity=normal" --filter "$2"
}

log() {
  export PAXOSSTORE_BOUNDED_PUTS=${PAXOSSTORE_BOUNDED_PUTS:-5000000}
  PAXOSSTORE_READY_MS=${PAXOSSTORE_READY_MS:-5000} run "$PAXOSSTORE_BOUNDED_PUTS puts" "FullyQualifiedName~BoundedLogTests"
}

state() {
  export PAXOSSTORE_BIG_KEYS=${PAXOSSTORE_BIG_KEYS:-1000000} PAXOSSTORE_BIG_SECONDS=${PAXOSSTORE_BIG_SECONDS:-60}
  export PAXOSSTORE_BIG_SNAPSHOT_COUNT=${PAXOSSTORE_BIG_SNAPSHOT_COUNT:-2000}
  PAXOSSTORE_READY_MS=${PAXOSSTORE_READY_MS:-20000} run "$PAXOSSTORE_BIG_KEYS keys" "FullyQualifiedName~BigStateTests"
}

members() {
  export PAXOSSTORE_SILENCE_MS=${PAXOSSTORE_SILENCE_MS:-1800}
  run "members come and go, at most $PAXOSSTORE_SILENCE_MS ms without a write" "FullyQualifiedName~MembershipTests"
}

rolling() {
  export PAXOSSTORE_ROLLING_ROUNDS=${PAXOSSTORE_ROLLING_ROUNDS:-10}
  run "$PAXOSSTORE_ROLLING_ROUNDS rolling restarts" "FullyQualifiedName~RollingRestartTests"
}

kills() {
  export PAXOSSTORE_KILL_SWEEP=${PAXOSSTORE_KILL_SWEEP:-300} PAXOSSTORE_KILLS=${PAXOSSTORE_KILLS:-100} PAXOSSTORE_CLUSTER_KILLS=${PAXOSSTORE_CLUSTER_KILLS:-30}
  run "kills" "FullyQualifiedName~KillSweepTests|FullyQualifiedName~LeaderKillTests"
}

checks() {
  PAXOSSTORE_ETCDCTL_CHECKS=1 run "etcdctl's checks" "FullyQualifiedName~EtcdctlTests.Checks"
}

command=${1:---help}
case "$command" in
  log | state | members | rolling | kills | checks) parts=("$command") ;;
  all) parts=(log state members rolling kills checks) ;;
  -h | --help | help) usage; exit 0 ;;
  *) usage >&2; echo "endurance.sh: don't know \"$command\"" >&2; exit 1 ;;
esac

dotnet build -c Release "$tests" --nologo -v q -nodeReuse:false </dev/null
if [ -z "${PAXOSSTORE_SERVER_DLL:-}" ]; then
  runtime=$(dotnet --info | awk '/ RID:/ { print $2; exit }')
  case "$runtime" in linux-*) ;; *) runtime=linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/') ;; esac
  dotnet publish -c Release -r "$runtime" --self-contained false "$repo/src/PaxosStore.Server" -o "$repo/artifacts/publish" --nologo -v q -nodeReuse:false </dev/null
  export PAXOSSTORE_SERVER_DLL=$repo/artifacts/publish/PaxosStore.Server.dll
fi
failed=()
for part in "${parts[@]}"; do "$part" || failed+=("$part"); done
[ ${#failed[@]} -eq 0 ] || { echo "endurance.sh: failed: ${failed[*]}" >&2; exit 1; }
echo "endurance.sh: all passed: ${parts[*]}"
