//! 「これは業務です」 at the gateway: what the cloud lets pass, kept over a restart.
//!
//! Holds always: the cloud's list takes the place of the one before as a whole; what cannot be
//! understood is left out and told, never widened; a list on disk is whole or not there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_engine::{Event, Exceptions};
use mimamori_report::Exempt;
use mimamori_reputation::{Excepted, Exception, Indicator};

const FILE: &str = "exceptions.json";
/// Each exception's use is told at most this often.
const TELL_EVERY: Duration = Duration::from_secs(3600);
/// Exceptions whose last telling is remembered.
const REMEMBERED: usize = 10_000;

/// What the cloud's list means to the engine, and what of it is not understood.
#[must_use]
pub fn understood(list: &[Exempt]) -> (Exceptions, Vec<String>) {
    let mut bad = Vec::new();
    let mut good = Vec::new();
    for exempt in list {
        let what = match (&exempt.host, exempt.sid) {
            (Some(host), None) => match Indicator::parse(host.as_str()) {
                Ok(indicator) => Excepted::Indicator(indicator),
                Err(why) => {
                    bad.push(format!("例外 {}: 「{host}」は使えません（{why}）", exempt.id));
                    continue;
                }
            },
            (None, Some(sid)) => Excepted::Signature(sid),
            // For a rule at one host only: traffic is still stopped, the cloud keeps quiet.
            _ => continue,
        };
        good.push(Exception {
            id: exempt.id.to_string(),
            device: exempt.device.map(|mac| mac.0),
            what,
            until: Some(exempt.until),
        });
    }
    (Exceptions::new(good), bad)
}

/// The list on disk and the one that waits to be taken over.
#[derive(Debug, Default)]
pub struct ExceptionBox {
    path: PathBuf,
    waiting: Mutex<Option<Vec<Exempt>>>,
    last: Mutex<Vec<Exempt>>,
}

impl ExceptionBox {
    /// Reads what an earlier run kept; it waits to be taken.
    #[must_use]
    pub fn open(state_dir: &Path) -> Self {
        let path = state_dir.join(FILE);
        let kept = std::fs::read(&path).ok().and_then(|b| serde_json::from_slice::<Vec<Exempt>>(&b).ok());
        ExceptionBox { path, waiting: Mutex::new(kept.clone()), last: Mutex::new(kept.unwrap_or_default()) }
    }

    /// Takes the cloud's list if it is another one than before.
    pub fn put(&self, list: &[Exempt]) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == list {
            return;
        }
        *last = list.to_vec();
        if let Err(error) = write(&self.path, list) {
            tracing::warn!(%error, "exceptions not kept on disk; they hold until the next start");
        }
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(list.to_vec());
    }

    /// A list that is new since the last call.
    #[must_use]
    pub fn take(&self) -> Option<Vec<Exempt>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn write(path: &Path, list: &[Exempt]) -> std::io::Result<()> {
    use std::io::Write;
    let temporary = path.with_extension("new");
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(&serde_json::to_vec(list)?)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}

/// Which exceptions were used, told now and then.
#[derive(Debug, Default)]
pub struct Uses {
    told: HashMap<String, (Timestamp, u64)>,
}

impl Uses {
    /// A sentence for the operator where an event was let pass by an exception and it is time to
    /// say so.
    #[must_use]
    pub fn note(&mut self, event: &Event) -> Option<String> {
        let hit = event.reputation.as_deref()?;
        let id = hit.exception.as_deref()?;
        if self.told.len() >= REMEMBERED && !self.told.contains_key(id) {
            return None;
        }
        let (last, uses) = self.told.entry(id.to_owned()).or_insert((Timestamp(i64::MIN), 0));
        *uses += 1;
        if event.at.since(*last) < TELL_EVERY {
            return None;
        }
        *last = event.at;
        let count = std::mem::take(uses);
        Some(format!("例外 {id} により「{}」への通信を通しました（{count} 回）", hit.indicator))
    }
}

#[cfg(test)]
mod tests {
    use mimamori_engine::{EventKind, ReputationFacts, ReputationKind};
    use mimamori_report::Text;

    use super::*;

    fn exempt(id: &str, host: Option<&str>, sid: Option<u32>) -> Exempt {
        let (id, host) = (Text::new(id), host.map(Text::new));
        Exempt { id, device: None, sid, host, until: Timestamp::from_secs(100) }
    }

    #[test]
    fn the_clouds_list_is_kept_and_taken_once() {
        let dir = tempfile::tempdir().unwrap();
        let first = ExceptionBox::open(dir.path());
        assert_eq!(first.take(), None);
        let list = vec![exempt("a", Some("work.example"), None), exempt("b", None, Some(7))];
        first.put(&list);
        assert_eq!(first.take().as_deref(), Some(list.as_slice()));
        first.put(&list);
        assert_eq!(first.take(), None, "the same list again is nothing new");
        assert_eq!(ExceptionBox::open(dir.path()).take(), Some(list), "after a restart");
    }

    #[test]
    fn what_is_not_understood_is_left_out_and_told() {
        let list = [
            exempt("a", Some("work.example"), None),
            exempt("b", Some("not a name"), None),
            exempt("c", Some("work.example"), Some(7)),
            exempt("d", None, Some(7)),
            exempt("e", None, None),
        ];
        let (good, bad) = understood(&list);
        let ids: Vec<_> = good.list().iter().map(|e| e.id.as_str()).collect();
        assert_eq!((ids, bad.len()), (vec!["a", "d"], 1));
    }

    #[test]
    fn a_use_is_told_once_an_hour() {
        let mut uses = Uses::default();
        let mut told = 0;
        for minute in 0..150 {
            let mut event = Event::new(Timestamp::from_secs(minute * 60), EventKind::Reputation);
            event.reputation = Some(Box::new(ReputationFacts {
                kind: ReputationKind::Phishing,
                indicator: "work.example".into(),
                seen_in: "tls",
                family: String::new(),
                blocked: false,
                exception: Some("a".into()),
            }));
            told += usize::from(uses.note(&event).is_some());
        }
        assert_eq!(told, 3);
    }
}
