#!/usr/bin/env bash
# Packets a second of an offline replay on one and on several threads, in one run.
#   benches/threads.sh [THREADS] [RULES] [CAPTURES_FOLDER] [TIMES]
# Without arguments: 2 threads, ../shared/data/et-open.rules.xz, ../shared/conformance/pcaps, six
# times. Rule load is not in the figures. The lines of all runs must be the same. On a machine
# that does other work, run it as root: it then asks for precedence.
set -euo pipefail
cd "$(dirname "$0")/.."
threads=${1:-2}
rules=${2:-../shared/data/et-open.rules.xz}
captures=${3:-../shared/conformance/pcaps}
times=${4:-6}
[ -e "$rules" ] && [ -d "$captures" ] || { echo "skipped: no $rules or no $captures"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $rules in *.xz) xz -dkc "$rules" > "$work/rules"; rules=$work/rules;; esac
cargo build --release --quiet -p mimamori-gateway
gateway=${CARGO_TARGET_DIR:-target}/release/mimamori-gateway
python3 benches/join_captures.py "$work/joined.pcap" "$times" "$captures"
first=()
[ "$(id -u)" = 0 ] && first=(nice -n -20)

packets_per_second() { # THREADS OUT
  "${first[@]}" "$gateway" replay --pcap "$work/joined.pcap" --rules "$rules" --set checksum=none \
    --threads "$1" --eve "$2" 2>&1 | awk '/events written/ { sub(/^.*, /, ""); secs = $1; print frames / secs }
      / frames, / { frames = $1 }' frames=0 | tail -1
}
for run in 1 2 3 4 5; do
  one=$(packets_per_second 1 "$work/one")
  many=$(packets_per_second "$threads" "$work/many")
  cmp "$work/one" "$work/many"
  awk -v a="$one" -v b="$many" -v n="$threads" -v r="$run" \
    'BEGIN { printf "run %d: 1 thread %.0f packets/s, %d threads %.0f packets/s: %.2f x\n", r, a, n, b, b / a }'
done
