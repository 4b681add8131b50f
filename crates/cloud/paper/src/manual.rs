//! The five documents of the service (PT-11), as they are read in the portal and on paper.
//!
//! Holds always: HTML and PDF come from the same Markdown under `docs/manual-ja`; every picture
//! that a text names exists, and the browser test takes it. Deliberately not here: who agreed to
//! which version (the contract).

use std::sync::OnceLock;

use crate::PaperError;
use crate::font::fonts;
pub use crate::markdown::Section;
use crate::markdown::{to_html, to_sheet};
use crate::sheet::{BODY, SMALL, Sheet};

/// One document.
#[derive(Debug)]
pub struct Manual {
    /// Stands in addresses and file names.
    pub slug: &'static str,
    pub title: &'static str,
    /// What it is for, in one sentence.
    pub about: &'static str,
    pub version: &'static str,
    /// The day from which it holds, as in [`mimamori_domain::jst::JstDay`].
    pub effective: &'static str,
    source: &'static str,
}

/// Table 6-1, in its order.
pub const MANUALS: [Manual; 5] = [
    Manual {
        slug: "service-specification",
        title: "サービス仕様書",
        about: "サービスの内容、条件、補償を定めた文書です。",
        version: "1.0",
        effective: "2026年12月15日",
        source: include_str!("../../../../docs/manual-ja/service-specification.md"),
    },
    Manual {
        slug: "start-guide",
        title: "サービス利用開始ガイド",
        about: "お申し込みから使い始めるまでの手順と、届くメールの意味です。",
        version: "1.0",
        effective: "2026年12月15日",
        source: include_str!("../../../../docs/manual-ja/start-guide.md"),
    },
    Manual {
        slug: "portal-manual",
        title: "サービスポータル利用マニュアル",
        about: "ポータルの見かたと、アラートが出たときにすることです。",
        version: "1.0",
        effective: "2026年12月15日",
        source: include_str!("../../../../docs/manual-ja/portal-manual.md"),
    },
    Manual {
        slug: "quick-start",
        title: "クイックスタートガイド",
        about: "UTM装置を箱から出して、つなぐまでの1枚です。",
        version: "1.0",
        effective: "2026年12月15日",
        source: include_str!("../../../../docs/manual-ja/quick-start.md"),
    },
    Manual {
        slug: "gateway-manual",
        title: "UTM取扱説明書",
        about: "UTM装置の設置、動作の確かめかた、故障・交換・返却の手順です。",
        version: "1.0",
        effective: "2026年12月15日",
        source: include_str!("../../../../docs/manual-ja/gateway-manual.md"),
    },
];

macro_rules! pictures {
    ($($name:literal,)*) => {
        /// Pictures of the portal, taken by the browser test.
        pub const PICTURES: &[(&str, &[u8])] =
            &[$(($name, include_bytes!(concat!("../../../../docs/manual-ja/images/", $name)))),*];
    };
}

pictures! {
    "alert.png",
    "alerts.png",
    "announcements.png",
    "contract.png",
    "detections.png",
    "gateway.png",
    "inquiry.png",
    "login.png",
    "mail.png",
    "more.png",
    "reports.png",
    "second-factor.png",
    "settings.png",
    "status.png",
}

/// The document called `slug`.
#[must_use]
pub fn find(slug: &str) -> Option<&'static Manual> {
    MANUALS.iter().find(|m| m.slug == slug)
}

/// The picture called `name`.
#[must_use]
pub fn picture(name: &str) -> Option<&'static [u8]> {
    PICTURES.iter().find(|(known, _)| *known == name).map(|(_, png)| *png)
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

impl Manual {
    /// The body as HTML, with pictures below `pictures`, and its sections.
    #[must_use]
    pub fn html(&self, pictures: &str) -> (String, Vec<Section>) {
        to_html(self.source, |path| format!("{pictures}{}", name_of(path)))
    }

    /// The whole document as PDF; laid out on first use.
    pub fn pdf(&'static self) -> Result<&'static [u8], PaperError> {
        static MADE: [OnceLock<Vec<u8>>; MANUALS.len()] = [const { OnceLock::new() }; MANUALS.len()];
        let place = MANUALS.iter().position(|m| m.slug == self.slug).and_then(|i| MADE.get(i));
        let Some(place) = place else { return Err(PaperError::Pdf("unknown document".to_owned())) };
        if let Some(made) = place.get() {
            return Ok(made);
        }
        let made = self.lay_out()?;
        Ok(place.get_or_init(|| made))
    }

    fn lay_out(&self) -> Result<Vec<u8>, PaperError> {
        let mut sheet = Sheet::new(fonts()?, &format!("みまもり {}　第{}版", self.title, self.version));
        sheet.heading(self.title, 1);
        sheet.text(self.about, BODY);
        sheet.text(&format!("第{}版　{}から有効", self.version, self.effective), SMALL);
        sheet.space(10.0);
        to_sheet(self.source, &mut sheet, |path| picture(name_of(path)));
        sheet.finish(self.title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_that_a_manual_names_exists_and_is_used() {
        let mut used: Vec<String> = Vec::new();
        for manual in &MANUALS {
            for part in manual.source.split("](images/").skip(1) {
                let name = part.split(')').next().unwrap_or_default();
                assert!(picture(name).is_some(), "{}: no picture {name}", manual.slug);
                used.push(name.to_owned());
            }
        }
        for (name, _) in PICTURES {
            assert!(used.iter().any(|u| u == name), "{name} is in no manual");
        }
        let total: usize = PICTURES.iter().map(|(_, png)| png.len()).sum();
        assert!(total <= 2 << 20, "the pictures take {total} bytes");
    }

    #[test]
    fn a_manual_is_html_without_anything_that_runs_and_a_pdf() {
        for manual in &MANUALS {
            let (html, sections) = manual.html("/documents/pictures/");
            assert!(sections.len() >= 4, "{}: {sections:?}", manual.slug);
            assert!(!html.contains("<script") && !html.contains(" style="), "{}", manual.slug);
            for s in &sections {
                assert!(html.contains(&format!("id=\"{}\"", s.anchor)));
            }
            let pdf = manual.pdf().expect("a PDF");
            assert!(pdf.starts_with(b"%PDF-") && pdf.len() < 4 << 20, "{} bytes", pdf.len());
        }
    }
}
