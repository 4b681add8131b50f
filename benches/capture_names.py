#!/usr/bin/env python3
"""How well host names and fingerprints agree on captures that are not in the labelled collection.

Usage: benches/capture_names.py CONFORMANCE_FOLDER [GATEWAY]
Replays the captures of the cases whose expected records name a host (HTTP, TLS, QUIC, DNS) or a JA4,
each with the settings and rules of its case, and counts the expected values that our records of the same
kind and flow carry. Prints the counts and every value that is missing.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

KINDS = {
    "host name in HTTP": r"http\.hostname",
    "host name in TLS": r"tls\.sni",
    "name in DNS": r"(dns|llmnr)\.(rrname|(query|queries|answer|answers|authorities)(\[\d+\])?\.rrname)",
    "JA4": r"(tls|quic)\.ja4",
}
TURNED = {"src_ip": "dest_ip", "dest_ip": "src_ip", "src_port": "dest_port", "dest_port": "src_port"}
PLACE = {"event_type", "src_ip", "src_port", "dest_ip", "dest_port", "proto"}


def value(record, key):
    for part in re.findall(r"[^.\[\]]+", key):
        if isinstance(record, list):
            record = record[int(part)] if part.isdigit() and int(part) < len(record) else None
        else:
            record = record.get(part) if isinstance(record, dict) else None
        if record is None:
            return None
    return record


def names(record):
    """Every name that a record of DNS asks for or answers with, whatever the layout of its version."""
    if isinstance(record, dict):
        own = [record["rrname"]] if "rrname" in record else []
        return own + [name for inner in record.values() for name in names(inner)]
    return [name for inner in record for name in names(inner)] if isinstance(record, list) else []


def replay(gateway, root, name, case):
    rules = [argument for rule in case["rules"] for argument in ("--rules", str(root / "cases" / name / rule))]
    settings = [argument for pair in case["settings"].items() for argument in ("--set", "{}={}".format(*pair))]
    base = [gateway, "replay", "--pcap", str(root / case["pcap"]), "--eve", "-"]
    for extra in (rules + settings, settings, []):
        done = subprocess.run(base + extra, capture_output=True, check=False)
        if done.returncode == 0:
            return [json.loads(line) for line in done.stdout.decode("utf-8", "replace").splitlines() if line]
    return None


def main():
    root = pathlib.Path(sys.argv[1])
    gateway = sys.argv[2] if len(sys.argv) > 2 else "target/release/mimamori-gateway"
    right, wanted, captures, failed = collections.Counter(), collections.Counter(), set(), []
    for path in sorted(root.glob("cases/*/case.json")):
        case = json.loads(path.read_text())
        labels = []
        for event in case["events"]:
            match = event["match"]
            if event.get("count") == 0 or match.get("event_type") == "alert":
                continue
            place = {key: match[key] for key in PLACE if key in match}
            for kind, pattern in KINDS.items():
                labels += [(kind, place, key, match[key]) for key in match if re.fullmatch(pattern, key)]
        if not labels or not case.get("pcap"):
            continue
        records = replay(gateway, root, path.parent.name, case)
        if records is None:
            failed.append(path.parent.name)
            continue
        captures.add(case["pcap"])
        for kind, place, key, want in labels:
            wanted[kind] += 1
            in_dns = kind == "name in DNS"
            # An older layout writes an answer's ends as the question's.
            places = [place, {TURNED.get(k, k): v for k, v in place.items()}] if in_dns else [place]
            fits = (r for r in records if any(all(str(value(r, k)) == str(v) for k, v in p.items()) for p in places))
            if any(want in names(record) if in_dns else value(record, key) == want for record in fits):
                right[kind] += 1
            else:
                print(f"{path.parent.name}: {place.get('event_type')} {key} = {want!r} is missing")
    for kind, count in wanted.items():
        print(f"{kind}: {right[kind]} of {count} ({100 * right[kind] / count:.1f} %)")
    print(f"{len(captures)} captures; not replayed: {' '.join(failed) or 'none'}")


main()
