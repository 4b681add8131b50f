//! Files in transit between real servers and clients (Linux, root): the EICAR test file in every
//! wrapping over each protocol is stopped, its clean twin passes bit for bit; rules and clamd judge
//! beside the hash lists; a scanner that dies or is slow costs what the policy says.

mod clamd;
mod clean;
mod collection;
mod files;
mod mail;
mod office;
mod scanner;
mod servers;
mod swap;
mod web;
mod wrap;

use office::{Office, missing};

/// Each test builds an office with namespaces of its own.
fn office(prefix: &str, dir: &std::path::Path, scan: &str) -> Option<Office> {
    if let Some(missing) = missing() {
        println!("skipped: needs {missing}");
        return None;
    }
    Some(Office::build(prefix, dir, scan))
}

#[test]
fn gw_03_harmful_files_do_not_arrive_and_clean_ones_do() {
    let dir = tempfile::tempdir().unwrap();
    // Longer than clamd is waited for, also on a busy machine.
    let Some(mut office) = office("mms", dir.path(), "wait_ms = 9000\n") else { return };
    web::http(&mut office);
    web::ranges(&mut office);
    web::uploads(&mut office);
    web::http2(&mut office);
    web::judges(&mut office);
    web::page_and_password(&mut office);
    web::tls(&mut office);
    files::ftp(&mut office);
    files::smb(&mut office);
    mail::smtp(&mut office);
    mail::bdat(&mut office);
    mail::starttls(&mut office);
    mail::mailboxes(&mut office);
    mail::mailboxes_over_tls(&mut office);
    files::ftp_over_tls(&mut office);
    clean::everywhere(&mut office);
    clamd::passes(&mut office);
    scanner::least_privilege(&mut office);
    scanner::killed(&mut office);
    scanner::slow(&mut office);
    // HTTPS; SMTP, POP3, IMAP and FTP after they changed to TLS; FTP's data.
    office.counted("TLS", "/blind_spots/flows_encrypted", Some(5));
    let eve = office.settle();
    for word in ["\"outcome\":\"stopped\"", "\"outcome\":\"neutralised\"", "EICAR-Test-File", "scanner_slow"]
    {
        assert!(eve.contains(word), "{word}");
    }
    assert!(eve.contains("\"reason\":\"encrypted\""), "the password is told");
    assert!(office.status()["blind_spots"]["files"]["locked"].as_u64() > Some(0), "{}", office.status());
}

#[test]
fn gw_03_what_cannot_be_judged_is_held_where_the_policy_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let scan = "uninspectable = \"stop\"\nno_scanner = \"stop\"\nwait_ms = 1500\nmax_file_megabytes = 2\n";
    let Some(mut office) = office("mmh", dir.path(), scan) else { return };
    web::held(&mut office);
    scanner::held(&mut office);
    clamd::holds(&mut office);
    let eve = office.settle();
    for reason in ["encrypted", "too_deep", "too_large", "scanner_slow"] {
        assert!(eve.contains(&format!("\"reason\":\"{reason}\"")), "{reason}");
    }
    let status = office.status();
    for reason in ["locked", "too_deep", "too_large", "no_scanner"] {
        assert!(status["blind_spots"]["files"][reason].as_u64() > Some(0), "{reason}: {status}");
    }
}

#[test]
fn gw_07_sets_change_under_traffic_and_bad_ones_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut office) = office("mmw", dir.path(), "") else { return };
    swap::under_traffic(&mut office);
    office.settle();
}

#[test]
fn gw_03_a_large_rule_collection_is_loaded_while_files_flow() {
    if cfg!(not(feature = "yara")) {
        println!("skipped: built without YARA");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let scan = format!("wait_ms = {}\n", collection::WAIT_MS);
    let Some(mut office) = office("mmy", dir.path(), &scan) else { return };
    collection::under_traffic(&mut office);
    office.settle();
}
