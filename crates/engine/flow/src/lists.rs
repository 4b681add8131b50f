//! Flows in the order of their last packet, one list for each timeout.

/// Index meaning "none".
pub(crate) const NIL: u32 = u32::MAX;

/// A slot's neighbours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub prev: u32,
    pub next: u32,
    pub list: u8,
}

impl Default for Link {
    fn default() -> Self {
        Link { prev: NIL, next: NIL, list: 0 }
    }
}

/// Doubly linked lists through an array of slots.
#[derive(Debug)]
pub(crate) struct Lists {
    heads: [u32; Lists::COUNT],
    tails: [u32; Lists::COUNT],
    lengths: [usize; Lists::COUNT],
}

impl Lists {
    /// Four protocols by four states.
    pub(crate) const COUNT: usize = 16;

    pub(crate) fn new() -> Self {
        Lists { heads: [NIL; Self::COUNT], tails: [NIL; Self::COUNT], lengths: [0; Self::COUNT] }
    }

    pub(crate) fn len(&self, list: usize) -> usize {
        self.lengths.get(list).copied().unwrap_or(0)
    }

    /// The slot idle longest in `list`.
    pub(crate) fn head(&self, list: usize) -> Option<u32> {
        self.heads.get(list).copied().filter(|h| *h != NIL)
    }

    pub(crate) fn push(&mut self, links: &mut [Link], slot: u32, list: u8) {
        let at = usize::from(list);
        let tail = self.tails.get(at).copied().unwrap_or(NIL);
        if let Some(link) = link(links, slot) {
            *link = Link { prev: tail, next: NIL, list };
        }
        match link(links, tail) {
            Some(old) => old.next = slot,
            None => set(&mut self.heads, at, slot),
        }
        set(&mut self.tails, at, slot);
        self.count(at, 1);
    }

    fn count(&mut self, list: usize, by: isize) {
        if let Some(length) = self.lengths.get_mut(list) {
            *length = length.saturating_add_signed(by);
        }
    }

    pub(crate) fn remove(&mut self, links: &mut [Link], slot: u32) {
        let Some(Link { prev, next, list }) = link(links, slot).map(|l| *l) else {
            return;
        };
        let at = usize::from(list);
        match link(links, prev) {
            Some(p) => p.next = next,
            None => set(&mut self.heads, at, next),
        }
        match link(links, next) {
            Some(n) => n.prev = prev,
            None => set(&mut self.tails, at, prev),
        }
        self.count(at, -1);
    }

    /// Makes the slot the newest of `list`.
    pub(crate) fn touch(&mut self, links: &mut [Link], slot: u32, list: u8) {
        let is_newest = self.tails.get(usize::from(list)) == Some(&slot);
        if !is_newest {
            self.remove(links, slot);
            self.push(links, slot, list);
        }
    }
}

fn link(links: &mut [Link], slot: u32) -> Option<&mut Link> {
    links.get_mut(usize::try_from(slot).unwrap_or(usize::MAX))
}

fn set(ends: &mut [u32; Lists::COUNT], at: usize, slot: u32) {
    if let Some(end) = ends.get_mut(at) {
        *end = slot;
    }
}
