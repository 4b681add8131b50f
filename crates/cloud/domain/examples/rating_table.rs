//! Prints how well the shipped policy rates the labelled captures: the table of docs/rating.md.

#[path = "../tests/labelled/mod.rs"]
mod labelled;

fn main() {
    let cases = labelled::cases();
    for c in &cases {
        eprintln!("{}: label {:?}, rated {:?}, {} alerts", c.name, c.label, c.rated, c.alerts);
    }
    print!("{}", labelled::table(&cases));
}
