//! The buffers and numbers that rules can look at, by protocol.

use crate::proto::AppProto;

/// How a field's value looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldKind {
    /// At most one buffer a transaction and direction.
    Bytes,
    /// Any number of buffers, each matched on its own.
    MultiBytes,
    /// A number, or several.
    Number,
    /// A body that arrives piece by piece; inspected through a sliding window.
    Stream,
}

/// Which sides of a transaction carry the field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sides {
    ToServer,
    ToClient,
    Both,
}

/// What the rule compiler and the inspection need to know of a field.
#[derive(Clone, Copy, Debug)]
pub struct FieldInfo {
    /// The sticky-buffer keyword, current spelling.
    pub keyword: &'static str,
    pub protos: &'static [AppProto],
    pub sides: Sides,
    pub kind: FieldKind,
    /// The value is final once [`crate::Transaction::progress`] of its side is at least this.
    pub progress: u8,
}

macro_rules! fields {
    ($($name:ident: $keyword:literal, [$($proto:ident)|+], $sides:ident, $kind:ident, $progress:expr;)+) => {
        /// A field of a transaction. See the table in this module for keyword, protocols,
        /// sides, kind and the progress from which its value is final.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Field { $($name),+ }

        impl Field {
            pub const ALL: &'static [Field] = &[$(Field::$name),+];

            #[must_use]
            pub const fn info(self) -> &'static FieldInfo {
                match self {
                    $(Field::$name => &FieldInfo {
                        keyword: $keyword,
                        protos: &[$(AppProto::$proto),+],
                        sides: Sides::$sides,
                        kind: FieldKind::$kind,
                        progress: $progress,
                    }),+
                }
            }

            /// The field whose sticky-buffer keyword is `keyword`.
            #[must_use]
            pub fn by_keyword(keyword: &str) -> Option<Field> {
                Field::ALL.iter().copied().find(|f| f.info().keyword == keyword)
            }
        }
    };
}

/// Steps of an HTTP transaction's side, for [`crate::Transaction::progress`].
pub mod http_step {
    pub const LINE: u8 = 1;
    pub const HEADERS: u8 = 2;
    pub const BODY: u8 = 3;
    pub const TRAILER: u8 = 4;
    pub const COMPLETE: u8 = 5;
}

/// Steps of a TLS handshake's side.
pub mod tls_step {
    pub const HELLO: u8 = 1;
    pub const CERT: u8 = 2;
    pub const DONE: u8 = 3;
}

/// A transaction that is final as soon as it exists.
pub const ONE_STEP: u8 = 1;

fields! {
    HttpUri: "http.uri", [Http1 | Http2], ToServer, Bytes, http_step::LINE;
    HttpUriRaw: "http.uri.raw", [Http1 | Http2], ToServer, Bytes, http_step::LINE;
    HttpMethod: "http.method", [Http1 | Http2], ToServer, Bytes, http_step::LINE;
    HttpProtocol: "http.protocol", [Http1 | Http2], Both, Bytes, http_step::LINE;
    HttpRequestLine: "http.request_line", [Http1 | Http2], ToServer, Bytes, http_step::LINE;
    HttpResponseLine: "http.response_line", [Http1 | Http2], ToClient, Bytes, http_step::LINE;
    HttpStart: "http.start", [Http1], Both, Bytes, http_step::HEADERS;
    HttpHost: "http.host", [Http1 | Http2], ToServer, Bytes, http_step::HEADERS;
    HttpHostRaw: "http.host.raw", [Http1 | Http2], ToServer, Bytes, http_step::HEADERS;
    HttpHeader: "http.header", [Http1 | Http2], Both, Bytes, http_step::HEADERS;
    HttpHeaderRaw: "http.header.raw", [Http1 | Http2], Both, Bytes, http_step::HEADERS;
    HttpHeaderNames: "http.header_names", [Http1 | Http2], Both, Bytes, http_step::HEADERS;
    HttpRequestHeader: "http.request_header", [Http1 | Http2], ToServer, MultiBytes, http_step::HEADERS;
    HttpResponseHeader: "http.response_header", [Http1 | Http2], ToClient, MultiBytes, http_step::HEADERS;
    HttpCookie: "http.cookie", [Http1 | Http2], Both, Bytes, http_step::HEADERS;
    HttpUserAgent: "http.user_agent", [Http1 | Http2], ToServer, Bytes, http_step::HEADERS;
    HttpReferer: "http.referer", [Http1 | Http2], ToServer, Bytes, http_step::HEADERS;
    HttpAccept: "http.accept", [Http1 | Http2], ToServer, Bytes, http_step::HEADERS;
    HttpAcceptEnc: "http.accept_enc", [Http1 | Http2], ToServer, Bytes, http_step::HEADERS;
    HttpAcceptLang: "http.accept_lang", [Http1 | Http2], ToServer, Bytes, http_step::HEADERS;
    HttpConnection: "http.connection", [Http1 | Http2], Both, Bytes, http_step::HEADERS;
    HttpContentLen: "http.content_len", [Http1 | Http2], Both, Bytes, http_step::HEADERS;
    HttpContentType: "http.content_type", [Http1 | Http2], Both, Bytes, http_step::HEADERS;
    HttpServer: "http.server", [Http1 | Http2], ToClient, Bytes, http_step::HEADERS;
    HttpLocation: "http.location", [Http1 | Http2], ToClient, Bytes, http_step::HEADERS;
    HttpStatCode: "http.stat_code", [Http1 | Http2], ToClient, Bytes, http_step::LINE;
    HttpStatMsg: "http.stat_msg", [Http1 | Http2], ToClient, Bytes, http_step::LINE;
    HttpRequestBody: "http.request_body", [Http1 | Http2], ToServer, Stream, http_step::BODY;
    HttpResponseBody: "http.response_body", [Http1 | Http2], ToClient, Stream, http_step::BODY;
    FileData: "file.data", [Http1 | Http2 | Smtp | Ftp | FtpData | Smb | Nfs | Pop3 | Imap | Tftp], Both, Stream, http_step::BODY;
    FileName: "file.name", [Http1 | Http2 | Smtp | Ftp | FtpData | Smb | Nfs | Pop3 | Imap | Tftp], Both, MultiBytes, http_step::HEADERS;
    FileMagic: "file.magic", [Http1 | Http2 | Smtp | Ftp | FtpData | Smb | Nfs | Pop3 | Imap | Tftp], Both, MultiBytes, http_step::BODY;
    DnsQueryName: "dns.query.name", [Dns | DoH2], Both, MultiBytes, ONE_STEP;
    DnsQuery: "dns.query", [Dns | DoH2], ToServer, MultiBytes, ONE_STEP;
    DnsAnswerName: "dns.answer.name", [Dns | DoH2], Both, MultiBytes, ONE_STEP;
    DnsAuthoritiesRrname: "dns.authorities.rrname", [Dns | DoH2], Both, MultiBytes, ONE_STEP;
    DnsAdditionalsRrname: "dns.additionals.rrname", [Dns | DoH2], Both, MultiBytes, ONE_STEP;
    DnsQueriesRrname: "dns.queries.rrname", [Dns | DoH2], Both, MultiBytes, ONE_STEP;
    DnsAnswersRrname: "dns.answers.rrname", [Dns | DoH2], Both, MultiBytes, ONE_STEP;
    DnsResponseRrname: "dns.response.rrname", [Dns | DoH2], ToClient, MultiBytes, ONE_STEP;
    DnsOpcode: "dns.opcode", [Dns | DoH2], Both, Number, ONE_STEP;
    DnsRcode: "dns.rcode", [Dns | DoH2], Both, Number, ONE_STEP;
    DnsRrtype: "dns.rrtype", [Dns | DoH2], Both, Number, ONE_STEP;
    TlsSni: "tls.sni", [Tls], ToServer, Bytes, tls_step::HELLO;
    TlsVersion: "tls.version", [Tls], Both, Bytes, tls_step::HELLO;
    TlsAlpn: "tls.alpn", [Tls], Both, MultiBytes, tls_step::HELLO;
    TlsCipherSuites: "tls.cipher_suites", [Tls], ToServer, Number, tls_step::HELLO;
    TlsRandom: "tls.random", [Tls], Both, Bytes, tls_step::HELLO;
    TlsRandomTime: "tls.random_time", [Tls], Both, Bytes, tls_step::HELLO;
    TlsRandomBytes: "tls.random_bytes", [Tls], Both, Bytes, tls_step::HELLO;
    TlsCerts: "tls.certs", [Tls], Both, MultiBytes, tls_step::CERT;
    TlsCertSubject: "tls.cert_subject", [Tls], Both, Bytes, tls_step::CERT;
    TlsCertIssuer: "tls.cert_issuer", [Tls], Both, Bytes, tls_step::CERT;
    TlsCertSerial: "tls.cert_serial", [Tls], Both, Bytes, tls_step::CERT;
    TlsCertFingerprint: "tls.cert_fingerprint", [Tls], Both, Bytes, tls_step::CERT;
    TlsSubjectAltName: "tls.subjectaltname", [Tls], ToClient, MultiBytes, tls_step::CERT;
    TlsCertNotBefore: "tls_cert_notbefore", [Tls], ToClient, Number, tls_step::CERT;
    TlsCertNotAfter: "tls_cert_notafter", [Tls], ToClient, Number, tls_step::CERT;
    TlsCertChainLen: "tls.cert_chain_len", [Tls], ToClient, Number, tls_step::CERT;
    Ja3Hash: "ja3.hash", [Tls | Quic], ToServer, Bytes, tls_step::HELLO;
    Ja3String: "ja3.string", [Tls | Quic], ToServer, Bytes, tls_step::HELLO;
    Ja3sHash: "ja3s.hash", [Tls | Quic], ToClient, Bytes, tls_step::HELLO;
    Ja3sString: "ja3s.string", [Tls | Quic], ToClient, Bytes, tls_step::HELLO;
    Ja4Hash: "ja4.hash", [Tls | Quic], ToServer, Bytes, tls_step::HELLO;
    QuicVersion: "quic.version", [Quic], Both, Bytes, ONE_STEP;
    QuicSni: "quic.sni", [Quic], ToServer, Bytes, ONE_STEP;
    QuicUa: "quic.ua", [Quic], ToServer, Bytes, ONE_STEP;
    QuicCyuHash: "quic.cyu.hash", [Quic], ToServer, MultiBytes, ONE_STEP;
    QuicCyuString: "quic.cyu.string", [Quic], ToServer, MultiBytes, ONE_STEP;
    SmtpHelo: "smtp.helo", [Smtp], ToServer, Bytes, ONE_STEP;
    SmtpMailFrom: "smtp.mail_from", [Smtp], ToServer, Bytes, ONE_STEP;
    SmtpRcptTo: "smtp.rcpt_to", [Smtp], ToServer, MultiBytes, ONE_STEP;
    EmailFrom: "email.from", [Smtp], ToServer, Bytes, ONE_STEP;
    EmailSubject: "email.subject", [Smtp], ToServer, Bytes, ONE_STEP;
    EmailTo: "email.to", [Smtp], ToServer, Bytes, ONE_STEP;
    EmailCc: "email.cc", [Smtp], ToServer, Bytes, ONE_STEP;
    EmailDate: "email.date", [Smtp], ToServer, Bytes, ONE_STEP;
    EmailMessageId: "email.message_id", [Smtp], ToServer, Bytes, ONE_STEP;
    EmailXMailer: "email.x_mailer", [Smtp], ToServer, Bytes, ONE_STEP;
    EmailUrl: "email.url", [Smtp], ToServer, MultiBytes, ONE_STEP;
    EmailReceived: "email.received", [Smtp], ToServer, MultiBytes, ONE_STEP;
    EmailBodyMd5: "email.body_md5", [Smtp], ToServer, Bytes, ONE_STEP;
    FtpCommand: "ftp.command", [Ftp], ToServer, Bytes, ONE_STEP;
    FtpCommandData: "ftp.command_data", [Ftp], ToServer, Bytes, ONE_STEP;
    FtpReply: "ftp.reply", [Ftp], ToClient, MultiBytes, ONE_STEP;
    FtpCompletionCode: "ftp.completion_code", [Ftp], ToClient, MultiBytes, ONE_STEP;
    SshProto: "ssh.proto", [Ssh], Both, Bytes, ONE_STEP;
    SshSoftware: "ssh.software", [Ssh], Both, Bytes, ONE_STEP;
    SshHassh: "ssh.hassh", [Ssh], ToServer, Bytes, 2;
    SshHasshString: "ssh.hassh.string", [Ssh], ToServer, Bytes, 2;
    SshHasshServer: "ssh.hassh.server", [Ssh], ToClient, Bytes, 2;
    SshHasshServerString: "ssh.hassh.server.string", [Ssh], ToClient, Bytes, 2;
    SmbNamedPipe: "smb.named_pipe", [Smb], ToServer, Bytes, ONE_STEP;
    SmbShare: "smb.share", [Smb], ToServer, Bytes, ONE_STEP;
    SmbNtlmsspUser: "smb.ntlmssp_user", [Smb], ToServer, Bytes, ONE_STEP;
    SmbNtlmsspDomain: "smb.ntlmssp_domain", [Smb], ToServer, Bytes, ONE_STEP;
    DceStubData: "dce_stub_data", [DceRpc | Smb], Both, Bytes, ONE_STEP;
}
