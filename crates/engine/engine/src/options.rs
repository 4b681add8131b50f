//! Options by the reference engine's names, as `--set KEY=VALUE` and conformance cases give
//! them.
//!
//! Holds always: an unknown key or a value of the wrong kind is an error that names both; a key
//! that has no meaning here is accepted and listed in [`NO_EFFECT`].

mod app;
mod values;

use std::time::Duration;

use mimamori_applayer::LogCertificates;
use mimamori_detect::ActionOrder;
use mimamori_flow::UrgentPolicy;

use crate::config::{DnsVersion, DropLog, EngineConfig, ExceptionDefault, ExceptionPolicy, action_kind};
use crate::smb_kinds::SmbKinds;
pub(crate) use values::{bytes, list, number, truth};
use values::{count, ports, wrong};

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
        } else if key.ends_with(".smb.types") {
            self.log.smb =
                SmbKinds::of(&list(value)).ok_or_else(|| wrong(key, value, "kinds of SMB records"))?;
        } else if key.ends_with(".tls.custom") {
            let names = list(value);
            let has = |name: &str| names.iter().any(|n| n == name);
            self.app.tls.log_certificates =
                LogCertificates { first: has("certificate"), chain: has("chain") };
        } else if key.ends_with(".http.extended") {
            self.log.http_extended = truth(key, value)?;
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
            "defrag.timeout" => self.decode.defrag.timeout = Duration::from_secs(number(key, value)?),
            "defrag.memcap" => self.decode.defrag.memcap_bytes = count(key, value)?,
            "defrag.trackers" => self.decode.defrag.max_trackers = number(key, value)?,
            "decoder.max-layers" => self.decode.max_layers = number(key, value)?,
            "max-pending-packets" => {}
            "flow.max-flows" => {
                self.flow.max_flows = number::<usize>(key, value)
                    .ok()
                    .filter(|n| (1_000..=16_000_000).contains(n))
                    .ok_or_else(|| wrong(key, value, "a number from 1000 to 16000000"))?;
            }
            _ if key.starts_with("decoder.") => return self.set_tunnel(key, value),
            _ => {
                let Some(rest) = key.strip_prefix("flow-timeouts.") else { return Ok(false) };
                return self.set_timeout(key, rest, value);
            }
        }
        Ok(true)
    }

    /// Ports on which tunnels are looked for: `decoder.vxlan.enabled`, `decoder.vxlan.ports`.
    fn set_tunnel(&mut self, key: &str, value: &str) -> Result<bool, OptionError> {
        if key.ends_with(".track-parent-flow") {
            self.drop_tunnels = truth(key, value)?;
            return Ok(true);
        }
        let Some((tunnel, option)) = key.strip_prefix("decoder.").and_then(|k| k.split_once('.')) else {
            return Ok(false);
        };
        let of = match tunnel {
            "vxlan" => &mut self.decode.vxlan_ports,
            "geneve" => &mut self.decode.geneve_ports,
            "teredo" => &mut self.decode.teredo_ports,
            _ => return Ok(false),
        };
        match option {
            "enabled" if truth(key, value)? => {}
            "enabled" => of.clear(),
            "ports" => {
                // A group is named as in the reference's own configuration.
                let group = value.trim_start_matches('$');
                *of = ports(key, self.vars.ports.get(group).map_or(value, String::as_str))?;
            }
            _ => return Ok(false),
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
            "emergency-new" if proto == "tcp" => all.emergency.new = duration,
            "emergency-established" if proto == "tcp" => all.emergency.established = duration,
            "emergency-closed" if proto == "tcp" => all.emergency.closed = duration,
            _ if state.starts_with("emergency-") => {}
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
            "stream.max-synack-queued" => stream.max_synack_queued = number(key, value)?,
            "stream.max-syn-queued" => stream.max_syn_queued = number(key, value)?,
            "stream.reassembly.urgent.policy" => {
                stream.urgent_policy = match value {
                    "inline" => UrgentPolicy::Inline,
                    "oob" => UrgentPolicy::OutOfBand,
                    "drop" => UrgentPolicy::Drop,
                    "gap" => UrgentPolicy::Gap,
                    _ => return Err(wrong(key, value, "inline, oob, drop or gap")),
                };
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
    use mimamori_applayer::AppProto;

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
        c.set("flow.max-flows", "65536").expect("valid");
        assert_eq!(c.flow.max_flows, 65_536);
        assert!(c.set("flow.max-flows", "10").is_err());
        c.set("decoder.vxlan.ports", "[4789, 8472]").expect("valid");
        assert_eq!(c.decode.vxlan_ports, [4789, 8472]);
        c.set("decoder.teredo.enabled", "no").expect("valid");
        assert!(c.decode.teredo_ports.is_empty());
        c.set("stream.reassembly.urgent.policy", "drop").expect("valid");
        assert_eq!(c.flow.stream.urgent_policy, UrgentPolicy::Drop);
        c.set("simulate-ips", "True").expect("valid");
        assert!(c.ips && c.flow.stream.inline);
        c.set("app-layer.protocols.dns.enabled", "False").expect("valid");
        assert!(!c.app.is_enabled(AppProto::Dns));
    }
}
