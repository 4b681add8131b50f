//! Any options of a rule on any buffer: nothing panics, and the work is bounded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mimamori_detect::matcher::{CompiledMatches, CompiledTransforms, EvalContext, NoDatasets, Window};
use mimamori_rules::{ParseContext, parse_rules};

fuzz_target!(|data: &[u8]| {
    let at = data.iter().position(|b| *b == 0xff).unwrap_or(data.len() / 2);
    let (options, buffer) = data.split_at(at);
    let options = String::from_utf8_lossy(options);
    let rule = format!("alert http any any -> any any ({options} sid:1;)");
    let set = parse_rules(&rule, &ParseContext::default());
    for buffers in set.rules.iter().flat_map(|r| &r.buffers) {
        let (Ok(matches), Ok(transforms)) =
            (CompiledMatches::compile(&buffers.matches), CompiledTransforms::compile(&buffers.transforms))
        else {
            continue;
        };
        let mut transformed = Vec::new();
        if !transforms.apply(buffer, &mut transformed) {
            continue;
        }
        let mut sets = NoDatasets;
        for window in [Window::WHOLE, Window { offset: 7, end: false }] {
            let mut ctx = EvalContext::new(&mut sets);
            ctx.window = window;
            let _ = matches.evaluate(&transformed, &mut ctx);
        }
    }
});
