//! The desk's first page: customers, those that need something first.

use askama::Template;

use super::{Frame, Tag};

#[derive(Debug, Clone)]
pub struct Row {
    pub id: String,
    pub name: String,
    pub state: Tag,
    /// Addresses that mail does not reach: somebody has to call.
    pub unreachable: Vec<String>,
    pub open_alerts: u64,
    pub gateways: String,
}

#[derive(Debug, Template)]
#[template(path = "customers.html")]
pub struct Page {
    pub frame: Frame,
    pub summary: String,
    pub customers: Vec<Row>,
}
