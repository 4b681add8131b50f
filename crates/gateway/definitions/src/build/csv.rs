//! URLhaus: `"id","dateadded","url","url_status","last_online","threat","tags",…`, or the older
//! shape without `last_online`.

use mimamori_reputation::Kind;

use super::{Take, lines, names};

pub(super) fn urlhaus(bytes: &[u8], take: Take<'_>) {
    for (number, line) in lines(bytes) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("id,") {
            continue;
        }
        let Some(columns) = columns(line) else {
            take(number, Err("a quote that does not end".to_owned()));
            continue;
        };
        let column = |at: usize| columns.get(at).map(String::as_str).unwrap_or_default();
        let Some(at) = columns.iter().take(4).position(|c| c.contains("://")) else {
            take(number, Err("no column holds a URL".to_owned()));
            continue;
        };
        // After the URL: status, perhaps a date, threat, tags.
        let dated = columns.len() >= 9;
        let (threat, tags) = if dated { (at + 3, at + 4) } else { (at + 2, at + 3) };
        let kind = if column(threat).contains("phish") { Kind::Phishing } else { Kind::Malware };
        let family = tags_family(column(tags));
        take(number, names::name(column(at), kind, &family));
    }
}

/// The first tag that names something, not a file type or an architecture.
fn tags_family(tags: &str) -> String {
    const PLAIN: &[&str] = &[
        "none", "elf", "exe", "dll", "32", "64", "32-bit", "64-bit", "arm", "mips", "x86", "zip", "doc",
        "ua-wget",
    ];
    let mut all = tags.split([',', ' ']).map(str::trim).filter(|t| !t.is_empty());
    all.find(|t| !PLAIN.contains(&t.to_ascii_lowercase().as_str())).unwrap_or_default().to_owned()
}

/// The columns of one line (RFC 4180); `None`: a quote stays open.
fn columns(line: &str) -> Option<Vec<String>> {
    let mut out = Vec::new();
    let mut column = String::new();
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(c) = letters.next() {
        match (c, quoted) {
            ('"', true) if letters.peek() == Some(&'"') => {
                letters.next();
                column.push('"');
            }
            ('"', _) => quoted = !quoted,
            (',', false) => out.push(std::mem::take(&mut column)),
            _ => column.push(c),
        }
    }
    out.push(column);
    (!quoted).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::super::Item;
    use super::*;

    #[test]
    fn both_shapes_are_read_and_bad_lines_named() {
        let text = "# header\n\
            \"1\",\"2026-01-01 00:00:00\",\"http://192.0.2.5:81/bin.sh\",\"online\",\"2026-01-02\",\"malware_download\",\"32-bit,elf,Mozi\",\"https://u/1/\",\"x\"\n\
            \"2\",\"2026-01-01\",\"https://evil.example/a\"\"b\",\"offline\",\"phishing\",\"Bank\",\"https://u/2/\",\"x\"\n\
            \"3\",\"2026-01-01\",\"none\"\n\"4\n";
        let mut out = Vec::new();
        urlhaus(text.as_bytes(), &mut |line, item| out.push((line, item)));
        assert_eq!(out.len(), 4);
        assert!(matches!(&out[0].1, Ok(Item::Name { family, .. }) if family == "Mozi"));
        assert!(matches!(&out[1].1, Ok(Item::Name { kind: Kind::Phishing, .. })));
        assert_eq!((out[2].0, out[2].1.is_err()), (4, true));
        assert_eq!((out[3].0, out[3].1.is_err()), (5, true));
    }
}
