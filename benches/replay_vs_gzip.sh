#!/usr/bin/env bash
# CPU time of an offline replay, as a multiple of `gzip -6` on the same capture, in one run.
#   benches/replay_vs_gzip.sh [RULES] [CAPTURES_FOLDER] [TIMES]
# Without arguments: ../shared/data/et-open.rules.xz and ../shared/conformance/pcaps, six times.
# Rule load is measured apart (a replay of an empty capture) and taken off.
set -euo pipefail
cd "$(dirname "$0")/.."
rules=${1:-../shared/data/et-open.rules.xz}
captures=${2:-../shared/conformance/pcaps}
times=${3:-6}
[ -e "$rules" ] && [ -d "$captures" ] || { echo "skipped: no $rules or no $captures"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $rules in *.xz) xz -dkc "$rules" > "$work/rules"; rules=$work/rules;; esac
cargo build --release --quiet -p mimamori-gateway
gateway=${CARGO_TARGET_DIR:-target}/release/mimamori-gateway
python3 benches/join_captures.py "$work/joined.pcap" "$times" "$captures"
head -c 24 "$work/joined.pcap" > "$work/empty.pcap"

cpu() { # user + system seconds of a command; its output goes to $work/out
  local TIMEFORMAT='%U %S'
  { time "$@" > "$work/out" 2>&1; } 2>&1 | awk '{ print $1 + $2 }'
}
settings=(--set checksum=none)
for run in 1 2 3; do
  gzip_s=$(cpu gzip -6 -c "$work/joined.pcap")
  load_s=$(cpu "$gateway" replay --pcap "$work/empty.pcap" --rules "$rules" "${settings[@]}" --eve "$work/eve")
  all_s=$(cpu "$gateway" replay --pcap "$work/joined.pcap" --rules "$rules" "${settings[@]}" --eve "$work/eve")
  awk -v g="$gzip_s" -v l="$load_s" -v a="$all_s" -v n="$run" \
    'BEGIN { printf "run %d: gzip -6 %.2f s, rule load %.2f s, replay %.2f s: %.2f x gzip\n", n, g, l, a - l, (a - l) / g }'
done
