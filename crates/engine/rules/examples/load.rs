//! Loads rule files and prints what was refused: `cargo run --example load -- FILE…`.

fn main() {
    let context = mimamori_rules::ParseContext::default();
    let mut taken = 0;
    for file in std::env::args().skip(1) {
        let bytes = std::fs::read(&file).expect("readable file");
        let set = mimamori_rules::parse_rules(&String::from_utf8_lossy(&bytes), &context);
        taken += set.rules.len();
        for r in &set.refused {
            println!("{file}:{}:{}: sid {:?}: {} ({:?})", r.line, r.column, r.sid, r.reason, r.severity);
        }
    }
    println!("{taken} rules taken");
}
