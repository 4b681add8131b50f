//! 「APIとWebhook」 in a real browser: a key is made and reads, a webhook is registered and takes a
//! test, at a receiver of the test's own.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc;

use crate::webdriver::{Browser, text};
use crate::{Demo, log_in, look, wait};

/// Takes one request, answers 204 and hands over what arrived.
fn receiver() -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (send, got) = mpsc::sync_channel(10);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut bytes = Vec::new();
            let mut buffer = [0; 4096];
            // The body is JSON and comes with the head or right after it.
            while !bytes.ends_with(b"}") {
                match stream.read(&mut buffer) {
                    Ok(n) if n > 0 => bytes.extend_from_slice(buffer.get(..n).unwrap_or_default()),
                    _ => break,
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n");
            let _ = send.send(String::from_utf8_lossy(&bytes).into_owned());
        }
    });
    (port, got)
}

fn status_of(browser: &Browser, token: &str, path: &str) -> u64 {
    let script = format!(
        "const done = arguments[arguments.length - 1];
         fetch('/api/v1{path}', {{ headers: {{ authorization: 'Bearer {token}' }}, credentials: 'omit' }})
           .then(r => done(r.status));"
    );
    browser.run_async(&script).as_u64().unwrap_or(0)
}

pub fn key_and_webhook(browser: &Browser, demo: &Demo, artefacts: &Path) {
    log_in(browser, demo);
    let page = format!("{}/settings/integrations", demo.url);
    browser.open(&page);
    assert!(browser.page_text().contains("お使いでなければ"), "{}", browser.page_text());
    look(browser, artefacts, "integrations-empty");
    browser.click("#tokens ~ details summary");
    browser.fill("#token-name", "社内の表示");
    browser.click("input[name='read:status']");
    browser.click("form[action$='/tokens'] button");
    wait(browser, "the key", |b| b.page_text().contains("APIの鍵ができました"));
    let token = text(&browser.run("return document.querySelector('.qr-key').textContent"));
    look(browser, artefacts, "integrations-key");
    assert_eq!(status_of(browser, &token, "/status"), 200);
    assert_eq!(status_of(browser, &token, "/alerts"), 403, "not asked for");
    // The browser notes the refusal on its console.
    browser.console_errors();

    let (port, got) = receiver();
    browser.open(&page);
    assert!(!browser.page_text().contains("mmt_"), "shown once");
    browser.fill("#hook-url", &format!("http://127.0.0.1:{port}/hook"));
    browser.click("form[action$='/webhooks'] button");
    wait(browser, "the secret", |b| b.page_text().contains("whsec_"));
    browser.open(&page);
    browser.click("form[action$='/test'] button");
    let request = got.recv_timeout(std::time::Duration::from_secs(30)).expect("the test arrives");
    for part in ["POST /hook HTTP/1.1", "webhook-id: ", "webhook-signature: v1,", "\"type\":\"test\""] {
        assert!(request.contains(part), "{part} in {request}");
    }
    wait(browser, "that it arrived", |b| {
        b.open(&page);
        b.page_text().contains("届きました")
    });
    look(browser, artefacts, "integrations");
    browser.click("form[action$='/revoke'] button");
    wait(browser, "that it is revoked", |b| b.page_text().contains("使えなくしました"));
    assert_eq!(status_of(browser, &token, "/status"), 401);
    browser.console_errors();
    browser.open(&format!("{}/settings/activity", demo.url));
    assert!(browser.page_text().contains("APIの鍵を作りました"), "{}", browser.page_text());
}
