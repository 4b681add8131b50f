//! File and function sizes, `unsafe` where it does not belong, unfinished work.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use syn::spanned::Spanned;
use syn::visit::Visit;

/// Lines of a source file; tests and tables of data apart.
const FILE_CEILING: usize = 800;
/// Lines of a function, from its first to its last line.
const FUNCTION_CEILING: usize = 100;
/// Share of functions that may pass the ceiling (style card: 2 %).
const LONG_FUNCTIONS_PER_MILLE: usize = 20;
/// Where `unsafe` may stand: system calls, and the one line that maps a file (ADR 12).
const UNSAFE_PLACES: [&str; 2] = ["crates/gateway/capture/", "crates/gateway/definitions/src/map.rs"];

pub fn check(root: &Path, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    let mut long = Vec::new();
    let mut functions = 0usize;
    for file in files.iter().filter(|f| is_source(f)) {
        let place = file.display();
        let text = std::fs::read_to_string(root.join(file)).with_context(|| format!("read {place}"))?;
        let lines = text.lines().count();
        if lines > FILE_CEILING {
            findings.push(format!("{place}: {lines} lines, ceiling {FILE_CEILING}: split it"));
        }
        let parsed = match syn::parse_file(&text) {
            Ok(parsed) => parsed,
            Err(e) => {
                findings.push(format!("{place}: not Rust: {e}"));
                continue;
            }
        };
        let mut seen = Functions::default();
        seen.visit_file(&parsed);
        functions += seen.count;
        long.extend(seen.long.into_iter().map(|(name, len)| format!("{place}: {name} has {len} lines")));
        if seen.has_unsafe && !UNSAFE_PLACES.iter().any(|place| file.starts_with(place)) {
            findings.push(format!("{place}: unsafe belongs to {} alone", UNSAFE_PLACES.join(" and ")));
        }
        findings.extend(seen.unfinished.into_iter().map(|what| format!("{place}: {what}")));
    }
    if long.len() * 1000 > functions * LONG_FUNCTIONS_PER_MILLE {
        findings.push(format!(
            "{} of {functions} functions pass {FUNCTION_CEILING} lines, more than 2 %:",
            long.len()
        ));
        findings.append(&mut long);
    }
    Ok(findings)
}

fn is_source(file: &Path) -> bool {
    let is_test =
        file.components().any(|c| matches!(c.as_os_str().to_str(), Some("tests" | "benches" | "fuzz")))
            || file.file_name().is_some_and(|n| n == "tests.rs");
    file.extension().is_some_and(|e| e == "rs") && !is_test
}

#[derive(Default)]
struct Functions {
    count: usize,
    long: Vec<(String, usize)>,
    has_unsafe: bool,
    unfinished: Vec<String>,
}

impl Functions {
    fn note(&mut self, name: &syn::Ident, span: proc_macro2::Span) {
        self.count += 1;
        let len = span.end().line.saturating_sub(span.start().line) + 1;
        if len > FUNCTION_CEILING {
            self.long.push((name.to_string(), len));
        }
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, f: &'ast syn::ItemFn) {
        self.note(&f.sig.ident, f.span());
        syn::visit::visit_item_fn(self, f);
    }

    fn visit_impl_item_fn(&mut self, f: &'ast syn::ImplItemFn) {
        self.note(&f.sig.ident, f.span());
        syn::visit::visit_impl_item_fn(self, f);
    }

    fn visit_expr_unsafe(&mut self, e: &'ast syn::ExprUnsafe) {
        self.has_unsafe = true;
        syn::visit::visit_expr_unsafe(self, e);
    }

    fn visit_attribute(&mut self, a: &'ast syn::Attribute) {
        for banned in ["ignore", "allow"] {
            if a.path().is_ident(banned) {
                let line = a.span().start().line;
                self.unfinished
                    .push(format!("line {line}: #[{banned}] is not used here; see the style card"));
            }
        }
        syn::visit::visit_attribute(self, a);
    }

    fn visit_macro(&mut self, m: &'ast syn::Macro) {
        for banned in ["todo", "unimplemented", "dbg"] {
            if m.path.is_ident(banned) {
                let line = m.span().start().line;
                self.unfinished.push(format!("line {line}: {banned}! is unfinished work"));
            }
        }
        syn::visit::visit_macro(self, m);
    }
}
