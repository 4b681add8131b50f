#!/usr/bin/env bash
# Throughput of the gateway between two namespaces as a fraction of the kernel's own bridge.
# Usage (root, iperf3, iproute2): benches/bridge.sh [RULES…]
# Prints Gbit/s for: kernel bridge, gateway with the starter rules, gateway with RULES.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
gateway=${GATEWAY:-$here/target/release/mimamori-gateway}
seconds=${SECONDS_EACH:-5}
[ -x "$gateway" ] || { echo "build first: cargo build --release -p mimamori-gateway" >&2; exit 2; }
work=$(mktemp -d)
spaces="mmb-a mmb-g mmb-b"

cleanup() {
  [ -n "${pid:-}" ] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
  for ns in $spaces; do
    ip netns pids "$ns" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
    ip netns del "$ns" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap cleanup EXIT

for ns in $spaces; do ip netns del "$ns" 2>/dev/null || true; ip netns add "$ns"; ip -n "$ns" link set lo up; done
for side in a b; do
  ip link add "p-$side" netns mmb-g type veth peer name eth0 netns "mmb-$side"
  ip -n mmb-g link set "p-$side" up
  ip -n "mmb-$side" link set eth0 up
done
ip -n mmb-a addr add 192.168.1.23/24 dev eth0
ip -n mmb-b addr add 192.168.1.1/24 dev eth0
ip netns exec mmb-b iperf3 -s -D

offloads() { # on|off
  for side in a b; do
    ip netns exec "mmb-$side" ethtool -K eth0 tso "$1" gso "$1" gro "$1" tx "$1" >/dev/null 2>&1 || true
    ip netns exec mmb-g ethtool -K "p-$side" tso "$1" gso "$1" gro "$1" tx "$1" >/dev/null 2>&1 || true
  done
}

measure() { # NAME
  local bits
  bits=$(ip netns exec mmb-a iperf3 -c 192.168.1.1 -t "$seconds" -J | python3 -c 'import json,sys; print(json.load(sys.stdin)["end"]["sum_received"]["bits_per_second"])')
  printf '%-44s %6.2f Gbit/s\n' "$1" "$(python3 -c "print($bits/1e9)")"
}

with_gateway() { # NAME [RULES…]
  local name=$1; shift
  local rules=""
  for file in "$@"; do rules="$rules\"$(realpath "$file")\","; done
  cat >"$work/gateway.toml" <<TOML
state_dir = "$work/state"
[[port]]
interface = "p-b"
zone = "wan"
[[port]]
interface = "p-a"
zone = "lan"
[inspection]
rules = [$rules]
TOML
  ip netns exec mmb-g "$gateway" run --config "$work/gateway.toml" 2>"$work/log" & pid=$!
  for _ in $(seq 200); do
    ip netns exec mmb-a ping -c1 -W1 192.168.1.1 >/dev/null 2>&1 && break
    kill -0 "$pid" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
  done
  measure "$name"
  kill "$pid"; wait "$pid" || true; pid=
}

kernel_bridge() { # NAME
  ip -n mmb-g link add br0 type bridge forward_delay 0
  ip -n mmb-g link set p-a master br0
  ip -n mmb-g link set p-b master br0
  ip -n mmb-g link set br0 up
  sleep 1
  measure "$1"
  ip -n mmb-g link del br0
}

for offload in on off; do
  offloads "$offload"
  kernel_bridge "kernel bridge, offloads $offload"
  with_gateway "gateway, starter rules, offloads $offload"
  [ $# -eq 0 ] || with_gateway "gateway, given rules, offloads $offload" "$@"
done
