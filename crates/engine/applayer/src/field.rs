//! The buffers and numbers that rules can look at, by protocol.

use mimamori_base::Direction;

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

impl Sides {
    /// The one side `dir`.
    #[must_use]
    pub const fn of(dir: Direction) -> Sides {
        match dir {
            Direction::ToServer => Sides::ToServer,
            Direction::ToClient => Sides::ToClient,
        }
    }
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

/// Steps of an RFB handshake's side; the first is the kind of login, or its result.
pub mod rfb_step {
    pub const OVER: u8 = 2;
}

/// Steps of a TLS handshake's side.
pub mod tls_step {
    pub const HELLO: u8 = 1;
    pub const CERT: u8 = 2;
    pub const DONE: u8 = 3;
}

/// Steps of an SSH side.
pub mod ssh_step {
    pub const BANNER: u8 = 1;
    /// The key exchange was announced: HASSH is known.
    pub const KEYS: u8 = 2;
    pub const DONE: u8 = 3;
}

/// Steps of a mail. At [`smtp_step::ENVELOPE`] the attachments' names may begin to come.
pub mod smtp_step {
    pub const HELO: u8 = 1;
    pub const ENVELOPE: u8 = 2;
    pub const HEADERS: u8 = 3;
    pub const DONE: u8 = 4;
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
    Http2HeaderName: "http2.header_name", [Http2], Both, MultiBytes, http_step::HEADERS;
    Http2Header: "http2.header", [Http2], Both, MultiBytes, http_step::HEADERS;
    Http2FrameType: "http2.frametype", [Http2], Both, Number, http_step::LINE;
    Http2ErrorCode: "http2.errorcode", [Http2], Both, Number, http_step::LINE;
    Http2Settings: "http2.settings", [Http2], Both, Number, http_step::LINE;
    Http2SizeUpdate: "http2.size_update", [Http2], Both, Number, http_step::LINE;
    Http2Priority: "http2.priority", [Http2], Both, Number, http_step::LINE;
    Http2Window: "http2.window", [Http2], Both, Number, http_step::LINE;
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
    SmtpMailFrom: "smtp.mail_from", [Smtp], ToServer, Bytes, smtp_step::ENVELOPE;
    SmtpRcptTo: "smtp.rcpt_to", [Smtp], ToServer, MultiBytes, smtp_step::HELO;
    EmailFrom: "email.from", [Smtp], ToServer, Bytes, smtp_step::HEADERS;
    EmailSubject: "email.subject", [Smtp], ToServer, Bytes, smtp_step::HEADERS;
    EmailTo: "email.to", [Smtp], ToServer, Bytes, smtp_step::HEADERS;
    EmailCc: "email.cc", [Smtp], ToServer, Bytes, smtp_step::HEADERS;
    EmailDate: "email.date", [Smtp], ToServer, Bytes, smtp_step::HEADERS;
    EmailMessageId: "email.message_id", [Smtp], ToServer, Bytes, smtp_step::HEADERS;
    EmailXMailer: "email.x_mailer", [Smtp], ToServer, Bytes, smtp_step::HEADERS;
    EmailUrl: "email.url", [Smtp], ToServer, MultiBytes, smtp_step::HEADERS;
    EmailReceived: "email.received", [Smtp], ToServer, MultiBytes, smtp_step::HEADERS;
    EmailBodyMd5: "email.body_md5", [Smtp], ToServer, Bytes, smtp_step::DONE;
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
    SmbNamedPipe: "smb.named_pipe", [Smb], Both, Bytes, ONE_STEP;
    SmbShare: "smb.share", [Smb], ToServer, Bytes, ONE_STEP;
    SmbNtlmsspUser: "smb.ntlmssp_user", [Smb], ToServer, Bytes, ONE_STEP;
    SmbNtlmsspDomain: "smb.ntlmssp_domain", [Smb], ToServer, Bytes, ONE_STEP;
    DceStubData: "dcerpc.stub_data", [DceRpc | Smb], Both, Bytes, ONE_STEP;
    MdnsQueriesRrname: "mdns.queries.rrname", [Mdns], Both, MultiBytes, ONE_STEP;
    MdnsAnswersRrname: "mdns.answers.rrname", [Mdns], Both, MultiBytes, ONE_STEP;
    MdnsAuthoritiesRrname: "mdns.authorities.rrname", [Mdns], Both, MultiBytes, ONE_STEP;
    MdnsAdditionalsRrname: "mdns.additionals.rrname", [Mdns], Both, MultiBytes, ONE_STEP;
    MdnsResponseRrname: "mdns.response.rrname", [Mdns], Both, MultiBytes, ONE_STEP;
    LlmnrQueriesRrname: "llmnr.queries.rrname", [Llmnr], Both, MultiBytes, ONE_STEP;
    LlmnrAnswersRrname: "llmnr.answers.rrname", [Llmnr], Both, MultiBytes, ONE_STEP;
    LlmnrAuthoritiesRrname: "llmnr.authorities.rrname", [Llmnr], Both, MultiBytes, ONE_STEP;
    LlmnrAdditionalsRrname: "llmnr.additionals.rrname", [Llmnr], Both, MultiBytes, ONE_STEP;
    LlmnrResponseRrname: "llmnr.response.rrname", [Llmnr], Both, MultiBytes, ONE_STEP;
    SslState: "ssl_state", [Tls], Both, Number, ONE_STEP;
    SslVersion: "ssl_version", [Tls], Both, Number, ONE_STEP;
    FtpReplyReceived: "ftp.reply_received", [Ftp], Both, Number, ONE_STEP;
    FtpDynamicPort: "ftp.dynamic_port", [Ftp], Both, Number, ONE_STEP;
    FtpPortAddress: "ftp.port_address", [Ftp], ToServer, Bytes, ONE_STEP;
    FtpMode: "ftp.mode", [Ftp], Both, Bytes, ONE_STEP;
    FtpDataCommand: "ftpdata_command", [FtpData], Both, Bytes, ONE_STEP;
    SmbVersion: "smb.version", [Smb], Both, Number, ONE_STEP;
    DceIface: "dcerpc.iface", [DceRpc | Smb], Both, MultiBytes, ONE_STEP;
    DceOpnum: "dcerpc.opnum", [DceRpc | Smb], Both, Number, ONE_STEP;
    DhcpLeaseTime: "dhcp.leasetime", [Dhcp], Both, Number, ONE_STEP;
    DhcpRebindingTime: "dhcp.rebinding_time", [Dhcp], Both, Number, ONE_STEP;
    DhcpRenewalTime: "dhcp.renewal_time", [Dhcp], Both, Number, ONE_STEP;
    NtpVersion: "ntp.version", [Ntp], Both, Number, ONE_STEP;
    NtpMode: "ntp.mode", [Ntp], Both, Number, ONE_STEP;
    NtpStratum: "ntp.stratum", [Ntp], Both, Number, ONE_STEP;
    NtpReferenceId: "ntp.reference_id", [Ntp], Both, Bytes, ONE_STEP;
    SnmpVersion: "snmp.version", [Snmp], Both, Number, ONE_STEP;
    SnmpCommunity: "snmp.community", [Snmp], Both, Bytes, ONE_STEP;
    SnmpUsm: "snmp.usm", [Snmp], Both, Bytes, ONE_STEP;
    SnmpPduType: "snmp.pdu_type", [Snmp], Both, Number, ONE_STEP;
    SnmpTrapType: "snmp.trap_type", [Snmp], Both, Number, ONE_STEP;
    SnmpTrapOid: "snmp.trap_oid", [Snmp], Both, Bytes, ONE_STEP;
    SnmpTrapAddress: "snmp.trap_address", [Snmp], Both, Bytes, ONE_STEP;
    Krb5MsgType: "krb5_msg_type", [Krb5], Both, Number, ONE_STEP;
    Krb5ErrCode: "krb5_err_code", [Krb5], ToClient, Number, ONE_STEP;
    Krb5Cname: "krb5.cname", [Krb5], Both, MultiBytes, ONE_STEP;
    Krb5Sname: "krb5.sname", [Krb5], Both, MultiBytes, ONE_STEP;
    Krb5TicketEncryption: "krb5.ticket_encryption", [Krb5], ToClient, Number, ONE_STEP;
    SipMethod: "sip.method", [Sip], ToServer, Bytes, ONE_STEP;
    SipUri: "sip.uri", [Sip], ToServer, Bytes, ONE_STEP;
    SipRequestLine: "sip.request_line", [Sip], ToServer, Bytes, ONE_STEP;
    SipProtocol: "sip.protocol", [Sip], Both, Bytes, ONE_STEP;
    SipStatCode: "sip.stat_code", [Sip], ToClient, Bytes, ONE_STEP;
    SipStatMsg: "sip.stat_msg", [Sip], ToClient, Bytes, ONE_STEP;
    SipResponseLine: "sip.response_line", [Sip], ToClient, Bytes, ONE_STEP;
    SipFrom: "sip.from", [Sip], Both, MultiBytes, ONE_STEP;
    SipTo: "sip.to", [Sip], Both, MultiBytes, ONE_STEP;
    SipVia: "sip.via", [Sip], Both, MultiBytes, ONE_STEP;
    SipUserAgent: "sip.user_agent", [Sip], Both, MultiBytes, ONE_STEP;
    SipContentType: "sip.content_type", [Sip], Both, MultiBytes, ONE_STEP;
    SipContentLength: "sip.content_length", [Sip], Both, MultiBytes, ONE_STEP;
    SdpOrigin: "sdp.origin", [Sip], Both, MultiBytes, ONE_STEP;
    SdpSessionName: "sdp.session_name", [Sip], Both, MultiBytes, ONE_STEP;
    SdpSessionInfo: "sdp.session_info", [Sip], Both, MultiBytes, ONE_STEP;
    SdpUri: "sdp.uri", [Sip], Both, MultiBytes, ONE_STEP;
    SdpEmail: "sdp.email", [Sip], Both, MultiBytes, ONE_STEP;
    SdpPhoneNumber: "sdp.phone_number", [Sip], Both, MultiBytes, ONE_STEP;
    SdpConnectionData: "sdp.connection_data", [Sip], Both, MultiBytes, ONE_STEP;
    SdpBandwidth: "sdp.bandwidth", [Sip], Both, MultiBytes, ONE_STEP;
    SdpTime: "sdp.time", [Sip], Both, MultiBytes, ONE_STEP;
    SdpRepeatTime: "sdp.repeat_time", [Sip], Both, MultiBytes, ONE_STEP;
    SdpTimezone: "sdp.timezone", [Sip], Both, MultiBytes, ONE_STEP;
    SdpEncryptionKey: "sdp.encryption_key", [Sip], Both, MultiBytes, ONE_STEP;
    SdpAttribute: "sdp.attribute", [Sip], Both, MultiBytes, ONE_STEP;
    SdpMedia: "sdp.media.media", [Sip], Both, MultiBytes, ONE_STEP;
    SdpMediaInfo: "sdp.media.media_info", [Sip], Both, MultiBytes, ONE_STEP;
    SdpMediaConnectionData: "sdp.media.connection_data", [Sip], Both, MultiBytes, ONE_STEP;
    SdpMediaEncryptionKey: "sdp.media.encryption_key", [Sip], Both, MultiBytes, ONE_STEP;
    LdapRequestOperation: "ldap.request.operation", [Ldap], ToServer, Number, ONE_STEP;
    LdapResponsesOperation: "ldap.responses.operation", [Ldap], ToClient, Number, ONE_STEP;
    LdapResponsesCount: "ldap.responses.count", [Ldap], ToClient, Number, ONE_STEP;
    LdapRequestDn: "ldap.request.dn", [Ldap], ToServer, Bytes, ONE_STEP;
    LdapResponsesDn: "ldap.responses.dn", [Ldap], ToClient, MultiBytes, ONE_STEP;
    LdapResponsesResultCode: "ldap.responses.result_code", [Ldap], ToClient, Number, ONE_STEP;
    LdapResponsesMessage: "ldap.responses.message", [Ldap], ToClient, MultiBytes, ONE_STEP;
    LdapRequestAttributeType: "ldap.request.attribute_type", [Ldap], ToServer, MultiBytes, ONE_STEP;
    LdapResponsesAttributeType: "ldap.responses.attribute_type", [Ldap], ToClient, MultiBytes, ONE_STEP;
    MqttType: "mqtt.type", [Mqtt], Both, Number, ONE_STEP;
    MqttFlags: "mqtt.flags", [Mqtt], Both, Number, ONE_STEP;
    MqttQos: "mqtt.qos", [Mqtt], Both, Number, ONE_STEP;
    MqttReasonCode: "mqtt.reason_code", [Mqtt], Both, Number, ONE_STEP;
    MqttProtocolVersion: "mqtt.protocol_version", [Mqtt], Both, Number, ONE_STEP;
    MqttConnectFlags: "mqtt.connect.flags", [Mqtt], ToServer, Number, ONE_STEP;
    MqttConnectClientId: "mqtt.connect.clientid", [Mqtt], ToServer, Bytes, ONE_STEP;
    MqttConnectProtocolString: "mqtt.connect.protocol_string", [Mqtt], ToServer, Bytes, ONE_STEP;
    MqttConnectUsername: "mqtt.connect.username", [Mqtt], ToServer, Bytes, ONE_STEP;
    MqttConnectPassword: "mqtt.connect.password", [Mqtt], ToServer, Bytes, ONE_STEP;
    MqttConnectWillTopic: "mqtt.connect.willtopic", [Mqtt], ToServer, Bytes, ONE_STEP;
    MqttConnectWillMessage: "mqtt.connect.willmessage", [Mqtt], ToServer, Bytes, ONE_STEP;
    MqttConnackSessionPresent: "mqtt.connack.session_present", [Mqtt], Both, Number, ONE_STEP;
    MqttPublishTopic: "mqtt.publish.topic", [Mqtt], Both, Bytes, ONE_STEP;
    MqttPublishMessage: "mqtt.publish.message", [Mqtt], Both, Bytes, ONE_STEP;
    MqttSubscribeTopic: "mqtt.subscribe.topic", [Mqtt], ToServer, MultiBytes, ONE_STEP;
    MqttUnsubscribeTopic: "mqtt.unsubscribe.topic", [Mqtt], ToServer, MultiBytes, ONE_STEP;
    WebSocketPayload: "websocket.payload", [WebSocket], Both, Bytes, ONE_STEP;
    WebSocketOpcode: "websocket.opcode", [WebSocket], Both, Number, ONE_STEP;
    WebSocketMask: "websocket.mask", [WebSocket], Both, Number, ONE_STEP;
    WebSocketFlags: "websocket.flags", [WebSocket], Both, Number, ONE_STEP;
    RfbName: "rfb.name", [Rfb], ToClient, Bytes, rfb_step::OVER;
    RfbSecType: "rfb.sectype", [Rfb], ToServer, Number, ONE_STEP;
    RfbSecResult: "rfb.secresult", [Rfb], ToClient, Number, ONE_STEP;
    IkeInitSpi: "ike.init_spi", [Ike], ToServer, Bytes, ONE_STEP;
    IkeRespSpi: "ike.resp_spi", [Ike], ToClient, Bytes, ONE_STEP;
    IkeChosenSaAttribute: "ike.chosen_sa_attribute", [Ike], ToClient, MultiBytes, ONE_STEP;
    IkeExchType: "ike.exchtype", [Ike], Both, Number, ONE_STEP;
    IkeVendor: "ike.vendor", [Ike], ToServer, MultiBytes, ONE_STEP;
    IkeKeyExchangePayload: "ike.key_exchange_payload", [Ike], Both, Bytes, ONE_STEP;
    IkeKeyExchangePayloadLength: "ike.key_exchange_payload_length", [Ike], Both, Number, ONE_STEP;
    IkeNoncePayload: "ike.nonce_payload", [Ike], Both, Bytes, ONE_STEP;
    IkeNoncePayloadLength: "ike.nonce_payload_length", [Ike], Both, Number, ONE_STEP;
    NfsVersion: "nfs.version", [Nfs], ToServer, Number, ONE_STEP;
    NfsProcedure: "nfs_procedure", [Nfs], ToServer, Number, ONE_STEP;
}
