#!/usr/bin/env bash
# Large HTTP and TLS downloads through an offline replay, one thread, the whole rule set.
#   benches/bulk.sh [RULES] [MB_EACH] [FLOWS]
# Says the rate, rule load apart, and how much of the payload was not looked at. On a machine that
# does other work, run it as root: it then asks for precedence.
set -euo pipefail
cd "$(dirname "$0")/.."
rules=${1:-../shared/data/et-open.rules.xz}
[ -e "$rules" ] || { echo "skipped: no $rules"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $rules in *.xz) xz -dkc "$rules" > "$work/rules"; rules=$work/rules;; esac
cargo build --release --quiet -p mimamori-gateway
gateway=${CARGO_TARGET_DIR:-target}/release/mimamori-gateway
python3 benches/bulk_capture.py "$work/bulk.pcap" "${2:-100}" "${3:-4}"
first=()
[ "$(id -u)" = 0 ] && first=(nice -n -20)
bytes=$(stat -c %s "$work/bulk.pcap")
for skip in "" --skip-bulk; do
  for run in 1 2 3; do
    "${first[@]}" "$gateway" replay --pcap "$work/bulk.pcap" --rules "$rules" --set checksum=none $skip \
      --eve "$work/eve" 2> "$work/said"
    secs=$(awk '/events written/ { print $(NF - 1) }' "$work/said")
    awk -v b="$bytes" -v s="$secs" -v how="${skip:-everything}" \
      'BEGIN { printf "%s: %.1f Gbit/s; ", how, b * 8e-9 / s }'
    grep -o '[0-9]* bytes of payload inspected.*' "$work/said" || echo "all payload inspected"
  done
done
