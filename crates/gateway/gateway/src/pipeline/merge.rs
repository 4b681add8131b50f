//! Equal detections within a short time become one with a count.
//!
//! The first is reported at once; what follows within [`WINDOW`] is gathered and reported as one
//! when the window ends. Holds always: nothing is dropped. At most [`MAX_OPEN`] windows are open;
//! when full, the oldest ends early.

use std::collections::VecDeque;
use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_report::Detection;

use super::detection::{last, same};

pub const WINDOW: Duration = Duration::from_secs(60);
const MAX_OPEN: usize = 512;

#[derive(Debug)]
struct Open {
    since: Timestamp,
    first: Detection,
    /// What came after the first one.
    more: Option<Detection>,
}

#[derive(Debug, Default)]
pub struct Merge {
    /// Oldest first.
    open: VecDeque<Open>,
}

impl Merge {
    /// Takes one detection; gives back what is to be reported now.
    pub fn add(&mut self, new: Detection) -> Vec<Detection> {
        let mut ready = self.expire(new.at);
        if let Some(window) = self.open.iter_mut().find(|o| same(&o.first, &new)) {
            match &mut window.more {
                None => window.more = Some(new),
                Some(more) => {
                    more.count = more.count.saturating_add(new.count);
                    more.first = more.first.min(new.first);
                    more.last = last(more).max(last(&new));
                }
            }
            return ready;
        }
        if self.open.len() >= MAX_OPEN {
            ready.extend(self.open.pop_front().and_then(|o| o.more));
        }
        self.open.push_back(Open { since: new.at, first: new.clone(), more: None });
        ready.push(new);
        ready
    }

    /// Ends the windows whose time is over.
    pub fn expire(&mut self, now: Timestamp) -> Vec<Detection> {
        let mut ready = Vec::new();
        while self.open.front().is_some_and(|o| now.since(o.since) >= WINDOW) {
            ready.extend(self.open.pop_front().and_then(|o| o.more));
        }
        ready
    }

    /// Ends all windows.
    pub fn finish(&mut self) -> Vec<Detection> {
        self.open.drain(..).filter_map(|o| o.more).collect()
    }
}
