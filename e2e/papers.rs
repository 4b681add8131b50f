//! What customers and the desk tell each other, in a real browser: an important announcement, an
//! inquiry with a file, contract, reports, documents; and the pictures of the manuals.
//!
//! The pictures land in `artefacts/papers/manual`; `docs/manual-ja/images` holds copies of them. A
//! picture that is missing, or is none of this test's, fails it: copy them again.

use std::collections::BTreeMap;
use std::path::Path;

use crate::webdriver::Browser;
use crate::{look, wait};

/// Size of a picture in a manual.
const PICTURE: (u32, u32) = (1_000, 720);
/// A longer page is cut there: it has to fit on one sheet of paper.
const LONGEST: u32 = 1_300;

/// Asks, reads, downloads; every page at two widths.
pub fn walk(browser: &Browser, url: &str, artefacts: &Path) {
    let open = |path: &str| browser.open(&format!("{url}{path}"));
    open("/");
    assert!(browser.page_text().contains("みまもりへようこそ"), "the unread announcement stands on top");
    ask(browser, url, artefacts);
    let pages = [
        ("more", "/more", "お客様のページ"),
        ("announcements", "/announcements", "みまもりへようこそ"),
        ("inquiries", "/inquiries", "ランプ"),
        ("contract", "/contract", "補償が始まります"),
        ("reports", "/reports", "毎月メールで受け取る"),
        ("documents", "/documents", "サービス仕様書"),
        ("document", "/documents/portal-manual", "目次"),
    ];
    for (name, path, words) in pages {
        open(path);
        assert!(browser.page_text().contains(words), "{name} shows {words}:\n{}", browser.page_text());
        look(browser, artefacts, name);
    }
    pictures(browser, url, artefacts);
    open("/announcements");
    browser.click(".news a");
    wait(browser, "the announcement", |b| b.page_text().contains("掲載"));
    look(browser, artefacts, "announcement");
    open("/");
    assert!(!browser.page_text().contains("みまもりへようこそ"), "read is read");
    open("/reports");
    browser.click("#mail ~ form button");
    wait(browser, "the wish", |b| b.page_text().contains("毎月メールでもお送りします"));
}

fn ask(browser: &Browser, url: &str, artefacts: &Path) {
    browser.open(&format!("{url}/inquiries"));
    assert!(browser.page_text().contains("お問合せはありません"));
    look(browser, artefacts, "inquiries-empty");
    browser.click(".actions a.primary");
    wait(browser, "the form", |b| b.page_text().contains("何についてですか"));
    look(browser, artefacts, "inquiry-new");
    let bad = artefacts.join("note.exe");
    std::fs::write(&bad, "no").expect("a file");
    browser.fill("#title", "倉庫のUTM装置のランプについて");
    browser.fill("#text", "今朝から、倉庫のUTM装置のランプが橙色に点滅しています。\n通信はできています。このままで大丈夫でしょうか。");
    browser.fill("#files", &bad.to_string_lossy());
    browser.click("form.form button[type=submit]");
    wait(browser, "the refusal", |b| b.page_text().contains("この種類のファイルは添付できません"));
    assert!(!browser.console_errors().is_empty(), "the browser notes the 422 itself");
    look(browser, artefacts, "inquiry-refused");
    let good = artefacts.join("ランプの写真.png");
    std::fs::copy(artefacts.join("login-390.png"), &good).expect("a picture");
    browser.fill("#files", &good.to_string_lossy());
    browser.click("form.form button[type=submit]");
    wait(browser, "the thread", |b| b.page_text().contains("お問合せを受け付けました"));
    assert!(browser.page_text().contains("ランプの写真.png"));
    look(browser, artefacts, "inquiry");
}

/// Takes one picture of the page that is open.
pub fn picture(browser: &Browser, artefacts: &Path, name: &str) {
    let folder = artefacts.join("manual");
    std::fs::create_dir_all(&folder).expect("a folder");
    browser.size(PICTURE.0, PICTURE.1);
    browser.run("window.scrollTo(0, 0)");
    let long = browser.run("return document.documentElement.scrollHeight").as_u64().unwrap_or(0);
    let height = u32::try_from(long).unwrap_or(LONGEST).clamp(PICTURE.1, LONGEST);
    let png = crate::png_of(&browser.screenshot_of_top(PICTURE.0, height));
    std::fs::write(folder.join(format!("{name}.png")), png).expect("written");
    browser.size(1280, 900);
}

fn pictures(browser: &Browser, url: &str, artefacts: &Path) {
    let pages = [
        ("status", "/"),
        ("alerts", "/alerts"),
        ("detections", "/detections"),
        ("settings", "/settings"),
        ("second-factor", "/settings/second-factor"),
        ("more", "/more"),
        ("announcements", "/announcements"),
        ("reports", "/reports"),
        ("contract", "/contract"),
    ];
    for (name, path) in pages {
        browser.open(&format!("{url}{path}"));
        picture(browser, artefacts, name);
    }
    let behind = [
        ("alert", "/alerts", ".alert-card.three h3 a"),
        ("gateway", "/gateways", ".utm h3 a"),
        ("inquiry", "/inquiries", ".table td a"),
        ("mail", "/mailbox", ".mails a"),
    ];
    for (name, path, link) in behind {
        browser.open(&format!("{url}{path}"));
        if name == "mail" {
            // A ★★★ one, wherever it stands in the list.
            browser.run("[...document.querySelectorAll('.mails li')].find(l => l.innerText.includes('★★★')).parentNode.prepend([...document.querySelectorAll('.mails li')].find(l => l.innerText.includes('★★★')))");
        }
        browser.click(link);
        wait(browser, name, |b| b.run("return !!document.querySelector('.back')").as_bool() == Some(true));
        picture(browser, artefacts, name);
    }
    compare(artefacts);
}

/// The manuals' pictures are those that this test takes: the same names, the same width. What
/// stands on them differs with each run (times, numbers), and with it how long they are.
fn compare(artefacts: &Path) {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/manual-ja/images");
    let (taken, kept) = (widths(&artefacts.join("manual")), widths(&kept));
    assert_eq!(taken, kept, "copy the pictures from artefacts/papers/manual to docs/manual-ja/images");
}

/// The width of each PNG, from its header.
fn widths(folder: &Path) -> BTreeMap<String, u32> {
    let entries = std::fs::read_dir(folder).expect("the pictures");
    entries
        .map(|entry| {
            let entry = entry.expect("a picture");
            let bytes = std::fs::read(entry.path()).expect("its bytes");
            let width = bytes.get(16..20).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes);
            (entry.file_name().to_string_lossy().into_owned(), width)
        })
        .collect()
}
