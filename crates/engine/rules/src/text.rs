//! A text cut into rules: comments, blank lines and continued lines.

/// One rule's text, its continuations joined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleText<'a> {
    /// 1-based line that it begins on.
    pub line: u32,
    pub text: std::borrow::Cow<'a, str>,
}

/// The rules of `text` in order. Lines that begin with `#`, `;` or are blank are skipped;
/// a line that ends with `\` goes on in the next.
pub fn rule_texts(text: &str) -> impl Iterator<Item = RuleText<'_>> {
    let mut lines = text.split('\n').zip(1u32..);
    std::iter::from_fn(move || {
        loop {
            let (line, number) = lines.next()?;
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            let Some(first) = line.strip_suffix('\\') else {
                return Some(RuleText { line: number, text: line.into() });
            };
            return Some(RuleText { line: number, text: join(first, &mut lines).into() });
        }
    })
}

fn join<'a>(first: &str, lines: &mut impl Iterator<Item = (&'a str, u32)>) -> String {
    let mut joined = first.to_owned();
    for (line, _) in lines {
        let line = line.trim_end();
        // A comment between continued lines is skipped, as the field does.
        if line.starts_with('#') {
            continue;
        }
        match line.strip_suffix('\\') {
            Some(part) => joined.push_str(part),
            None => {
                joined.push_str(line);
                break;
            }
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(u32, String)> {
        rule_texts(text).map(|r| (r.line, r.text.into_owned())).collect()
    }

    #[test]
    fn skips_comments_and_blank_lines_and_counts_them() {
        assert_eq!(all("# a\n\n  alert x\r\nb\n"), vec![(3, "alert x".into()), (4, "b".into())]);
    }

    #[test]
    fn joins_continued_lines() {
        assert_eq!(all("a \\\n b \\  \n# no\n c\nd"), vec![(1, "a  b  c".into()), (5, "d".into())]);
        assert_eq!(all("a \\"), vec![(1, "a ".into())]);
    }
}
