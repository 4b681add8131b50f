//! Our own Markdown (the manuals) as HTML and onto paper. Not for text from outside.

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

use crate::sheet::{ACT, BODY, SMALL, Sheet, Style};

fn parser(text: &str) -> Parser<'_> {
    Parser::new_ext(text, Options::ENABLE_TABLES)
}

fn level(of: HeadingLevel) -> u8 {
    match of {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        _ => 3,
    }
}

/// A section of the table of contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    pub anchor: String,
    pub title: String,
}

/// HTML with anchors at the second-level headings; pictures from `pictures/`.
pub(crate) fn to_html(text: &str, picture: impl Fn(&str) -> String) -> (String, Vec<Section>) {
    let mut sections: Vec<Section> = Vec::new();
    let mut in_heading = false;
    let events: Vec<Event<'_>> = parser(text)
        .map(|event| match event {
            Event::Start(Tag::Heading { level: HeadingLevel::H2, classes, attrs, .. }) => {
                in_heading = true;
                let anchor = format!("s{}", sections.len() + 1);
                sections.push(Section { anchor: anchor.clone(), title: String::new() });
                let id = Some(CowStr::from(anchor));
                Event::Start(Tag::Heading { level: HeadingLevel::H2, id, classes, attrs })
            }
            Event::End(TagEnd::Heading(HeadingLevel::H2)) => {
                in_heading = false;
                event
            }
            Event::Text(t) if in_heading => {
                if let Some(s) = sections.last_mut() {
                    s.title.push_str(&t);
                }
                Event::Text(t)
            }
            Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
                let dest_url = CowStr::from(picture(&dest_url));
                Event::Start(Tag::Image { link_type, dest_url, title, id })
            }
            // No raw HTML, not even our own.
            Event::Html(t) | Event::InlineHtml(t) => Event::Text(t),
            other => other,
        })
        .collect();
    let mut out = String::with_capacity(text.len() * 2);
    html::push_html(&mut out, events.into_iter());
    // Pictures come as the reader gets to them.
    (out.replace("<img src=", "<img loading=\"lazy\" decoding=\"async\" src="), sections)
}

/// Where the walk through the events is.
#[derive(Default)]
struct Walk {
    text: String,
    lists: Vec<Option<u64>>,
    /// The sign of the item whose text is gathered.
    sign: Option<String>,
    rows: Vec<Vec<String>>,
    quoted: bool,
    image: Option<String>,
}

/// Draws the text onto paper.
pub(crate) fn to_sheet(text: &str, sheet: &mut Sheet, picture: impl Fn(&str) -> Option<&'static [u8]>) {
    let mut w = Walk::default();
    for event in parser(text) {
        match event {
            Event::Text(t) | Event::Code(t) | Event::Html(t) | Event::InlineHtml(t) => w.text.push_str(&t),
            Event::SoftBreak => {}
            Event::HardBreak => w.text.push('\n'),
            Event::Start(tag) => start(&mut w, sheet, tag),
            Event::End(tag) => end(&mut w, sheet, tag, &picture),
            _ => {}
        }
    }
}

fn start(w: &mut Walk, sheet: &mut Sheet, tag: Tag<'_>) {
    match tag {
        Tag::List(first) => {
            flush(w, sheet);
            if !w.lists.is_empty() {
                sheet.indent(16.0);
            }
            w.lists.push(first);
        }
        Tag::Item => {
            let sign = match w.lists.last_mut() {
                Some(Some(n)) => {
                    let sign = format!("{n}.");
                    *n += 1;
                    sign
                }
                _ => "・".to_owned(),
            };
            w.sign = Some(sign);
        }
        Tag::BlockQuote(_) => w.quoted = true,
        Tag::Table(_) => w.rows.clear(),
        Tag::TableHead | Tag::TableRow => w.rows.push(Vec::new()),
        Tag::Image { dest_url, .. } => {
            flush(w, sheet);
            w.image = Some(dest_url.to_string());
        }
        _ => {}
    }
}

fn end(w: &mut Walk, sheet: &mut Sheet, tag: TagEnd, picture: &impl Fn(&str) -> Option<&'static [u8]>) {
    match tag {
        TagEnd::Heading(of) => {
            let text = std::mem::take(&mut w.text);
            sheet.heading(&text, level(of));
        }
        TagEnd::Paragraph | TagEnd::Item | TagEnd::CodeBlock => flush(w, sheet),
        TagEnd::List(_) => {
            w.lists.pop();
            if w.lists.is_empty() {
                sheet.space(5.0);
            } else {
                sheet.indent(-16.0);
            }
        }
        TagEnd::BlockQuote(_) => w.quoted = false,
        TagEnd::TableCell => {
            let text = std::mem::take(&mut w.text);
            if let Some(row) = w.rows.last_mut() {
                row.push(text);
            }
        }
        TagEnd::Table => {
            let rows = std::mem::take(&mut w.rows);
            sheet.table(&columns(&rows), &rows);
        }
        TagEnd::Image => {
            let alt = std::mem::take(&mut w.text);
            match w.image.take().and_then(|name| picture(&name)) {
                Some(png) => sheet.picture(png, &alt),
                None => sheet.text(&format!("［図: {alt}］"), SMALL),
            }
        }
        _ => {}
    }
}

fn flush(w: &mut Walk, sheet: &mut Sheet) {
    let text = std::mem::take(&mut w.text);
    if text.trim().is_empty() {
        return;
    }
    match w.sign.take() {
        Some(sign) => {
            sheet.item(&sign, &text, BODY);
            sheet.space(2.0);
        }
        None if w.quoted => sheet.banner("ご注意", &text, ACT),
        None => {
            sheet.text(&text, Style { leading: 1.75, ..BODY });
            sheet.space(5.0);
        }
    }
}

/// Columns as wide as their longest cell, within bounds.
fn columns(rows: &[Vec<String>]) -> Vec<(f32, bool)> {
    let n = rows.iter().map(Vec::len).max().unwrap_or(0);
    (0..n)
        .map(|i| {
            let longest = rows.iter().filter_map(|r| r.get(i)).map(|c| c.chars().count()).max().unwrap_or(1);
            (f32::from(u16::try_from(longest.clamp(6, 36)).unwrap_or(10)), false)
        })
        .collect()
}
