#!/usr/bin/env bash
# What a new rule set costs the packets of a running gateway.
# Usage (root, iproute2, ping): benches/swap.sh RULES…
# Sends a packet every two milliseconds through the gateway, first with nothing else, then with a
# reload of RULES every three seconds. Prints packets lost and the longest way there and back of
# both, and how long each swap took.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
gateway=${GATEWAY:-$here/target/release/mimamori-gateway}
packets=${PACKETS:-10000}
name=${NAMES:-mmswap}
[ -x "$gateway" ] || { echo "build first: cargo build --release -p mimamori-gateway" >&2; exit 2; }
[ $# -gt 0 ] || { sed -n '2,6p' "$0" >&2; exit 2; }
work=$(mktemp -d)

cleanup() {
  [ -n "${loop:-}" ] && kill "$loop" 2>/dev/null && wait "$loop" 2>/dev/null
  [ -n "${pid:-}" ] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
  for side in a g b; do ip netns del "$name-$side" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT

for side in a g b; do
  ip netns del "$name-$side" 2>/dev/null || true
  ip netns add "$name-$side"
  ip -n "$name-$side" link set lo up
done
for side in a b; do
  ip link add "p-$side" netns "$name-g" type veth peer name eth0 netns "$name-$side"
  ip -n "$name-g" link set "p-$side" up
  ip -n "$name-$side" link set eth0 up
done
ip -n "$name-a" addr add 192.168.1.23/24 dev eth0
ip -n "$name-b" addr add 192.168.1.1/24 dev eth0

rules=""
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
ip netns exec "$name-g" ${REALTIME:+chrt -f 10} "$gateway" run --config "$work/gateway.toml" 2>"$work/log" & pid=$!
for _ in $(seq 300); do
  ip netns exec "$name-a" ping -c1 -W1 192.168.1.1 >/dev/null 2>&1 && break
  kill -0 "$pid" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
done

measure() { # NAME
  ip netns exec "$name-a" ping -q -i 0.002 -c "$packets" 192.168.1.1 >"$work/ping"
  local lost longest
  lost=$(awk -F, '/packets transmitted/ {split($1,a," "); split($2,b," "); print a[1]-b[1]}' "$work/ping")
  longest=$(awk -F/ '/^rtt/ {print $6}' "$work/ping")
  printf '%-28s %6d packets, %d lost, longest way there and back %s ms\n' "$1" "$packets" "$lost" "$longest"
}

measure "no reload"
before=$(grep -c 'definitions in force' "$work/log" || true)
(while sleep 3; do kill -HUP "$pid"; done) & loop=$!
measure "a reload every 3 s"
kill "$loop" 2>/dev/null; wait "$loop" 2>/dev/null || true; loop=
grep 'definitions in force' "$work/log" | tail -n +$((before + 1)) | sed 's/\x1b\[[0-9;]*m//g' |
  sed -n 's/.*rules=\([0-9]*\).*swap_us=\([0-9]*\).*/\1 rules, swap took \2 us/p'
