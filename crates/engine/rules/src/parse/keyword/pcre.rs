//! `pcre`: expression, flags, buffer letters, captures.

use mimamori_applayer::Field;

use crate::ast::{Match, Pcre, PcreCapture, Selector};
use crate::error::{Result, bail};
use crate::lex::RawOption;
use crate::parse::Builder;
use crate::parse::value::{quoted, required, unescape_pcre};

/// Longest expression that is taken.
const MAX_PATTERN: usize = 4096;
/// Captures of one expression that can be kept.
const MAX_CAPTURES: usize = 8;

pub fn pcre(b: &mut Builder<'_>, o: &RawOption<'_>) -> Result<()> {
    let (text, negated) = expression(o)?;
    let text = text.trim_start();
    let Some(body) = text.strip_prefix('/') else {
        bail!("an expression begins with `/`");
    };
    let Some(end) = closing_slash(body) else {
        bail!("an expression ends with `/` and its flags");
    };
    let (pattern, tail) = body.split_at(end);
    if pattern.len() > MAX_PATTERN {
        bail!("an expression may have at most {MAX_PATTERN} characters");
    }
    let tail = tail.strip_prefix('/').unwrap_or(tail);
    let (flags, captures) = match tail.split_once(',') {
        Some((f, c)) => (f.trim(), Some(c)),
        None => (tail.trim(), None),
    };
    let mut re = Pcre { pattern: unescape_pcre(pattern).into(), negated, ..Pcre::default() };
    let field = apply_flags(&mut re, flags)?;
    if field == Some(Field::HttpHost) && !re.nocase && has_capital(&re.pattern) {
        bail!("`http.host` is in lower case: an expression with capitals can never match");
    }
    if let Some(captures) = captures {
        re.captures = listed_captures(captures)?;
    }
    if re.captures.is_empty() {
        re.captures = named_captures(&re.pattern);
    }
    if negated && !re.captures.is_empty() {
        bail!("a negated expression cannot keep captures");
    }
    place(b, field, Match::Pcre(re))
}

/// Quotes may be left out around an expression.
fn expression<'a>(o: &RawOption<'a>) -> Result<(&'a str, bool)> {
    let value = required(o)?;
    let bare = value.strip_prefix('!').map_or((value, false), |v| (v.trim_start(), true));
    if bare.0.starts_with('/') { Ok(bare) } else { quoted(o) }
}

/// A capital that is no escape such as `\S`.
fn has_capital(pattern: &str) -> bool {
    let mut escaped = false;
    pattern.bytes().any(|b| {
        let capital = !escaped && b.is_ascii_uppercase();
        escaped = b == b'\\' && !escaped;
        capital
    })
}

/// The last slash that is not escaped and has only flags or captures behind it.
fn closing_slash(body: &str) -> Option<usize> {
    body.rmatch_indices('/').map(|(i, _)| i).find(|i| {
        let before = body.get(..*i).unwrap_or("");
        let backslashes = before.bytes().rev().take_while(|b| *b == b'\\').count();
        backslashes % 2 == 0
    })
}

fn apply_flags(re: &mut Pcre, flags: &str) -> Result<Option<Field>> {
    let mut field = None;
    for flag in flags.chars() {
        match flag {
            'i' => re.nocase = true,
            's' => re.dot_all = true,
            'm' => re.multiline = true,
            'x' => re.extended = true,
            'A' => re.anchored = true,
            'E' => re.dollar_end_only = true,
            'G' => re.ungreedy = true,
            'R' => re.relative = true,
            // Raw bytes and match limits: nothing to do here.
            'B' | 'O' => {}
            letter => match letter_field(letter) {
                Some(f) if field.is_none() => field = Some(f),
                Some(_) => bail!("an expression can be for one buffer only"),
                None => bail!("`{letter}` is no flag of an expression"),
            },
        }
    }
    Ok(field)
}

fn letter_field(letter: char) -> Option<Field> {
    Some(match letter {
        'U' => Field::HttpUri,
        'I' => Field::HttpUriRaw,
        'P' => Field::HttpRequestBody,
        'Q' => Field::HttpResponseBody,
        'H' => Field::HttpHeader,
        'D' => Field::HttpHeaderRaw,
        'M' => Field::HttpMethod,
        'C' => Field::HttpCookie,
        'S' => Field::HttpStatCode,
        'Y' => Field::HttpStatMsg,
        'V' => Field::HttpUserAgent,
        'W' => Field::HttpHost,
        'Z' => Field::HttpHostRaw,
        _ => return None,
    })
}

/// Whether a letter for `field` may stand in a list of `selected`.
fn agrees(selected: Selector, field: Field) -> bool {
    match selected {
        // `file_data` of an answer is its body.
        Selector::Field(s) => s == field || (field == Field::HttpResponseBody && s == Field::FileData),
        _ => false,
    }
}

fn place(b: &mut Builder<'_>, field: Option<Field>, matched: Match) -> Result<()> {
    let selected = b.current.and_then(|i| b.lists.get(i)).map(|l| l.selector);
    match (field, selected) {
        (None, _) => b.push(matched),
        (Some(f), Some(s)) if agrees(s, f) => b.push(matched),
        (Some(f), Some(_)) => {
            bail!("the expression's letter is for `{}`, but another buffer is selected", f.info().keyword)
        }
        (Some(f), None) => {
            b.need_app(f);
            let list = b.list_of(Selector::Field(f));
            b.push_to(list, matched)
        }
    }
}

/// `flow:name, pkt:name`: one for each group.
fn listed_captures(text: &str) -> Result<Vec<(u16, PcreCapture)>> {
    let mut out = Vec::new();
    for (group, part) in (1u16..).zip(text.split(',').map(str::trim)) {
        let capture = match part.split_once(':') {
            Some((kind, name)) if !name.is_empty() => capture(kind, name),
            _ => None,
        };
        match capture {
            Some(c) => out.push((group, c)),
            None => bail!("`{part}` is no capture: use `flow:name`, `pkt:name` or `alert:name`"),
        }
    }
    if out.len() > MAX_CAPTURES {
        bail!("at most {MAX_CAPTURES} captures can be kept");
    }
    Ok(out)
}

fn capture(kind: &str, name: &str) -> Option<PcreCapture> {
    Some(match kind {
        "flow" => PcreCapture::Flow(name.into()),
        "pkt" => PcreCapture::Pkt(name.into()),
        "alert" => PcreCapture::Alert(name.into()),
        _ => return None,
    })
}

/// `(?P<flow_name>…)` and `(?P<pkt_name>…)` in the expression itself.
fn named_captures(pattern: &str) -> Vec<(u16, PcreCapture)> {
    let mut out = Vec::new();
    let (mut group, mut in_class, mut escaped) = (0u16, false, false);
    for (at, c) in pattern.char_indices() {
        if std::mem::take(&mut escaped) {
            continue;
        }
        match c {
            '\\' => escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => {
                let after = pattern.get(at + 1..).unwrap_or("");
                let name = ["?P<", "?<", "?'"].iter().find_map(|open| after.strip_prefix(open));
                let name = name.filter(|n| !n.starts_with(['=', '!']));
                if !after.starts_with('?') || name.is_some() {
                    group = group.saturating_add(1);
                }
                let name = name.map_or("", |n| n.split(['>', '\'']).next().unwrap_or(""));
                if let Some(c) = name.split_once('_').and_then(|(kind, name)| capture(kind, name)) {
                    out.push((group, c));
                }
            }
            _ => {}
        }
    }
    out.truncate(MAX_CAPTURES);
    out
}
