//! What is listed is refused at once, whichever way it is asked for.

use std::path::Path;

use super::{BAD, BAD_IP, CLEAN, CLEAN_IP, Guard, LISTED_IP, SHARED, build, curl, start};

#[test]
fn gw_14_listed_names_and_addresses_are_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut guard) = build("mmn", dir.path()) else { return };
    start(&mut guard, "");
    names(&mut guard);
    pages(&mut guard);
    ports(&mut guard);
    encrypted(&mut guard);
    browser(&mut guard);
    addresses(&mut guard);
    assert!(guard.failed.is_empty(), "{:#?}\n{}", guard.failed, guard.log());
}

fn names(guard: &mut Guard) {
    let dig = |guard: &Guard, server: &str, more: &[&str]| {
        let args: Vec<&str> = ["dig", "+tries=1", "+time=8", server].iter().chain(more).copied().collect();
        guard.pc(&args).1
    };
    for name in [
        BAD,
        "nisemono-bank.example.",
        "WWW.Nisemono-Bank.EXAMPLE",
        "a.b.c.badcdn.example",
        "xn--wgv71a119e.example",
    ] {
        let said = dig(guard, "@192.168.1.1", &[name]);
        guard.check(&format!("DNS {name}"), said.contains("NXDOMAIN") && !said.contains(BAD_IP), &said);
    }
    for kind in ["AAAA", "MX", "HTTPS", "TXT"] {
        let said = dig(guard, "@192.168.1.1", &[BAD, kind]);
        guard.check(&format!("DNS {kind}"), said.contains("NXDOMAIN"), &said);
    }
    let said = dig(guard, "@192.168.1.1", &["+tcp", BAD]);
    guard.check("DNS over TCP", !said.contains(BAD_IP) && !said.contains("timed out"), &said);
    let said = dig(guard, "@2001:db8:1::1", &[BAD]);
    guard.check("DNS over IPv6", said.contains("NXDOMAIN"), &said);
    for (server, how) in [("@192.168.1.1", "+notcp"), ("@192.168.1.1", "+tcp"), ("@2001:db8:1::1", "+notcp")]
    {
        let said = dig(guard, server, &[how, CLEAN]);
        guard.check(&format!("DNS clean {server} {how}"), said.contains(CLEAN_IP), &said);
    }
    // A name that only ends like a listed one: the server itself answers, which does not know it.
    let said = dig(guard, "@192.168.1.1", &["xnisemono-bank.example"]);
    guard.check("DNS no suffix of a label", said.contains("status: REFUSED"), &said);
}

fn pages(guard: &mut Guard) {
    let resolve = format!("{BAD}:80:{BAD_IP}");
    let (_, said) = guard.pc(&curl(&["-i", "--resolve", &resolve, &format!("http://{BAD}/")]));
    let page = said.contains("403 Forbidden") && said.contains("このページへの接続を止めました");
    guard.check("HTTP page", page, &said);
    let resolve = format!("{SHARED}:80:{CLEAN_IP}");
    let (_, said) = guard.pc(&curl(&["--resolve", &resolve, &format!("http://{SHARED}/warui/x?y=1")]));
    guard.check("HTTP path", said.contains("接続を止めました"), &said);
    let (_, said) = guard.pc(&curl(&["--resolve", &resolve, &format!("http://{SHARED}/")]));
    guard.check("HTTP clean path of the same host", said.contains("文房具の店"), &said);
    let host = format!("Host: {BAD}");
    let (_, said) = guard.pc(&curl(&["-H", &host, "http://[2001:db8:10::10]:8080/"]));
    guard.check("HTTP over IPv6, another port", said.contains("接続を止めました"), &said);
    let (_, said) = guard.pc(&curl(&["http://[2001:db8:10::10]:8080/"]));
    guard.check("HTTP over IPv6 clean", said.contains("文房具の店"), &said);
}

/// HTTP/2, names with a port, and addresses with one.
fn ports(guard: &mut Guard) {
    let h2 = format!("http://{CLEAN_IP}:8082/");
    let args = ["--http2-prior-knowledge", h2.as_str()];
    let (_, said) = guard.pc(&curl(&args));
    guard.check("HTTP/2 clean", said.contains("文房具の店"), &said);
    for (host, path) in [(BAD, ""), (SHARED, "warui/x")] {
        let resolve = format!("{host}:8082:{CLEAN_IP}");
        let url = format!("http://{host}:8082/{path}");
        let (code, said) = guard.pc(&curl(&["--http2-prior-knowledge", "--resolve", &resolve, &url]));
        let told_at_once = !matches!(code, Some(28 | 124)) && !said.contains("文房具");
        guard.check(&format!("HTTP/2 {host}"), told_at_once, &said);
    }
    for (url, passes) in [
        ("http://minato.example:8080/", false),
        ("http://minato.example/", true),
        ("http://203.0.113.77:8080/", false),
        ("http://203.0.113.77/", true),
        ("http://203.0.113.10:8080/", true),
    ] {
        let [plain, other] = [80, 8080].map(|port| format!("minato.example:{port}:{CLEAN_IP}"));
        let (code, said) = guard.pc(&curl(&["--resolve", &plain, "--resolve", &other, url]));
        let right = said.contains("文房具の店") == passes && !matches!(code, Some(28 | 124));
        guard.check(&format!("port {url}"), right, &said);
    }
}

fn encrypted(guard: &mut Guard) {
    // Cut, not waited for in vain (28), nor refused by the server's machine (7).
    let resolve = format!("{BAD}:443:{BAD_IP}");
    let (code, said) = guard.pc(&curl(&["--resolve", &resolve, &format!("https://{BAD}/")]));
    guard.check("TLS by curl", !matches!(code, Some(0 | 7 | 28 | 124)), &said);
    let at = format!("{BAD_IP}:443");
    let (code, said) = guard.pc(&["openssl", "s_client", "-connect", &at, "-servername", BAD]);
    guard.check("TLS by openssl", code != Some(124) && !said.contains("BEGIN CERTIFICATE"), &said);
    let resolve = format!("{CLEAN}:443:{CLEAN_IP}");
    let (_, said) = guard.pc(&curl(&["--resolve", &resolve, &format!("https://{CLEAN}/")]));
    guard.check("TLS clean", said.contains("文房具の店"), &said);
    for kind in ["bad", "clean"] {
        let datagram =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/quic-initial-{kind}.bin"));
        let (send, datagram) = (guard.work("send.py"), datagram.to_string_lossy().into_owned());
        let (_, said) = guard.pc(&["python3", &send, CLEAN_IP, "443", &datagram]);
        let expected = if kind == "bad" { "refused" } else { "arrived" };
        guard.check(&format!("QUIC {kind}"), said.trim() == expected, &said);
    }
}

/// A real browser: it shows the page, and gives up at once where there can be none.
fn browser(guard: &mut Guard) {
    if !Path::new("/usr/bin/chromium").exists() {
        println!("the browser is left out: needs chromium");
        return;
    }
    let (profile, map) = (guard.work("profile"), format!("--host-resolver-rules=MAP {BAD} {BAD_IP}"));
    let profile = format!("--user-data-dir={profile}");
    let show = |guard: &Guard, more: &[&str], url: &str| {
        let args: Vec<&str> = [
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            &profile,
            &map,
            "--ignore-certificate-errors",
            "--dump-dom",
        ]
        .iter()
        .chain(more)
        .copied()
        .chain([url])
        .collect();
        guard.pc(&args)
    };
    let (_, said) = show(guard, &[], &format!("http://{BAD}/"));
    guard.check("browser: page", said.contains("このページへの接続を止めました"), &said);
    // Its look at two widths, for whoever wants to see it.
    for size in ["390,844", "1280,900"] {
        let picture = format!("{}/block-page-{}.png", env!("CARGO_TARGET_TMPDIR"), size.replace(',', "x"));
        let (window, picture) = (format!("--window-size={size}"), format!("--screenshot={picture}"));
        show(guard, &[&window, &picture], &format!("http://{BAD}/"));
    }
    let (code, said) = show(guard, &[], &format!("https://{BAD}/"));
    guard.check("browser: TLS ends", code != Some(124) && said.contains("ERR_CONNECTION_RESET"), &said);
    let force = format!("--origin-to-force-quic-on={BAD}:443");
    let (code, said) = show(guard, &["--enable-quic", &force], &format!("https://{BAD}/"));
    guard.check("browser: QUIC ends", code != Some(124) && said.contains("ERR_"), &said);
}

fn addresses(guard: &mut Guard) {
    for url in [
        format!("http://{LISTED_IP}/"),
        "http://[2001:db8:77::66]:8080/".to_owned(),
        "http://[2001:db8:77::99]:8080/".to_owned(),
    ] {
        let (code, said) = guard.pc(&curl(&[&url]));
        guard.check(
            &format!("address {url}"),
            !matches!(code, Some(28 | 124)) && !said.contains("文房具"),
            &said,
        );
    }
    let send = guard.work("send.py");
    let (_, said) = guard.pc(&["python3", &send, LISTED_IP, "4444", &send]);
    guard.check("address over UDP", said.trim() == "refused", &said);
}

#[test]
fn gw_14_listed_names_get_the_block_pages_address_where_there_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut guard) = build("mmp", dir.path()) else { return };
    start(&mut guard, "block_page = [\"192.0.2.80\", \"2001:db8:80::80\"]\n");
    for (kind, expected) in [("A", "192.0.2.80"), ("AAAA", "2001:db8:80::80")] {
        let (_, said) = guard.pc(&["dig", "+tries=1", "+time=8", "@192.168.1.1", BAD, kind]);
        guard.check(kind, said.contains("NOERROR") && said.contains(expected), &said);
    }
    let (_, said) = guard.pc(&["dig", "+tries=1", "+time=8", "@192.168.1.1", BAD, "MX"]);
    guard.check("MX", said.contains("ANSWER: 0") && !said.contains("timed out"), &said);
    assert!(guard.failed.is_empty(), "{:#?}", guard.failed);
}
