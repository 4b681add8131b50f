//! The portal's own line drawings, as inline SVG.
//!
//! Holds always: decorative (`aria-hidden`), no `style` attribute (the content security
//! policy forbids it), colour by `currentColor`. Deliberately not here: meaning; every icon
//! stands beside a word.

/// The mark of the product: a house under a watching arc.
pub const LOGO: &str = r#"<svg viewBox="0 0 40 40" fill="none" aria-hidden="true"><rect width="40" height="40" rx="10" fill="currentColor"/><path d="M8 20.5C10.6 13.9 14.9 10.6 20 10.6s9.4 3.3 12 9.9" class="on-line" stroke-width="2.6" stroke-linecap="round"/><path d="M13.2 29.4v-7.2L20 16.8l6.8 5.4v7.2z" class="on-fill"/><circle cx="20" cy="24.2" r="2.5" fill="currentColor"/></svg>"#;

/// The drawing called `name`; an empty box for a name nobody drew (a test forbids it in templates).
pub fn icon(name: &str) -> &'static str {
    ICONS
        .iter()
        .find_map(|(known, drawing)| (*known == name).then_some(*drawing))
        .unwrap_or(r#"<svg viewBox="0 0 24 24" aria-hidden="true" data-missing-icon=""></svg>"#)
}

macro_rules! icons {
    ($($name:literal: $body:literal,)*) => {
        const ICONS: &[(&str, &str)] = &[$((
            $name,
            concat!(
                r#"<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">"#,
                $body,
                "</svg>"
            ),
        )),*];
    };
}

icons! {
    "status": r#"<path d="M3.5 11.2 12 4l8.5 7.2"/><path d="M5.5 9.8V20h13V9.8"/><path d="m9 14.4 2.2 2.2 4-4.2"/>"#,
    "alert": r#"<path d="M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 2h-15z"/><path d="M10 21.2h4"/>"#,
    "list": r#"<path d="M8.5 6H20M8.5 12H20M8.5 18H20"/><path d="M4 6h.01M4 12h.01M4 18h.01" stroke-width="2.6"/>"#,
    "gateway": r#"<rect x="3.5" y="12.5" width="17" height="7" rx="2"/><path d="M7 16h.01M10.5 16h.01" stroke-width="2.6"/><path d="M15 16h2.5M7.2 9.2a6.8 6.8 0 0 1 9.6 0M9.6 6.4"/><path d="M12 12.5v-1"/>"#,
    "settings": r#"<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2.2"/><circle cx="9" cy="17" r="2.2"/>"#,
    "more": r#"<circle cx="5.5" cy="12" r="1.4"/><circle cx="12" cy="12" r="1.4"/><circle cx="18.5" cy="12" r="1.4"/>"#,
    "news": r#"<path d="M4 9.5v5h3l7 4V5.5l-7 4z"/><path d="M17.5 9a4.2 4.2 0 0 1 0 6"/>"#,
    "paper": r#"<path d="M6 3.5h8.5L19 8v12.5H6z"/><path d="M14 3.5V8.5h5M9 12.5h7M9 16h7"/>"#,
    "mail": r#"<rect x="3.5" y="5.5" width="17" height="13" rx="2"/><path d="m4 7.5 8 6 8-6"/>"#,
    "customers": r#"<path d="M4 20V9.5L9.5 6v14M9.5 20V4H20v16M3 20h18"/><path d="M13 8h.01M16.5 8h.01M13 12h.01M16.5 12h.01M13 16h.01M16.5 16h.01" stroke-width="2.4"/>"#,
    "out": r#"<path d="M14 4.5H6.5v15H14M10.5 12H20M17 8.8l3.2 3.2-3.2 3.2"/>"#,
    "next": r#"<path d="m9.5 5.5 6.5 6.5-6.5 6.5"/>"#,
    "previous": r#"<path d="M14.5 5.5 8 12l6.5 6.5"/>"#,
    "ok": r#"<circle cx="12" cy="12" r="9"/><path d="m7.8 12.4 2.9 2.9 5.6-6"/>"#,
    "check": r#"<path d="M12 3.5 21.5 20h-19z"/><path d="M12 9.8v4.4"/><path d="M12 17.2h.01" stroke-width="2.4"/>"#,
    "act": r#"<path d="M8.2 3h7.6L21 8.2v7.6L15.8 21H8.2L3 15.8V8.2z"/><path d="M12 7.6v5.2"/><path d="M12 16.4h.01" stroke-width="2.4"/>"#,
    "look": r#"<circle cx="10.5" cy="10.5" r="6.5"/><path d="m15.4 15.4 5.1 5.1M10.5 7.6v3.2l2 1.6"/>"#,
    "down": r#"<path d="M12 3.5v8M17.6 6.6a8 8 0 1 1-11.2 0"/>"#,
    "info": r#"<circle cx="12" cy="12" r="9"/><path d="M12 11v5.2"/><path d="M12 7.8h.01" stroke-width="2.4"/>"#,
    "what": r#"<path d="M5 4.5h14v11h-7.5L8 19.5v-4H5z"/><path d="M8.5 8.5h7M8.5 11.8h4.5"/>"#,
    "device": r#"<rect x="4.5" y="5" width="15" height="10.5" rx="1.5"/><path d="M2.5 19h19M10 15.5 9.2 19M14 15.5l.8 3.5"/>"#,
    "shield": r#"<path d="M12 3.2 4.8 6v5.6c0 4.3 2.9 7.6 7.2 9.2 4.3-1.6 7.2-4.9 7.2-9.2V6z"/><path d="m8.8 11.8 2.3 2.3 4.2-4.4"/>"#,
    "shield-open": r#"<path d="M12 3.2 4.8 6v5.6c0 4.3 2.9 7.6 7.2 9.2 4.3-1.6 7.2-4.9 7.2-9.2V6z"/><path d="M12 8.2v4.4"/><path d="M12 15.6h.01" stroke-width="2.4"/>"#,
    "hand": r#"<path d="M9 11.5V5.2a1.4 1.4 0 0 1 2.8 0v5.3M11.8 10V4.2a1.4 1.4 0 0 1 2.8 0V11M14.6 11V6a1.4 1.4 0 0 1 2.8 0v8.5a6 6 0 0 1-6 6c-2.6 0-4-1-5.3-3.2L4 13.6c-.5-1 .3-2.1 1.4-2.1.7 0 1.2.3 1.6.9L9 14.6"/>"#,
    "clock": r#"<circle cx="12" cy="12" r="8.6"/><path d="M12 7v5.2l3.4 2"/>"#,
    "c2": r#"<circle cx="12" cy="6" r="2.6"/><circle cx="5" cy="18" r="2.2"/><circle cx="19" cy="18" r="2.2"/><path d="M10.6 8.2 6.2 16M13.4 8.2 17.8 16M7.2 18h9.6" stroke-dasharray="2.4 2.6"/>"#,
    "malware": r#"<path d="M6 3.5h8l4.5 4.5v12.5H6z"/><path d="M13.5 3.5V8.5h5"/><circle cx="12" cy="14.4" r="2.4"/><path d="M12 10.6V12M12 16.8v1.4M8.6 14.4H9.6M14.4 14.4h1M9.4 11.8l.9.9M13.7 16.1l.9.9M14.6 11.8l-.9.9M10.3 16.1l-.9.9"/>"#,
    "phishing": r#"<path d="M13.5 3.5v10.6a4.2 4.2 0 1 1-8.4 0v-2l2.6 2.2"/><circle cx="13.5" cy="3.6" r="1" /><path d="M17 7.5h3.5M17 11.5h3.5M17 15.5h3.5"/>"#,
    "attack": r#"<path d="M13.5 2.8 5.5 13.4h5.2l-1.2 7.8 8.6-11.4h-5.4z"/>"#,
    "scan": r#"<path d="M12 12 18.5 5.5M12 20.5A8.5 8.5 0 1 1 20.5 12M12 16a4 4 0 1 1 4-4"/>"#,
    "policy": r#"<circle cx="12" cy="12" r="8.8"/><path d="M5.8 5.8 18.2 18.2"/>"#,
    "other": r#"<circle cx="12" cy="12" r="8.8"/><path d="M9.4 9.4a2.7 2.7 0 1 1 3.8 2.5c-.8.4-1.2 1-1.2 1.9"/><path d="M12 16.8h.01" stroke-width="2.4"/>"#,
    "phone": r#"<path d="M5 4h4l1.8 4.6-2.4 1.6a11.5 11.5 0 0 0 5.4 5.4l1.6-2.4L20 15v4a1.6 1.6 0 0 1-1.7 1.6C10.6 20 4 13.4 3.4 5.7A1.6 1.6 0 0 1 5 4z"/>"#,
    "download": r#"<path d="M12 4v11M7.6 11 12 15.4 16.4 11M4.5 20h15"/>"#,
    "history": r#"<path d="M4 12a8 8 0 1 0 2.6-5.9L4 8.4M4 4v4.4h4.4M12 7.8V12l3 1.8"/>"#,
    "scales": r#"<path d="M12 4v16M7 20h10M5 7.5h14M5 7.5 2.6 13a2.6 2.6 0 0 0 4.8 0zM19 7.5 16.6 13a2.6 2.6 0 0 0 4.8 0z"/>"#,
    "parcel": r#"<path d="M3.8 8 12 3.8 20.2 8v8.4L12 20.6l-8.2-4.2z"/><path d="M3.8 8 12 12.2 20.2 8M12 12.2v8.4M8 5.9l8.2 4.2"/>"#,
    "lock": r#"<rect x="5" y="10.5" width="14" height="9.5" rx="2"/><path d="M8.2 10.5V8a3.8 3.8 0 0 1 7.6 0v2.5"/>"#,
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_icon_named_in_templates_and_views_exists() {
        let mut named = 0;
        for folder in ["templates", "src"] {
            let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            for text in files_below(&root) {
                for part in text.split("icon(\"").skip(1) {
                    let name = part.split('"').next().unwrap_or_default();
                    named += 1;
                    assert!(!super::icon(name).contains("data-missing-icon"), "no icon named {name:?}");
                }
            }
        }
        assert!(named > 20, "the templates name icons; found only {named}");
    }

    fn files_below(folder: &std::path::Path) -> Vec<String> {
        let mut texts = Vec::new();
        for entry in std::fs::read_dir(folder).expect("folder is readable") {
            let path = entry.expect("entry is readable").path();
            if path.is_dir() {
                texts.extend(files_below(&path));
            } else if path.file_name().is_some_and(|n| n != "icon.rs") {
                texts.push(std::fs::read_to_string(path).expect("file is text"));
            }
        }
        texts
    }
}
