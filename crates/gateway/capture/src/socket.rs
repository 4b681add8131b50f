//! AF_PACKET sockets: whole frames in batches, with the kernel's segmentation header.
//!
//! Holds always: this module is the only one with `unsafe`; what leaves it is safe. The header
//! (`PACKET_VNET_HDR`) lets frames of up to 64 KiB pass that the kernel has merged, so offloads
//! may stay on and one look inspects many segments. A frame that the kernel took a VLAN tag off
//! gets it back, because a bridge changes nothing.
#![expect(unsafe_code, reason = "system calls on packet sockets have no safe binding in std")]

use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use crate::checksum::Partial;

pub(crate) const BATCH: usize = 32;
pub(crate) const VNET_BYTES: usize = 10;
/// In front of each frame: room for the header, then for a VLAN tag.
const HEADROOM: usize = 20;
const TAG_BYTES: usize = 4;
const SLOT_BYTES: usize = 68 << 10;
const RECEIVE_BUFFER_BYTES: libc::c_int = 16 << 20;
const SEND_TIMEOUT: Duration = Duration::from_millis(50);

const PACKET_IGNORE_OUTGOING: libc::c_int = 23;
const VNET_NEEDS_CSUM: u8 = 1;

/// Control data of one message, aligned as the kernel wants it.
#[repr(align(8))]
#[derive(Clone, Copy)]
struct Control([u8; 64]);

/// Frames of one receive call, in memory that is reused.
pub(crate) struct Batch {
    memory: Vec<u8>,
    frames: Vec<Received>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Received {
    start: usize,
    end: usize,
    vnet: [u8; VNET_BYTES],
    truncated: bool,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Batch { memory: vec![0; BATCH * SLOT_BYTES], frames: Vec::with_capacity(BATCH) }
    }

    pub(crate) fn len(&self) -> usize {
        self.frames.len()
    }

    /// The frame, and whether it is whole.
    pub(crate) fn frame_mut(&mut self, index: usize) -> Option<(&mut [u8], bool)> {
        let found = self.frames.get(index)?;
        let whole = !found.truncated;
        self.memory.get_mut(found.start..found.end).map(|f| (f, whole))
    }

    pub(crate) fn frame(&self, index: usize) -> &[u8] {
        let found = self.frames.get(index).copied().unwrap_or_default();
        self.memory.get(found.start..found.end).unwrap_or_default()
    }

    /// The checksum that the sender left to its network card.
    pub(crate) fn partial_checksum(&self, index: usize) -> Option<Partial> {
        let [flags, _, _, _, _, _, s0, s1, o0, o1] = self.frames.get(index)?.vnet;
        (flags & VNET_NEEDS_CSUM != 0).then(|| Partial {
            start: usize::from(u16::from_ne_bytes([s0, s1])),
            offset: usize::from(u16::from_ne_bytes([o0, o1])),
        })
    }

    pub(crate) fn vnet(&self, index: usize) -> [u8; VNET_BYTES] {
        self.frames.get(index).copied().unwrap_or_default().vnet
    }
}

/// One frame to send: received and passed on as it was, or made here.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Slot(usize),
    /// A changed frame that keeps the kernel's header of the slot it came from.
    Rewritten {
        slot: usize,
        frame: Vec<u8>,
    },
    Made(Vec<u8>),
    /// A frame that was kept, with the kernel's header that it came with.
    Kept {
        header: [u8; VNET_BYTES],
        frame: Vec<u8>,
    },
}

/// A socket bound to one interface.
#[derive(Debug)]
pub(crate) struct PacketSocket {
    fd: OwnedFd,
}

impl PacketSocket {
    pub(crate) fn open(interface_index: i32) -> io::Result<Self> {
        // Protocol 0: nothing is received before the socket is bound.
        // SAFETY: no pointers are passed; the result is checked before use.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was just opened and is owned by nobody else.
        let socket = PacketSocket { fd: unsafe { OwnedFd::from_raw_fd(fd) } };
        socket.set(libc::SOL_PACKET, libc::PACKET_VNET_HDR, &1i32)?;
        socket.set(libc::SOL_PACKET, libc::PACKET_AUXDATA, &1i32)?;
        socket.set(libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, &1i32)?;
        socket.set(libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &RECEIVE_BUFFER_BYTES)?;
        socket.set(libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, &RECEIVE_BUFFER_BYTES)?;
        let timeout = libc::timeval {
            tv_sec: 0,
            tv_usec: libc::suseconds_t::try_from(SEND_TIMEOUT.as_micros()).unwrap_or(50_000),
        };
        socket.set(libc::SOL_SOCKET, libc::SO_SNDTIMEO, &timeout)?;
        socket.bind(interface_index)?;
        // SAFETY: all-zero is a valid value of this plain C struct.
        let mut member: libc::packet_mreq = unsafe { mem::zeroed() };
        member.mr_ifindex = interface_index;
        member.mr_type = u16::try_from(libc::PACKET_MR_PROMISC).unwrap_or(1);
        socket.set(libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &member)?;
        Ok(socket)
    }

    fn bind(&self, interface_index: i32) -> io::Result<()> {
        // SAFETY: all-zero is a valid value of this plain C struct.
        let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
        address.sll_family = u16::try_from(libc::AF_PACKET).unwrap_or(17);
        address.sll_protocol = u16::try_from(libc::ETH_P_ALL).unwrap_or(3).to_be();
        address.sll_ifindex = interface_index;
        let len = socklen::<libc::sockaddr_ll>();
        // SAFETY: `address` lives through the call and `len` is its size.
        check(unsafe { libc::bind(self.fd.as_raw_fd(), (&raw const address).cast(), len) })
    }

    fn set<T: Copy>(&self, level: libc::c_int, option: libc::c_int, value: &T) -> io::Result<()> {
        // SAFETY: `value` is a plain C value that lives through the call, with its own size.
        check(unsafe {
            libc::setsockopt(
                self.fd.as_raw_fd(),
                level,
                option,
                std::ptr::from_ref(value).cast(),
                socklen::<T>(),
            )
        })
    }

    /// Takes what has arrived, without waiting. 0: nothing.
    pub(crate) fn receive(&self, batch: &mut Batch) -> io::Result<usize> {
        batch.frames.clear();
        let mut controls = [Control([0; 64]); BATCH];
        let mut vectors = [const { MaybeUninit::<[libc::iovec; 2]>::uninit() }; BATCH];
        // SAFETY: all-zero is a valid value of this plain C struct.
        let mut messages: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
        let slots = batch.memory.chunks_exact_mut(SLOT_BYTES);
        for (((slot, message), control), vector) in
            slots.zip(&mut messages).zip(&mut controls).zip(&mut vectors)
        {
            let (head, frame) = slot.split_at_mut(HEADROOM);
            let vector = vector.write([
                libc::iovec { iov_base: head.as_mut_ptr().cast(), iov_len: VNET_BYTES },
                libc::iovec { iov_base: frame.as_mut_ptr().cast(), iov_len: frame.len() },
            ]);
            message.msg_hdr.msg_iov = vector.as_mut_ptr();
            message.msg_hdr.msg_iovlen = 2;
            message.msg_hdr.msg_control = control.0.as_mut_ptr().cast();
            message.msg_hdr.msg_controllen = control.0.len();
        }
        let count = BATCH as libc::c_uint;
        // SAFETY: every pointer in `messages` leads into `batch.memory`, `controls` or `vectors`,
        // which outlive the call, with lengths inside them; each slot is used by one message.
        let got = unsafe {
            libc::recvmmsg(
                self.fd.as_raw_fd(),
                messages.as_mut_ptr(),
                count,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        if got < 0 {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(0),
                _ => Err(error),
            };
        }
        for (index, message) in messages.iter().enumerate().take(usize::try_from(got).unwrap_or(0)) {
            let tag = vlan_tag(&message.msg_hdr);
            let truncated = message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
            batch.accept(index, message.msg_len as usize, tag, truncated);
        }
        Ok(batch.frames.len())
    }

    /// Sends in order; tells how many were not accepted in time.
    pub(crate) fn send(&self, frames: &[Outgoing], batch: &Batch) -> io::Result<u64> {
        let mut lost = 0;
        for chunk in frames.chunks(BATCH) {
            lost += self.send_chunk(chunk, batch)?;
        }
        Ok(lost)
    }

    fn send_chunk(&self, frames: &[Outgoing], batch: &Batch) -> io::Result<u64> {
        let mut headers = [[0u8; VNET_BYTES]; BATCH];
        let mut vectors = [const { MaybeUninit::<[libc::iovec; 2]>::uninit() }; BATCH];
        // SAFETY: all-zero is a valid value of this plain C struct.
        let mut messages: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
        for (((outgoing, message), header), vector) in
            frames.iter().zip(&mut messages).zip(&mut headers).zip(&mut vectors)
        {
            let bytes = match outgoing {
                Outgoing::Slot(slot) => {
                    *header = batch.vnet(*slot);
                    batch.frame(*slot)
                }
                Outgoing::Rewritten { slot, frame } => {
                    *header = batch.vnet(*slot);
                    frame
                }
                Outgoing::Made(frame) => frame,
                Outgoing::Kept { header: kept, frame } => {
                    *header = *kept;
                    frame
                }
            };
            let vector = vector.write([
                libc::iovec { iov_base: header.as_mut_ptr().cast(), iov_len: VNET_BYTES },
                libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() },
            ]);
            message.msg_hdr.msg_iov = vector.as_mut_ptr();
            message.msg_hdr.msg_iovlen = 2;
        }
        let mut done = 0;
        let mut lost = 0;
        while let Some(rest) = messages.get_mut(done..frames.len()).filter(|r| !r.is_empty()) {
            let count = libc::c_uint::try_from(rest.len()).unwrap_or(0);
            // SAFETY: every pointer in `rest` leads into `headers`, `batch` or `frames`, which
            // outlive the call; the kernel only reads from them.
            let sent = unsafe { libc::sendmmsg(self.fd.as_raw_fd(), rest.as_mut_ptr(), count, 0) };
            if let Ok(sent @ 1..) = usize::try_from(sent) {
                done += sent;
                continue;
            }
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EINTR) => {}
                // The port is down, its queue full, or this frame too long for it: the frame is
                // lost, the next may pass.
                Some(libc::ENETDOWN | libc::ENOBUFS | libc::EAGAIN | libc::EMSGSIZE | libc::EINVAL) => {
                    lost += 1;
                    done += 1;
                }
                _ => return Err(error),
            }
        }
        Ok(lost)
    }

    /// Frames that the kernel could not hand over, since the last call.
    pub(crate) fn take_kernel_drops(&self) -> u64 {
        // SAFETY: all-zero is a valid value of this plain C struct.
        let mut stats: libc::tpacket_stats = unsafe { mem::zeroed() };
        let mut len = socklen::<libc::tpacket_stats>();
        // SAFETY: `stats` and `len` live through the call, and `len` is the size of `stats`.
        let result = unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut stats).cast(),
                &raw mut len,
            )
        };
        if result == 0 { u64::from(stats.tp_drops) } else { 0 }
    }

    pub(crate) fn raw(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl Batch {
    fn accept(&mut self, index: usize, received: usize, tag: Option<[u8; TAG_BYTES]>, truncated: bool) {
        let slot = index * SLOT_BYTES;
        let mut vnet = [0u8; VNET_BYTES];
        if let Some(head) = self.memory.get(slot..slot + VNET_BYTES) {
            vnet.copy_from_slice(head);
        }
        let mut start = slot + HEADROOM;
        let end = start + received.saturating_sub(VNET_BYTES);
        if let Some(tag) = tag
            && end >= start + 12
            && let Some(room) = self.memory.get_mut(start - TAG_BYTES..start + 12)
        {
            room.copy_within(TAG_BYTES.., 0);
            if let Some(place) = room.get_mut(12..) {
                place.copy_from_slice(&tag);
            }
            start -= TAG_BYTES;
            if let [flags, _, _, _, _, _, s0, s1, ..] = &mut vnet
                && *flags & VNET_NEEDS_CSUM != 0
            {
                [*s0, *s1] = (u16::from_ne_bytes([*s0, *s1]) + TAG_BYTES as u16).to_ne_bytes();
            }
        }
        self.frames.push(Received { start, end, vnet, truncated });
    }
}

/// The VLAN tag that the kernel took off the frame, as it stood on the wire.
fn vlan_tag(header: &libc::msghdr) -> Option<[u8; TAG_BYTES]> {
    const VLAN_VALID: u32 = 1 << 4;
    const VLAN_TPID_VALID: u32 = 1 << 6;
    // SAFETY: `header` was filled by the kernel and its control buffer is still alive; the macros
    // stay within `msg_controllen`.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !next.is_null() {
        // SAFETY: not null, so it points to a control header inside the buffer.
        let control = unsafe { *next };
        if control.cmsg_level == libc::SOL_PACKET && control.cmsg_type == libc::PACKET_AUXDATA {
            // SAFETY: the kernel writes a whole `tpacket_auxdata` with this type; it may be unaligned.
            let aux = unsafe { libc::CMSG_DATA(next).cast::<libc::tpacket_auxdata>().read_unaligned() };
            if aux.tp_status & VLAN_VALID == 0 {
                return None;
            }
            let tpid = if aux.tp_status & VLAN_TPID_VALID == 0 { 0x8100 } else { aux.tp_vlan_tpid };
            let ([a, b], [c, d]) = (tpid.to_be_bytes(), aux.tp_vlan_tci.to_be_bytes());
            return Some([a, b, c, d]);
        }
        // SAFETY: as for the first header.
        next = unsafe { libc::CMSG_NXTHDR(header, next) };
    }
    None
}

/// Waits until one of the sockets has frames, or for `timeout`.
pub(crate) fn wait(sockets: &[RawFd], timeout: Duration, ready: &mut Vec<bool>) -> io::Result<()> {
    let mut polls: Vec<libc::pollfd> =
        sockets.iter().map(|fd| libc::pollfd { fd: *fd, events: libc::POLLIN, revents: 0 }).collect();
    let count = libc::nfds_t::try_from(polls.len()).unwrap_or(0);
    let ms = libc::c_int::try_from(timeout.as_millis()).unwrap_or(libc::c_int::MAX);
    // SAFETY: `polls` lives through the call and `count` is its length.
    let result = unsafe { libc::poll(polls.as_mut_ptr(), count, ms) };
    ready.clear();
    if result < 0 {
        let error = io::Error::last_os_error();
        ready.resize(sockets.len(), false);
        return if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) };
    }
    ready.extend(polls.iter().map(|p| p.revents != 0));
    Ok(())
}

fn socklen<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(mem::size_of::<T>()).unwrap_or(0)
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts a frame where the kernel would, in slot 1.
    fn received(frame: &[u8], vnet: [u8; VNET_BYTES], tag: Option<[u8; 4]>) -> Batch {
        let mut batch = Batch::new();
        batch.accept(0, VNET_BYTES, None, false);
        batch.memory[SLOT_BYTES..SLOT_BYTES + VNET_BYTES].copy_from_slice(&vnet);
        let start = SLOT_BYTES + HEADROOM;
        batch.memory[start..start + frame.len()].copy_from_slice(frame);
        batch.accept(1, VNET_BYTES + frame.len(), tag, false);
        batch
    }

    fn needs_checksum(start: u16, offset: u16) -> [u8; VNET_BYTES] {
        let mut vnet = [0; VNET_BYTES];
        vnet[0] = VNET_NEEDS_CSUM;
        vnet[6..8].copy_from_slice(&start.to_ne_bytes());
        vnet[8..10].copy_from_slice(&offset.to_ne_bytes());
        vnet
    }

    #[test]
    fn a_tag_that_the_kernel_took_off_is_put_back_and_the_checksum_moves_along() {
        let frame: Vec<u8> = (0..40).collect();
        let batch = received(&frame, needs_checksum(34, 16), Some([0x81, 0, 0, 9]));
        let expected = [&frame[..12], &[0x81, 0, 0, 9], &frame[12..]].concat();
        assert_eq!(batch.frame(1), expected);
        assert_eq!(batch.partial_checksum(1), Some(Partial { start: 38, offset: 16 }));
    }

    #[test]
    fn untagged_frames_are_untouched_and_short_ones_do_no_harm() {
        let frame: Vec<u8> = (0..40).collect();
        let batch = received(&frame, [0; VNET_BYTES], None);
        assert_eq!(batch.frame(1), frame);
        assert_eq!(batch.partial_checksum(1), None);
        assert_eq!(batch.frame(0), b"");
        assert_eq!(batch.frame(7), b"");
        let short = received(b"short", [0; VNET_BYTES], Some([0x81, 0, 0, 9]));
        assert_eq!(short.frame(1), b"short");
    }
}
