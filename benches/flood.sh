#!/usr/bin/env bash
# A mixed flood against the engine as it stands in a gateway, in memory: SYNs, fragments, one-byte
# segments, header bombs, HPACK and decompression bombs, prepared collisions, a port scan, UDP spray,
# churn of connections; honest conversations and bad files among them.
# Usage: benches/flood.sh [SECONDS] [RULES…]     (30 minutes: benches/flood.sh 1800 et-open.rules)
# Ends with an error when memory grows, an honest conversation is hurt or a bad file is missed.
set -euo pipefail
rules=()
for file in "${@:2}"; do rules+=("$(realpath "$file")"); done
cd "$(dirname "$0")/.."
cargo run --release -q -p mimamori-engine --example flood -- "${1:-60}" "${rules[@]}"
