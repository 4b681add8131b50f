//! The EVE `http` object.

use serde_json::{Map, Value, json};

use super::line::trim_blank;
use super::tx::HttpTx;

/// A `Content-Range` taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ContentRange {
    pub start: Option<u64>,
    pub end: Option<u64>,
    pub size: Option<u64>,
}

/// Reads `bytes 500-1000/146515`; `*` leaves a part out.
pub(crate) fn content_range(value: &[u8]) -> Option<ContentRange> {
    let text = std::str::from_utf8(trim_blank(value)).ok()?;
    let rest = text.get(..5).filter(|u| u.eq_ignore_ascii_case("bytes")).and(text.get(5..))?;
    let (range, size) = rest.trim().split_once('/')?;
    let number = |s: &str| s.trim().parse::<u64>().ok();
    let (start, end) = match range.split_once('-') {
        Some((s, e)) => (Some(number(s)?), Some(number(e)?)),
        None if range.trim() == "*" => (None, None),
        None => return None,
    };
    let size = if size.trim() == "*" { None } else { Some(number(size)?) };
    Some(ContentRange { start, end, size })
}

pub(crate) fn text(bytes: &[u8]) -> Value {
    Value::String(String::from_utf8_lossy(bytes).into_owned())
}

/// Writes `"http": {…}` into `out`.
pub(crate) fn write(tx: &HttpTx, out: &mut Map<String, Value>) {
    let mut http = Map::new();
    let mut put = |key: &str, bytes: Option<&[u8]>| {
        if let Some(b) = bytes {
            http.insert(key.to_owned(), text(b));
        }
    };
    let filled = |b: &'_ [u8]| -> bool { !b.is_empty() };
    put("hostname", tx.host.as_deref());
    put("url", Some(tx.uri_raw.as_slice()).filter(|b| filled(b)));
    put("http_user_agent", tx.request.headers.value(b"user-agent"));
    put("http_refer", tx.request.headers.value(b"referer"));
    put("http_method", Some(tx.method.as_slice()).filter(|b| filled(b)));
    let protocol = [&tx.request.protocol, &tx.response.protocol];
    put("protocol", protocol.into_iter().map(Vec::as_slice).find(|b| filled(b)));
    let content_type = tx.response.headers.value(b"content-type");
    put(
        "http_content_type",
        content_type.map(|v| trim_blank(v.split(|b| *b == b';').next().unwrap_or_default())),
    );
    put("redirect", tx.response.headers.value(b"location"));
    if let Some(port) = tx.port {
        http.insert("http_port".into(), json!(port));
    }
    if tx.status > 0 {
        http.insert("status".into(), json!(tx.status));
    }
    if let Some(raw) = tx.response.headers.value(b"content-range") {
        let mut range = Map::new();
        range.insert("raw".into(), text(raw));
        if let Some(r) = content_range(raw) {
            for (key, value) in [("start", r.start), ("end", r.end), ("size", r.size)] {
                if let Some(v) = value {
                    range.insert(key.into(), json!(v));
                }
            }
        }
        http.insert("content_range".into(), Value::Object(range));
    }
    http.insert("length".into(), json!(tx.response.body_bytes));
    if let Some(stream) = &tx.stream {
        http.insert("version".into(), json!("2"));
        for (key, side) in [("request_headers", &tx.request), ("response_headers", &tx.response)] {
            let list = side.headers.iter().filter(|h| h.name.first() != Some(&b':'));
            let list: Vec<Value> =
                list.map(|h| json!({"name": text(&h.name), "value": text(&h.value)})).collect();
            http.insert(key.into(), Value::Array(list));
        }
        let [request, response] =
            stream.sides.each_ref().map(|s| s.priority.map_or_else(|| json!({}), |p| json!({"priority": p})));
        let part = json!({"stream_id": stream.id, "request": request, "response": response});
        http.insert("http2".into(), part);
    }
    out.insert("http".into(), Value::Object(http));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let r = content_range(b"bytes 500-1000/146515").unwrap();
        assert_eq!((r.start, r.end, r.size), (Some(500), Some(1000), Some(146515)));
        let r = content_range(b"bytes */10").unwrap();
        assert_eq!((r.start, r.end, r.size), (None, None, Some(10)));
        assert_eq!(content_range(b"bytes 5-x/10"), None);
        assert_eq!(content_range(b"lines 1-2/3"), None);
    }
}
