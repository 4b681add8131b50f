#!/usr/bin/env bash
# What YARA-X adds to a cold build: the gateway without and with it, each into an empty target folder.
# Usage (the registry's files on disk, nothing else running): benches/cold_build.sh [PROFILE] [PACKAGE]
# Prints wall and processor seconds of both builds and the difference. PROFILE is `release` unless given.
set -euo pipefail
cd "$(dirname "$0")/.."
profile=${1:-release}
package=${2:-mimamori-gateway}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() { # NAME ARGUMENT...
  local name=$1 TIMEFORMAT='%R %U %S'
  shift
  { time CARGO_TARGET_DIR="$work/$name" CARGO_INCREMENTAL=0 \
    cargo build --locked --offline --quiet --profile "$profile" -p "$package" "$@" 2>"$work/said"; } 2>"$work/$name.time" ||
    { cat "$work/said" >&2; exit 1; }
  awk -v name="$name" '{ printf "%-18s %8.1f s of wall time %8.1f s of processor time\n", name, $1, $2 + $3 }' "$work/$name.time"
  rm -rf "${work:?}/$name"
}

echo "cold build of $package, profile $profile, $(nproc) cores"
build without --no-default-features
build with
paste -d' ' "$work/without.time" "$work/with.time" |
  awk '{ printf "%-18s %8.1f s of wall time %8.1f s of processor time\n", "YARA-X adds", $4 - $1, $5 + $6 - $2 - $3 }'
