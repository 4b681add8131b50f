#!/usr/bin/env python3
"""Makes a capture of large downloads: bulk_capture.py OUT.pcap [MB_EACH] [FLOWS]

HTTP and TLS downloads in turn, FLOWS of each (4), MB_EACH megabytes each (100), in segments of 1,448
bytes with an acknowledgement every second segment, as a browser behind Ethernet sees them. The
bodies are random bytes (compressed archives, encrypted records): the costly kind for a matcher.
"""
import os
import random
import struct
import sys

MSS = 1448
CLIENT_MAC, SERVER_MAC = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x02"


class Conversation:
    def __init__(self, out, number, port):
        self.out, self.ports = out, (40000 + number, port)
        self.ips = (bytes([192, 168, 1, 10 + number % 200]), bytes([203, 0, 113, 1 + number % 200]))
        self.seq = [1000 + number, 90000 + number]
        self.at = 1_700_000_000_000_000 + number * 1000

    def send(self, by_server, payload, flags=0x10):
        a, b = (1, 0) if by_server else (0, 1)
        tcp = struct.pack(">HHIIBBHHH", self.ports[a], self.ports[b], self.seq[a], self.seq[b] if flags & 16 else 0,
                          8 << 4, flags, 65535, 0, 0) + b"\x01\x01\x08\x0a\0\0\0\1\0\0\0\1"
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 52 + len(payload), 1, 0x4000, 64, 6, 0, self.ips[a], self.ips[b])
        macs = CLIENT_MAC + SERVER_MAC if by_server else SERVER_MAC + CLIENT_MAC
        frame = macs + b"\x08\0" + ip + tcp + payload
        self.at += 3
        self.out.write(struct.pack("<IIII", self.at // 1_000_000, self.at % 1_000_000, len(frame), len(frame)) + frame)
        self.seq[a] = (self.seq[a] + len(payload) + (flags & 3 != 0)) & 0xFFFFFFFF

    def open(self):
        self.send(False, b"", 2)
        self.send(True, b"", 0x12)
        self.send(False, b"")

    def download(self, body, length):
        sent, n = 0, 0
        while sent < length:
            at = sent % (len(body) - MSS)
            self.send(True, body[at:at + min(MSS, length - sent)])
            sent += min(MSS, length - sent)
            n += 1
            if n % 2 == 0:
                self.send(False, b"")
        self.send(False, b"", 0x11)
        self.send(True, b"", 0x11)
        self.send(False, b"")


def record(kind, body):
    return struct.pack(">BHH", kind, 0x0303, len(body)) + body


def client_hello(name):
    sni = struct.pack(">HHBH", 0, len(name) + 5, len(name) + 3, 0)
    sni = struct.pack(">HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
    body = b"\x03\x03" + bytes(32) + b"\0" + b"\0\x02\xc0\x2f" + b"\x01\0" + struct.pack(">H", len(sni)) + sni
    return record(22, b"\x01" + len(body).to_bytes(3, "big") + body)


def server_hello():
    body = b"\x03\x03" + bytes(range(32)) + b"\0" + b"\xc0\x2f" + b"\0"
    return record(22, b"\x02" + len(body).to_bytes(3, "big") + body + b"\x0e\0\0\0")


def main(path, megabytes=100, flows=4):
    rng = random.Random(1)
    body = rng.randbytes(4 << 20)
    encrypted = b"".join(record(23, body[n:n + 16384]) for n in range(0, 3 << 20, 16384))
    length = megabytes << 20
    with open(path, "wb", buffering=1 << 20) as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for n in range(flows):
            http = Conversation(out, 2 * n, 80)
            http.open()
            http.send(False, b"GET /image.iso HTTP/1.1\r\nHost: downloads.example\r\nUser-Agent: bench\r\n\r\n")
            http.send(True, b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % length)
            http.download(body, length)
            tls = Conversation(out, 2 * n + 1, 443)
            tls.open()
            tls.send(False, client_hello(b"downloads.example"))
            tls.send(True, server_hello())
            tls.send(False, record(22, b"\x10\0\0\x21" + bytes(33)) + record(20, b"\x01") + record(22, bytes(40)))
            tls.send(True, record(20, b"\x01") + record(22, bytes(40)))
            tls.download(encrypted, length)
    print(f"{path}: {os.path.getsize(path)} bytes")


main(sys.argv[1], *map(int, sys.argv[2:4]))
