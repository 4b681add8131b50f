//! An HTTP exchange: one request and its response.

use mimamori_base::Direction;
use mimamori_files::{File, View};
use serde_json::{Map, Value};

use super::buffers::Buffers;
use super::config::Http1Config;
use super::events;
use super::log;
use super::message::Message;
use super::ranges::RangePart;
use super::uri::Normalised;
use crate::dns::DnsTx;
use crate::event::AppEvent;
use crate::field::{Field, Sides};
use crate::http2::doh::Collector;
use crate::told::Told;
use crate::transaction::Transaction;

/// The URL of a transaction whose request was never seen, as the field writes it.
const URI_NOT_SEEN: &[u8] = b"/libhtp::request_uri_not_seen";

/// What HTTP/2 adds to an exchange.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamPart {
    /// 0: a frame that concerns the connection.
    pub id: u32,
    pub sides: [StreamSide; 2],
}

/// What the frames of one side have said.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamSide {
    /// A bit for each type of frame seen.
    pub frames: u16,
    /// Weights, window updates, error codes and table sizes: the last seen.
    pub priority: Option<u8>,
    pub window: Option<u32>,
    pub error: Option<u32>,
    pub table_size: Option<u64>,
    pub settings: Vec<(u16, u32)>,
}

impl StreamSide {
    fn numbers(&self, field: Field, visit: &mut dyn FnMut(u64)) {
        let number = match field {
            Field::Http2FrameType => {
                return (0..u16::BITS)
                    .filter(|n| self.frames >> n & 1 == 1)
                    .for_each(|n| visit(u64::from(n)));
            }
            // The parameter in the upper half, its value in the lower.
            Field::Http2Settings => {
                return self.settings.iter().for_each(|(k, v)| visit(u64::from(*k) << 32 | u64::from(*v)));
            }
            Field::Http2ErrorCode => self.error.map(u64::from),
            Field::Http2SizeUpdate => self.table_size,
            Field::Http2Priority => self.priority.map(u64::from),
            Field::Http2Window => self.window.map(u64::from),
            _ => None,
        };
        number.into_iter().for_each(visit);
    }
}

/// One request and its response, complete or not.
#[derive(Debug)]
pub struct HttpTx {
    pub(crate) id: u64,
    pub(crate) request: Message,
    pub(crate) response: Message,
    pub(crate) method: Vec<u8>,
    pub(crate) uri_raw: Vec<u8>,
    pub(crate) uri: Normalised,
    /// Lower case, without port.
    pub(crate) host: Option<Vec<u8>>,
    pub(crate) host_raw: Option<Vec<u8>>,
    pub(crate) port: Option<u16>,
    pub(crate) status: u16,
    pub(crate) status_code: Vec<u8>,
    pub(crate) status_message: Vec<u8>,
    pub(crate) seen_continue: bool,
    pub(crate) stream: Option<StreamPart>,
    /// No exchange: bytes that came after a message of this side.
    pub(crate) stray: Option<Direction>,
    /// DNS messages carried inside, by side: in the making, and read.
    pub(crate) collecting: [Option<Collector>; 2],
    pub(crate) dns: [Option<Box<DnsTx>>; 2],
    events: Vec<AppEvent>,
    buffers: [Buffers; 2],
}

impl HttpTx {
    pub(crate) fn new(id: u64, config: &Http1Config) -> Self {
        HttpTx {
            id,
            request: Message::new(Direction::ToServer, config),
            response: Message::new(Direction::ToClient, config),
            method: Vec::new(),
            uri_raw: Vec::new(),
            uri: Normalised::default(),
            host: None,
            host_raw: None,
            port: None,
            status: 0,
            status_code: Vec::new(),
            status_message: Vec::new(),
            seen_continue: false,
            stream: None,
            stray: None,
            collecting: [None, None],
            dns: [None, None],
            events: Vec::new(),
            buffers: [Buffers::default(), Buffers::default()],
        }
    }

    /// A transaction for a response to which no request was seen.
    pub(crate) fn without_request(id: u64, config: &Http1Config) -> Self {
        let mut tx = HttpTx::new(id, config);
        tx.uri_raw = URI_NOT_SEEN.to_vec();
        tx.uri.uri = URI_NOT_SEEN.to_vec();
        tx.uri.path = URI_NOT_SEEN.to_vec();
        tx.request.complete = true;
        tx
    }

    /// A transaction for bytes after a message's end.
    pub(crate) fn stray(id: u64, dir: Direction, config: &Http1Config) -> Self {
        let mut tx = HttpTx::new(id, config);
        tx.stray = Some(dir);
        tx.side_mut(dir.reverse()).complete = true;
        tx
    }

    pub(crate) fn side(&self, dir: Direction) -> &Message {
        match dir {
            Direction::ToServer => &self.request,
            Direction::ToClient => &self.response,
        }
    }

    pub(crate) fn side_mut(&mut self, dir: Direction) -> &mut Message {
        match dir {
            Direction::ToServer => &mut self.request,
            Direction::ToClient => &mut self.response,
        }
    }

    fn buffers(&self, dir: Direction) -> &Buffers {
        let [request, response] = &self.buffers;
        match dir {
            Direction::ToServer => request,
            Direction::ToClient => response,
        }
    }

    /// The headers of `dir` have changed: what was built from them is stale.
    pub(crate) fn headers_changed(&mut self, dir: Direction) {
        if let Some(b) = self.buffers.get_mut(dir.index()) {
            *b = Buffers::default();
        }
    }

    /// Makes the events of both sides visible, oldest first.
    pub(crate) fn publish_events(&mut self) {
        for side in [&mut self.request, &mut self.response] {
            for event in side.events.drain(..) {
                if !self.events.contains(&event) {
                    self.events.push(event);
                }
            }
        }
    }

    /// Names the request that another parser has read and that has been inspected there: it is
    /// logged with the response, but its buffers are not offered again.
    pub(crate) fn copy_request(&mut self, from: &HttpTx) {
        self.method.clone_from(&from.method);
        self.uri_raw.clone_from(&from.uri_raw);
        self.uri = from.uri.clone();
        self.host.clone_from(&from.host);
        self.port = from.port;
        self.request.headers = from.request.headers.clone();
        self.request.complete = true;
    }

    pub(crate) fn is_method(&self, method: &[u8]) -> bool {
        self.method == method
    }

    fn carried_dns(&self, dir: Direction) -> Option<&DnsTx> {
        self.dns.get(dir.index()).and_then(Option::as_deref)
    }

    /// The part of a larger file that the response is, by status and Content-Range.
    pub(crate) fn response_range(&mut self) -> Option<RangePart> {
        let value = self.response.headers.value(b"content-range").filter(|_| self.status == 206)?;
        let Some(range) = log::content_range(value) else {
            self.response.event(events::RANGE_INVALID);
            return None;
        };
        let key = [self.host.as_deref().unwrap_or_default(), b"\0", &self.uri_raw].concat();
        Some(RangePart::new(key, range.start?, range.end?, range.size))
    }

    fn header_field(field: Field) -> Option<&'static [u8]> {
        Some(match field {
            Field::HttpUserAgent => b"user-agent",
            Field::HttpReferer => b"referer",
            Field::HttpAccept => b"accept",
            Field::HttpAcceptEnc => b"accept-encoding",
            Field::HttpAcceptLang => b"accept-language",
            Field::HttpConnection => b"connection",
            Field::HttpContentLen => b"content-length",
            Field::HttpContentType => b"content-type",
            Field::HttpServer => b"server",
            Field::HttpLocation => b"location",
            _ => return None,
        })
    }
}

fn visit_some(bytes: Option<&[u8]>, visit: &mut dyn FnMut(&[u8])) {
    if let Some(b) = bytes {
        visit(b);
    }
}

fn visit_filled(bytes: &[u8], visit: &mut dyn FnMut(&[u8])) {
    if !bytes.is_empty() {
        visit(bytes);
    }
}

impl Transaction for HttpTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn progress(&self, dir: Direction) -> u8 {
        self.side(dir).progress
    }

    fn sides(&self) -> Sides {
        self.stray.map_or(Sides::Both, Sides::of)
    }

    fn is_complete(&self, dir: Direction) -> bool {
        self.side(dir).complete
    }

    fn events(&self) -> &[AppEvent] {
        &self.events
    }

    fn bytes(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(&[u8])) {
        if let Some(dns) = self.carried_dns(dir) {
            dns.bytes(field, dir, visit);
        }
        let side = self.side(dir);
        if side.progress < field.info().progress.min(crate::field::http_step::BODY) {
            return;
        }
        if let Some(name) = HttpTx::header_field(field) {
            return visit_some(side.headers.value(name), visit);
        }
        match field {
            Field::HttpUri => visit_filled(&self.uri.uri, visit),
            Field::HttpUriRaw => visit_filled(&self.uri_raw, visit),
            Field::HttpMethod => visit_filled(&self.method, visit),
            Field::HttpProtocol => visit_filled(&side.protocol, visit),
            Field::HttpRequestLine | Field::HttpResponseLine => visit_filled(&side.line, visit),
            Field::HttpStart => visit(self.buffers(dir).start(side)),
            Field::HttpHost => visit_some(self.host.as_deref(), visit),
            Field::HttpHostRaw => visit_some(self.host_raw.as_deref(), visit),
            Field::HttpHeader => visit_filled(self.buffers(dir).header(side), visit),
            Field::HttpHeaderRaw => visit_filled(side.headers.raw(), visit),
            Field::HttpHeaderNames => visit_filled(self.buffers(dir).names(side), visit),
            Field::HttpRequestHeader | Field::HttpResponseHeader | Field::Http2Header => {
                if field == Field::Http2Header && self.stream.is_none() {
                    return;
                }
                let mut line = Vec::new();
                for h in side.headers.iter() {
                    line.clear();
                    line.extend_from_slice(&h.name);
                    line.extend_from_slice(b": ");
                    line.extend_from_slice(&h.value);
                    visit(&line);
                }
            }
            Field::HttpCookie => {
                let name: &[u8] = match dir {
                    Direction::ToServer => b"cookie",
                    Direction::ToClient => b"set-cookie",
                };
                visit_some(side.headers.value(name), visit);
            }
            Field::HttpStatCode => visit_filled(&self.status_code, visit),
            Field::HttpStatMsg => visit_filled(&self.status_message, visit),
            Field::Http2HeaderName if self.stream.is_some() => {
                side.headers.iter().for_each(|h| visit(&h.name));
            }
            Field::FileName => side.files.iter().for_each(|f| visit(f.name())),
            Field::FileMagic => side.files.iter().for_each(|f| visit(f.magic().as_bytes())),
            _ => {}
        }
    }

    fn numbers(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(u64)) {
        if let Some(dns) = self.carried_dns(dir) {
            dns.numbers(field, dir, visit);
        }
        if let Some(side) = self.stream.as_ref().and_then(|s| s.sides.get(dir.index())) {
            side.numbers(field, visit);
        }
    }

    fn body(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(View<'_>) -> bool) {
        match (field, dir) {
            (Field::HttpRequestBody, Direction::ToServer)
            | (Field::HttpResponseBody | Field::FileData, Direction::ToClient) => self.side(dir).views(visit),
            (Field::FileData, Direction::ToServer) => {
                if let Some(file) = self.request.files.iter().rev().find(|f| f.has_views()) {
                    file.views(visit);
                }
            }
            _ => {}
        }
    }

    fn files(&self, dir: Direction) -> &[File] {
        &self.side(dir).files
    }

    fn carried(&self) -> Vec<&dyn Transaction> {
        self.dns.iter().flatten().map(|d| d.as_ref() as &dyn Transaction).collect()
    }

    fn files_mut(&mut self, dir: Direction) -> &mut [File] {
        &mut self.side_mut(dir).files
    }

    fn inspected(&mut self, dir: Direction) {
        self.side_mut(dir).inspected();
    }

    fn event_type(&self) -> Option<&'static str> {
        // Of a frame that concerns the connection there is nothing to tell.
        let is_frame = self.stream.as_ref().is_some_and(|s| s.id == 0);
        (!is_frame && self.stray.is_none()).then_some("http")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        log::write(self, out);
    }

    fn tell(&self, told: &mut Told) {
        self.host.iter().for_each(|name| told.host(name));
    }
}
