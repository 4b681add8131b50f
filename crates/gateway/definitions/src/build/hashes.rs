//! Lists of file hashes: `HASH name`, `HASH  file` as sha256sum writes, `hash:size:name` as
//! ClamAV's `.hdb` and `.hsb` do, or a bare hash.

use super::{Item, List, Take, lines};

pub(super) fn read(bytes: &[u8], list: &List<'_>, take: Take<'_>) {
    for (number, line) in lines(bytes) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let (hash, rest) = line.split_once([' ', '\t', ',', ';', ':']).unwrap_or((line, ""));
        let hash = hash.trim_matches('"');
        if !matches!(hash.len(), 32 | 40 | 64) || !hash.bytes().all(|b| b.is_ascii_hexdigit()) {
            take(number, Err("not an MD5, SHA-1 or SHA-256".to_owned()));
            continue;
        }
        let mut name = rest.trim().trim_matches(['"', '*']).trim();
        if let Some((size, clam)) = name.split_once(':')
            && (size == "*" || size.is_empty() || size.bytes().all(|b| b.is_ascii_digit()))
        {
            name = clam.split(':').next().unwrap_or(clam);
        }
        let name = if name.is_empty() { list.family } else { name };
        take(number, Ok(Item::Hash { hash: hash.to_owned(), name: name.to_owned() }));
    }
}

#[cfg(test)]
mod tests {
    use mimamori_reputation::Kind;

    use super::super::Format;
    use super::*;

    #[test]
    fn shapes_of_hash_lists() {
        let list = List { name: "x", format: Format::Hashes, kind: Kind::Malware, family: "Listed" };
        let (md5, sha256) = ("a".repeat(32), "b".repeat(64));
        let text = format!("# c\n{md5}\n{md5}:68:Eicar\n{md5}:*:Any:73\n{sha256}  *bad.exe\nxyz\n");
        let mut out = Vec::new();
        read(text.as_bytes(), &list, &mut |line, item| {
            out.push((
                line,
                item.map(|i| if let Item::Hash { name, .. } = i { name } else { String::new() }),
            ));
        });
        let names: Vec<_> = out.iter().map(|(l, n)| (*l, n.clone().unwrap_or("bad".into()))).collect();
        let expected = [(2, "Listed"), (3, "Eicar"), (4, "Any"), (5, "bad.exe"), (6, "bad")];
        assert_eq!(names, expected.map(|(l, n)| (l, n.to_owned())));
    }
}
