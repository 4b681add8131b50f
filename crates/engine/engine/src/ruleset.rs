//! Rule text to a shared, compiled rule set.

use std::sync::Arc;

use mimamori_detect::{Detector, ListFiles, NoFiles, Surroundings};
use mimamori_rules::{ParseContext, Refusal, Severity, parse_rules};

use crate::config::EngineConfig;
use crate::rule_files::FileProblem;

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
    /// Files around the rules (threshold.config, …) that are missing or have wrong lines.
    pub problems: Vec<FileProblem>,
    /// Values loaded from list files.
    pub list_values: usize,
}

impl Ruleset {
    /// Parses and compiles `text` with the variables and options of `config`. Rules that need
    /// a file are refused; see [`Ruleset::compile_with`].
    #[must_use]
    pub fn compile(text: &str, config: &EngineConfig) -> Ruleset {
        Ruleset::compile_with(text, config, &NoFiles)
    }

    /// Parses and compiles `text`; `files` gives what rules and options name.
    #[must_use]
    pub fn compile_with(text: &str, config: &EngineConfig, files: &dyn ListFiles) -> Ruleset {
        let mut context = ParseContext { vars: config.vars.clone(), ..ParseContext::default() };
        if !config.app.tls.ja4 {
            context.features.remove("ja4");
        }
        let mut problems = Vec::new();
        let thresholds = config.rule_files.read(files, &mut context, &mut problems);
        let parsed = parse_rules(text, &context);
        let mut refused = parsed.refused;
        let count = parsed.rules.len();
        let reputation = config.rule_files.reputation();
        let around = Surroundings { files, thresholds: &thresholds, reputation };
        let detector = Detector::build_with(parsed.rules, &config.detect, &around);
        refused.extend(detector.refused().iter().map(|r| Refusal {
            sid: Some(r.sid),
            line: r.line,
            column: r.column,
            reason: r.reason.clone(),
            severity: Severity::Unsupported,
        }));
        let list_values = detector.lists().len();
        let loaded = count.saturating_sub(detector.refused().len());
        Ruleset {
            detector: Arc::new(detector),
            report: Arc::new(LoadReport { loaded, refused, problems, list_values }),
        }
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
