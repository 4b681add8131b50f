//! Where the rest of the gateway drops its reports: into the spool, from any thread.

use std::sync::{Arc, Mutex, PoisonError};

use mimamori_base::{Clock, Timestamp};
use mimamori_report::{Cursor, GatewayEvent, GatewayEventKind, Report, Text};
use tokio::sync::Notify;

use crate::spool::{Entry, Spool, SpoolError, SpoolStats};

/// A cheap handle to the spool. Clones share it.
#[derive(Clone, Debug)]
pub struct Reporter {
    spool: Arc<Mutex<Spool>>,
    pub(crate) wake: Arc<Notify>,
    clock: Arc<dyn Clock>,
}

impl Reporter {
    #[must_use]
    pub fn new(spool: Spool, clock: Arc<dyn Clock>) -> Self {
        Reporter { spool: Arc::new(Mutex::new(spool)), wake: Arc::new(Notify::new()), clock }
    }

    /// Keeps a report for delivery. An error means that it was given up (and counted).
    pub fn report(&self, report: &Report) -> Result<u64, SpoolError> {
        let json = serde_json::to_vec(report).unwrap_or_default();
        let mut spool = self.lock();
        let result = spool.append(report.value(), &json);
        let dropped = spool.take_dropped();
        if dropped > 0 {
            // The event says how many at least; it is itself of high value.
            let event = self.event(
                GatewayEventKind::SpoolOverflow,
                "保存領域がいっぱいのため、重要度の低い記録を破棄しました",
                dropped,
            );
            let json = serde_json::to_vec(&event).unwrap_or_default();
            let _ = spool.append(event.value(), &json);
            spool.take_dropped();
        }
        drop(spool);
        self.wake.notify_one();
        result
    }

    /// Reports something about the gateway itself.
    pub fn event_now(&self, kind: GatewayEventKind, detail: &str) {
        tracing::info!(%kind, detail, "event");
        if let Err(error) = self.report(&self.event(kind, detail, 1)) {
            tracing::warn!(%error, ?kind, "event was given up");
        }
    }

    fn event(&self, kind: GatewayEventKind, detail: &str, count: u64) -> Report {
        Report::Event(GatewayEvent {
            at: self.clock.now(),
            kind,
            detail: Text::new(detail),
            count,
            command: None,
        })
    }

    #[must_use]
    pub fn stats(&self) -> SpoolStats {
        self.lock().stats()
    }

    pub fn sync(&self) -> Result<(), SpoolError> {
        self.lock().sync()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The oldest records with the epoch they belong to.
    pub(crate) fn next_batch(&self, records: usize, bytes: usize) -> Result<(u64, Vec<Entry>), SpoolError> {
        let mut spool = self.lock();
        let batch = spool.next_batch(records, bytes)?;
        Ok((spool.epoch(), batch))
    }

    pub(crate) fn acknowledge(&self, cursor: Cursor) -> Result<(), SpoolError> {
        let now = self.clock.now();
        self.lock().acknowledge(cursor, now)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Spool> {
        self.spool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
