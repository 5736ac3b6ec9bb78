#!/usr/bin/env bash
# Campaigns: real clusters under faults with judged histories, and the simulator, for as long as you like. See --help.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
artifacts=$repo/artifacts/campaign
program=$repo/tests/PaxosStore.Campaign/bin/Release/net10.0/PaxosStore.Campaign.dll
simulator=$repo/tests/PaxosStore.Simulator/bin/Release/net10.0/PaxosStore.Simulator.dll

usage() {
  cat <<TEXT
Searches for violations, prints a tally, and adds what came of it to docs/campaigns.jsonl. Times are written 90s, 30m, 1h.

  scripts/campaign.sh blackbox 1h                 runs over real processes, each with faults of its own, until the time is over
  scripts/campaign.sh blackbox --runs N           so many of them
  scripts/campaign.sh blackbox --seed N [--runs M]   the run of this seed (and those behind it)
  scripts/campaign.sh blackbox --plan FILE        the run that a plan describes, such as one that failed left behind
  scripts/campaign.sh sim 1h [--jobs J]           the simulator, going on behind the seeds in docs/campaigns.jsonl
  scripts/campaign.sh nightly [8h]                half the time each, and the report
  scripts/campaign.sh broken [NAME] [--runs N]    builds with a mistake in them (tests/PaxosStore.Campaign/Broken), until each is caught
  scripts/campaign.sh judge DIRECTORY             judges again what a run left
  scripts/campaign.sh plan --seed N               prints the plan of a seed
  scripts/campaign.sh report                      writes the figures into docs/correctness.md

Further for blackbox and broken:
  --least-rate R   a run of three nodes with fewer acknowledged operations a second before its faults is invalid (usual: 100; with five nodes 3/5 of it are
                   asked, where a clock is shifted half; lower it on slow machines)
  --keep           keep what runs leave though they passed

A run that failed leaves its plan, history, logs, data and timeline.html in artifacts/campaign/failures. Runs take 20 to 40 s each. A simulator that has
whole-stack runs (--whole) gets half the time of sim for those.

Where it may, the script runs black-box nodes in network and mount namespaces of their own, which packet loss and full disks need. What a machine lacks
(scripts/install-test-tools.sh) is said and left out. The server is the published one; PAXOSSTORE_SERVER_DLL names another.

Exit status: 0 nothing found, 1 a violation, or no valid run at all, 2 wrong usage.
TEXT
}

seconds() {
  case "$1" in
    *[!0-9]*[smh] | [smh]) ;;
    *s) echo "${1%s}"; return ;;
    *m) echo $((${1%m} * 60)); return ;;
    *h) echo $((${1%h} * 3600)); return ;;
  esac
  echo "campaign.sh: \"$1\" is no time; write 90s, 30m or 1h" >&2
  exit 2
}

build() { dotnet build -c Release "$repo/tests/$1" --nologo -v q -nodeReuse:false </dev/null; }

publish() {
  [ -z "${PAXOSSTORE_SERVER_DLL:-}" ] || return 0
  local runtime
  runtime=$(dotnet --info | awk '/ RID:/ { print $2; exit }')
  case "$runtime" in linux-*) ;; *) runtime=linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/') ;; esac
  dotnet publish -c Release -r "$runtime" --self-contained false "$repo/src/PaxosStore.Server" -o "$repo/artifacts/publish" --nologo -v q -nodeReuse:false </dev/null
  export PAXOSSTORE_SERVER_DLL=$repo/artifacts/publish/PaxosStore.Server.dll
}

# Everything that a run does to network and mounts stays inside and ends with it; so do its nodes, however the program ends.
isolated() {
  local inside=(unshare --net --mount --pid --fork --kill-child --mount-proc)
  if [ -z "${PAXOSSTORE_OWN_NAMESPACES:-}" ] && "${inside[@]}" sh -c 'ip link set lo up' 2>/dev/null; then
    PAXOSSTORE_OWN_NAMESPACES=1 exec "${inside[@]}" sh -c 'ip link set lo up && exec "$@"' sh "$@"
  fi
  exec "$@"
}

blackbox() {
  build PaxosStore.Campaign
  publish
  (isolated dotnet "$program" blackbox "$@")
}

# Chunks of seeds until the time is over; each is noted at once, so that campaigns don't repeat each other.
simulate() {
  local kind=$1 chunk=$2 time=$3 jobs=$4 from begin=$SECONDS begun bad done=0 failed=0
  shift 4
  from=$(dotnet "$program" next-seed "$kind")
  while [ $((SECONDS - begin)) -lt "$time" ] && [ $failed -eq 0 ]; do
    begun=$SECONDS
    # A larger young generation: a run lives for a moment and lets go of everything at its end.
    DOTNET_GCgen0size=0x4000000 dotnet "$simulator" "$@" --seeds "$chunk" --from "$from" --jobs "$jobs" > "$artifacts/sim-$kind.log" || failed=1
    # A chunk that fails ends at the seed that did.
    bad=$(sed -n 's/^FAILED seed \([0-9]*\):.*/\1/p' "$artifacts/sim-$kind.log" | head -1)
    [ -z "$bad" ] || chunk=$((bad - from + 1))
    dotnet "$program" note-sim "$kind" --from "$from" --seeds "$chunk" --seconds $((SECONDS - begun)) --violations "$failed"
    from=$((from + chunk)) done=$((done + chunk))
    echo "simulator, $kind: $done seeds, $((SECONDS - begin)) s, $([ $failed -eq 0 ] && echo "no violation" || echo "FAILED")"
  done
  [ $failed -eq 0 ] || { cat "$artifacts/sim-$kind.log"; return 1; }
}

sim() {
  local time jobs=1 failed=0
  time=$(seconds "${1:?campaign.sh: sim needs a time, such as 1h}")
  [ "${2:-}" != --jobs ] || jobs=$3
  build PaxosStore.Campaign
  build PaxosStore.Simulator
  mkdir -p "$artifacts"
  if dotnet "$simulator" --help | grep -q -- '--whole'; then
    # Chunks large enough that the first seconds, spent in the JIT, do not count for much.
    simulate whole-stack 10000 $((time / 2)) "$jobs" --whole || failed=1
    time=$((time / 2))
  fi
  simulate protocol 200000 "$time" "$jobs" || failed=1
  return $failed
}

nightly() {
  local half failed=0
  half=$(($(seconds "${1:-8h}") / 2))s
  sim "$half" || failed=1
  blackbox "$half" || failed=1
  dotnet "$program" report
  return $failed
}

command=${1:---help}
[ $# -eq 0 ] || shift
case "$command" in
  blackbox | sim | nightly) "$command" "$@" ;;
  broken) build PaxosStore.Campaign; publish; (isolated dotnet "$program" broken "$@") ;;
  judge | plan | report) build PaxosStore.Campaign; dotnet "$program" "$command" "$@" ;;
  -h | --help | help) usage ;;
  *) usage >&2; echo "campaign.sh: don't know \"$command\"" >&2; exit 2 ;;
esac
