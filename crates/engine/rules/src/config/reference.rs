//! reference.config: where references of a kind lead to.

use std::collections::BTreeMap;

use super::{BadLine, lines};

/// Reads `config reference: kind prefix` lines.
#[must_use]
pub fn parse_references(text: &str) -> (BTreeMap<String, String>, Vec<BadLine>) {
    let mut references = BTreeMap::new();
    let mut bad = Vec::new();
    for (line, text) in lines(text) {
        let rest = text.strip_prefix("config").and_then(|t| t.trim_start().strip_prefix("reference"));
        let mut words = rest.and_then(|t| t.trim_start().strip_prefix(':')).unwrap_or("").split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some(kind), prefix, None) => {
                references.insert(kind.to_ascii_lowercase(), prefix.unwrap_or("").to_owned());
            }
            _ => bad.push(BadLine { line, reason: "expected `config reference: kind prefix`".into() }),
        }
    }
    (references, bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lines() {
        let (r, bad) = parse_references("config reference: cve http://cve/\nconfig reference: a b c\n");
        assert_eq!(r["cve"], "http://cve/");
        assert_eq!(bad.len(), 1);
    }
}
