//! Records of transactions and files, and letting go of what is finished.
//!
//! Holds always: a transaction and a file are written once; a transaction lives until it is
//! complete, inspected and written.

use mimamori_applayer::{Field, Session, Transaction};
use mimamori_base::Direction;
use mimamori_files::{File, FileState};
use mimamori_flow::Flow;
use mimamori_packet::Packet;
use serde_json::{Map, Value, json};

use crate::community;
use crate::config::{DnsVersion, LogOptions};
use crate::core::FrameContext;
use crate::dns_v2;
use crate::event::{DeviceFacts, Endpoint, Event, EventKind, EventSink, mac_text};
use crate::flow_data::FlowData;
use crate::flow_log::{app_protos, proto_text, vlans};

/// What a record of HTTP holds where it is not extended.
const HTTP_BASICS: [&str; 6] =
    ["hostname", "http_port", "url", "http_user_agent", "http_content_type", "content_range"];

/// Writes what is ready. `force`: everything, as the protocol ends here.
pub(crate) fn write(
    flow: &mut Flow<FlowData>,
    _direction: Direction,
    _packet: &Packet<'_>,
    context: &FrameContext,
    log: &LogOptions,
    force: bool,
    out: &mut dyn EventSink,
) {
    write_all(flow, context, log, force, out);
}

/// Writes what the ended flow still holds.
pub(crate) fn write_ended(
    flow: &mut Flow<FlowData>,
    context: &FrameContext,
    log: &LogOptions,
    out: &mut dyn EventSink,
) {
    write_all(flow, context, log, true, out);
}

fn write_all(
    flow: &mut Flow<FlowData>,
    context: &FrameContext,
    log: &LogOptions,
    force: bool,
    out: &mut dyn EventSink,
) {
    let Some(session) = flow.data.session.take() else { return };
    if flow.data.generation != session.generation() {
        flow.data.generation = session.generation();
        flow.data.logged.clear();
    }
    for tx in session.transactions().iter() {
        if log.files {
            write_files(flow, &session, tx, context, force, out);
        }
        let ready = force || tx.ready_to_log();
        let fresh =
            ready && flow.data.logged_mut(tx.id()).is_some_and(|l| !std::mem::replace(&mut l.record, true));
        if !fresh {
            continue;
        }
        flow.data.tx_count += 1;
        if log.transactions
            && !flow.data.detect.is_log_suppressed(tx.id())
            && let Some(name) = tx.event_type()
        {
            let mut event = tx_event(flow, &session, tx, name, context);
            if let Some(Value::Object(smb)) = event.more.get("smb")
                && !log.smb.hold(smb)
            {
                continue;
            }
            if !log.http_extended
                && let Some(Value::Object(http)) = event.more.get_mut("http")
            {
                http.retain(|key, _| HTTP_BASICS.contains(&key.as_str()));
            }
            if let Some(seed) = log.community_id {
                event.more.insert("community_id".to_owned(), community::id(&flow.key, seed).into());
            }
            if log.ethernet
                && let (Some(src), Some(dst)) = (event.src_mac, event.dst_mac)
            {
                event
                    .more
                    .insert("ether".to_owned(), json!({"src_mac": mac_text(src), "dest_mac": mac_text(dst)}));
            }
            emit(event, log, out);
            for inner in tx.carried() {
                if let Some(name) = inner.event_type() {
                    emit(tx_event(flow, &session, inner, name, context), log, out);
                }
            }
        }
    }
    flow.data.session = Some(session);
}

fn emit(event: Event, log: &LogOptions, out: &mut dyn EventSink) {
    if log.dns_version == DnsVersion::V2 && event.kind == EventKind::App("dns") {
        dns_v2::records(event).into_iter().for_each(|e| out.event(e));
    } else {
        out.event(event);
    }
}

pub(crate) fn base(flow: &Flow<FlowData>, kind: EventKind, context: &FrameContext) -> Event {
    let mut event = Event::new(context.now, kind);
    event.flow_id = Some(flow.id);
    event.packet_number = (context.number > 0).then_some(context.number);
    event.src = Some(Endpoint { ip: flow.key.src, port: flow.key.src_port });
    event.dst = Some(Endpoint { ip: flow.key.dst, port: flow.key.dst_port });
    event.proto = Some(proto_text(flow.key.protocol));
    event.src_mac = flow.data.src_mac;
    event.dst_mac = flow.data.dst_mac;
    event.zones = flow.data.zones;
    vlans(flow, &mut event.more);
    event
}

fn tx_event(
    flow: &Flow<FlowData>,
    session: &Session,
    tx: &dyn Transaction,
    name: &'static str,
    context: &FrameContext,
) -> Event {
    let mut event = base(flow, EventKind::App(name), context);
    if matches!(tx.sides(), mimamori_applayer::field::Sides::ToClient) {
        std::mem::swap(&mut event.src, &mut event.dst);
    }
    event.app_proto = Some(session.proto().name());
    event.more.insert("tx_id".to_owned(), tx.id().into());
    tx.log(&mut event.more);
    event.device = device(&event.more);
    event
}

/// The device behind a DHCP record.
fn device(more: &Map<String, Value>) -> Option<Box<DeviceFacts>> {
    let dhcp = more.get("dhcp")?;
    let text = |key: &str| dhcp.get(key).and_then(Value::as_str);
    Some(Box::new(DeviceFacts {
        mac: text("client_mac")?.to_owned(),
        ip: text("assigned_ip")
            .or_else(|| text("requested_ip"))
            .and_then(|t| t.parse().ok())
            .filter(|ip: &std::net::IpAddr| !ip.is_unspecified()),
        host_name: text("hostname").map(str::to_owned),
    }))
}

fn write_files(
    flow: &mut Flow<FlowData>,
    session: &Session,
    tx: &dyn Transaction,
    context: &FrameContext,
    force: bool,
    out: &mut dyn EventSink,
) {
    for dir in Direction::BOTH {
        let files = tx.files(dir);
        if files.is_empty() {
            continue;
        }
        let Some(done) = flow.data.logged_mut(tx.id()).and_then(|l| l.files.get(dir.index()).copied()) else {
            continue;
        };
        let mut written = done;
        for file in files.iter().skip(usize::from(done)) {
            if file.state() == FileState::Open && !force {
                break;
            }
            written = written.saturating_add(1);
            out.event(file_event(flow, session, tx, dir, file, context));
        }
        if let Some(slot) = flow.data.logged_mut(tx.id()).and_then(|l| l.files.get_mut(dir.index())) {
            *slot = written;
        }
    }
}

fn file_event(
    flow: &Flow<FlowData>,
    session: &Session,
    tx: &dyn Transaction,
    dir: Direction,
    file: &File,
    context: &FrameContext,
) -> Event {
    let mut event = base(flow, EventKind::FileInfo, context);
    app_protos(flow, &mut event);
    event.app_proto = Some(session.proto().name());
    // The sender of the file stands first.
    if dir == Direction::ToClient {
        std::mem::swap(&mut event.src, &mut event.dst);
    }
    event.direction = Some(dir);
    tx.log(&mut event.more);
    event.more.insert("fileinfo".to_owned(), file_object(file, tx.id()));
    event
}

/// The `fileinfo` object.
#[must_use]
pub(crate) fn file_object(file: &File, tx_id: u64) -> Value {
    let mut out = Map::new();
    let mut put = |k: &str, v: Value| out.insert(k.to_owned(), v);
    put("filename", String::from_utf8_lossy(file.name()).into_owned().into());
    put("gaps", file.has_gaps().into());
    put(
        "state",
        match file.state() {
            FileState::Open => "TRUNCATED",
            other => other.name(),
        }
        .into(),
    );
    let hashes = file.hashes();
    if let Some(d) = &hashes.md5 {
        put("md5", hex(d).into());
    }
    if let Some(d) = &hashes.sha1 {
        put("sha1", hex(d).into());
    }
    if let Some(d) = &hashes.sha256 {
        put("sha256", hex(d).into());
    }
    put("stored", file.stored.into());
    put("size", file.size().into());
    if let Some((start, end)) = file.range() {
        put("start", start.into());
        put("end", end.into());
    }
    put("tx_id", tx_id.into());
    if !file.sids().is_empty() {
        put("sid", json!(file.sids()));
    }
    Value::Object(out)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(bytes.len() * 2);
    for b in bytes {
        // Writing into a String cannot fail.
        let _ = write!(out, "{b:02x}");
    }
    out
}

/// Lets go of transactions that are complete, inspected and written.
pub(crate) fn retire(flow: &mut Flow<FlowData>) {
    use mimamori_applayer::field::Sides;
    let Some(session) = flow.data.session.as_deref_mut() else { return };
    let mut done: Vec<u64> = Vec::new();
    for tx in session.transactions().iter() {
        let complete = tx.is_complete(Direction::ToServer) && tx.is_complete(Direction::ToClient);
        if !complete {
            continue;
        }
        let id = tx.id();
        let inspected = |dir| flow.data.detect.passed || flow.data.detect.is_inspected(id, dir);
        let sides = match tx.sides() {
            Sides::Both => inspected(Direction::ToServer) && inspected(Direction::ToClient),
            Sides::ToServer => inspected(Direction::ToServer),
            Sides::ToClient => inspected(Direction::ToClient),
        };
        let written = flow
            .data
            .logged
            .binary_search_by_key(&id, |l| l.id)
            .ok()
            .and_then(|at| flow.data.logged.get(at))
            .is_some_and(|l| l.record);
        if sides && written {
            done.push(id);
        }
    }
    for id in done {
        if let Some(session) = flow.data.session.as_deref_mut() {
            session.retire(id);
        }
        flow.data.forget_tx(id);
    }
}

/// Fields that name a host, for look-ups of lists.
pub(crate) const HOST_FIELDS: [Field; 4] = [Field::HttpHost, Field::TlsSni, Field::DnsQuery, Field::QuicSni];
