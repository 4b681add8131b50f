//! DCE/RPC inside SMB's named pipes.

use mimamori_base::Direction;

use crate::dcerpc::call::Call;
use crate::dcerpc::pdu::{Body, HEADER_BYTES, Header, read_body};
use crate::smb::state::{CommandHeader, Pipe, State};
use crate::smb::transaction::Subject;

/// Whether bytes begin like DCE/RPC.
#[must_use]
pub fn looks_like_dcerpc(bytes: &[u8]) -> bool {
    Header::read(bytes).is_some_and(|h| {
        h.major == 5 && h.minor <= 1 && h.kind <= 19 && usize::from(h.fragment_bytes) >= HEADER_BYTES
    })
}

impl State {
    /// Bytes of a pipe; the command that carried them gives its name to new transactions.
    pub fn pipe_bytes(&mut self, h: &CommandHeader, file_id: [u8; 16], dir: Direction, bytes: &[u8]) {
        let mut pipe = self.pipes.remove(&file_id).unwrap_or_default();
        let joined = dir.of_mut(&mut pipe.pending).take_joined(bytes);
        let mut used = 0;
        while let Some(rest) = joined.get(used..) {
            let Some(header) = Header::read(rest) else { break };
            let length = usize::from(header.fragment_bytes);
            if header.major != 5 || length < HEADER_BYTES {
                used = joined.len();
                break;
            }
            let Some(message) = rest.get(..length) else { break };
            self.pipe_message(h, &mut pipe, dir, &header, message);
            used += length;
        }
        dir.of_mut(&mut pipe.pending).restore(joined, used);
        self.pipes.insert(file_id, pipe);
    }

    fn pipe_message(
        &mut self,
        h: &CommandHeader,
        pipe: &mut Pipe,
        dir: Direction,
        header: &Header,
        message: &[u8],
    ) {
        let Some(body) = read_body(header, message) else { return };
        let id = match dir {
            Direction::ToServer => self.call_asked(h, header),
            Direction::ToClient => self.call_answered(h, header),
        };
        let Some(tx) = self.txs.by_id_mut(id) else { return };
        let Subject::DceRpc(call) = &mut tx.subject else { return };
        match body {
            Body::Bind(contexts) => {
                pipe.interfaces.asked(contexts, header.is_first());
                call.interfaces = pipe.interfaces.of_last_bind().to_vec();
                call.request_mut().take(header, &[]);
            }
            Body::BindAck(results) => {
                pipe.interfaces.answered(&results);
                call.interfaces = pipe.interfaces.of_last_bind().to_vec();
                call.response_mut().take(header, &[]);
            }
            Body::Request { context, opnum, stub } => {
                call.opnum = Some(opnum);
                call.context = context;
                if call.interfaces.is_empty() {
                    call.interfaces.extend(pipe.interfaces.accepted(context).cloned());
                }
                call.request_mut().take(header, stub);
            }
            Body::Response { context, stub } => {
                call.context = context;
                call.response_mut().take(header, stub);
            }
            Body::Other => match dir {
                Direction::ToServer => call.request_mut().take(header, &[]),
                Direction::ToClient => call.response_mut().take(header, &[]),
            },
        }
        tx.requested |= call.request().done;
        tx.answered |= call.response().done;
    }

    fn find_call(&self, wanted: impl Fn(&Call) -> bool) -> Option<u64> {
        let found = self.txs.iter().find(|tx| match &tx.subject {
            Subject::DceRpc(call) => !tx.answered && wanted(call),
            _ => false,
        });
        found.map(|tx| tx.id)
    }

    fn call_asked(&mut self, h: &CommandHeader, header: &Header) -> u64 {
        let goes_on = |call: &Call| {
            call.call_id == header.call_id && !call.request().done && call.request().kind == Some(header.kind)
        };
        self.find_call(goes_on).unwrap_or_else(|| self.begin_call(h, header))
    }

    fn call_answered(&mut self, h: &CommandHeader, header: &Header) -> u64 {
        let waits = |call: &Call| call.call_id == header.call_id && !call.response().done;
        self.find_call(waits).unwrap_or_else(|| {
            let id = self.begin_call(h, header);
            if let Some(tx) = self.txs.by_id_mut(id) {
                tx.requested = true;
            }
            id
        })
    }

    fn begin_call(&mut self, h: &CommandHeader, header: &Header) -> u64 {
        let call = Call { call_id: header.call_id, version: (header.major, header.minor), ..Call::default() };
        let id = self.begin(h, Subject::DceRpc(Box::new(call)));
        if let Some(tx) = self.txs.by_id_mut(id) {
            tx.requested = false;
        }
        id
    }
}
