//! Settings of HTTP, with the reference's option names in the comments
//! (`app-layer.protocols.http.libhtp.default-config.*`).

use super::ranges::SharedRanges;
use mimamori_files::{FileConfig, HashKinds, WindowConfig, decode::Limits};

/// What HTTP/1 (and the shared part of HTTP/2) can be told.
#[derive(Clone, Debug)]
pub struct Http1Config {
    /// `request-body-limit` (0: none), `request-body-minimal-inspect-size`,
    /// `request-body-inspect-window`.
    pub request_body: WindowConfig,
    /// The same for responses.
    pub response_body: WindowConfig,
    /// Show bodies to rules as they come besides (`http-body-inline`).
    pub inline_bodies: bool,
    /// `response-body-decompress-layer-limit`
    pub max_layers: usize,
    pub decode: Limits,
    /// `double-decode-path`, `double-decode-query`
    pub double_decode_path: bool,
    pub double_decode_query: bool,
    /// `query-plusspace-decode`
    pub plus_is_space: bool,
    /// `uri-include-all`
    pub uri_include_all: bool,
    /// `lzma-enabled`
    pub lzma: bool,
    /// One line: a header, a request or a status line (`meta-field-limit`).
    pub max_line_bytes: usize,
    /// `headers-limit`
    pub max_headers: usize,
    /// `max-tx`
    pub max_tx: usize,
    pub hashes: HashKinds,
    /// Files that come in parts.
    pub ranges: SharedRanges,
}

impl Default for Http1Config {
    fn default() -> Self {
        Http1Config {
            request_body: WindowConfig {
                limit: 100 * 1024,
                minimal_inspect: 32 * 1024,
                lookback: 4 * 1024,
                early: false,
            },
            response_body: WindowConfig {
                limit: 100 * 1024,
                minimal_inspect: 40 * 1024,
                lookback: 16 * 1024,
                early: false,
            },
            inline_bodies: false,
            max_layers: 2,
            decode: Limits::default(),
            double_decode_path: false,
            double_decode_query: false,
            plus_is_space: false,
            uri_include_all: false,
            lzma: false,
            max_line_bytes: 18_000,
            max_headers: 1024,
            max_tx: 512,
            hashes: HashKinds::NONE,
            ranges: SharedRanges::default(),
        }
    }
}

impl Http1Config {
    /// The window of request bodies.
    #[must_use]
    pub fn request_window(&self) -> WindowConfig {
        self.windowed(self.request_body)
    }

    /// The window of response bodies.
    #[must_use]
    pub fn response_window(&self) -> WindowConfig {
        self.windowed(self.response_body)
    }

    fn windowed(&self, config: WindowConfig) -> WindowConfig {
        WindowConfig { early: self.inline_bodies || config.minimal_inspect == 0, ..config }
    }

    pub(crate) fn request_file(&self) -> FileConfig {
        FileConfig { hashes: self.hashes, window: self.request_window() }
    }

    /// A file put together from parts: inspected like a body of its own.
    pub(crate) fn whole_file(&self) -> FileConfig {
        FileConfig { hashes: self.hashes, window: self.response_window() }
    }

    pub(crate) fn response_file(&self) -> FileConfig {
        FileConfig::without_window(self.hashes)
    }
}
