# What the commands of docs/operations.md and docs/tls.md find when the tests run them: services are processes, machines are ports of this one, paths lie in $WORLD.
# Set by the tests: WORLD, TARGET (paxosstore or etcd), SERVER, PAXOSCTL.

sleep() { command sleep 0.2; }

systemctl() {
  local verb=$1 name=${2#paxosstore@}
  case "$verb" in
    start) start_service "$name" ;;
    stop) stop_service "$name" ;;
    restart) stop_service "$name" && start_service "$name" ;;
    *) echo "systemctl $verb?" >&2; return 1 ;;
  esac
}

# As systemd does: it returns as soon as the process runs, and stops it by SIGTERM and waits.
start_service() {
  local -a flags=(--config-file "$WORLD/etc/$1.conf")
  [ "$TARGET" != etcd ] || { etcd_restore "$1"; mapfile -t flags < <(etcd_flags "$1"); }
  # shellcheck disable=SC2086
  setsid $SERVER "${flags[@]}" >>"$WORLD/$1.log" 2>&1 </dev/null &
  echo $! >"$WORLD/$1.pid"
}

stop_service() {
  local pid
  pid=$(cat "$WORLD/$1.pid" 2>/dev/null) || return 0
  kill "$pid" 2>/dev/null || return 0
  while [ -e "/proc/$pid" ] && ! grep -q '^State:\s*Z' "/proc/$pid/status" 2>/dev/null; do command sleep 0.02; done
}

paxosctl() {
  # shellcheck disable=SC2086
  if [ "$TARGET" = etcd ]; then etcd_paxosctl "$@"; else $PAXOSCTL "$@"; fi
}

# --- A real etcd in the store's place shows that the test itself is sound. Its flags are the keys of the configuration. ---

etcd_flags() {
  # Without the check that all members have been connected for five seconds: the tests are faster than operators.
  echo --strict-reconfig-check=false
  local conf=$WORLD/etc/$1.conf
  sed -nE 's/^ *([a-z-]+) = "(.*)"$/--\1=\2/p' "$conf"
  sed -nE 's/^ *listen-client-urls = "(.*)"$/--advertise-client-urls=\1/p' "$conf"
  sed -nE 's/^ *listen-peer-urls = "(.*)"$/--initial-advertise-peer-urls=\1/p' "$conf"
  grep -q 'initial-cluster =' "$conf" || sed -nE 's/^ *listen-peer-urls = "(.*)"$/--initial-cluster='"$1"'=\1/p' "$conf"
  [ ! -e "$WORLD/$1.recover" ] || { rm "$WORLD/$1.recover"; echo --force-new-cluster; }
}

etcd_restore() {
  [ -e "$WORLD/$1.restore" ] || return 0
  local -a flags
  mapfile -t flags < <(etcd_flags "$1" | grep -E '^--(name|data-dir|initial-cluster|initial-cluster-token|initial-advertise-peer-urls)=')
  etcdctl snapshot restore "$(cat "$WORLD/$1.restore")" "${flags[@]}" >/dev/null
  rm "$WORLD/$1.restore"
}

etcd_paxosctl() {
  local ETCDCTL_API=3 endpoints=$PAXOSCTL_ENDPOINTS
  export ETCDCTL_API
  [ "$1" != --endpoints ] || { endpoints=$2; shift 2; }
  local -a ctl=(etcdctl "--endpoints=$endpoints") one=(etcdctl "--endpoints=${endpoints%%,*}")
  case "$1 ${2:-}" in
    "snapshot save") "${one[@]}" "$@" ;;
    "snapshot status") "${one[@]}" "$@" ;;
    "snapshot restore") echo "$3" >"$WORLD/$(basename "$5").restore" ;;
    "recover --data-dir") touch "$WORLD/$(basename "$3").recover" ;;
    "member list") "${ctl[@]}" member list | awk -F', ' '{ print $1, ($3 == "" ? "-" : $3), $4, "-", ($6 == "false" ? "yes" : "no"), $2 }' ;;
    "member add") "${ctl[@]}" member add "new$RANDOM" --peer-urls="$3" ;;
    "member remove" | "alarm disarm") "${ctl[@]}" "$@" ;;
    "status ") "${ctl[@]}" endpoint health >/dev/null 2>&1 && echo header && "${one[@]}" endpoint status -w json | sed -E 's/.*"revision":([0-9]+).*/- - - - - - \1/' ;;
    compact*) "${ctl[@]}" compaction "$2" ;;
    "defrag ") "${ctl[@]}" defrag ;;
    *) echo "paxosctl $*?" >&2; return 1 ;;
  esac
}
