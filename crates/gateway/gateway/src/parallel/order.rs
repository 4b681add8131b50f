//! The order of frames, kept by engines that go at their own pace.
//!
//! Holds always: an engine's place rises; who waits goes on once every other engine has reached
//! the place of the one that waits. The engine at the lowest place never waits, so there is no
//! deadlock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mimamori_base::{Place, Turn};

/// Looks before a waiting thread sleeps instead of only giving way.
const LOOKS: u32 = 200;
const NAP: Duration = Duration::from_micros(20);

/// How far each engine is.
#[derive(Debug)]
pub(super) struct Progress {
    places: Vec<Mutex<Place>>,
}

impl Progress {
    pub(super) fn new(engines: usize) -> Arc<Progress> {
        Arc::new(Progress { places: (0..engines).map(|_| Mutex::new(Place::default())).collect() })
    }
}

/// One engine's view of the order.
#[derive(Debug)]
pub(super) struct Mine {
    all: Arc<Progress>,
    me: usize,
}

impl Mine {
    pub(super) fn new(all: Arc<Progress>, me: usize) -> Mine {
        Mine { all, me }
    }

    /// Everything of this engine before `place` is done.
    pub(super) fn reach(&self, place: Place) {
        if let Some(mine) = self.all.places.get(self.me) {
            *mine.lock().unwrap_or_else(PoisonError::into_inner) = place;
        }
    }

    fn is_my_turn(&self, mine: Place) -> bool {
        let mut others = self.all.places.iter().enumerate().filter(|(n, _)| *n != self.me);
        others.all(|(_, place)| *place.lock().unwrap_or_else(PoisonError::into_inner) >= mine)
    }
}

impl Turn for Mine {
    fn place(&self) -> Place {
        let mine = self.all.places.get(self.me);
        mine.map(|p| *p.lock().unwrap_or_else(PoisonError::into_inner)).unwrap_or_default()
    }

    fn wait(&self) {
        let mine = self.place();
        let mut looks = 0;
        while !self.is_my_turn(mine) {
            looks += 1;
            if looks < LOOKS { std::thread::yield_now() } else { std::thread::sleep(NAP) }
        }
    }
}
