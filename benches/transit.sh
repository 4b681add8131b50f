#!/usr/bin/env bash
# What judging files adds to a download: HTTP through the kernel's bridge, through the gateway without
# its file scanner, with the starter's hashes and rules, and with clamd beside them (where it is installed).
# Usage (root; nginx, curl, iproute2, python3): benches/transit.sh [ROUNDS]
# Prints for each size the median time of a download and what a megabyte costs beyond the kernel's bridge.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
gateway=${GATEWAY:-$here/target/release/mimamori-gateway}
rounds=${1:-15}
sizes="1 4 16"
[ -x "$gateway" ] || { echo "build first: cargo build --release -p mimamori-gateway" >&2; exit 2; }
work=$(mktemp -d)
chmod 755 "$work"
spaces="mmt-a mmt-g mmt-b"
pids=

cleanup() {
  for pid in $pids; do kill "$pid" 2>/dev/null || true; done
  for ns in $spaces; do
    ip netns pids "$ns" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
    ip netns del "$ns" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap cleanup EXIT

for ns in $spaces; do ip netns del "$ns" 2>/dev/null || true; ip netns add "$ns"; ip -n "$ns" link set lo up; done
for side in a b; do
  ip link add "p-$side" netns mmt-g type veth peer name eth0 netns "mmt-$side"
  ip -n mmt-g link set "p-$side" up
  ip -n "mmt-$side" link set eth0 up
done
ip -n mmt-a addr add 192.168.1.23/24 dev eth0
ip -n mmt-b addr add 192.168.1.1/24 dev eth0
mkdir "$work/www"
for size in $sizes; do head -c "${size}M" /dev/urandom >"$work/www/$size.bin"; done
cat >"$work/nginx.conf" <<NGINX
daemon off; user root; worker_processes 1; pid $work/nginx.pid; error_log $work/nginx.log;
events {}
http { access_log off; default_type application/octet-stream; client_body_temp_path $work/b; proxy_temp_path $work/p;
  fastcgi_temp_path $work/f; uwsgi_temp_path $work/u; scgi_temp_path $work/s;
  server { listen 192.168.1.1:80; root $work/www; } }
NGINX
ip netns exec mmt-b nginx -c "$work/nginx.conf" & pids="$pids $!"

measure() { # NAME
  for size in $sizes; do
    for _ in $(seq "$rounds"); do
      ip netns exec mmt-a curl -s -f -o /dev/null -w '%{time_total}\n' "http://192.168.1.1/$size.bin"
    done >"$work/times"
    python3 - "$1" "$size" "$work" <<'PY'
import os, statistics, sys
name, size, work = sys.argv[1], int(sys.argv[2]), sys.argv[3]
median = statistics.median(float(line) for line in open(f"{work}/times")) * 1000
base = f"{work}/base-{size}"
if not os.path.exists(base):
    open(base, "w").write(str(median))
plain = float(open(base).read())
print(f"{name:44} {size:3} MB {median:9.1f} ms {(median - plain) / size:8.2f} ms/MB more {median / plain:6.2f} x")
PY
  done
}

with_gateway() { # NAME SCAN_SETTINGS
  printf 'state_dir = "%s/state"\n[[port]]\ninterface = "p-b"\nzone = "wan"\n[[port]]\ninterface = "p-a"\nzone = "lan"\n[scan]\n%s\n' \
    "$work" "$2" >"$work/gateway.toml"
  ip netns exec mmt-g "$gateway" run --config "$work/gateway.toml" 2>"$work/log" & local pid=$!
  for _ in $(seq 200); do
    ip netns exec mmt-a ping -c1 -W1 192.168.1.1 >/dev/null 2>&1 && break
    kill -0 "$pid" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
  done
  sleep 3 # until the scan worker has its rules
  measure "$1"
  kill "$pid"; wait "$pid" || true
}

ip -n mmt-g link add br0 type bridge forward_delay 0
ip -n mmt-g link set p-a master br0
ip -n mmt-g link set p-b master br0
ip -n mmt-g link set br0 up
sleep 1
measure "kernel bridge"
ip -n mmt-g link del br0
with_gateway "gateway, files not judged" "enabled = false"
with_gateway "gateway, hashes and rules of the starter set" ""
if command -v clamd >/dev/null; then
  mkdir "$work/db"
  echo "Bench.Test:0:*:4d494d414d4f52492d42454e4348" >"$work/db/own.ndb"
  printf 'Foreground yes\nLocalSocket %s/clamd.sock\nDatabaseDirectory %s/db\n' "$work" "$work" >"$work/clamd.conf"
  ip netns exec mmt-g clamd --config-file "$work/clamd.conf" >/dev/null 2>&1 & pids="$pids $!"
  for _ in $(seq 100); do [ -S "$work/clamd.sock" ] && break; sleep 0.2; done
  with_gateway "the same and clamd (one signature)" "clamd = \"$work/clamd.sock\""
fi
