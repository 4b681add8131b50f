//! Anomalies of HTTP/2 by their rule names.

use crate::event::AppEvent;

macro_rules! events {
    ($($name:ident = $text:literal;)+) => {
        $(pub(super) const $name: AppEvent = concat!("http2.", $text);)+
    };
}

events! {
    INVALID_MAGIC = "invalid_client_magic";
    INVALID_FRAME_DATA = "invalid_frame_data";
    INVALID_HEADER = "invalid_header";
    INVALID_LENGTH = "invalid_frame_length";
    LONG_FRAME = "long_frame_data";
    STREAM_REUSE = "stream_id_reuse";
    INTEGER_OVERFLOW = "header_integer_overflow";
    TOO_MANY_STREAMS = "too_many_streams";
    REASSEMBLY_LIMIT = "reassembly_limit_reached";
    DATA_STREAM_ZERO = "data_stream_zero";
    HOST_MISMATCH = "authority_host_mismatch";
    DNS_REQUEST_TOO_LONG = "dns_request_too_long";
    DNS_RESPONSE_TOO_LONG = "dns_response_too_long";
    USERINFO = "userinfo_in_uri";
}
