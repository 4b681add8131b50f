#!/usr/bin/env bash
# The recording laboratory: lab.sh CASE_FOLDER runs CASE_FOLDER/record.sh between real clients
# and servers and writes CASE_FOLDER/capture.pcap. Needs Linux, root, and the packages
# iproute2 iputils-ping ethtool tcpdump nginx-light dnsmasq udhcpc curl openssl nmap swaks dnsutils python3.
#
#   mm-pc1 KEIRI-PC  192.168.1.23 ┐
#   mm-pc2 EIGYO-PC  192.168.1.31 ├─ bridge in mm-gw ── mm-inet: router 192.168.1.1 and servers
#   mm-srv FILE-SV   192.168.1.10 ┘
set -euo pipefail
case_dir=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
chmod 755 "$work"
spaces="mm-pc1 mm-pc2 mm-srv mm-gw mm-inet"

cleanup() {
  for ns in $spaces; do
    ip netns pids "$ns" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
    ip netns del "$ns" 2>/dev/null || true
  done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
cleanup; mkdir -p "$work"; chmod 755 "$work"

in_ns() { ip netns exec "$@"; }

cable() { # NAMESPACE MAC: a port of the office on the bridge
  local ns=$1 mac=$2 port="p-${1#mm-}"
  ip link add "$port" netns mm-gw type veth peer name eth0 netns "$ns"
  in_ns "$ns" ip link set eth0 address "$mac" up
  in_ns mm-gw ip link set "$port" master br0 up
  in_ns "$ns" ethtool -K eth0 tx off tso off gso off gro off >/dev/null 2>&1 || true
  in_ns mm-gw ethtool -K "$port" tx off tso off gso off gro off >/dev/null 2>&1 || true
}

network() {
  for ns in $spaces; do ip netns add "$ns"; in_ns "$ns" ip link set lo up; done
  in_ns mm-gw ip link add br0 type bridge forward_delay 0
  in_ns mm-gw ip link set br0 up
  cable mm-inet 00:00:5e:00:53:01
  cable mm-pc1 00:0b:5d:12:34:56
  cable mm-pc2 00:1b:8b:65:43:21
  cable mm-srv 00:d0:00:aa:bb:cc
  in_ns mm-inet sysctl -qw net.ipv4.ip_forward=1
  in_ns mm-inet ip addr add 192.168.1.1/24 dev eth0
  in_ns mm-inet ip -6 addr add fd00:1::1/64 dev eth0 nodad
  for a in 203.0.113.10 203.0.113.11 203.0.113.20 203.0.113.53 203.0.113.66 203.0.113.77 198.51.100.99; do
    in_ns mm-inet ip addr add "$a/32" dev lo
  done
  in_ns mm-inet ip -6 addr add 2001:db8::10/128 dev lo
}

certificate() { # NAME
  openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/C=JP/O=Mimamori Lab/CN=$1" \
    -addext "subjectAltName=DNS:$1" -keyout "$work/$1.key" -out "$work/$1.crt" 2>/dev/null
}

site() { # NAME LISTEN...
  local name=$1; shift
  mkdir -p "$work/www/$name"
  certificate "$name"
  {
    echo "server { server_name $name; root $work/www/$name; default_type application/octet-stream;"
    for l in "$@"; do echo "  listen $l;"; done
    echo "  ssl_certificate $work/$name.crt; ssl_certificate_key $work/$name.key;"
    echo "  location / { error_page 405 =200 \$uri; try_files \$uri \$uri/ =404; } }"
  } >> "$work/sites.conf"
}

servers() {
  : > "$work/sites.conf"
  site www.bunbougu.example 203.0.113.10:80 "203.0.113.10:443 ssl" "[2001:db8::10]:80"
  site download.freesoft.example 203.0.113.11:80 "203.0.113.11:443 ssl"
  site update-check.badcdn.example 203.0.113.66:80 "203.0.113.66:443 ssl"
  site login.nisemono-bank.example 203.0.113.77:80 "203.0.113.77:443 ssl"
  cat > "$work/nginx.conf" <<N
worker_processes 1; pid $work/nginx.pid; error_log $work/nginx.err; daemon on; user root;
events { worker_connections 64; }
http { include /etc/nginx/mime.types; access_log off; gzip on; gzip_types text/plain text/css; gzip_min_length 20;
  client_body_temp_path $work; include $work/sites.conf; }
N
  python3 "$here/make_content.py" "$work/www"
  in_ns mm-inet nginx -c "$work/nginx.conf" 2>/dev/null
  cat > "$work/dnsmasq.conf" <<N
no-resolv
no-hosts
pid-file=$work/dnsmasq.pid
dhcp-leasefile=$work/leases
listen-address=192.168.1.1,203.0.113.53,127.0.0.1
bind-dynamic
dhcp-range=192.168.1.20,192.168.1.99,1h
dhcp-host=00:0b:5d:12:34:56,192.168.1.23
dhcp-host=00:1b:8b:65:43:21,192.168.1.31
dhcp-host=00:d0:00:aa:bb:cc,192.168.1.10
host-record=www.bunbougu.example,203.0.113.10,2001:db8::10
address=/download.freesoft.example/203.0.113.11
address=/mail.provider.example/203.0.113.20
mx-host=provider.example,mail.provider.example,10
address=/badcdn.example/203.0.113.66
address=/nisemono-bank.example/203.0.113.77
N
  in_ns mm-inet dnsmasq -C "$work/dnsmasq.conf"
  in_ns mm-inet python3 "$here/smtp_sink.py" 203.0.113.20 25 & disown
  # The office server that the attacks from outside aim at.
  mkdir -p "$work/srv"; echo '<h1>sagyo nippo</h1>' > "$work/srv/index.html"
  cat > "$work/srv.conf" <<N
worker_processes 1; pid $work/srv.pid; error_log $work/srv.err; daemon on; user root;
events { worker_connections 64; }
http { access_log off; server { listen 80; root $work/srv; } }
N
  in_ns mm-srv nginx -c "$work/srv.conf" 2>/dev/null
}

lease() { # NAMESPACE HOSTNAME: an address from the router, as a real office device asks for it
  local script=$work/udhcpc.sh
  cat > "$script" <<'S'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add "$ip/24" dev "$interface"
ip route add default via "$router"
S
  chmod +x "$script"
  in_ns "$1" udhcpc -q -n -t 5 -T 1 -i eth0 -s "$script" -x "hostname:$2" >/dev/null 2>&1
  in_ns "$1" ip -6 addr add "fd00:1::${3}/64" dev eth0 nodad
  in_ns "$1" ip -6 route add default via fd00:1::1
}

# For record.sh: `on pc1 COMMAND…`; names are resolved by asking the router's DNS for real.
on() { local ns=mm-$1; shift; in_ns "$ns" "$@"; }
lookup() { on "$1" dig +short +tries=1 +time=2 @192.168.1.1 "${@:2}"; }
browse() { # DEVICE HOST URL [curl options]: look the name up, then fetch
  local device=$1 host=$2 url=$3 address; shift 3
  address=$(lookup "$device" "$host" A | head -1)
  on "$device" curl -sk --max-time 20 -o /dev/null \
    --resolve "$host:80:$address" --resolve "$host:443:$address" "$@" "$url" || true
}

network
servers
in_ns mm-gw tcpdump -q -U -i p-inet -s 0 -w "$work/capture.pcap" 2>"$work/tcpdump.err" &
for _ in $(seq 50); do [ -s "$work/capture.pcap" ] && break; sleep 0.1; done
lease mm-pc1 KEIRI-PC 23
lease mm-pc2 EIGYO-PC 31
lease mm-srv FILE-SV 10
sleep 0.3
# shellcheck source=/dev/null
source "$case_dir/record.sh"
sleep 1
ip netns pids mm-gw | xargs -r kill -INT || true
sleep 0.5
cp "$work/capture.pcap" "$case_dir/capture.pcap"
ls -l "$case_dir/capture.pcap" | awk '{print "  " $5 " bytes"}'
