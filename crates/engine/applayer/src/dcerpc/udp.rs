//! DCE/RPC version 4 over UDP (C706 12.5): every datagram says what it is about.

use mimamori_base::{Direction, Timestamp};

use crate::dcerpc::call::{Call, Interface};
use crate::dcerpc::pdu::{Context, Header};
use crate::dcerpc::transaction::DcerpcTx;
use crate::parser::{Outcome, Parser, transactions_in};
use crate::reader::Reader;
use crate::session::Input;
use crate::txlist::TxList;

const FLAG_LAST: u8 = 0x02;
const FLAG_FRAGMENT: u8 = 0x04;

#[derive(Debug)]
struct Datagram {
    kind: u8,
    last: bool,
    little_endian: bool,
    uuid: [u8; 16],
    activity: [u8; 16],
    version: u32,
    sequence: u32,
    opnum: u16,
    stub: Vec<u8>,
}

fn read(bytes: &[u8]) -> Option<Datagram> {
    let mut r = Reader::new(bytes);
    if r.u8()? != 4 {
        return None;
    }
    let (kind, flags) = (r.u8()? & 0x1f, r.u8()?);
    r.u8()?;
    let little_endian = r.u8()? & 0x10 != 0;
    r.take(3)?;
    r.take(16)?;
    let uuid = |bytes: [u8; 16]| {
        let mut id = bytes;
        if little_endian {
            let (first, rest) = id.split_at_mut(4);
            let (second, rest) = rest.split_at_mut(2);
            let (third, _) = rest.split_at_mut(2);
            first.reverse();
            second.reverse();
            third.reverse();
        }
        id
    };
    let interface = uuid(r.array()?);
    let activity = uuid(r.array()?);
    r.u32()?;
    let u32_of = |r: &mut Reader<'_>| if little_endian { r.u32_le() } else { r.u32() };
    let u16_of = |r: &mut Reader<'_>| if little_endian { r.u16_le() } else { r.u16() };
    let version = u32_of(&mut r)?;
    let sequence = u32_of(&mut r)?;
    let opnum = u16_of(&mut r)?;
    r.take(4)?;
    let length = usize::from(u16_of(&mut r)?);
    r.take(4)?;
    let stub = r.take_up_to(length).to_vec();
    let last = flags & FLAG_LAST != 0 || flags & FLAG_FRAGMENT == 0;
    Some(Datagram { kind, last, little_endian, uuid: interface, activity, version, sequence, opnum, stub })
}

/// DCE/RPC of one UDP flow.
#[derive(Debug)]
pub struct DcerpcUdpParser {
    txs: TxList<DcerpcTx>,
}

impl DcerpcUdpParser {
    #[must_use]
    pub fn new(max_tx: usize) -> Self {
        DcerpcUdpParser { txs: TxList::new(max_tx) }
    }

    fn take(&mut self, dir: Direction, d: &Datagram) {
        let key = Some((d.activity, d.sequence));
        let found = self.txs.iter().rev().find(|tx| tx.activity == key).map(|tx| tx.id);
        let id = found.unwrap_or_else(|| self.begin(d));
        let header = Header {
            kind: d.kind,
            flags: if d.last { 2 } else { 0 },
            little_endian: d.little_endian,
            ..Header::default()
        };
        if let Some(tx) = self.txs.by_id_mut(id) {
            let side =
                if dir == Direction::ToServer { tx.call.request_mut() } else { tx.call.response_mut() };
            side.take(&header, &d.stub);
        }
    }

    fn begin(&mut self, d: &Datagram) -> u64 {
        if self.txs.is_full() {
            let oldest = self.txs.get(0).map(|tx| tx.id);
            oldest.into_iter().for_each(|id| self.txs.retire(id));
        }
        let [major, minor] = [d.version & 0xffff, d.version >> 16].map(|v| u16::try_from(v).unwrap_or(0));
        let context = Context { id: 0, uuid: d.uuid, version: major, version_minor: minor };
        self.txs.push_with(|id| DcerpcTx {
            id,
            call: Call {
                version: (4, 0),
                opnum: Some(d.opnum),
                interfaces: vec![Interface { context, result: Some((0, 0)), first: true }],
                ..Call::default()
            },
            activity: Some((d.activity, d.sequence)),
            done: false,
        })
    }
}

impl Parser for DcerpcUdpParser {
    fn feed(&mut self, dir: Direction, input: Input<'_>, _now: Timestamp) -> Outcome {
        match input {
            Input::Data(bytes) => {
                if let Some(datagram) = read(bytes) {
                    self.take(dir, &datagram);
                }
            }
            Input::Gap(_) => {}
            Input::End => self.txs.iter_mut().for_each(|tx| tx.done = true),
        }
        Outcome::Continue
    }

    transactions_in!(txs);
}
