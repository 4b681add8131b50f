//! The stars that the shipped policy gives to what gateways report of the corpus' captures.

mod labelled;

#[test]
fn each_capture_gets_the_stars_of_what_it_is() {
    for case in labelled::cases() {
        assert_eq!(case.rated, case.label, "{}", case.name);
        assert!(case.alerts <= 1, "{}: one cause is one alert", case.name);
    }
}

#[test]
fn the_table_in_the_documentation_is_what_comes_out() {
    let table = labelled::table(&labelled::cases());
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/rating.md");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(
        page.contains(&table),
        "put this into docs/rating.md (cargo run -p mimamori-domain --example rating_table):\n{table}"
    );
}
