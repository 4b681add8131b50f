//! CSV that a spreadsheet opens without running anything.
//!
//! Holds always: UTF-8 with a byte order mark (so that Excel reads Japanese), CRLF, every cell
//! quoted, and no cell begins like a formula. Deliberately not here: which columns.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use mimamori_base::Timestamp;
use mimamori_domain::jst;
use tokio::sync::mpsc;

/// What Excel needs in front to read UTF-8.
pub const BOM: &str = "\u{feff}";

/// A file to keep, `name-2026-11-24.csv`.
pub fn response(name: &str, now: Timestamp, body: impl Into<Body>) -> Response {
    let day = jst::iso(now);
    let file = format!("attachment; filename=\"{name}-{}.csv\"", day.get(..10).unwrap_or("list"));
    let disposition = HeaderValue::from_str(&file).unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, body.into()).into_response()
}

/// A short list as a file.
pub fn list<const N: usize>(
    name: &str,
    now: Timestamp,
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> Response {
    let mut out = BOM.to_owned();
    line(&mut out, head);
    for row in rows {
        line(&mut out, row.iter().map(String::as_str));
    }
    response(name, now, out)
}

/// Pieces of a file as they are made; ends when the sender goes.
#[derive(Debug)]
pub struct Pieces(pub mpsc::Receiver<String>);

impl Stream for Pieces {
    type Item = Result<String, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|piece| piece.map(Ok))
    }
}

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
