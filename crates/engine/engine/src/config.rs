//! The engine's configuration, valid by construction.

use mimamori_applayer::AppLayerConfig;
use mimamori_detect::{ActionKind, DetectOptions};
use mimamori_files::HashKinds;
use mimamori_flow::FlowConfig;
use mimamori_packet::DecodeConfig;
use mimamori_rules::Vars;

use crate::rule_files::RuleFiles;
use crate::smb_kinds::SmbKinds;

/// What becomes of a flow that was picked up in the middle, or of a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ExceptionPolicy {
    #[default]
    Ignore,
    DropFlow,
    DropPacket,
    PassFlow,
    PassPacket,
    Bypass,
    Reject,
}

impl ExceptionPolicy {
    /// The name in options and in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ExceptionPolicy::Ignore => "ignore",
            ExceptionPolicy::DropFlow => "drop_flow",
            ExceptionPolicy::DropPacket => "drop_packet",
            ExceptionPolicy::PassFlow => "pass_flow",
            ExceptionPolicy::PassPacket => "pass_packet",
            ExceptionPolicy::Bypass => "bypass",
            ExceptionPolicy::Reject => "reject",
        }
    }
}

/// The policy where none of its own is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ExceptionDefault {
    #[default]
    Unset,
    /// Inline the flow is dropped, otherwise nothing happens.
    Auto,
    Policy(ExceptionPolicy),
}

/// What a listed name gets for an answer in DNS.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DnsAnswer {
    /// The block page's addresses. Without one for the type asked: "no such name" where no
    /// address is set at all, an empty answer where the other kind is.
    pub v4: Option<std::net::Ipv4Addr>,
    pub v6: Option<std::net::Ipv6Addr>,
}

/// The shape of `dns` records.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DnsVersion {
    V2,
    #[default]
    V3,
}

/// Which dropped packets get a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DropLog {
    Off,
    /// Of a flow that is dropped the first packet a direction, and those that a rule named.
    Start,
    #[default]
    All,
}

/// Which kinds of records are made.
#[derive(Clone, Debug)]
pub struct LogOptions {
    pub transactions: bool,
    pub files: bool,
    pub flows: bool,
    pub drops: DropLog,
    pub anomalies: bool,
    pub stats: bool,
    /// Protocol objects, metadata and flow counters within alerts.
    pub alert_details: bool,
    /// Packet and payload within alerts. Never on in a gateway: content stays on the device.
    pub alert_payload: bool,
    pub ethernet: bool,
    /// Digests of every file, asked for by a rule or not.
    pub file_hashes: bool,
    /// Pieces of each flow's traffic, for records of use.
    pub usage: bool,
    /// The flow's community id (version 1) in each record, made with this seed.
    pub community_id: Option<u16>,
    pub dns_version: DnsVersion,
    /// Kinds of SMB records.
    pub smb: SmbKinds,
    /// Records of HTTP with all that is known, not only who asked for what.
    pub http_extended: bool,
    /// The references of a rule in its alerts.
    pub references: bool,
}

impl Default for LogOptions {
    fn default() -> Self {
        LogOptions {
            transactions: true,
            files: true,
            flows: true,
            drops: DropLog::All,
            anomalies: true,
            stats: false,
            alert_details: true,
            alert_payload: false,
            ethernet: true,
            file_hashes: false,
            usage: false,
            community_id: None,
            dns_version: DnsVersion::default(),
            smb: SmbKinds::default(),
            http_extended: true,
            references: false,
        }
    }
}

/// What an engine in the way of the traffic does beyond the reference. All off: as the reference.
#[derive(Clone, Copy, Debug, Default)]
pub struct InlineGuards {
    /// Packets whose UDP or ICMP checksum is wrong are stopped: no host takes them, so they could
    /// only mislead the inspection. (TCP: `flow.stream.check_checksums`; the IPv4 header:
    /// `decode.refuse_wrong_header_checksum`.)
    pub stop_wrong_checksums: bool,
    /// Both ends of a TCP flow that a rule has dropped are told by resets, instead of waiting.
    pub reset_dropped: bool,
    /// Tunnels that cannot be looked into are counted and told of.
    pub tell_tunnels: bool,
    /// Resets that carry text are stopped: it could be taken for another copy of the stream's bytes.
    pub stop_reset_text: bool,
}

impl InlineGuards {
    pub const ALL: InlineGuards = InlineGuards {
        stop_wrong_checksums: true,
        reset_dropped: true,
        tell_tunnels: true,
        stop_reset_text: true,
    };
}

/// Everything that an engine can be told.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Rules with drop and reject act, and packets that make a stream ambiguous are stopped.
    pub ips: bool,
    pub decode: DecodeConfig,
    pub flow: FlowConfig,
    pub app: AppLayerConfig,
    pub detect: DetectOptions,
    pub vars: Vars,
    pub rule_files: RuleFiles,
    /// `stream.midstream-policy`; `None`: as `exception_policy` says.
    pub midstream_policy: Option<ExceptionPolicy>,
    pub exception_policy: ExceptionDefault,
    pub log: LogOptions,
    /// Stretch of the raw stream that is collected before rules look at it (IDS mode).
    pub raw_chunk_bytes: u64,
    /// Host names and addresses of the lists are stopped, not only reported.
    pub block_reputation: bool,
    pub dns_answer: DnsAnswer,
    /// Payload beyond a stream's depth passes without being looked at, and is counted as such.
    /// A gateway gets out of the way of bulk traffic; the reference looks at each packet.
    pub skip_past_depth: bool,
    /// How files in transit are judged, once a judge is set.
    pub judging: crate::judge::JudgePolicy,
    pub guards: InlineGuards,
    /// A tunnel is dropped with the flow inside it that is dropped
    /// (`decoder.ipv4.ipip.track-parent-flow`).
    pub drop_tunnels: bool,
    /// Flows that are ended for one frame, at most; the rest waits for the next. A gateway keeps
    /// no packet waiting for them.
    pub ends_per_frame: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        EngineConfig {
            ips: false,
            decode: DecodeConfig::default(),
            flow: FlowConfig::default(),
            app: AppLayerConfig { file_hashes: HashKinds::NONE, ..AppLayerConfig::default() },
            detect: DetectOptions::default(),
            vars: default_vars(),
            rule_files: RuleFiles::default(),
            midstream_policy: None,
            exception_policy: ExceptionDefault::Unset,
            log: LogOptions::default(),
            raw_chunk_bytes: 2_560,
            block_reputation: true,
            dns_answer: DnsAnswer::default(),
            skip_past_depth: false,
            judging: crate::judge::JudgePolicy::default(),
            guards: InlineGuards::default(),
            drop_tunnels: false,
            ends_per_frame: usize::MAX,
        }
    }
}

impl EngineConfig {
    /// What becomes of a session whose start was not seen.
    #[must_use]
    pub fn effective_midstream_policy(&self) -> ExceptionPolicy {
        match (self.midstream_policy, self.exception_policy) {
            (Some(policy), _) | (None, ExceptionDefault::Policy(policy)) => policy,
            (None, ExceptionDefault::Auto) if self.ips && !self.flow.stream.midstream => {
                ExceptionPolicy::DropFlow
            }
            (None, _) => ExceptionPolicy::Ignore,
        }
    }
}

/// The variables that rule sets expect, with the field's defaults.
#[must_use]
pub fn default_vars() -> Vars {
    let mut vars = Vars::default();
    let home = "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]";
    for (name, value) in [("HOME_NET", home), ("EXTERNAL_NET", "!$HOME_NET")] {
        vars.addresses.insert(name.to_owned(), value.to_owned());
    }
    for name in [
        "HTTP_SERVERS",
        "SMTP_SERVERS",
        "SQL_SERVERS",
        "DNS_SERVERS",
        "TELNET_SERVERS",
        "AIM_SERVERS",
        "DC_SERVERS",
        "DNP3_SERVER",
        "DNP3_CLIENT",
        "MODBUS_CLIENT",
        "MODBUS_SERVER",
        "ENIP_CLIENT",
        "ENIP_SERVER",
    ] {
        vars.addresses.insert(name.to_owned(), "$HOME_NET".to_owned());
    }
    for (name, value) in [
        ("HTTP_PORTS", "80"),
        ("SHELLCODE_PORTS", "!80"),
        ("ORACLE_PORTS", "1521"),
        ("SSH_PORTS", "22"),
        ("DNP3_PORTS", "20000"),
        ("MODBUS_PORTS", "502"),
        ("FILE_DATA_PORTS", "[$HTTP_PORTS,110,143]"),
        ("FTP_PORTS", "21"),
        ("GENEVE_PORTS", "6081"),
        ("VXLAN_PORTS", "4789"),
        ("TEREDO_PORTS", "3544"),
        ("SIP_PORTS", "[5060,5061]"),
    ] {
        vars.ports.insert(name.to_owned(), value.to_owned());
    }
    vars
}

/// Reads the four actions of `action-order`.
pub(crate) fn action_kind(word: &str) -> Option<ActionKind> {
    Some(match word {
        "pass" => ActionKind::Pass,
        "drop" => ActionKind::Drop,
        "reject" => ActionKind::Reject,
        "alert" => ActionKind::Alert,
        _ => return None,
    })
}
