//! `check-rules` names each refused rule and its place, and fails when there is one.

use std::process::{Command, Output};

fn check(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mimamori-gateway")).arg("check-rules").args(args).output().unwrap()
}

#[test]
fn lists_refused_rules_with_place_sid_and_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("local.rules");
    let rules = "alert ip any any -> any any (sid:1;)\n\
        alert tcp any any -> any any (content:\"abc\"; depth:1; sid:2;)\n\
        accept tcp any any -> any any (sid:3;)\n";
    std::fs::write(&file, rules).unwrap();
    let name = file.to_str().unwrap();
    let out = check(&[name]);
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(1), "{text}");
    assert!(
        text.contains(&format!("{name}:2:46: sid 2: `depth` is less than the pattern is long (3)")),
        "{text}"
    );
    assert!(text.contains(&format!("{name}:3:1: sid 3: ")), "{text}");
    assert!(text.ends_with(
        "1 rules loaded, 2 refused (1 invalid, 1 not supported, 0 left out by their own `requires`)\n"
    ));
}

#[test]
fn a_good_file_succeeds_and_a_missing_one_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("good.rules");
    std::fs::write(&file, "alert tcp $OFFICE any -> any any (pcre:\"/a(?!b)/\"; sid:1;)\n").unwrap();
    let out = check(&["--deep", "--var", "OFFICE=10.1.0.0/16", file.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(0));
    let out = check(&["/no/such/file.rules"]);
    assert_ne!(out.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&out.stderr).contains("/no/such/file.rules"));
}
