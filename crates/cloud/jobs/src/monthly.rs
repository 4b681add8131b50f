//! The night's work on monthly reports: the month that is over, for every customer, once.
//!
//! Holds always: what is stored is not made again, so that the work may be broken off, run twice
//! or on two nodes; one step holds a bounded number of papers in memory. Deliberately not here:
//! the facts and the mail (`service`), the layout (`paper`).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use mimamori_domain::{CustomerId, Line, Month, Monthly};
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

/// One step: the next customers whose report is missing. Says how many there were, those among
/// them that failed: they come again when their time has come, not within this run.
pub async fn step(service: &Service, month: Month, limit: u32) -> Result<u64, ServiceError> {
    step_with(service, month, limit, |facts| {
        mimamori_paper::monthly::pdf(facts).map_err(|e| Line::clip(&e.to_string()))
    })
    .await
}

/// As [`step`], with another way to lay out a paper.
pub async fn step_with(
    service: &Service,
    month: Month,
    limit: u32,
    layout: impl Fn(&Monthly) -> Result<Vec<u8>, Line> + Clone + Send + 'static,
) -> Result<u64, ServiceError> {
    let missing = service.missing_monthly(month, limit).await?;
    let n = missing.len() as u64;
    if n == 0 {
        return Ok(0);
    }
    let (papers, failed) = lay_out(missing, layout).await?;
    for (customer, reason) in &failed {
        tracing::error!(%customer, %reason, "a monthly report could not be made; it is tried again later");
    }
    service.monthly_failed(month, failed).await?;
    service.store_monthly(papers).await?;
    Ok(n)
}

type Laid = (Vec<Paper>, Vec<(CustomerId, Line)>);

async fn lay_out(
    facts: Vec<(CustomerId, Result<Monthly, Line>)>,
    layout: impl Fn(&Monthly) -> Result<Vec<u8>, Line> + Clone + Send + 'static,
) -> Result<Laid, ServiceError> {
    let share = facts.len().div_ceil(THREADS).max(1);
    let mut facts = facts.into_iter();
    let mut threads = Vec::with_capacity(THREADS);
    loop {
        let part: Vec<_> = facts.by_ref().take(share).collect();
        if part.is_empty() {
            break;
        }
        let layout = layout.clone();
        let work = move || part.into_iter().map(|one| paper(one, &layout)).collect();
        threads.push(tokio::task::spawn_blocking(work));
    }
    let (mut papers, mut failed) = Laid::default();
    for thread in threads {
        let made: Vec<Result<Paper, (CustomerId, Line)>> =
            thread.await.map_err(|e| ServiceError::Background(e.to_string()))?;
        for one in made {
            match one {
                Ok(paper) => papers.push(paper),
                Err(why) => failed.push(why),
            }
        }
    }
    Ok((papers, failed))
}

/// One that cannot be laid out leaves the others alone, even if the layout panics.
fn paper(
    (customer, facts): (CustomerId, Result<Monthly, Line>),
    layout: &impl Fn(&Monthly) -> Result<Vec<u8>, Line>,
) -> Result<Paper, (CustomerId, Line)> {
    let facts = facts.map_err(|why| (customer, why))?;
    match catch_unwind(AssertUnwindSafe(|| layout(&facts))) {
        Ok(Ok(pdf)) => Ok((customer, facts.month, facts.sentence(), pdf)),
        Ok(Err(why)) => Err((customer, why)),
        Err(_) => Err((customer, Line::clip("the layout panicked"))),
    }
}
