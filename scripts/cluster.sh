#!/usr/bin/env bash
# A PaxosStore cluster of real processes on this machine. See --help.
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=${PAXOSSTORE_DIR:-$repo/.data/cluster}
max_nodes=5
log_limit=$((64 * 1024 * 1024))
ready_seconds=${PAXOSSTORE_READY_SECONDS:-60}

usage() {
  cat <<TEXT
Runs PaxosStore nodes as processes on this machine, for trying things out and for measurements.

  scripts/cluster.sh up [n]      build if needed, start n nodes (1 to $max_nodes, usually 3), return when each answers a linearizable read
  scripts/cluster.sh status      which nodes run, on which ports, and whether they serve
  scripts/cluster.sh kill i      kill -9 node i
  scripts/cluster.sh start i     start node i again, on the data it has
  scripts/cluster.sh pause i     stop node i where it stands (SIGSTOP)
  scripts/cluster.sh resume i    let it go on (SIGCONT)
  scripts/cluster.sh logs i      what node i said (add -f to follow)
  scripts/cluster.sh down        stop all nodes and remove their data

Node i listens for clients on 2379, 22379, 32379, ... and for its peers on 2380, 22380, 32380, ...

Environment:
  PAXOSSTORE_DIR            data, logs and process ids   ($dir)
  PAXOSSTORE_FLAGS          more flags for every node, such as "--heartbeat-interval 50"
  PAXOSSTORE_SERVER_DLL     run this build and build nothing
  PAXOSSTORE_READY_SECONDS  how long "up" and "start" wait   ($ready_seconds)
TEXT
}

die() { echo "cluster.sh: $*" >&2; exit 1; }

# Node 1 has the ports everybody knows; the others follow in steps of 10000 from 22379.
base() { if [ "$1" = 1 ]; then echo 2370; else echo $((2370 + 10000 * $1)); fi; }
client_port() { echo $(($(base "$1") + 9)); }
peer_port() { echo $(($(base "$1") + 10)); }
client_endpoints() { local i; for ((i = 1; i <= $1; i++)); do printf '%s127.0.0.1:%s' "$([ "$i" = 1 ] || echo ,)" "$(client_port "$i")"; done; }

size() { cat "$dir/size" 2>/dev/null || echo 0; }

# The process id of node i if that very process still runs (a recycled id has another command line).
pid_of() {
  local pid
  pid=$(cat "$dir/n$1.pid" 2>/dev/null) || return 1
  [ -r "/proc/$pid/cmdline" ] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF -- "--data-dir $dir/n$1.data" && echo "$pid"
}

require_node() {
  case "${1:-}" in *[!0-9]* | '') die "say which node: a number from 1 to $(size)" ;; esac
  [ "$1" -ge 1 ] && [ "$1" -le "$(size)" ] || die "there is no node $1; $(size) node(s) were set up (scripts/cluster.sh up)"
}

server_dll() { echo "${PAXOSSTORE_SERVER_DLL:-$repo/src/PaxosStore.Server/bin/Release/net10.0/PaxosStore.Server.dll}"; }

build() {
  [ -n "${PAXOSSTORE_SERVER_DLL:-}" ] && return
  mkdir -p "$dir"
  echo "building the server ..."
  dotnet build -c Release "$repo/src/PaxosStore.Server" -v q --nologo -nodeReuse:false >"$dir/build.log" 2>&1 </dev/null \
    || { cat "$dir/build.log" >&2; die "the build failed"; }
}

# A linearizable read: by etcdctl where it is installed, else by /health, which makes one.
serves() {
  if command -v etcdctl >/dev/null; then
    ETCDCTL_API=3 etcdctl --endpoints "127.0.0.1:$(client_port "$1")" --command-timeout 2s --dial-timeout 2s get health >/dev/null 2>&1 </dev/null
  else
    curl -fs --max-time 2 "http://127.0.0.1:$(client_port "$1")/health" 2>/dev/null </dev/null | grep -Eq '"health" *: *"?true'
  fi
}

wait_serving() {
  local i=$1 deadline=$((SECONDS + ready_seconds))
  until serves "$i"; do
    pid_of "$i" >/dev/null || { tail -n 20 "$dir/n$i.log" >&2; die "node $i ended before it served; its whole log is $dir/n$i.log"; }
    [ $SECONDS -lt $deadline ] || { tail -n 20 "$dir/n$i.log" >&2; die "node $i does not serve after $ready_seconds s; its whole log is $dir/n$i.log"; }
    sleep 0.1
  done
}

port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start_node() {
  local i=$1 n members='' j port
  n=$(size)
  for ((j = 1; j <= n; j++)); do members+="${members:+,}n$j=http://127.0.0.1:$(peer_port "$j")"; done
  for port in $(client_port "$i") $(peer_port "$i"); do
    ! port_taken "$port" || die "something else listens on port $port already; node $i can't start"
  done
  rotate "$dir/n$i.log"
  # Nothing of the caller's is held open: a pipe that reads this script's output ends when the script does.
  # shellcheck disable=SC2086
  setsid dotnet "$(server_dll)" --name "n$i" --data-dir "$dir/n$i.data" \
    --listen-client-urls "http://127.0.0.1:$(client_port "$i")" --advertise-client-urls "http://127.0.0.1:$(client_port "$i")" \
    --listen-peer-urls "http://127.0.0.1:$(peer_port "$i")" --initial-advertise-peer-urls "http://127.0.0.1:$(peer_port "$i")" \
    --initial-cluster "$members" --initial-cluster-token cluster.sh \
    ${PAXOSSTORE_FLAGS:-} >>"$dir/n$i.log" 2>&1 </dev/null 3>&- 4>&- &
  echo $! >"$dir/n$i.pid"
  disown
  for ((j = 0; j < 50; j++)); do pid_of "$i" >/dev/null && break || sleep 0.02; done
}

# Logs grow between starts only; each start keeps the end of what was there.
rotate() {
  [ -f "$1" ] && [ "$(stat -c %s "$1")" -gt "$log_limit" ] || return 0
  tail -c $((log_limit / 4)) "$1" >"$1.old" && : >"$1"
}

up() {
  local n=${1:-3} i started=0
  case "$n" in *[!0-9]* | '') die "how many nodes? a number from 1 to $max_nodes" ;; esac
  [ "$n" -ge 1 ] && [ "$n" -le "$max_nodes" ] || die "how many nodes? a number from 1 to $max_nodes"
  [ "$(size)" = 0 ] || [ "$(size)" = "$n" ] || die "a cluster of $(size) is set up already; scripts/cluster.sh down first"
  build
  [ -f "$(server_dll)" ] || die "no server at $(server_dll)"
  mkdir -p "$dir"
  echo "$n" >"$dir/size"
  for ((i = 1; i <= n; i++)); do
    pid_of "$i" >/dev/null || { start_node "$i"; started=$((started + 1)); }
  done
  for ((i = 1; i <= n; i++)); do wait_serving "$i"; done
  [ "$started" -gt 0 ] && echo "started $started of $n node(s), all serve" || echo "all $n node(s) ran already and serve"
  echo "  etcdctl --endpoints $(client_endpoints "$n") endpoint status -w table"
}

down() {
  local i pid n deadline
  n=$(size)
  [ "$n" -gt 0 ] || { echo "nothing to stop"; return; }
  for ((i = 1; i <= n; i++)); do
    if pid=$(pid_of "$i"); then kill -CONT "$pid" 2>/dev/null || true; kill -TERM "$pid" 2>/dev/null || true; fi
  done
  deadline=$((SECONDS + 10))
  for ((i = 1; i <= n; i++)); do
    while pid=$(pid_of "$i"); do
      [ $SECONDS -lt $deadline ] || { echo "node $i does not heed SIGTERM; kill -9"; kill -KILL "$pid" 2>/dev/null || true; }
      sleep 0.05
    done
  done
  for ((i = 1; i <= n; i++)); do rm -rf "$dir/n$i.data" "$dir/n$i.log" "$dir/n$i.log.old" "$dir/n$i.pid"; done
  rm -f "$dir/size" "$dir/build.log"
  rmdir "$dir" 2>/dev/null || true
  echo "stopped $n node(s) and removed their data"
}

status() {
  local i n pid state
  n=$(size)
  [ "$n" -gt 0 ] || { echo "no cluster is set up (scripts/cluster.sh up)"; return; }
  printf '%-5s %-8s %-10s %-7s %-7s %s\n' node pid state client peer data
  for ((i = 1; i <= n; i++)); do
    if ! pid=$(pid_of "$i"); then pid=- state=down
    elif [ "$(awk '{print $3}' "/proc/$pid/stat")" = T ]; then state=paused
    elif serves "$i"; then state=serving
    else state=waiting; fi
    printf '%-5s %-8s %-10s %-7s %-7s %s\n' "n$i" "$pid" "$state" "$(client_port "$i")" "$(peer_port "$i")" "$dir/n$i.data"
  done
}

signal_node() {
  local pid
  require_node "${2:-}"
  pid=$(pid_of "$2") || { echo "node $2 is not running"; return; }
  kill "-$1" "$pid"
  [ "$1" = KILL ] && while pid_of "$2" >/dev/null; do sleep 0.02; done
  echo "node $2: $3"
}

start() {
  require_node "${1:-}"
  if pid_of "$1" >/dev/null; then echo "node $1 runs already"; return; fi
  [ -f "$(server_dll)" ] || build
  start_node "$1"
  wait_serving "$1"
  echo "node $1 serves"
}

logs() {
  require_node "${1:-}"
  [ -f "$dir/n$1.log" ] || die "node $1 has no log yet"
  if [ "${2:-}" = -f ]; then exec tail -n 100 -f "$dir/n$1.log"; else cat "$dir/n$1.log"; fi
}

command=${1:---help}
[ $# -eq 0 ] || shift
case "$command" in
  up) up "$@" ;;
  down) down ;;
  status) status ;;
  kill) signal_node KILL "${1:-}" killed ;;
  pause) signal_node STOP "${1:-}" paused ;;
  resume) signal_node CONT "${1:-}" "goes on" ;;
  start) start "$@" ;;
  logs) logs "$@" ;;
  -h | --help | help) usage ;;
  *) usage >&2; die "don't know \"$command\"" ;;
esac
