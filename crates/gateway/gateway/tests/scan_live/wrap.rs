//! The test files, and what both kinds of them are wrapped in.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// The standard harmless test file, in two pieces so that no scanner takes this source for it.
const EICAR: [&str; 2] = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"];

/// What only the rules, only clamd, and only the rule for macros know.
const RULES: &str = "MIMAMORI-HARMLESS-RULE-TEST-88a1d2";
pub const CLAMD: &str = "MIMAMORI-HARMLESS-CLAMD-TEST-51c0e7";
const MACRO: &str = "MIMAMORI-HARMLESS-MACRO-TEST-7f3c1d";

/// A rule for files that stands in the set beside those of the starter set.
pub const YARA: &str = "rule Own_Test { meta: family = \"Own-Rule-Test\" strings: $a = \"MIMAMORI-HARMLESS-RULE-TEST-88a1d2\" condition: $a }";

/// What both files are wrapped in; `bad` and `good` hold the same members by name.
const WRAP: &str = r#"
set -e
for kind in bad good; do
  cd "$WORK/files/$kind"
  cp eicar.com f.txt
  7z a -bd -tzip plain.zip eicar.com >/dev/null
  7z a -bd -tzip -mm=Deflate64 deflate64.zip eicar.com >/dev/null
  7z a -bd -tzip inner.zip plain.zip f.txt >/dev/null
  7z a -bd -tzip nested.zip inner.zip >/dev/null
  7z a -bd plain.7z eicar.com >/dev/null
  7z a -bd nested.7z nested.zip >/dev/null
  tar czf plain.tar.gz eicar.com
  tar cJf plain.tar.xz eicar.com
  tar cjf plain.tar.bz2 eicar.com
  tar cf plain.tar eicar.com
  gzip -k -c eicar.com >eicar.com.gz
  xz -k -c eicar.com >eicar.com.xz
  bzip2 -k -c eicar.com >eicar.com.bz2
  7z a -bd -tzip -psecret locked.zip eicar.com >/dev/null
  head -c 1500000 /dev/urandom >rest.bin
  head -c 3000000 /dev/urandom >big.bin
  7z a -bd -tzip -mx0 big.zip big.bin eicar.com >/dev/null
  rm -f big.bin
  cp nested.zip d0.zip; for i in 1 2 3 4 5 6 7; do 7z a -bd -tzip d$i.zip d$((i-1)).zip >/dev/null; done; mv d7.zip deep.zip
  7z a -bd -tzip inner.docm word >/dev/null; 7z a -bd -tzip sheet.xlsx eicar.com >/dev/null
  python3 -c 'import zlib; open("eicar.com.zz","wb").write(zlib.compress(open("eicar.com","rb").read()))'
  for i in $(seq 1 400); do cat eicar.com; printf ' %s filler filler filler filler filler filler\n' "$i"; done >large.txt
done
"#;

const WRAPPED: [&str; 18] = [
    "eicar.com",
    "plain.zip",
    "deflate64.zip",
    "nested.zip",
    "plain.7z",
    "nested.7z",
    "plain.tar.gz",
    "plain.tar.xz",
    "plain.tar.bz2",
    "plain.tar",
    "eicar.com.gz",
    "eicar.com.xz",
    "eicar.com.bz2",
    "big.zip",
    "large.txt",
    "f.txt",
    "sheet.xlsx",
    "stored.rar",
];

/// All wrappings that the judges of this build know. Only rules know a file by its beginning.
pub fn known() -> impl Iterator<Item = &'static str> {
    WRAPPED.iter().copied().filter(|name| cfg!(feature = "yara") || *name != "large.txt")
}

pub fn eicar(kind: &str) -> String {
    twin(kind, &EICAR.concat(), "STANDARD")
}

/// The clean twin differs in one word.
fn twin(kind: &str, text: &str, word: &str) -> String {
    if kind == "bad" { text.to_owned() } else { text.replace(word, "QQQQQQQQ") }
}

pub fn is_harmful(bytes: &[u8]) -> bool {
    bytes.starts_with(EICAR.concat().as_bytes())
        || [RULES, CLAMD].iter().any(|m| bytes.windows(m.len()).any(|w| w == m.as_bytes()))
}

/// Makes `files/bad` and `files/good`.
pub fn make(work: &Path) {
    for kind in ["bad", "good"] {
        let dir = work.join("files").join(kind);
        fs::create_dir_all(dir.join("word")).unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(dir.join(name), bytes).unwrap();
        write("eicar.com", eicar(kind).as_bytes());
        write("rule.bin", &[&[7; 9_000], twin(kind, RULES, "HARMLESS").as_bytes(), &[8; 9_000]].concat());
        write("clamd.bin", &[&[9; 4_000], twin(kind, CLAMD, "HARMLESS").as_bytes(), &[1; 500]].concat());
        write("word/vbaProject.bin", &ole(&twin(kind, MACRO, "HARMLESS")));
        write("macro.doc", &ole(&twin(kind, MACRO, "HARMLESS")));
        write("stored.rar", &rar(eicar(kind).as_bytes()));
    }
    let wrapped = Command::new("sh").args(["-c", WRAP]).env("WORK", work).status().unwrap();
    assert!(wrapped.success());
}

/// A document of Microsoft's older kind with a macro, its text packed as literals (MS-OVBA 2.4.1).
fn ole(marker: &str) -> Vec<u8> {
    let source = format!("Attribute VB_Name = \"M\"\r\nSub AutoOpen()\r\n' {marker}\r\nEnd Sub\r\n");
    let mut data = Vec::new();
    for eight in source.as_bytes().chunks(8) {
        data.push(0);
        data.extend_from_slice(eight);
    }
    let header = 0xb000 | u16::try_from(data.len() - 1).unwrap();
    let mut file = cfb::CompoundFile::create(std::io::Cursor::new(Vec::new())).unwrap();
    file.create_storage("/VBA").unwrap();
    let mut stream = file.create_stream("/VBA/M").unwrap();
    stream.write_all(&[b"compiled code", &[1][..], &header.to_le_bytes(), &data].concat()).unwrap();
    drop(stream);
    file.into_inner().into_inner()
}

/// RAR 4 with one stored member, from the published layout: no free program makes one.
fn rar(inner: &[u8]) -> Vec<u8> {
    let length = u32::try_from(inner.len()).unwrap().to_le_bytes();
    let mut out = b"Rar!\x1a\x07\0".to_vec();
    out.extend([0, 0, 0x73, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0]);
    out.extend([0, 0, 0x74, 0, 0x80, 37, 0]);
    out.extend([length, length].concat());
    out.extend([2, 0, 0, 0, 0, 0, 0, 0, 0, 29, 0x30, 5, 0, 0, 0, 0, 0]);
    out.extend(b"f.com");
    out.extend(inner);
    out
}
