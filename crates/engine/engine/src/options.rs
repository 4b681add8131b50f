//! Options by the reference engine's names, as `--set KEY=VALUE` and conformance cases give
//! them.
//!
//! Holds always: an unknown key or a value of the wrong kind is an error that names both; a key
//! that has no meaning here is accepted and listed in [`NO_EFFECT`].

use std::sync::Arc;
use std::time::Duration;

use mimamori_applayer::AppProto;
use mimamori_applayer::config::{AutoSwitch, EncryptionHandling};
use mimamori_detect::ActionOrder;

use crate::config::{DnsVersion, DropLog, EngineConfig, ExceptionDefault, ExceptionPolicy, action_kind};

/// Why an option was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    #[error("option {0:?} does not exist")]
    Unknown(String),
    #[error("option {key:?}: {value:?} is not {wanted}")]
    Value { key: String, value: String, wanted: &'static str },
}

/// Options of the reference that change nothing here: prefixes of keys.
pub const NO_EFFECT: &[&str] = &[
    "runmode",
    "logging.",
    "pcap-file.",
    "outputs.",
    "stats.",
    "flow.hash-size",
    "ippair.hash-size",
    "defrag.hash-size",
    "detect.prefilter.",
    "detect.guess-applayer-tx",
    "ignore-unknown-requirements",
    "datasets.defaults.",
    "datasets.limits.",
    "app-layer.protocols.http.libhtp.default-config.swf-decompression.",
    "app-layer.protocols.http.libhtp.default-config.decompression-time-limit",
    "app-layer.protocols.http2.http1-rules",
    "app-layer.protocols.ftp.memcap",
    "decoder.ipv4.ipip.",
    "decoder.ipv6.",
    "profiling.",
];

impl EngineConfig {
    /// Sets one option.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), OptionError> {
        let value = value.trim();
        if self.set_output(key, value)?
            || self.set_engine(key, value)?
            || self.set_stream(key, value)?
            || self.set_app(key, value)?
            || self.set_vars(key, value)
            || self.rule_files.set(key, value)?
        {
            return Ok(());
        }
        if NO_EFFECT.iter().any(|prefix| key.starts_with(prefix)) {
            return Ok(());
        }
        Err(OptionError::Unknown(key.to_owned()))
    }

    /// What shapes the log: `outputs.N.eve-log.…`.
    fn set_output(&mut self, key: &str, value: &str) -> Result<bool, OptionError> {
        if !key.starts_with("outputs.") {
            return Ok(false);
        }
        if key.ends_with(".dns.version") {
            self.log.dns_version = match value {
                "2" => DnsVersion::V2,
                "3" => DnsVersion::V3,
                _ => return Err(wrong(key, value, "2 or 3")),
            };
        } else if key.ends_with(".eve-log.community-id") {
            self.log.community_id = truth(key, value)?.then(|| self.log.community_id.unwrap_or(0));
        } else if key.ends_with(".eve-log.community-id-seed") {
            self.log.community_id = Some(number(key, value)?);
        } else if key.ends_with(".drop.flows") {
            self.log.drops = match value {
                "start" => DropLog::Start,
                "all" => DropLog::All,
                _ => return Err(wrong(key, value, "start or all")),
            };
        } else if key.ends_with(".alert.reference") {
            self.log.references = truth(key, value)?;
        } else if key.ends_with(".eve-log.ethernet") {
            self.log.ethernet = truth(key, value)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn set_engine(&mut self, key: &str, value: &str) -> Result<bool, OptionError> {
        match key {
            "checksum" | "stream.checksum-validation" => {
                self.flow.stream.check_checksums = match value {
                    "none" => false,
                    "auto" | "all" => true,
                    _ => truth(key, value)?,
                };
            }
            "simulate-ips" => {
                let on = truth(key, value)?;
                self.ips = on;
                self.flow.stream.inline = on;
            }
            "action-order" => self.detect.action_order = action_order(key, value)?,
            "exception-policy" => {
                self.exception_policy = match value {
                    "auto" => ExceptionDefault::Auto,
                    _ => ExceptionDefault::Policy(policy(key, value)?),
                };
            }
            "packet-alert-max" => self.detect.max_alerts = number(key, value)?,
            "decoder.recursion-level.use-for-tracking" => {
                self.flow.use_tunnel_depth = truth(key, value)?;
            }
            "vlan.use-for-tracking" => self.flow.use_vlan = truth(key, value)?,
            "decoder.teredo.enabled" => {
                if !truth(key, value)? {
                    self.decode.teredo_ports.clear();
                }
            }
            "max-pending-packets" => {}
            _ => {
                let Some(rest) = key.strip_prefix("flow-timeouts.") else { return Ok(false) };
                return self.set_timeout(key, rest, value);
            }
        }
        Ok(true)
    }

    fn set_timeout(&mut self, key: &str, rest: &str, value: &str) -> Result<bool, OptionError> {
        let Some((proto, state)) = rest.split_once('.') else { return Ok(false) };
        let all = &mut self.flow.timeouts;
        let of = match proto {
            "tcp" => &mut all.tcp,
            "udp" => &mut all.udp,
            "icmp" => &mut all.icmp,
            "default" => &mut all.other,
            _ => return Ok(false),
        };
        let duration = Duration::from_secs(number::<u64>(key, value)?);
        match state {
            "new" => of.new = duration,
            "established" => of.established = duration,
            "closed" => of.closed = duration,
            "bypassed" => of.bypassed = duration,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_stream(&mut self, key: &str, value: &str) -> Result<bool, OptionError> {
        let stream = &mut self.flow.stream;
        match key {
            "stream.midstream" => stream.midstream = truth(key, value)?,
            "stream.midstream-policy" => self.midstream_policy = Some(policy(key, value)?),
            "stream.async-oneside" => stream.async_oneside = truth(key, value)?,
            "stream.inline" => {
                stream.inline = if value == "auto" { self.ips } else { truth(key, value)? };
            }
            "stream.reassembly.depth" => stream.depth_bytes = bytes(key, value)?,
            "stream.memcap" | "stream.reassembly.memcap" => {
                stream.memcap_bytes = usize::try_from(bytes(key, value)?).unwrap_or(usize::MAX);
            }
            "stream.bypass" => {
                truth(key, value)?;
            }
            "stream.reassembly.toserver-chunk-size" | "stream.reassembly.toclient-chunk-size" => {
                self.raw_chunk_bytes = bytes(key, value)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_vars(&mut self, key: &str, value: &str) -> bool {
        if let Some(name) = key.strip_prefix("vars.address-groups.") {
            self.vars.addresses.insert(name.to_owned(), value.to_owned());
        } else if let Some(name) = key.strip_prefix("vars.port-groups.") {
            self.vars.ports.insert(name.to_owned(), value.to_owned());
        } else {
            return false;
        }
        true
    }

    fn set_app(&mut self, key: &str, value: &str) -> Result<bool, OptionError> {
        let Some(rest) = key.strip_prefix("app-layer.protocols.") else { return Ok(false) };
        let Some((proto, option)) = rest.split_once('.') else { return Ok(false) };
        if option == "enabled" {
            return self.set_enabled(key, proto, value);
        }
        let app = &mut self.app;
        match (proto, option) {
            ("dns", "udp.enabled") => app.dns.udp = truth(key, value)?,
            ("dns", "tcp.enabled") => app.dns.tcp = truth(key, value)?,
            ("dns", "detection-ports.dp" | "tcp.detection-ports.dp" | "udp.detection-ports.dp") => {
                app.dns.ports = ports(key, value)?;
            }
            ("tls", "encryption-handling" | "encrypt-handling") => {
                app.tls.encryption_handling = encryption(key, value)?;
            }
            ("ssh", "encryption-handling") => {
                app.ssh.encryption_handling = encryption(key, value)?;
            }
            ("ssh", "hassh") => app.ssh.hassh = truth(key, value)?,
            ("tls", "ja3-fingerprints") => app.tls.ja3 = value == "auto" || truth(key, value)?,
            ("tls", "ja4-fingerprints") => app.tls.ja4 = value == "auto" || truth(key, value)?,
            ("smtp", "mime.body-md5") => {
                app.smtp.body_md5 = match value {
                    "auto" => AutoSwitch::Auto,
                    _ if truth(key, value)? => AutoSwitch::On,
                    _ => AutoSwitch::Off,
                };
            }
            ("smtp", "inspected-tracker.content-limit") => app.smtp.content_limit = bytes(key, value)?,
            ("smtp", "inspected-tracker.content-inspect-min-size") => {
                app.smtp.content_inspect_min = bytes(key, value)?;
            }
            ("smtp", "mime.extract-urls-schemes") => app.smtp.url_schemes = list(value),
            ("smtp", "mime.log-url-scheme") => app.smtp.log_url_scheme = truth(key, value)?,
            ("ftp", "max-tx") => app.ftp.max_tx = number(key, value)?,
            ("ftp", "max-line-length") => {
                app.ftp.max_line_bytes = usize::try_from(bytes(key, value)?).unwrap_or(usize::MAX);
            }
            ("smb", "max-tx") => app.smb.max_tx = number(key, value)?,
            ("smb", "max-write-size") => {
                app.smb.max_write_bytes = u32::try_from(bytes(key, value)?).unwrap_or(u32::MAX);
            }
            ("smb", "max-read-size") => {
                app.smb.max_read_bytes = u32::try_from(bytes(key, value)?).unwrap_or(u32::MAX);
            }
            ("ldap", "max-tx") => app.ldap_max_tx = number(key, value)?,
            ("mqtt", "max-msg-length") => {
                app.mqtt.max_message_bytes = usize::try_from(bytes(key, value)?).unwrap_or(usize::MAX);
            }
            ("rfb", "detection-ports.dp") => app.rfb_ports = ports(key, value)?,
            ("http", _) => {
                let Some(option) = option.strip_prefix("libhtp.default-config.") else {
                    return Ok(false);
                };
                return self.set_http(key, option, value);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_http(&mut self, key: &str, option: &str, value: &str) -> Result<bool, OptionError> {
        let http = Arc::make_mut(&mut self.app.http1);
        match option {
            "request-body-limit" => http.request_body.limit = bytes(key, value)?,
            "response-body-limit" => http.response_body.limit = bytes(key, value)?,
            "request-body-minimal-inspect-size" => {
                http.request_body.minimal_inspect = bytes(key, value)?;
            }
            "response-body-minimal-inspect-size" => {
                http.response_body.minimal_inspect = bytes(key, value)?;
            }
            "request-body-inspect-window" => http.request_body.lookback = bytes(key, value)?,
            "response-body-inspect-window" => http.response_body.lookback = bytes(key, value)?,
            "response-body-decompress-layer-limit" => http.max_layers = number(key, value)?,
            "double-decode-path" => http.double_decode_path = truth(key, value)?,
            "double-decode-query" => http.double_decode_query = truth(key, value)?,
            "lzma-enabled" => http.lzma = truth(key, value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_enabled(&mut self, key: &str, proto: &str, value: &str) -> Result<bool, OptionError> {
        let Some(proto) = AppProto::ALL.iter().find(|p| p.name() == proto) else {
            return Ok(false);
        };
        let on = value == "detection-only" || truth(key, value)?;
        self.app.disabled.retain(|p| p != proto);
        if !on {
            self.app.disabled.push(*proto);
        }
        Ok(true)
    }
}

fn wrong(key: &str, value: &str, wanted: &'static str) -> OptionError {
    OptionError::Value { key: key.to_owned(), value: value.to_owned(), wanted }
}

pub(crate) fn truth(key: &str, value: &str) -> Result<bool, OptionError> {
    match value.to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" | "1" => Ok(true),
        "no" | "false" | "off" | "0" => Ok(false),
        _ => Err(wrong(key, value, "yes or no")),
    }
}

pub(crate) fn number<T: std::str::FromStr>(key: &str, value: &str) -> Result<T, OptionError> {
    value.parse().map_err(|_| wrong(key, value, "a number"))
}

/// A size: `1MB`, `100kb`, `4096`.
pub(crate) fn bytes(key: &str, value: &str) -> Result<u64, OptionError> {
    let lower = value.to_ascii_lowercase();
    let split = lower.find(|c: char| !c.is_ascii_digit()).unwrap_or(lower.len());
    let (digits, unit) = lower.split_at(split);
    let factor = match unit.trim() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return Err(wrong(key, value, "a size such as 100kb or 1mb")),
    };
    digits
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(factor))
        .ok_or_else(|| wrong(key, value, "a size such as 100kb or 1mb"))
}

/// `[a, b]` or `a,b` as a list.
pub(crate) fn list(value: &str) -> Vec<String> {
    value
        .trim_start_matches('[')
        .trim_end_matches(']')
        .split(',')
        .map(|s| s.trim().trim_matches(['\'', '"']).to_owned())
        .filter(|s| !s.is_empty())
        .collect()
}

fn ports(key: &str, value: &str) -> Result<Vec<u16>, OptionError> {
    list(value).iter().map(|p| number(key, p)).collect()
}

fn policy(key: &str, value: &str) -> Result<ExceptionPolicy, OptionError> {
    Ok(match value {
        "ignore" => ExceptionPolicy::Ignore,
        "drop-flow" => ExceptionPolicy::DropFlow,
        "drop-packet" => ExceptionPolicy::DropPacket,
        "pass-flow" => ExceptionPolicy::PassFlow,
        "pass-packet" => ExceptionPolicy::PassPacket,
        "bypass" => ExceptionPolicy::Bypass,
        "reject" => ExceptionPolicy::Reject,
        _ => return Err(wrong(key, value, "one of the exception policies")),
    })
}

fn encryption(key: &str, value: &str) -> Result<EncryptionHandling, OptionError> {
    Ok(match value {
        "default" | "track-only" => EncryptionHandling::TrackOnly,
        "bypass" => EncryptionHandling::Bypass,
        "full" => EncryptionHandling::Full,
        _ => return Err(wrong(key, value, "track-only, bypass or full")),
    })
}

fn action_order(key: &str, value: &str) -> Result<ActionOrder, OptionError> {
    let words = list(value);
    let kinds: Option<Vec<_>> = words.iter().map(|w| action_kind(w)).collect();
    let kinds = kinds.and_then(|k| <[_; 4]>::try_from(k).ok());
    let distinct = kinds.filter(|k| k.iter().enumerate().all(|(i, a)| !k.iter().skip(i + 1).any(|b| a == b)));
    distinct
        .map(ActionOrder)
        .ok_or_else(|| wrong(key, value, "the four actions pass, drop, reject and alert"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_and_wrong_values_are_named() {
        let mut c = EngineConfig::default();
        assert_eq!(c.set("stream.midstrem", "yes"), Err(OptionError::Unknown("stream.midstrem".into())));
        let error = c.set("stream.midstream", "perhaps").expect_err("not a truth");
        assert_eq!(error.to_string(), "option \"stream.midstream\": \"perhaps\" is not yes or no");
        assert!(c.set("action-order", "[pass, pass, drop, alert]").is_err());
    }

    #[test]
    fn options_reach_their_places() {
        let mut c = EngineConfig::default();
        c.set("checksum", "none").expect("valid");
        assert!(!c.flow.stream.check_checksums);
        c.set("outputs.1.eve-log.types.0.dns.version", "2").expect("valid");
        assert_eq!(c.log.dns_version, DnsVersion::V2);
        c.set("outputs.1.eve-log.community-id-seed", "7").expect("valid");
        assert_eq!(c.log.community_id, Some(7));
        c.set("stream.reassembly.depth", "1MB").expect("valid");
        assert_eq!(c.flow.stream.depth_bytes, 1 << 20);
        c.set("simulate-ips", "True").expect("valid");
        assert!(c.ips && c.flow.stream.inline);
        c.set("app-layer.protocols.dns.enabled", "False").expect("valid");
        assert!(!c.app.is_enabled(AppProto::Dns));
    }
}
