//! Rule text to a shared, compiled rule set.

use std::sync::Arc;

use mimamori_detect::Detector;
use mimamori_rules::{ParseContext, Refusal, Severity, parse_rules};

use crate::config::EngineConfig;

/// A compiled rule set with what was refused. Cheap to clone, shared by engines.
#[derive(Debug, Clone, Default)]
pub struct Ruleset {
    pub(crate) detector: Arc<Detector>,
    report: Arc<LoadReport>,
}

/// What became of a rule text.
#[derive(Debug, Clone, Default)]
pub struct LoadReport {
    /// Rules that are inspected.
    pub loaded: usize,
    pub refused: Vec<Refusal>,
}

impl Ruleset {
    /// Parses and compiles `text` with the variables and options of `config`.
    #[must_use]
    pub fn compile(text: &str, config: &EngineConfig) -> Ruleset {
        let mut context = ParseContext { vars: config.vars.clone(), ..ParseContext::default() };
        if !config.app.tls.ja4 {
            context.features.remove("ja4");
        }
        let parsed = parse_rules(text, &context);
        let mut refused = parsed.refused;
        let count = parsed.rules.len();
        let detector = Detector::build(parsed.rules, &config.detect);
        refused.extend(detector.refused().iter().map(|r| Refusal {
            sid: Some(r.sid),
            line: r.line,
            column: 1,
            reason: r.reason.clone(),
            severity: Severity::Unsupported,
        }));
        let loaded = count.saturating_sub(detector.refused().len());
        Ruleset { detector: Arc::new(detector), report: Arc::new(LoadReport { loaded, refused }) }
    }

    #[must_use]
    pub fn report(&self) -> &LoadReport {
        &self.report
    }

    #[must_use]
    pub fn detector(&self) -> &Detector {
        &self.detector
    }
}
