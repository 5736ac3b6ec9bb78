#!/usr/bin/env bash
# Installs what the tests lean on besides the SDK: a real etcd to compare with, a PostgreSQL for storage, and tools that make faults. Debian and Ubuntu, as root.
set -euo pipefail

# program=package; a path where the package puts its programs beside the PATH
tools=(etcd=etcd-server etcdctl=etcd-client patroni=patroni /usr/lib/python3/dist-packages/idna=python3-idna iptables=iptables ip=iproute2 /usr/lib/python3/dist-packages/etcd3=python3-etcd3 strace=strace /usr/share/doc/libfaketime=libfaketime openssl=openssl curl=curl gcc=gcc /usr/include/stdio.h=libc6-dev /usr/lib/postgresql/15/bin/initdb=postgresql-15)

missing=()
for tool in "${tools[@]}"; do
  [ -e "${tool%%=*}" ] || command -v "${tool%%=*}" >/dev/null || missing+=("${tool##*=}")
done

if [ ${#missing[@]} -eq 0 ]; then
  echo "test tools: all there"
  exit 0
fi

sudo=''
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "test tools: missing ${missing[*]}; install them as root" >&2; exit 1; }
  sudo=sudo
fi

# No service may start by being installed: the tests run their own etcd and PostgreSQL on ports of their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
  $sudo chmod +x $policy
  trap '$sudo rm -f $policy' EXIT
fi

export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -q
$sudo apt-get install -y -q --no-install-recommends "${missing[@]}"
echo "test tools: installed ${missing[*]}"
