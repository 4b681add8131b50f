//! Breaking text into lines as Japanese readers expect (禁則): no line begins with 、。」 or a small
//! kana, none ends with 「（; words of Latin letters stay whole where they fit.

use crate::font::Fonts;

const NOT_FIRST: &str =
    "、。，．・：；？！）〕］｝〉》」』】ーぁぃぅぇぉっゃゅょァィゥェォッャュョヶ々,.:;?!)]}%％～…‥〜";
const NOT_LAST: &str = "「『（〔［｛〈《【([{";

/// Lines of at most `width`; at most `max_lines`, the last one ending in 「…」 if there was more.
pub(crate) fn wrap(
    fonts: &Fonts,
    text: &str,
    size: f32,
    bold: bool,
    width: f32,
    max_lines: usize,
) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        break_paragraph(fonts, paragraph, size, bold, width, &mut lines);
        if lines.len() > max_lines {
            break;
        }
    }
    if lines.len() > max_lines {
        lines.truncate(max_lines);
        if let Some(last) = lines.last_mut() {
            while fonts.width(last, size, bold) + size > width && last.pop().is_some() {}
            last.push('…');
        }
    }
    lines
}

fn break_paragraph(fonts: &Fonts, text: &str, size: f32, bold: bool, width: f32, lines: &mut Vec<String>) {
    let mut line = String::new();
    let mut used = 0.0;
    for piece in pieces(text) {
        let wide = fonts.width(&piece, size, bold);
        if used + wide <= width {
            used += wide;
            line.push_str(&piece);
            continue;
        }
        // A mark that must not begin a line hangs over the edge by its own width.
        if piece.chars().all(|c| NOT_FIRST.contains(c)) && !line.is_empty() && wide <= size * 1.1 {
            used += wide;
            line.push_str(&piece);
            continue;
        }
        let carried = carry(&mut line);
        push(lines, &mut line);
        line.push_str(&carried);
        used = fonts.width(&line, size, bold);
        if piece.trim().is_empty() {
            continue;
        }
        if used + wide <= width {
            line.push_str(&piece);
            used += wide;
        } else {
            // A word longer than a line: by the character.
            for c in piece.chars() {
                let wide = fonts.width(c.encode_utf8(&mut [0; 4]), size, bold);
                if used + wide > width && !line.is_empty() {
                    push(lines, &mut line);
                    used = 0.0;
                }
                line.push(c);
                used += wide;
            }
        }
    }
    push(lines, &mut line);
}

fn push(lines: &mut Vec<String>, line: &mut String) {
    lines.push(line.trim_end().to_owned());
    line.clear();
}

/// Opening brackets at the end go to the next line.
fn carry(line: &mut String) -> String {
    let kept = line.trim_end_matches(|c| NOT_LAST.contains(c)).len();
    if kept == 0 { String::new() } else { line.split_off(kept) }
}

/// Ratings, which are one sign to the reader.
const WHOLE: [&str; 4] = ["★★★", "★★☆", "★☆☆", "※調査中※"];

/// Latin words and ratings whole, everything else by the character.
fn pieces(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut skip = 0;
    for (at, c) in text.char_indices() {
        if at < skip {
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        if let Some(whole) = WHOLE.iter().find(|whole| rest.starts_with(**whole)) {
            if !word.is_empty() {
                all.push(std::mem::take(&mut word));
            }
            all.push((*whole).to_owned());
            skip = at + whole.len();
            continue;
        }
        if c.is_ascii_graphic() && !"/-_?&=".contains(c) {
            word.push(c);
            continue;
        }
        if c.is_ascii_graphic() {
            word.push(c);
            all.push(std::mem::take(&mut word));
            continue;
        }
        if !word.is_empty() {
            all.push(std::mem::take(&mut word));
        }
        all.push(c.to_string());
    }
    if !word.is_empty() {
        all.push(word);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::font::fonts;

    #[test]
    fn lines_fit_and_break_where_they_may() {
        let fonts = fonts().expect("fonts");
        let text = "事務所のパソコン「KEIRI-PC」から、攻撃者の指令サーバーへの通信を検知し、止めました。これは長い文です。https://portal.example/alerts/0123456789abcdef0123456789abcdef";
        for width in [60.0, 100.0, 173.0, 400.0] {
            let lines = wrap(fonts, text, 10.0, false, width, 100);
            for line in &lines {
                assert!(fonts.width(line, 10.0, false) <= width + 11.0, "{line}");
                assert!(!line.starts_with(|c| "、。」".contains(c)), "{line}");
                assert!(!line.ends_with('「'), "{line}");
            }
            let joined: String = lines.concat();
            assert_eq!(joined.replace(' ', ""), text.replace(' ', ""), "nothing is lost");
        }
    }

    #[test]
    fn a_rating_is_never_broken() {
        let fonts = fonts().expect("fonts");
        let text = "機器を切り離してください（★★★）。★★☆は※調査中※";
        for width in 55..200 {
            let lines = wrap(fonts, text, 10.0, false, width as f32, 100);
            assert_eq!(lines.concat(), text);
            for rating in WHOLE.iter().filter(|w| text.contains(**w)) {
                assert!(lines.iter().any(|l| l.contains(rating)), "{rating} at {width}: {lines:?}");
            }
        }
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        let fonts = fonts().expect("fonts");
        let lines = wrap(fonts, &"あ".repeat(500), 10.0, false, 100.0, 2);
        assert_eq!(lines.len(), 2);
        assert!(lines.last().is_some_and(|l| l.ends_with('…')));
        assert!(wrap(fonts, "", 10.0, false, 100.0, 5).len() <= 1);
    }
}
