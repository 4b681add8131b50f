//! スキャン結果を報告: the form, and what was reported, for customers and analysts (RT-05).

use mimamori_base::Timestamp;
use mimamori_domain::attachment::Attachment;
use mimamori_domain::{Alert, ScanOutcome};

use super::part::Moment;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanChoice {
    pub value: &'static str,
    pub label: &'static str,
    pub hint: &'static str,
    pub chosen: bool,
}

/// What was typed, kept when it was refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScanDraft {
    pub result: String,
    pub product: String,
    pub note: String,
    pub error: Option<&'static str>,
}

impl ScanDraft {
    pub fn choices(&self) -> Vec<ScanChoice> {
        let choice = |outcome: &ScanOutcome| ScanChoice {
            value: outcome.code(),
            label: outcome.label(),
            hint: match outcome {
                ScanOutcome::Clean => "フルスキャンが最後まで終わり、何も見つかりませんでした。",
                ScanOutcome::Removed => "ウイルスなどが見つかり、駆除または隔離できました。",
                ScanOutcome::NotRemoved => "見つかったが駆除できない、またはスキャンが終わりません。",
            },
            chosen: self.result == outcome.code(),
        };
        ScanOutcome::ALL.iter().map(choice).collect()
    }
}

/// A file of a report; its address names the alert, which is what one must be allowed to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanFile {
    pub href: String,
    pub name: String,
    pub kind: &'static str,
    pub size: String,
    pub at: Moment,
    pub by: String,
}

/// What the customer reported, with the files of this report and of those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanView {
    /// Result, product, note, who and when; empty: only the files are left.
    pub facts: Vec<super::Fact>,
    pub files: Vec<ScanFile>,
}

impl ScanView {
    /// `None`: nothing was reported yet.
    pub fn of(a: &Alert, files: &[Attachment], now: Timestamp) -> Option<Self> {
        let facts = match &a.scan {
            Some(report) => {
                let mut facts = vec![super::Fact::new("結果", report.outcome.label())];
                let told = [("ソフトの名前", &report.product), ("メモ", &report.note)];
                let told = told.into_iter().filter(|(_, text)| !text.is_empty());
                facts.extend(told.map(|(name, text)| super::Fact::new(name, text.to_string())));
                let at = mimamori_domain::jst::date_time(report.at);
                facts.push(super::Fact::new("報告", format!("{at} {}さん", report.by.name)));
                facts
            }
            None => Vec::new(),
        };
        let line = |file: &Attachment| ScanFile {
            href: format!("/alerts/{}/files/{}", a.id, file.id),
            name: file.name.to_string(),
            kind: file.file_type.label(),
            size: super::inquiry::size_text(file.size),
            at: Moment::at(file.at, now),
            by: file.by.to_string(),
        };
        let files: Vec<_> = files.iter().map(line).collect();
        (!facts.is_empty() || !files.is_empty()).then_some(ScanView { facts, files })
    }
}
