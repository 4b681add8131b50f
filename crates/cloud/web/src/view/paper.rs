//! 書類 (the five documents, PT-11) and レポート (the monthly papers, PT-10).

use askama::Template;
use mimamori_base::Timestamp;
use mimamori_paper::manual::{MANUALS, Manual, Section};
use mimamori_service::desk::MonthlyRow;

use super::inquiry::size_text;
use super::{Frame, Moment};

#[derive(Debug, Template)]
#[template(path = "documents.html")]
pub struct DocumentsPage {
    pub frame: Frame,
    pub manuals: &'static [Manual],
}

impl DocumentsPage {
    pub fn new(frame: Frame) -> Self {
        DocumentsPage { frame, manuals: &MANUALS }
    }
}

#[derive(Debug, Template)]
#[template(path = "document.html")]
pub struct DocumentPage {
    pub frame: Frame,
    pub manual: &'static Manual,
    pub sections: Vec<Section>,
    /// Our own text as HTML; nothing of it comes from outside.
    pub body: String,
}

/// One monthly report.
#[derive(Debug)]
pub struct ReportLine {
    pub id: String,
    pub month: String,
    pub sentence: String,
    pub size: String,
    pub made: Moment,
}

impl ReportLine {
    pub fn new(row: &MonthlyRow, now: Timestamp) -> Self {
        ReportLine {
            id: row.id.to_string(),
            month: row.month.label(),
            sentence: row.sentence.clone(),
            size: size_text(row.size),
            made: Moment::at(row.made_at, now),
        }
    }
}

#[derive(Debug, Template)]
#[template(path = "reports.html")]
pub struct ReportsPage {
    pub frame: Frame,
    pub reports: Vec<ReportLine>,
    pub this_month: String,
    pub by_mail: bool,
    pub may_edit: bool,
}
