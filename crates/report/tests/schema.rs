//! GW-05: the whole list of what may leave a site, pinned. A new field shows up here as a
//! difference to `schema.txt` and must be looked at by a person.

use mimamori_report::{Heartbeat, Report, Reportable, Shape};

fn everything() -> Vec<String> {
    let mut leaves = Report::shape().leaves();
    leaves.extend(Heartbeat::shape().leaves());
    leaves
}

#[test]
fn gw_05_the_fields_are_exactly_those_on_record() {
    let now = everything().join("\n") + "\n";
    let pinned = include_str!("schema.txt");
    assert!(
        now == pinned,
        "what a gateway may tell has changed; if it carries no content of files or mails, put this into tests/schema.txt:\n{now}"
    );
}

#[test]
fn gw_05_no_field_is_named_like_content() {
    for leaf in everything() {
        let path = leaf.split(':').next().unwrap_or_default();
        for word in ["content", "body", "payload", "data", "raw", "bytes_of", "password", "cookie"] {
            let named = path.split(['.', '_', '?']).any(|part| part == word);
            assert!(!named, "{leaf} looks like content");
        }
    }
}

#[test]
fn gw_05_free_text_of_a_report_is_small_and_every_list_bounded() {
    fn check(shape: &Shape) {
        match shape {
            Shape::Text { max_bytes } => assert!(*max_bytes <= 1024, "{max_bytes} bytes of free text"),
            Shape::List { max, of } => {
                assert!(*max <= 256);
                check(of);
            }
            Shape::Optional(inner) => check(inner),
            Shape::Object { fields, .. } => fields.iter().for_each(|(_, s)| check(s)),
            Shape::OneOf(all) => all.iter().for_each(check),
            Shape::Number | Shape::Flag | Shape::Address | Shape::Hex { .. } | Shape::Choice { .. } => {}
        }
    }
    check(&Report::shape());
    check(&Heartbeat::shape());
    assert!(Report::shape().max_text_bytes() <= 4096, "{}", Report::shape().max_text_bytes());
}
