//! CSV that a spreadsheet opens without running anything.
//!
//! Holds always: UTF-8 with a byte order mark (so that Excel reads Japanese), CRLF, every cell
//! quoted, and no cell begins like a formula. Deliberately not here: which columns.

/// What Excel needs in front to read UTF-8.
pub const BOM: &str = "\u{feff}";

/// Appends one line.
pub fn line<'a>(out: &mut String, cells: impl IntoIterator<Item = &'a str>) {
    for (i, cell) in cells.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push('"');
        if looks_like_formula(cell) {
            out.push('\'');
        }
        for c in cell.chars() {
            match c {
                '"' => out.push_str("\"\""),
                '\r' | '\n' => out.push(' '),
                c => out.push(c),
            }
        }
        out.push('"');
    }
    out.push_str("\r\n");
}

/// A spreadsheet would calculate it: `=`, `+`, `-`, `@` first, also full-width or behind blanks.
fn looks_like_formula(cell: &str) -> bool {
    cell.trim_start()
        .chars()
        .next()
        .is_some_and(|c| matches!(c, '=' | '+' | '-' | '@' | '|' | '%' | '＝' | '＋' | '－' | '＠'))
        || cell.starts_with(['\t', '\r', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_cannot_become_formulas_or_columns() {
        let mut out = String::new();
        line(&mut out, ["=1+1", " @SUM(A1)", "＝1", "\t=1", "a\"b,c", "普通\r\nの行", "-"]);
        assert_eq!(out, "\"'=1+1\",\"' @SUM(A1)\",\"'＝1\",\"'\t=1\",\"a\"\"b,c\",\"普通  の行\",\"'-\"\r\n");
    }
}
