//! Lists of names that are lines of text.

use mimamori_reputation::{Indicator, Kind, list_line};

use super::{Item, List, Take, lines};

/// Our own format; `# comments` and empty lines are nothing.
pub(super) fn mimamori(bytes: &[u8], take: Take<'_>) {
    for (number, line) in lines(bytes) {
        match list_line(&line, number) {
            Ok(None) => {}
            Ok(Some((indicator, kind, family))) => {
                take(number, Ok(Item::Name { indicator, kind, family: family.to_owned() }));
            }
            // The error repeats the line's number: its own words suffice.
            Err(e) => {
                let text = e.to_string();
                let reason = text.split_once(": ").map_or(text.as_str(), |(_, r)| r);
                take(number, Err(reason.to_owned()));
            }
        }
    }
}

/// One entry a line; also written as an ad-block rule for a whole host (`||name^`).
pub(super) fn plain(bytes: &[u8], list: &List<'_>, take: Take<'_>) {
    for (number, line) in lines(bytes) {
        let Some(entry) = content(&line) else { continue };
        let entry = entry.split_whitespace().next().unwrap_or_default();
        let entry = entry.strip_prefix("||").and_then(|e| e.strip_suffix('^')).unwrap_or(entry);
        take(number, name(entry, list.kind, list.family));
    }
}

/// `address name…`: each name exactly. Names of the machine itself are nothing.
pub(super) fn hosts(bytes: &[u8], list: &List<'_>, take: Take<'_>) {
    for (number, line) in lines(bytes) {
        let Some(entry) = content(&line) else { continue };
        let mut words = entry.split_whitespace();
        let address = words.next().unwrap_or_default();
        if address.split('%').next().is_none_or(|a| a.parse::<std::net::IpAddr>().is_err()) {
            take(number, Err(format!("{address:?} is no address: a hosts file has one first")));
            continue;
        }
        let mut any = false;
        for host in words {
            any = true;
            if !host.contains('.') || host.eq_ignore_ascii_case("localhost.localdomain") {
                continue;
            }
            if host.parse::<std::net::IpAddr>().is_ok() {
                // `0.0.0.0 0.0.0.0`, as some lists begin.
                continue;
            }
            take(number, name(host, list.kind, list.family).map(exact));
        }
        if !any {
            take(number, Err("an address without a name".to_owned()));
        }
    }
}

/// Entry, tab, family. Addresses are control servers, names serve malware.
pub(super) fn maltrail(bytes: &[u8], list: &List<'_>, take: Take<'_>) {
    for (number, line) in lines(bytes) {
        let Some(entry) = content(&line) else { continue };
        let (entry, family) = entry.split_once('\t').unwrap_or((entry, list.family));
        take(
            number,
            name(entry.trim(), list.kind, family).map(|item| match item {
                Item::Name {
                    indicator: indicator @ Indicator::Address { .. },
                    kind: Kind::Malware,
                    family,
                } => Item::Name { indicator, kind: Kind::C2, family },
                other => other,
            }),
        );
    }
}

/// Domain (or URL without scheme), tab, category; or the category is the source's.
pub(super) fn ut1(bytes: &[u8], list: &List<'_>, take: Take<'_>) {
    for (number, line) in lines(bytes) {
        let Some(entry) = content(&line) else { continue };
        let (entry, category) = entry.split_once('\t').unwrap_or((entry, list.family));
        let (entry, category) = (entry.trim(), category.trim());
        let known = !category.is_empty()
            && category.len() <= 64
            && category.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !known {
            take(number, Err("no category".to_owned()));
            continue;
        }
        let item = Indicator::parse(entry).map_err(|e| format!("{entry:?}: {e}"));
        take(number, item.map(|indicator| Item::Category { indicator, category: category.to_owned() }));
    }
}

pub(super) fn name(entry: &str, kind: Kind, family: &str) -> Result<Item, String> {
    let indicator = Indicator::parse(entry).map_err(|e| format!("{}: {e}", shown(entry)))?;
    Ok(Item::Name { indicator, kind, family: family.to_owned() })
}

fn exact(item: Item) -> Item {
    match item {
        Item::Name { indicator, kind, family } => Item::Name { indicator: indicator.exact(), kind, family },
        other => other,
    }
}

/// The first 120 characters, quoted.
fn shown(entry: &str) -> String {
    format!("{:?}", entry.chars().take(120).collect::<String>())
}

/// A line without its comment; `None` where nothing is left.
fn content(line: &str) -> Option<&str> {
    let line = line.trim();
    if line.starts_with(['#', ';', '!']) || line.starts_with("//") {
        return None;
    }
    let line =
        line.find(" #").or_else(|| line.find("\t#")).and_then(|at| line.get(..at)).unwrap_or(line).trim();
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use mimamori_base::Timestamp;

    use super::super::{Format, read_list};
    use super::*;

    fn read(format: Format, text: &str) -> Vec<String> {
        let list = List { name: "x", format, kind: Kind::Malware, family: "fam" };
        let mut out = Vec::new();
        read_list(text.as_bytes(), &list, Timestamp::EPOCH, &mut |line, item| {
            out.push(match item {
                Ok(Item::Name { indicator, kind, family }) => match indicator {
                    Indicator::Domain { name, subdomains, .. } => {
                        format!(
                            "{line} {}{} {} {family}",
                            if subdomains { "*." } else { "" },
                            name.as_str(),
                            kind.name()
                        )
                    }
                    Indicator::Address { ip, .. } => format!("{line} {ip} {} {family}", kind.name()),
                    _ => format!("{line} other"),
                },
                Ok(Item::Category { category, .. }) => format!("{line} {category}"),
                Ok(_) => format!("{line} skipped"),
                Err(_) => format!("{line} bad"),
            });
        });
        out
    }

    #[test]
    fn lines_of_each_format() {
        assert_eq!(
            read(Format::Plain, "# c\n\nevil.example # why\n||ads.example^\nnot a name!\n192.0.2.1\r\n"),
            [
                "3 *.evil.example malware fam",
                "4 *.ads.example malware fam",
                "5 bad",
                "6 192.0.2.1 malware fam"
            ]
        );
        assert_eq!(
            read(
                Format::Hosts,
                "127.0.0.1 localhost\n0.0.0.0 a.example b.example\n::1 ip6-localhost\nx y\n0.0.0.0\n"
            ),
            ["2 a.example malware fam", "2 b.example malware fam", "4 bad", "5 bad"]
        );
        assert_eq!(
            read(Format::Maltrail, "evil.example\tapt_x\n192.0.2.1:443\tcobaltstrike\n/only/path\tx\n"),
            ["1 *.evil.example malware apt_x", "2 192.0.2.1 c2 cobaltstrike", "3 bad"]
        );
        assert_eq!(
            read(Format::Ut1, "a.example\tgames\nb.example\nx\tgames\n"),
            ["1 games", "2 fam", "3 bad"]
        );
        assert_eq!(
            read(Format::Mimamori, "a.example\tphishing\tBank\na.example\n"),
            ["1 *.a.example phishing Bank", "2 bad"]
        );
    }
}
