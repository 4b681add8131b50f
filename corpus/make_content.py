"""What the laboratory's web servers serve: make_content.py WWW_FOLDER. Nothing here is harmful."""
import gzip
import hashlib
import io
import os
import sys
import zipfile

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def noise(seed: str, size: int) -> bytes:
    """Bytes that look like a compressed file, the same on every run."""
    out = bytearray()
    block = seed.encode()
    while len(out) < size:
        block = hashlib.sha256(block).digest()
        out += block
    return bytes(out[:size])


def write(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def page(title: str, body: str) -> bytes:
    return f"<!doctype html><html lang=ja><meta charset=utf-8><title>{title}</title><h1>{title}</h1>{body}</html>".encode()


def main(www: str) -> None:
    shop = f"{www}/www.bunbougu.example"
    items = "".join(f"<li>ボールペン 黒 {n:03d} 100円</li>" for n in range(200))
    write(f"{shop}/index.html", page("文具の通販", f"<ul>{items}</ul><img src=/logo.png>"))
    write(f"{shop}/style.css", b"body{font-family:sans-serif}\n" * 40)
    write(f"{shop}/logo.png", b"\x89PNG\r\n\x1a\n" + noise("logo", 8_000))
    write(f"{shop}/catalog.pdf", b"%PDF-1.7\n" + noise("catalog", 120_000) + b"\n%%EOF\n")
    write(f"{shop}/order", b"ok\n")

    free = f"{www}/download.freesoft.example"
    write(f"{free}/eicar.com", EICAR)
    write(f"{free}/eicar.txt", EICAR)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("eicar.com", EICAR)
    write(f"{free}/eicar.zip", archive.getvalue())
    write(f"{free}/eicar.com.gz", gzip.compress(EICAR, mtime=0))
    write(f"{free}/tool-setup.zip", b"PK\x03\x04" + noise("tool", 200_000))

    bad = f"{www}/update-check.badcdn.example"
    dropper = b"MZ\x90\x00" + b"\0" * 60 + b"MIMAMORI-HARMLESS-TEST-DROPPER-1" + noise("dropper", 30_000)
    write(f"{bad}/invoice_2026.exe", dropper)
    write(f"{bad}/gate.php", b"sleep=5\n")
    write(f"{www}/login.nisemono-bank.example/index.html",
          page("ログイン", "<form method=post action=/login><input name=id><input name=password type=password></form>"))
    write(f"{www}/login.nisemono-bank.example/login", b"ok\n")


main(sys.argv[1])
