//! SQL that both databases understand. Compiled once for each (see the crate's head comment);
//! `dialect` is the parent's module with its connection types and few differing words.

use super::dialect;

mod access;
mod accounts;
mod alerts;
mod announcements;
mod commit;
mod compare;
mod contracts;
mod desk;
mod detections;
mod exceptions;
mod gateways;
mod generate;
mod inquiries;
mod integrations;
mod investigations;
mod outbox;
mod parties;
mod passkeys;
mod policies;
mod ratings;
mod reach;
mod rows;
mod scoped;
mod signatures;
mod sms;
mod sms_numbers;
mod store;
mod take_over;
mod upkeep;
mod usage;
mod usage_sums;

use dialect::Db;
use sqlx::QueryBuilder;

use crate::views::{Order, Page, PageMark};

/// Restricts to what comes after `mark` in a list ordered by time and id. As one comparison of
/// rows: both databases then start in the index where the last page ended.
fn page_after(
    q: &mut QueryBuilder<Db>,
    mark: Option<PageMark>,
    order: Order,
    at: &'static str,
    id: &'static str,
) {
    let Some(mark) = mark else { return };
    let than = match order {
        Order::NewestFirst => " < (",
        Order::OldestFirst => " > (",
    };
    q.push(" AND (").push(at).push(", ").push(id).push(")").push(than).push_bind(mark.at.micros());
    q.push(", ").push_bind(mark.id.to_vec()).push(")");
}

/// The lists ask for one row more than the page has, to know whether there is a next one.
fn cut_page<T>(mut items: Vec<T>, limit: u32, mark: impl Fn(&T) -> PageMark) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let next = if more { items.last().map(mark) } else { None };
    Page { items, next }
}
