//! Anomalies of HTTP by their rule names.

use mimamori_base::Direction;

use super::chunk::ChunkOddity;
use super::headers::Oddity;
use crate::event::AppEvent;

macro_rules! events {
    ($($name:ident = $text:literal;)+) => {
        $(pub(crate) const $name: AppEvent = concat!("http.", $text);)+
    };
}

events! {
    GZIP_FAILED = "gzip_decompression_failed";
    BOMB = "compression_bomb";
    LZMA_MEMORY = "lzma_memlimit_reached";
    TOO_MANY_LAYERS = "too_many_encoding_layers";
    ABNORMAL_CE = "abnormal_ce_header";
    REQUEST_TE_INVALID = "invalid_transfer_encoding_value_in_request";
    RESPONSE_TE_INVALID = "invalid_transfer_encoding_value_in_response";
    RESPONSE_TE_ABNORMAL = "response_abnormal_transfer_encoding";
    RESPONSE_CHUNKED_OLD = "response_chunked_old_proto";
    REQUEST_CL_INVALID = "invalid_content_length_field_in_request";
    RESPONSE_CL_INVALID = "invalid_content_length_field_in_response";
    REQUEST_CL_DUPLICATE = "duplicate_content_length_field_in_request";
    RESPONSE_CL_DUPLICATE = "duplicate_content_length_field_in_response";
    CONTINUE_SEEN = "100_continue_already_seen";
    NO_REQUEST = "unable_to_match_response_to_request";
    INVALID_SERVER_PORT = "invalid_server_port_in_request";
    MISSING_HOST = "missing_host_header";
    AMBIGUOUS_HOST = "host_header_ambiguous";
    URI_HOST_INVALID = "uri_host_invalid";
    HEADER_HOST_INVALID = "header_host_invalid";
    METHOD_DELIMITER = "method_delim_non_compliant";
    LEADING_BLANK = "request_line_leading_whitespace";
    LINE_INCOMPLETE = "request_line_incomplete";
    MISSING_PROTOCOL = "request_line_missing_protocol";
    BODY_UNEXPECTED = "request_body_unexpected";
    RESPONSE_BODY_UNEXPECTED = "response_body_unexpected";
    DOUBLE_ENCODED = "double_encoded_uri";
    AUTH_UNRECOGNISED = "request_auth_unrecognized";
    RESPONSE_PROTOCOL = "response_invalid_protocol";
    RESPONSE_STATUS = "response_invalid_status";
    BYTE_RANGES = "response_multipart_byteranges";
    RANGE_INVALID = "range_invalid";
    MULTIPART_INVALID = "multipart_invalid_header";
    MULTIPART_NO_DATA = "multipart_no_filedata";
    MULTIPART_GENERIC = "multipart_generic_error";
    TOO_LONG_REQUEST = "request_field_too_long";
    TOO_LONG_RESPONSE = "response_field_too_long";
}

/// The event of an oddity in the header block of side `dir`.
pub(crate) fn of_header(oddity: Oddity, dir: Direction) -> AppEvent {
    let (request, response) = match oddity {
        Oddity::MissingColon => ("http.request_field_missing_colon", "http.response_field_missing_colon"),
        Oddity::InvalidName => ("http.request_header_invalid", "http.response_header_invalid"),
        Oddity::Folding => ("http.invalid_request_field_folding", "http.invalid_response_field_folding"),
        Oddity::Repetition => ("http.request_header_repetition", "http.response_header_repetition"),
        Oddity::TooLong => (TOO_LONG_REQUEST, TOO_LONG_RESPONSE),
        Oddity::TooMany => ("http.request_too_many_headers", "http.response_too_many_headers"),
    };
    pick(dir, request, response)
}

/// The event of an oddity in the chunks of side `dir`.
pub(crate) fn of_chunk(oddity: ChunkOddity, dir: Direction) -> AppEvent {
    let (request, response) = match oddity {
        ChunkOddity::InvalidLength => ("http.invalid_request_chunk_len", "http.invalid_response_chunk_len"),
        ChunkOddity::Extension => ("http.request_chunk_extension", "http.response_chunk_extension"),
    };
    pick(dir, request, response)
}

pub(crate) fn pick<T>(dir: Direction, request: T, response: T) -> T {
    match dir {
        Direction::ToServer => request,
        Direction::ToClient => response,
    }
}
