#!/usr/bin/env python3
"""Joins captures into one: join_captures.py OUT.pcap TIMES FOLDER

Every Ethernet capture (pcap, not pcapng) of FOLDER in the order of its name, TIMES times over.
Each capture is moved in time to begin a second after the one before it has ended.
"""
import os
import struct
import sys


def records(path):
    with open(path, "rb") as f:
        data = f.read()
    if len(data) < 24:
        return
    magic = data[:4]
    orders = {b"\xd4\xc3\xb2\xa1": ("<", 1), b"\xa1\xb2\xc3\xd4": (">", 1),
              b"\x4d\x3c\xb2\xa1": ("<", 1000), b"\xa1\xb2\x3c\x4d": (">", 1000)}
    if magic not in orders:
        return
    order, divide = orders[magic]
    if struct.unpack(order + "I", data[20:24])[0] & 0xFFFF != 1:
        return
    at = 24
    while at + 16 <= len(data):
        sec, frac, caplen, origlen = struct.unpack(order + "IIII", data[at:at + 16])
        at += 16
        if at + caplen > len(data):
            return
        yield sec * 1_000_000 + frac // divide, origlen, data[at:at + caplen]
        at += caplen


def main(out_path, times, folder):
    captures = [list(records(os.path.join(folder, n))) for n in sorted(os.listdir(folder)) if n.endswith(".pcap")]
    captures = [c for c in captures if c]
    now = 1_700_000_000_000_000
    packets = size = 0
    with open(out_path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for _ in range(times):
            for capture in captures:
                first = capture[0][0]
                last = now
                for at, origlen, frame in capture:
                    stamp = max(now, now + at - first)
                    last = max(last, stamp)
                    out.write(struct.pack("<IIII", stamp // 1_000_000, stamp % 1_000_000, len(frame), origlen))
                    out.write(frame)
                    packets += 1
                    size += len(frame)
                now = last + 1_000_000
    print(f"{out_path}: {packets} packets, {size} bytes of frames")


main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
