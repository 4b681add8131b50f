//! The embedded fonts: BIZ UDPGothic (SIL Open Font License, `fonts/OFL.txt`), unpacked once.
//!
//! Holds always: a character that the bold face lacks is drawn in the regular one; one that both
//! lack becomes 〓, so that nothing vanishes silently.

use std::collections::HashMap;
use std::sync::OnceLock;

use krilla::text::{Font, GlyphId};
use skrifa::MetadataProvider as _;
use skrifa::instance::{LocationRef, Size};

use crate::PaperError;

const REGULAR: &[u8] = include_bytes!("../fonts/BIZUDPGothic-Regular.ttf.zst");
const BOLD: &[u8] = include_bytes!("../fonts/BIZUDPGothic-Bold.ttf.zst");
/// Bound of an unpacked font.
const FONT_MAX_BYTES: usize = 8 << 20;
/// Stands for a character that no face has.
const MISSING: char = '〓';

/// What looks the same, for characters that the faces lack.
const fn twin(c: char) -> char {
    match c {
        '〜' => '～',
        '−' => '－',
        '≤' => '≦',
        '≥' => '≧',
        '\u{a0}' => ' ',
        other => other,
    }
}

/// One face with what its characters measure.
pub(crate) struct Face {
    pub(crate) font: Font,
    glyphs: HashMap<char, Glyph>,
}

#[derive(Clone, Copy)]
pub(crate) struct Glyph {
    pub(crate) id: GlyphId,
    /// In units of the font size.
    pub(crate) advance: f32,
}

pub(crate) struct Fonts {
    regular: Face,
    bold: Face,
}

/// The fonts, unpacked on first use.
pub(crate) fn fonts() -> Result<&'static Fonts, PaperError> {
    static FONTS: OnceLock<Option<Fonts>> = OnceLock::new();
    let unpacked = FONTS.get_or_init(|| Some(Fonts { regular: face(REGULAR)?, bold: face(BOLD)? }));
    unpacked.as_ref().ok_or(PaperError::Font)
}

fn face(packed: &[u8]) -> Option<Face> {
    let bytes = zstd::bulk::decompress(packed, FONT_MAX_BYTES).ok()?;
    let font = skrifa::FontRef::new(&bytes).ok()?;
    let metrics = font.glyph_metrics(Size::new(1.0), LocationRef::default());
    let mut glyphs = HashMap::new();
    for (code, id) in font.charmap().mappings() {
        if let (Some(c), Some(advance)) = (char::from_u32(code), metrics.advance_width(id)) {
            glyphs.insert(c, Glyph { id: GlyphId::new(id.to_u32()), advance });
        }
    }
    let font = Font::new(bytes.into(), 0)?;
    Some(Face { font, glyphs })
}

impl Fonts {
    /// The face and glyph for a character.
    pub(crate) fn glyph(&self, c: char, bold: bool) -> Option<(&Face, Glyph)> {
        let of = |face: &'_ Face, c: char| face.glyphs.get(&c).or_else(|| face.glyphs.get(&twin(c))).copied();
        if bold && let Some(glyph) = of(&self.bold, c) {
            return Some((&self.bold, glyph));
        }
        let glyph = of(&self.regular, c).or_else(|| of(&self.regular, MISSING))?;
        Some((&self.regular, glyph))
    }

    pub(crate) fn width(&self, text: &str, size: f32, bold: bool) -> f32 {
        text.chars().map(|c| self.glyph(c, bold).map_or(0.0, |(_, g)| g.advance)).sum::<f32>() * size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_faces_have_japanese() {
        let fonts = fonts().expect("the fonts unpack");
        for c in "竹原商店髙﨑①★☆※「」、。ｱabc123—…→".chars() {
            assert!(fonts.regular.glyphs.contains_key(&c), "{c}");
        }
        for c in "月次レポート重要なアラート装置".chars() {
            assert!(fonts.bold.glyphs.contains_key(&c), "{c}");
        }
        assert!((fonts.width("あああ", 10.0, false) - 30.0).abs() < 4.0);
        let (_, wave) = fonts.glyph('〜', true).expect("a glyph");
        let (_, mark) = fonts.glyph(MISSING, true).expect("a glyph");
        assert_ne!(wave.id, mark.id, "10〜29台");
        assert!(fonts.width("\u{1F600}", 10.0, false) > 0.0, "an unknown character leaves a mark");
    }
}
