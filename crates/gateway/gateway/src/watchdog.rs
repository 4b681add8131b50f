//! Notices that inspection hangs, and puts a fresh one in its place.
//!
//! Responsible for the thread that moves frames. Holds always: when one look takes longer than the
//! limit, another bridge on the same ports takes over, within a quarter of the limit more; the fail
//! policy decides about its frames until a fresh engine stands, and sessions that were open go on
//! as the midstream policy says. A thread cannot be stopped from outside: the one that hangs is left
//! alone, and when there are [`MOST_LEFT`] of them the program has to start anew. Deliberately not
//! here: panics, which `guard` catches where they happen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mimamori_base::Timestamp;
use mimamori_capture::{Bridge, BridgeError, Injections, Inspector, Passage, Release, Verdict};

/// Threads left hanging before the program starts anew.
const MOST_LEFT: u32 = 3;

/// What moves frames past an inspector until `stop`.
pub trait Mover: Send + 'static {
    fn run(&mut self, inspector: &mut dyn Inspector, stop: &AtomicBool) -> Result<(), BridgeError>;
}

impl Mover for Bridge {
    fn run(&mut self, inspector: &mut dyn Inspector, stop: &AtomicBool) -> Result<(), BridgeError> {
        Bridge::run(self, inspector, stop)
    }
}

/// How a watched run ended.
#[derive(Debug)]
pub enum Watched<I> {
    /// By itself or because it was told to.
    Ended(Result<(), BridgeError>, Box<I>),
    /// Inspection hangs again and again: only a new start of the program helps.
    Hopeless,
    /// The thread that moves frames died, or none could be started.
    Lost,
}

/// Runs `first`, and whatever `again` makes each time that one hangs. `again` is given the number of
/// times so far; what hangs keeps its ports open but is asked for nothing more.
pub fn watch<M: Mover, I: Inspector + Send + 'static>(
    first: (M, I),
    limit: Duration,
    stop: &Arc<AtomicBool>,
    mut again: impl FnMut(u32) -> Option<(M, I)>,
) -> Watched<I> {
    let mut present = Some(first);
    let mut hung = 0;
    loop {
        let Some((mover, inspector)) = present.take() else { return Watched::Lost };
        let Some(runner) = Runner::start(mover, inspector, stop.clone()) else { return Watched::Lost };
        match runner.wait(limit, stop) {
            Wait::Done(result, inspector) => return Watched::Ended(result, inspector),
            Wait::Died => return Watched::Lost,
            Wait::Hangs => {}
        }
        hung += 1;
        tracing::error!(hung, limit_ms = limit.as_millis(), "inspection hangs; another takes over");
        if hung >= MOST_LEFT {
            return Watched::Hopeless;
        }
        present = again(hung);
    }
}

/// Odd while the inspector is at work.
#[derive(Debug, Default)]
struct Pulse(AtomicU64);

impl Pulse {
    fn around<T>(&self, work: impl FnOnce() -> T) -> T {
        self.0.fetch_add(1, Ordering::Relaxed);
        let done = work();
        self.0.fetch_add(1, Ordering::Relaxed);
        done
    }
}

type Result3<I> = (Result<(), BridgeError>, Box<I>);

struct Runner<I> {
    thread: JoinHandle<Result3<I>>,
    pulse: Arc<Pulse>,
    abandoned: Arc<AtomicBool>,
}

enum Wait<I> {
    Done(Result<(), BridgeError>, Box<I>),
    Died,
    Hangs,
}

impl<I: Inspector + Send + 'static> Runner<I> {
    fn start<M: Mover>(mut mover: M, inspector: I, stop: Arc<AtomicBool>) -> Option<Self> {
        let (pulse, abandoned) = (Arc::new(Pulse::default()), Arc::new(AtomicBool::new(false)));
        let mut beating =
            Beating { inner: Box::new(inspector), pulse: pulse.clone(), abandoned: abandoned.clone() };
        let thread = std::thread::Builder::new()
            .name("inspection".to_owned())
            .spawn(move || {
                let result = mover.run(&mut beating, &stop);
                (result, beating.inner)
            })
            .ok()?;
        Some(Runner { thread, pulse, abandoned })
    }

    fn wait(self, limit: Duration, stop: &AtomicBool) -> Wait<I> {
        let (mut seen, mut since) = (self.pulse.0.load(Ordering::Relaxed), Instant::now());
        loop {
            if self.thread.is_finished() {
                return match self.thread.join() {
                    Ok((result, inspector)) => Wait::Done(result, inspector),
                    Err(_) => Wait::Died,
                };
            }
            std::thread::sleep((limit / 4).min(Duration::from_millis(50)));
            let now = self.pulse.0.load(Ordering::Relaxed);
            if now != seen || now.is_multiple_of(2) {
                (seen, since) = (now, Instant::now());
            } else if since.elapsed() >= limit {
                self.abandoned.store(true, Ordering::Relaxed);
                return if stop.load(Ordering::Relaxed) { Wait::Died } else { Wait::Hangs };
            }
        }
    }
}

/// An inspector whose work can be watched from outside.
struct Beating<I> {
    inner: Box<I>,
    pulse: Arc<Pulse>,
    abandoned: Arc<AtomicBool>,
}

impl<I: Inspector> Inspector for Beating<I> {
    fn inspect(
        &mut self,
        now: Timestamp,
        passage: Passage,
        frame: &[u8],
        inject: &mut Injections,
    ) -> Verdict {
        if self.abandoned.load(Ordering::Relaxed) {
            // Another bridge has had this frame too.
            return Verdict::Drop;
        }
        let verdict = self.pulse.around(|| self.inner.inspect(now, passage, frame, inject));
        if self.abandoned.load(Ordering::Relaxed) { Verdict::Drop } else { verdict }
    }

    fn tick(&mut self, now: Timestamp) -> bool {
        !self.abandoned.load(Ordering::Relaxed) && self.pulse.around(|| self.inner.tick(now))
    }

    fn releases(&mut self, now: Timestamp, woken: bool) -> Vec<Release> {
        self.pulse.around(|| self.inner.releases(now, woken))
    }

    fn wake_fd(&self) -> Option<std::os::fd::RawFd> {
        self.inner.wake_fd()
    }

    fn link_changed(&mut self, now: Timestamp, interface: &str, up: bool) {
        self.inner.link_changed(now, interface, up);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mimamori_base::Zone;
    use mimamori_capture::PortId;

    const LIMIT: Duration = Duration::from_millis(60);

    /// Hands over one frame after the other.
    struct Frames;

    impl Mover for Frames {
        fn run(&mut self, inspector: &mut dyn Inspector, stop: &AtomicBool) -> Result<(), BridgeError> {
            let passage = Passage { from: Zone::Wan, to: Some(Zone::Lan), port: PortId(0) };
            while !stop.load(Ordering::Relaxed) {
                inspector.inspect(Timestamp::EPOCH, passage, b"frame", &mut Injections::default());
                if !inspector.tick(Timestamp::EPOCH) {
                    break;
                }
            }
            Ok(())
        }
    }

    /// Looks at some frames, then at one for ever (until the test is over).
    struct Hanging {
        frames: u32,
        hangs: bool,
        seen: Arc<AtomicU64>,
        over: Arc<AtomicBool>,
    }

    impl Inspector for Hanging {
        fn inspect(&mut self, _: Timestamp, _: Passage, _: &[u8], _: &mut Injections) -> Verdict {
            self.seen.fetch_add(1, Ordering::Relaxed);
            self.frames = self.frames.saturating_sub(1);
            while self.hangs && self.frames == 0 && !self.over.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
            }
            Verdict::Forward
        }

        fn tick(&mut self, _: Timestamp) -> bool {
            self.hangs || self.frames > 0
        }
    }

    fn run(hangs: &[bool]) -> (Watched<Hanging>, u64, u32) {
        let (seen, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let make = |n: usize| Hanging {
            frames: 100,
            hangs: hangs.get(n).copied().unwrap_or(true),
            seen: seen.clone(),
            over: over.clone(),
        };
        let mut times = 0;
        let ended = watch((Frames, make(0)), LIMIT, &Arc::default(), |n| {
            times = n;
            Some((Frames, make(n as usize)))
        });
        over.store(true, Ordering::Relaxed);
        (ended, seen.load(Ordering::Relaxed), times)
    }

    #[test]
    fn what_runs_and_ends_is_left_alone() {
        let (ended, seen, times) = run(&[false]);
        assert!(matches!(ended, Watched::Ended(Ok(()), _)));
        assert_eq!((seen, times), (100, 0));
    }

    #[test]
    fn one_that_hangs_is_replaced_and_frames_go_on() {
        let (ended, seen, times) = run(&[true, true, false]);
        assert!(matches!(ended, Watched::Ended(Ok(()), _)));
        assert_eq!((seen, times), (300, 2));
    }

    #[test]
    fn hanging_again_and_again_ends_in_a_new_start() {
        let (ended, seen, _) = run(&[true, true, true]);
        assert!(matches!(ended, Watched::Hopeless));
        assert_eq!(seen, 300);
    }
}
