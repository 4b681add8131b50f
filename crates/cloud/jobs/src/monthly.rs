//! The night's work on monthly reports: the month that is over, for every customer, once.
//!
//! Holds always: what is stored is not made again, so that the work may be broken off, run twice
//! or on two nodes; one step holds a bounded number of papers in memory. Deliberately not here:
//! the facts and the mail (`service`), the layout (`paper`).

use std::time::{Duration, Instant};

use mimamori_domain::{CustomerId, Month, Monthly};
use mimamori_service::{Service, ServiceError};

/// Papers of one step: about 10 MB.
const STEP: u32 = 100;
/// Papers are laid out by so many threads at once.
const THREADS: usize = 2;
/// The first report is made at this hour on the first of the month: the comparison of the month's
/// last day is published before.
const FROM: Duration = Duration::from_secs(4 * 3_600);

/// A paper that is laid out: whose, of which month, the month in a sentence, the file.
type Paper = (CustomerId, Month, String, Vec<u8>);

/// Makes what is missing of the last month, for most of `lease`; the next run goes on.
pub async fn work(service: &Service, lease: Duration) -> Result<(), ServiceError> {
    let now = service.now();
    let this_month = Month::of(now);
    if now.since(this_month.period().from) < FROM {
        return Ok(());
    }
    let begun = Instant::now();
    let mut made = 0_u64;
    while begun.elapsed() < lease / 2 {
        let n = step(service, this_month.plus(-1), STEP).await?;
        if n == 0 {
            break;
        }
        made += n;
    }
    if made > 0 {
        tracing::info!(made, seconds = begun.elapsed().as_secs(), "monthly reports made");
    }
    Ok(())
}

/// One step: the next customers whose report is missing. Says how many there were.
pub async fn step(service: &Service, month: Month, limit: u32) -> Result<u64, ServiceError> {
    let missing = service.missing_monthly(month, limit).await?;
    let n = missing.len() as u64;
    if n > 0 {
        service.store_monthly(lay_out(missing).await?).await?;
    }
    Ok(n)
}

async fn lay_out(facts: Vec<(CustomerId, Monthly)>) -> Result<Vec<Paper>, ServiceError> {
    let share = facts.len().div_ceil(THREADS).max(1);
    let mut facts = facts.into_iter();
    let mut threads = Vec::with_capacity(THREADS);
    loop {
        let part: Vec<_> = facts.by_ref().take(share).collect();
        if part.is_empty() {
            break;
        }
        threads.push(tokio::task::spawn_blocking(move || part.into_iter().filter_map(paper).collect()));
    }
    let mut papers: Vec<Paper> = Vec::new();
    for thread in threads {
        let made: Vec<Paper> = thread.await.map_err(|e| ServiceError::Background(e.to_string()))?;
        papers.extend(made);
    }
    if papers.is_empty() {
        // Or the same customers would come again and again within this run.
        return Err(ServiceError::Background("no monthly report could be laid out".to_owned()));
    }
    Ok(papers)
}

/// One that cannot be laid out is logged and leaves the others alone.
fn paper((customer, facts): (CustomerId, Monthly)) -> Option<Paper> {
    match mimamori_paper::monthly::pdf(&facts) {
        Ok(pdf) => Some((customer, facts.month, facts.sentence(), pdf)),
        Err(error) => {
            tracing::error!(%customer, %error, "a monthly report could not be laid out");
            None
        }
    }
}
