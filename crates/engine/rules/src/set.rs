//! A text of rules in, a set of rules and refusals out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::ast::{Classification, DatasetType, Rule};
use crate::config::default_classifications;
use crate::error::Result;
use crate::net::{AddressSet, PortSet, parse_addresses, parse_ports};
use crate::parse::parse_rule;
use crate::text::rule_texts;

/// Address and port variables: `HOME_NET` → `[192.168.0.0/16,10.0.0.0/8]`, without `$`.
#[derive(Clone, Debug, Default)]
pub struct Vars {
    pub addresses: BTreeMap<String, String>,
    pub ports: BTreeMap<String, String>,
}

impl Vars {
    /// The variables of the field's default configuration, for rules that stand alone.
    #[must_use]
    pub fn standard() -> Vars {
        let own =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Vars {
            addresses: own(&[
                ("HOME_NET", "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]"),
                ("EXTERNAL_NET", "!$HOME_NET"),
                ("HTTP_SERVERS", "$HOME_NET"),
                ("SMTP_SERVERS", "$HOME_NET"),
                ("SQL_SERVERS", "$HOME_NET"),
                ("DNS_SERVERS", "$HOME_NET"),
                ("TELNET_SERVERS", "$HOME_NET"),
                ("AIM_SERVERS", "$EXTERNAL_NET"),
                ("DC_SERVERS", "$HOME_NET"),
                ("DNP3_SERVER", "$HOME_NET"),
                ("DNP3_CLIENT", "$HOME_NET"),
                ("MODBUS_CLIENT", "$HOME_NET"),
                ("MODBUS_SERVER", "$HOME_NET"),
                ("ENIP_CLIENT", "$HOME_NET"),
                ("ENIP_SERVER", "$HOME_NET"),
            ]),
            ports: own(&[
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
            ]),
        }
    }
}

/// A data set from the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownDataset {
    pub kind: Option<DatasetType>,
    pub load: Option<String>,
    pub save: Option<String>,
    pub memcap_bytes: Option<u64>,
}

/// What parsing needs to know from elsewhere.
#[derive(Clone, Debug)]
pub struct ParseContext {
    pub vars: Vars,
    /// By name, lower case.
    pub classifications: BTreeMap<String, Arc<Classification>>,
    /// Prefixes by reference kind, lower case. Empty: every kind is taken.
    pub references: BTreeMap<String, String>,
    /// What `requires: feature …` finds here.
    pub features: std::collections::BTreeSet<String>,
    /// Datasets may be written to absolute paths.
    pub absolute_dataset_paths: bool,
    /// Rules may have data sets written to files at all.
    pub dataset_writes: bool,
    /// Data sets that rules may name without describing them.
    pub datasets: BTreeMap<String, KnownDataset>,
    /// Keep each rule's text.
    pub keep_text: bool,
}

impl Default for ParseContext {
    /// Standard variables and classifications.
    fn default() -> ParseContext {
        ParseContext {
            vars: Vars::standard(),
            classifications: default_classifications(),
            references: BTreeMap::new(),
            features: ["ja3", "ja4", "output::file-store"].map(str::to_owned).into(),
            absolute_dataset_paths: false,
            dataset_writes: true,
            datasets: BTreeMap::new(),
            keep_text: false,
        }
    }
}

/// Why a rule was not taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// Where the rule got far enough to have one.
    pub sid: Option<u32>,
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters of the rule with its continuations joined.
    pub column: u32,
    pub reason: String,
    pub severity: Severity,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// The rule is wrong.
    Invalid,
    /// The rule may be right, but asks for what this engine does not do.
    Unsupported,
    /// The rule asks (`requires`) for what is not here, and is silently left out.
    Requires,
}

/// Something doubtful in a rule that was taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning {
    pub sid: u32,
    pub line: u32,
    pub text: String,
}

#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    pub rules: Vec<Rule>,
    pub refused: Vec<Refusal>,
    pub warnings: Vec<Warning>,
}

/// Parses a text of rules, one a line (`\` continues).
#[must_use]
pub fn parse_rules(text: &str, context: &ParseContext) -> RuleSet {
    let mut set = RuleSet::default();
    // By (gid, sid): place in `rules`. The higher revision of the same rule wins.
    let mut seen: HashMap<(u32, u32), usize> = HashMap::new();
    let mut cache = SetCache::default();
    for rule_text in rule_texts(text) {
        let refusal = |sid, at: usize, reason, severity| Refusal {
            sid,
            line: rule_text.line,
            column: column(&rule_text.text, at),
            reason,
            severity,
        };
        match parse_rule(&rule_text.text, rule_text.line, context, &mut cache) {
            Ok((rule, warnings)) => {
                for text in warnings {
                    set.warnings.push(Warning { sid: rule.id.sid, line: rule.line, text });
                }
                let key = (rule.id.gid, rule.id.sid);
                match seen.get(&key).and_then(|i| set.rules.get_mut(*i)) {
                    Some(old) if old.id.rev < rule.id.rev => *old = rule,
                    Some(_) => set.refused.push(refusal(
                        Some(rule.id.sid),
                        0,
                        "a rule with this sid and the same or a higher rev is already there".into(),
                        Severity::Invalid,
                    )),
                    None => {
                        seen.insert(key, set.rules.len());
                        set.rules.push(rule);
                    }
                }
            }
            Err(r) => {
                set.refused.push(refusal(r.sid, r.error.at.unwrap_or(0), r.error.reason, r.error.severity))
            }
        }
    }
    set
}

pub(crate) fn column(text: &str, at: usize) -> u32 {
    let chars = text.char_indices().take_while(|(i, _)| *i < at).count();
    u32::try_from(chars).unwrap_or(u32::MAX).saturating_add(1)
}

/// Sets that were already worked out, so that rules share them.
#[derive(Debug, Default)]
pub(crate) struct SetCache {
    addresses: HashMap<String, Arc<AddressSet>>,
    ports: HashMap<String, Arc<PortSet>>,
}

impl SetCache {
    pub fn addresses(&mut self, text: &str, vars: &Vars) -> Result<Arc<AddressSet>> {
        if let Some(found) = self.addresses.get(text) {
            return Ok(found.clone());
        }
        let set = Arc::new(parse_addresses(text, &vars.addresses)?);
        self.addresses.insert(text.to_owned(), set.clone());
        Ok(set)
    }

    pub fn ports(&mut self, text: &str, vars: &Vars) -> Result<Arc<PortSet>> {
        if let Some(found) = self.ports.get(text) {
            return Ok(found.clone());
        }
        let set = Arc::new(parse_ports(text, &vars.ports)?);
        self.ports.insert(text.to_owned(), set.clone());
        Ok(set)
    }
}
