//! A paper under construction: a cursor that goes down A4 pages, and what is drawn on each.
//!
//! Holds always: nothing is drawn below the margin: what does not fit begins the next page;
//! every page has a footer with its number. Deliberately not here: what is written.

use krilla::Document;
use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect, Size, Transform};
use krilla::image::Image;
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::text::KrillaGlyph;

use crate::PaperError;
use crate::font::Fonts;
use crate::wrap::wrap;

const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const MARGIN: f32 = 52.0;
const BOTTOM: f32 = 60.0;
/// Most pages of one paper.
const PAGES_MAX: usize = 120;

pub(crate) type Color = (u8, u8, u8);
pub(crate) const INK: Color = (0x1c, 0x25, 0x26);
pub(crate) const MUTED: Color = (0x50, 0x60, 0x5f);
pub(crate) const ACCENT: Color = (0x0b, 0x5a, 0x63);
pub(crate) const SOFT: Color = (0xea, 0xf3, 0xf3);
pub(crate) const LINE: Color = (0xcf, 0xdc, 0xdb);
pub(crate) const ACT: Color = (0xb3, 0x26, 0x1e);
pub(crate) const CHECK: Color = (0x8a, 0x5a, 0x00);

enum Op {
    Text { x: f32, y: f32, size: f32, bold: bool, color: Color, text: String },
    Box { x: f32, y: f32, w: f32, h: f32, color: Color },
    Picture { x: f32, y: f32, w: f32, h: f32, image: Image },
}

pub(crate) struct Sheet {
    fonts: &'static Fonts,
    pages: Vec<Vec<Op>>,
    y: f32,
    left: f32,
    footer: String,
}

/// How a text is set.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    pub(crate) size: f32,
    pub(crate) bold: bool,
    pub(crate) color: Color,
    pub(crate) leading: f32,
}

pub(crate) const BODY: Style = Style { size: 10.5, bold: false, color: INK, leading: 1.7 };
pub(crate) const SMALL: Style = Style { size: 8.5, bold: false, color: MUTED, leading: 1.6 };

impl Sheet {
    pub(crate) fn new(fonts: &'static Fonts, footer: &str) -> Self {
        Sheet { fonts, pages: vec![Vec::new()], y: MARGIN, left: MARGIN, footer: footer.to_owned() }
    }

    pub(crate) fn width(&self) -> f32 {
        WIDTH - MARGIN - self.left
    }

    pub(crate) fn indent(&mut self, by: f32) {
        self.left = (self.left + by).clamp(MARGIN, WIDTH - MARGIN - 100.0);
    }

    pub(crate) fn space(&mut self, height: f32) {
        if self.y > MARGIN {
            self.y += height;
        }
    }

    /// Begins a new page unless `height` still fits on this one.
    pub(crate) fn need(&mut self, height: f32) {
        if self.y + height > HEIGHT - BOTTOM && self.y > MARGIN {
            self.break_page();
        }
    }

    pub(crate) fn break_page(&mut self) {
        self.pages.push(Vec::new());
        self.y = MARGIN;
    }

    fn put(&mut self, op: Op) {
        if self.pages.len() <= PAGES_MAX
            && let Some(page) = self.pages.last_mut()
        {
            page.push(op);
        }
    }

    fn put_text(&mut self, x: f32, y: f32, style: Style, text: &str) {
        if !text.is_empty() {
            let Style { size, bold, color, .. } = style;
            self.put(Op::Text { x, y: y + size, size, bold, color, text: text.to_owned() });
        }
    }

    /// A paragraph, over pages where it has to.
    pub(crate) fn text(&mut self, text: &str, style: Style) {
        let lines = wrap(self.fonts, text, style.size, style.bold, self.width(), usize::MAX - 1);
        for line in lines {
            let step = style.size * style.leading;
            self.need(step);
            self.put_text(self.left, self.y, style, &line);
            self.y += step;
        }
    }

    /// A sign before a paragraph that is set in.
    pub(crate) fn item(&mut self, sign: &str, text: &str, style: Style) {
        let set_in = (self.fonts.width(sign, style.size, style.bold) + 6.0).max(style.size * 1.4);
        self.need(style.size * style.leading);
        self.put_text(self.left, self.y, Style { color: ACCENT, ..style }, sign);
        self.left += set_in;
        self.text(text, style);
        self.left -= set_in;
    }

    pub(crate) fn heading(&mut self, text: &str, level: u8) {
        let size = match level {
            1 => 20.0,
            2 => 14.0,
            _ => 11.5,
        };
        let style = Style { size, bold: true, color: if level == 3 { INK } else { ACCENT }, leading: 1.45 };
        self.space(size * if level == 1 { 0.6 } else { 1.1 });
        self.need(size * 3.5);
        self.text(text, style);
        if level == 2 {
            self.rule(LINE);
        }
        self.space(4.0);
    }

    pub(crate) fn rule(&mut self, color: Color) {
        let (x, y, w) = (self.left, self.y + 2.0, self.width());
        self.put(Op::Box { x, y, w, h: 0.8, color });
        self.y += 5.0;
    }

    /// A coloured box with a title line and text.
    pub(crate) fn banner(&mut self, title: &str, text: &str, color: Color) {
        let (head, body) = (
            Style { size: 15.0, bold: true, color, leading: 1.5 },
            Style { size: 10.5, bold: false, color: INK, leading: 1.6 },
        );
        let w = self.width() - 32.0;
        let titles = wrap(self.fonts, title, head.size, true, w, 4);
        let texts = wrap(self.fonts, text, body.size, false, w, 8);
        let of = |n: usize, s: Style| f32::from(u16::try_from(n).unwrap_or(0)) * s.size * s.leading;
        let h = of(titles.len(), head) + of(texts.len(), body) + 26.0;
        self.need(h);
        let (x, y) = (self.left, self.y);
        let width = self.width();
        self.put(Op::Box { x, y, w: width, h, color: SOFT });
        self.put(Op::Box { x, y, w: 5.0, h, color });
        let mut at = y + 13.0;
        for (lines, style) in [(titles, head), (texts, body)] {
            for line in lines {
                self.put_text(x + 18.0, at, style, &line);
                at += style.size * style.leading;
            }
        }
        self.y = y + h + 6.0;
    }

    /// A table: the first row is its head and comes again on each page. `columns`: shares of the
    /// width, and whether the column is of numbers.
    pub(crate) fn table(&mut self, columns: &[(f32, bool)], rows: &[Vec<String>]) {
        let total: f32 = columns.iter().map(|c| c.0).sum::<f32>().max(0.01);
        let widths: Vec<f32> = columns.iter().map(|c| c.0 / total * self.width()).collect();
        let head_style = Style { size: 8.5, bold: true, color: MUTED, leading: 1.5 };
        let body_style = Style { size: 9.5, bold: false, color: INK, leading: 1.5 };
        let Some((head, body)) = rows.split_first() else { return };
        let set = |sheet: &Sheet, row: &[String], style: Style| -> Vec<Vec<String>> {
            let cells = row.iter().zip(&widths);
            cells.map(|(cell, w)| wrap(sheet.fonts, cell, style.size, style.bold, w - 10.0, 12)).collect()
        };
        let head = set(self, head, head_style);
        self.need(60.0);
        self.row(&head, &widths, columns, head_style);
        for row in body {
            let cells = set(self, row, body_style);
            let before = self.pages.len();
            self.need(height(&cells, body_style));
            if self.pages.len() > before {
                self.row(&head, &widths, columns, head_style);
            }
            self.row(&cells, &widths, columns, body_style);
        }
        self.space(6.0);
    }

    fn row(&mut self, cells: &[Vec<String>], widths: &[f32], columns: &[(f32, bool)], style: Style) {
        let h = height(cells, style);
        let (mut x, y) = (self.left, self.y);
        for ((cell, w), (_, number)) in cells.iter().zip(widths).zip(columns) {
            let mut at = y + 4.0;
            for line in cell {
                let wide = self.fonts.width(line, style.size, style.bold);
                let shift = if *number { (w - 10.0 - wide).max(0.0) } else { 0.0 };
                self.put_text(x + 4.0 + shift, at, style, line);
                at += style.size * style.leading;
            }
            x += w;
        }
        let (x, w) = (self.left, self.width());
        self.put(Op::Box { x, y: y + h - 0.6, w, h: 0.6, color: LINE });
        self.y = y + h;
    }

    /// A horizontal bar, `share` of 0 to 1 filled.
    pub(crate) fn bar(&mut self, share: f32, color: Color) {
        self.need(14.0);
        let (x, y, w) = (self.left, self.y + 2.0, self.width());
        self.put(Op::Box { x, y, w, h: 8.0, color: LINE });
        self.put(Op::Box { x, y, w: w * share.clamp(0.0, 1.0), h: 8.0, color });
        self.y += 14.0;
    }

    /// A PNG, as wide as it is or as there is room, with a thin frame.
    pub(crate) fn picture(&mut self, png: &'static [u8], alt: &str) {
        let Ok(image) = Image::from_png(png.into(), true) else {
            return self.text(alt, SMALL);
        };
        let (pw, ph) = image.size();
        let (pw, ph) = (pw.max(1) as f32, ph.max(1) as f32);
        let scale = (self.width() / pw).min(380.0 / ph).min(0.6);
        let (w, h) = (pw * scale, ph * scale);
        self.need(h + 30.0);
        let (x, y) = (self.left, self.y + 4.0);
        self.put(Op::Box { x: x - 0.8, y: y - 0.8, w: w + 1.6, h: h + 1.6, color: LINE });
        self.put(Op::Picture { x, y, w, h, image });
        self.y = y + h + 6.0;
        self.text(alt, SMALL);
        self.space(6.0);
    }

    pub(crate) fn finish(self, title: &str) -> Result<Vec<u8>, PaperError> {
        let mut document = Document::new();
        document.set_metadata(
            Metadata::new().title(title.to_owned()).language("ja".to_owned()).creator("Mimamori".to_owned()),
        );
        let total = self.pages.len();
        for (i, ops) in self.pages.iter().enumerate() {
            let settings =
                PageSettings::from_wh(WIDTH, HEIGHT).ok_or_else(|| PaperError::Pdf("size".into()))?;
            let mut page = document.start_page_with(settings);
            let mut surface = page.surface();
            for op in ops {
                draw(&mut surface, self.fonts, op);
            }
            let y = HEIGHT - 30.0;
            let foot = |x: f32, text: String| Op::Text { x, y, size: 8.0, bold: false, color: MUTED, text };
            draw(&mut surface, self.fonts, &foot(MARGIN, self.footer.clone()));
            let number = format!("{} / {total}", i + 1);
            let x = WIDTH - MARGIN - self.fonts.width(&number, 8.0, false);
            draw(&mut surface, self.fonts, &foot(x, number));
            surface.finish();
            page.finish();
        }
        document.finish().map_err(|e| PaperError::Pdf(format!("{e:?}")))
    }
}

fn height(cells: &[Vec<String>], style: Style) -> f32 {
    let lines = cells.iter().map(Vec::len).max().unwrap_or(1).max(1);
    f32::from(u16::try_from(lines).unwrap_or(1)) * style.size * style.leading + 9.0
}

fn fill(color: Color) -> Fill {
    Fill {
        paint: rgb::Color::new(color.0, color.1, color.2).into(),
        opacity: NormalizedF32::ONE,
        rule: krilla::paint::FillRule::default(),
    }
}

fn draw(surface: &mut Surface<'_>, fonts: &Fonts, op: &Op) {
    match op {
        Op::Text { x, y, size, bold, color, text } => {
            surface.set_fill(Some(fill(*color)));
            draw_text(surface, fonts, (*x, *y), *size, *bold, text);
        }
        Op::Box { x, y, w, h, color } => {
            surface.set_fill(Some(fill(*color)));
            let mut path = PathBuilder::new();
            if let Some(rect) = Rect::from_xywh(*x, *y, *w, *h) {
                path.push_rect(rect);
            }
            if let Some(path) = path.finish() {
                surface.draw_path(&path);
            }
        }
        Op::Picture { x, y, w, h, image } => {
            if let Some(size) = Size::from_wh(*w, *h) {
                surface.push_transform(&Transform::from_translate(*x, *y));
                surface.draw_image(image.clone(), size);
                surface.pop();
            }
        }
    }
}

/// Runs of one face each.
fn draw_text(surface: &mut Surface<'_>, fonts: &Fonts, at: (f32, f32), size: f32, bold: bool, text: &str) {
    let mut x = at.0;
    let mut run: Vec<KrillaGlyph> = Vec::new();
    let mut face: Option<&crate::font::Face> = None;
    let mut wide = 0.0;
    for (i, c) in text.char_indices() {
        let Some((next, glyph)) = fonts.glyph(c, bold) else { continue };
        if let Some(now) = face
            && !std::ptr::eq(now, next)
        {
            surface.draw_glyphs(Point::from_xy(x, at.1), &run, now.font.clone(), text, size, false);
            run.clear();
            x += wide * size;
            wide = 0.0;
        }
        face = Some(next);
        wide += glyph.advance;
        let range = i..i + c.len_utf8();
        run.push(KrillaGlyph::new(glyph.id, glyph.advance, 0.0, 0.0, 0.0, range, None));
    }
    if let Some(now) = face {
        surface.draw_glyphs(Point::from_xy(x, at.1), &run, now.font.clone(), text, size, false);
    }
}
