//! What customers and the desk tell each other, through the pages: threads with files,
//! announcements with marks, the contract, reports, documents.

#[expect(dead_code, reason = "each test file uses its own part")]
mod support;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use mimamori_domain::Role;
use support::{Answer, Browser, World};

/// Names and contents of the files of a form.
type Files<'a> = &'a [(&'a str, &'a [u8])];

const EDGE: &str = "edge-of-a-part";

/// A form with files, in the order given.
async fn send(browser: &mut Browser, path: &str, fields: &[(&str, &str)], files: &[(&str, &[u8])]) -> Answer {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend(
            format!("--{EDGE}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
        );
    }
    for (name, content) in files {
        let head = format!(
            "--{EDGE}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\nContent-Type: text/html\r\n\r\n"
        );
        body.extend(head.bytes());
        body.extend_from_slice(content);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{EDGE}--\r\n").bytes());
    let request = Request::post(path)
        .header("content-type", format!("multipart/form-data; boundary={EDGE}"))
        .header("sec-fetch-site", "same-origin");
    browser.send(request, Body::from(body)).await
}

#[tokio::test]
async fn hd_01_a_customer_asks_with_a_file_and_the_desk_answers() {
    let world = World::new().await;
    let mut admin = Browser::logged_in(&world, Role::CustomerAdmin, "a").await;
    let csrf = admin.get("/inquiries/new").await.csrf();
    let fields = [
        ("csrf", csrf.as_str()),
        ("topic", "gateway"),
        ("title", "ランプが点かない"),
        ("text", "今朝から<b>消えて</b>います。\n二行目"),
    ];
    let asked =
        send(&mut admin, "/inquiries", &fields, &[("", b""), ("写真.png", b"\x89PNG\r\n\x1a\n1")]).await;
    assert_eq!(asked.status, StatusCode::SEE_OTHER, "{}", asked.body);
    let path = asked.location.expect("leads to the thread");
    let page = admin.get(&path).await;
    assert!(page.body.contains("お問合せを受け付けました") && page.body.contains("写真.png"));
    assert!(!page.body.contains("<b>消えて") && page.body.contains("までに回答します"));
    assert!(!page.body.contains("回答してメールを送る"), "a customer cannot answer as the desk");

    let mut desk = Browser::logged_in(&world, Role::HelpDesk, "a").await;
    let queue = desk.get("/inquiries").await;
    assert!(queue.body.contains("ランプが点かない") && queue.body.contains("甲野工業 様"), "{}", queue.body);
    let csrf = desk.get(&path).await.csrf();
    let fields = [("csrf", csrf.as_str()), ("text", "交換します。"), ("days", "final")];
    let answered = send(&mut desk, &format!("{path}/answer"), &fields, &[]).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER, "{}", answered.body);
    let mails = world.service.due_mails().await.expect("mails");
    let letters: Vec<_> =
        mails.iter().filter(|m| m.told.iter().any(|t| t.notice.kind.letter().is_some())).collect();
    assert_eq!(letters.len(), 1, "whoever asked gets a mail");
    assert_eq!(letters[0].recipients[0].as_str(), "t@example.jp");
    let page = admin.get(&path).await;
    assert!(page.body.contains("交換します。") && page.body.contains("回答がありました"));
    let csrf = page.csrf();
    let closed = admin.post(&format!("{path}/close"), &[("csrf", &csrf)]).await;
    assert_eq!(closed.status, StatusCode::SEE_OTHER);
    assert!(!admin.get("/inquiries").await.body.contains("ランプが点かない"));
    assert!(admin.get("/inquiries?show=all").await.body.contains("ランプが点かない"));
}

#[tokio::test]
async fn a_file_is_only_ever_a_download_under_a_strict_policy() {
    let world = World::new().await;
    let mut admin = Browser::logged_in(&world, Role::CustomerViewer, "a").await;
    let file = admin.get(&format!("/attachments/{}", world.a.attachment)).await;
    let header = |name: &str| file.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    assert_eq!((file.status, file.body.as_str()), (StatusCode::OK, "甲野工業"));
    assert!(header("content-disposition").starts_with("attachment; filename*=UTF-8''%E8%A8%98"));
    assert_eq!(header("content-type"), "application/octet-stream");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(header("content-security-policy").contains("sandbox"));
    let foreign = admin.get(&format!("/attachments/{}", world.b.attachment)).await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_refused_file_says_why_and_keeps_what_was_typed() {
    let world = World::new().await;
    let mut admin = Browser::logged_in(&world, Role::CustomerAdmin, "a").await;
    let csrf = admin.get("/inquiries/new").await.csrf();
    let fields = [("csrf", csrf.as_str()), ("topic", "other"), ("title", "件名です"), ("text", "本文です")];
    let large = vec![b'a'; 5 * 1024 * 1024 + 1];
    let cases: [(Files<'_>, &str); 4] = [
        (&[("a.png", b"<html>")], "中身が"),
        (&[("a.html", b"<html>")], "この種類のファイル"),
        (&[("a.txt", &large)], "1つ5MBまで"),
        (&[("a.txt", b"1"), ("b.txt", b"2"), ("c.txt", b"3"), ("d.txt", b"4")], "3つまで"),
    ];
    for (files, words) in cases {
        let answer = send(&mut admin, "/inquiries", &fields, files).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{words}");
        assert!(answer.body.contains(words) && answer.body.contains("本文です"), "{words}: {}", answer.body);
    }
    assert_eq!(
        admin.get("/inquiries").await.body.matches("href=\"/inquiries/0").count(),
        1,
        "nothing stored"
    );
}

#[tokio::test]
async fn rt_05_a_scan_is_reported_with_its_file_which_the_analyst_opens() {
    let world = World::new().await;
    let alert = format!("/alerts/{}", world.a.alert);
    let mut admin = Browser::logged_in(&world, Role::CustomerAdmin, "a").await;
    let page = admin.get(&alert).await;
    assert!(page.body.contains("enctype=\"multipart/form-data\"") && page.body.contains("id=\"scan-files\""));
    let csrf = page.csrf();
    let fields =
        [("csrf", csrf.as_str()), ("result", "not_removed"), ("product", "守り<b>2026"), ("note", "EICAR")];
    let scan = format!("{alert}/scan");
    // A program that calls itself a picture: the form again, with what was typed; nothing changed.
    let refused = send(&mut admin, &scan, &fields, &[("画面.png", b"MZ\x90")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused.body.contains("名前の種類とちがいます")
            && refused.body.contains("value=\"守り&#60;b&#62;2026\"")
    );
    assert!(refused.body.contains("value=\"not_removed\" required checked"), "{}", refused.body);
    assert!(!admin.get(&alert).await.body.contains("スキャン報告済み"));
    let unsigned = send(&mut admin, &scan, &fields[1..], &[("a.txt", b"1")]).await;
    assert_eq!(unsigned.status, StatusCode::FORBIDDEN);

    let done =
        send(&mut admin, &scan, &fields, &[("画面.png", b"\x89PNG\r\n\x1a\n1"), ("記録.txt", b"found 1")])
            .await;
    assert_eq!((done.status, done.location.as_deref()), (StatusCode::SEE_OTHER, Some(alert.as_str())));
    let page = admin.get(&alert).await.body;
    for words in
        ["報告されたスキャンの結果", "見つかり、取り除けなかった", "画面.png", "守り&#60;b&#62;2026、EICAR"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    let link = |page: &str, name: &str| {
        let before = page.split(name).next().unwrap_or_default();
        let href = before.rsplit("href=\"").next().unwrap_or_default();
        href.split('"').next().unwrap_or_default().to_owned()
    };
    let file = link(&page, "<span>記録.txt");
    assert!(file.starts_with(&format!("{alert}/files/")), "{file}");

    let mut analyst = Browser::logged_in(&world, Role::Analyst, "a").await;
    let investigation = analyst.get(&format!("/investigations/{}", world.a.alert)).await;
    assert_eq!(link(&investigation.body, "<span>記録.txt"), file);
    let opened = analyst.get(&file).await;
    let header = |name: &str| opened.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    assert_eq!((opened.status, opened.body.as_str()), (StatusCode::OK, "found 1"));
    assert!(header("content-disposition").starts_with("attachment; filename*=UTF-8''"));
    assert_eq!(header("content-type"), "application/octet-stream");
    assert!(header("content-security-policy").contains("sandbox"));
    // Not the files of inquiries, by neither address.
    let inquiry = analyst.get(&format!("/attachments/{}", world.a.attachment)).await;
    assert_eq!(inquiry.status, StatusCode::FORBIDDEN);
    for (of, file) in [(&alert, world.a.attachment), (&alert, world.b.scan_file)] {
        assert!(analyst.get(&format!("{of}/files/{file}")).await.status.is_client_error());
    }
    let mut stranger = Browser::logged_in(&world, Role::CustomerAdmin, "b").await;
    assert_eq!(stranger.get(&file).await.status, StatusCode::NOT_FOUND);

    // Done: the report stays with the alert, nothing more can be reported.
    assert!(page.contains("完了にする"));
    let closed = admin.post(&format!("{alert}/close"), &[("csrf", &csrf)]).await;
    assert_eq!(closed.status, StatusCode::SEE_OTHER, "{}", closed.body);
    let page = admin.get(&alert).await.body;
    for words in ["さんが完了にしました", "見つかり、取り除けなかった", "画面.png"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("id=\"scan-files\"") && !page.contains("完了にする"));
    let again = admin.post(&format!("{alert}/close"), &[("csrf", &csrf)]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(send(&mut admin, &scan, &fields, &[]).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_form_with_files_needs_its_token_before_the_first_file() {
    let world = World::new().await;
    let mut admin = Browser::logged_in(&world, Role::CustomerAdmin, "a").await;
    let csrf = admin.get("/inquiries/new").await.csrf();
    let fields = [("title", "件名"), ("topic", "other"), ("text", "本文")];
    let without = send(&mut admin, "/inquiries", &fields, &[("a.txt", b"1")]).await;
    assert_eq!(without.status, StatusCode::FORBIDDEN);
    let wrong = send(&mut admin, "/inquiries", &[&[("csrf", "AAAA")], &fields[..]].concat(), &[]).await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    let late = format!(
        "--{EDGE}\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.txt\"\r\n\r\n1\r\n\
         --{EDGE}\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n--{EDGE}--\r\n"
    );
    let request = Request::post("/inquiries")
        .header("content-type", format!("multipart/form-data; boundary={EDGE}"))
        .header("sec-fetch-site", "same-origin");
    assert_eq!(admin.send(request, Body::from(late)).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn pt_08_an_important_announcement_stands_on_the_status_page_until_it_is_read() {
    let world = World::new().await;
    let mut operator = Browser::logged_in(&world, Role::Operator, "a").await;
    let csrf = operator.get("/announcements/new").await.csrf();
    let soon = [
        ("csrf", csrf.as_str()),
        ("kind", "maintenance"),
        ("title", "設備の点検"),
        ("text", "ポータルが止まります。"),
        ("starts", "2026-12-01T02:00"),
        ("ends", "2026-12-01T05:00"),
    ];
    let refused = operator.post("/announcements", &soon).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("1か月以上前") && refused.body.contains("ポータルが止まります。"));
    let mut ahead = soon;
    ahead[4].1 = "2026-12-24T02:00";
    ahead[5].1 = "2026-12-24T05:00";
    let published = operator.post("/announcements", &ahead).await;
    let path = published.location.expect("leads to it");
    let mut viewer = Browser::logged_in(&world, Role::CustomerViewer, "b").await;
    assert!(viewer.get("/").await.body.contains("設備の点検"));
    assert!(viewer.get("/announcements").await.body.contains("未読"));
    assert!(viewer.get(&path).await.body.contains("2026年12月24日(木) 02:00 〜"));
    assert!(!viewer.get("/").await.body.contains("設備の点検"), "read is read");
    let mut other = Browser::logged_in(&world, Role::CustomerAdmin, "b").await;
    assert!(other.get("/").await.body.contains("設備の点検"), "each reader has a mark of his own");
    let csrf = operator.get(&path).await.csrf();
    operator.post(&format!("{path}/withdraw"), &[("csrf", &csrf)]).await;
    assert!(!other.get("/announcements").await.body.contains("設備の点検"));
    assert_eq!(other.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn reports_are_downloaded_and_mailed_if_wished() {
    let world = World::new().await;
    let mut admin = Browser::logged_in(&world, Role::CustomerAdmin, "a").await;
    let page = admin.get("/reports").await;
    assert!(page.body.contains("2026年10月") && page.body.contains("よい月でした。"));
    let csrf = page.csrf();
    admin.post("/reports/mail", &[("csrf", &csrf), ("wish", "yes")]).await;
    assert!(admin.get("/reports").await.body.contains("メールで受け取るのをやめる"));
    let paper = admin.get("/reports/this-month").await;
    assert!(paper.body.starts_with("%PDF-"));
    let contract = admin.get("/contract").await;
    assert!(contract.body.contains("2026年12月1日(火) から補償が始まります"), "{}", contract.body);
}

#[tokio::test]
async fn pt_11_the_five_documents_are_read_here_and_as_pdf() {
    let world = World::new().await;
    let mut viewer = Browser::logged_in(&world, Role::CustomerViewer, "a").await;
    let list = viewer.get("/documents").await.body;
    for manual in &mimamori_paper::MANUALS {
        let path = format!("/documents/{}", manual.slug);
        assert!(list.contains(&format!("href=\"{path}\"")), "{path}");
        let page = viewer.get(&path).await;
        assert!(page.body.contains(manual.title) && page.body.contains("目次"), "{path}");
        assert!(!page.body.contains(" style=") && page.body.matches("<h1").count() == 1, "{path}");
        for picture in page.body.split("src=\"/documents/pictures/").skip(1) {
            let name = picture.split('"').next().unwrap_or_default();
            let picture = viewer.get(&format!("/documents/pictures/{name}")).await;
            assert_eq!(picture.status, StatusCode::OK, "{path}: {name}");
        }
    }
    assert!(viewer.get("/documents/quick-start/pdf").await.body.starts_with("%PDF-"));
    assert_eq!(viewer.get("/documents/nothing").await.status, StatusCode::NOT_FOUND);
}

/// The words of a page's elements that begin with one text and end before another.
fn words<'a>(html: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    html.split(begin).skip(1).filter_map(|rest| rest.split(end).next()).collect()
}

/// Whoever looks for a page that the menus name finds it in a manual.
#[tokio::test]
async fn pt_11_every_page_that_the_menus_name_is_named_in_a_manual() {
    let world = World::new().await;
    let mut browser = Browser::logged_in(&world, Role::CustomerAdmin, "a").await;
    let more = browser.get("/more").await.body;
    let use_of = browser.get("/usage/apps").await.body;
    let tabs = words(&use_of, "<nav class=\"tabs", "</nav>").concat();
    let entries = words(&more, "<ul class=\"links\">", "</ul>").concat();
    let mut titles = words(&more, "<span class=\"label\">", "</span>");
    for links in [&tabs, &entries] {
        titles
            .extend(words(links, "<a href=\"", "</a>").iter().filter_map(|a| a.split_once('>')).map(|a| a.1));
    }
    assert!(titles.len() >= 16 && titles.contains(&"検査の範囲"), "{titles:?}");
    for title in titles.iter().filter(|t| **t != "受信箱") {
        let named = mimamori_paper::manual::MANUALS.iter().any(|m| m.html("").0.contains(title));
        assert!(named, "no manual names {title}");
    }
}
