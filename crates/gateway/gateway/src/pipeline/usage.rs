//! What a flow counts as: application, web categories, and how deep it was looked into.
//!
//! Responsible for asking the catalogue and the categories of the definitions in force. Holds
//! always: an answer never stops anything (GW-04). Deliberately not here: the sums (`records`).

use mimamori_catalogue::{App, AppId, Catalogue, Categories, Evidence, Facts, Found};
use mimamori_definitions::{DefinitionSet, PartBytes, PartKind};
use mimamori_engine::FlowUse;
use mimamori_report::Inspected;
use mimamori_reputation::{Host, Seen, Table};

use crate::definitions::starter;

/// Protocols that ask for names: the name asked for is not the service that is used.
const NAME_PROTOCOLS: [&str; 5] = ["dns", "mdns", "llmnr", "dhcp", "doh2"];

/// The catalogue and the categories of one set of definitions.
#[derive(Debug)]
pub struct Knowledge {
    pub catalogue: Catalogue,
    /// How categories are named, and the names that come with the program.
    built_in: Categories,
    set: Option<Table<PartBytes>>,
}

impl Knowledge {
    /// Of a set; what it lacks comes from the built-in one. `key` seeds the hashes.
    #[must_use]
    pub fn of(set: &DefinitionSet, key: (u64, u64)) -> Knowledge {
        let own = set.part(PartKind::Applications).map(|p| String::from_utf8_lossy(p.as_ref()).into_owned());
        let (catalogue, bad) = Catalogue::read(own.as_deref().unwrap_or(starter::APPLICATIONS));
        for line in bad.iter().take(5) {
            tracing::warn!(%line, "application catalogue");
        }
        let mut categories = Categories::builder(key);
        categories.text(starter::CATEGORIES);
        let set = set.part(PartKind::Categories).and_then(Table::open);
        Knowledge { catalogue, built_in: categories.build(), set }
    }

    /// The categories of a host name, identifier and name; one that says so where none is known.
    pub fn categories(&self, host: Option<&[u8]>) -> Vec<(String, String)> {
        let Some(host) = host else { return vec![self.named("no-name")] };
        let listed = self.set.as_ref().and_then(|table| {
            let parsed = Host::parse(host)?;
            Some(table.value(table.host(&parsed, None, Seen::NameOnly)?).to_owned())
        });
        let found: Vec<(String, String)> = match listed {
            Some(ids) => ids.split(',').take(8).map(|id| self.named(id.trim())).collect(),
            None => self.built_in.of(host).take(8).map(|c| (c.id.clone(), c.name.clone())).collect(),
        };
        if found.is_empty() { vec![self.named("uncategorised")] } else { found }
    }

    fn named(&self, id: &str) -> (String, String) {
        let id = id.to_ascii_lowercase().replace('_', "-");
        let name = self.built_in.categories().iter().find(|c| c.id == id).map(|c| c.name.clone());
        (id.clone(), name.unwrap_or(id))
    }

    /// The application of a flow, and its kind's identifier.
    #[must_use]
    pub fn application(&self, piece: &FlowUse<'_>, found: &Found) -> Option<(&App, &str)> {
        let names_only = NAME_PROTOCOLS.contains(&piece.app_proto);
        let id = if names_only { found.protocol.map(|(id, _)| id).or(found.best()) } else { found.best() }?;
        Some((self.catalogue.app(id)?, self.kind(id)))
    }

    fn kind(&self, id: AppId) -> &str {
        self.catalogue.kind_of(id).map_or("other", |k| k.id.as_str())
    }

    /// How deep the flow was looked into, its bytes beyond the depth left aside.
    #[must_use]
    pub fn inspected(&self, piece: &FlowUse<'_>, found: &Found) -> Inspected {
        if piece.dropped {
            return Inspected::Fully;
        }
        if piece.passed {
            return Inspected::Excepted;
        }
        let protocol = found.protocol.and_then(|(id, by)| Some((self.catalogue.app(id)?, self.kind(id), by)));
        let id = protocol.map_or("", |(app, ..)| app.id.as_str());
        match id {
            "encrypted-dns" | "dnscrypt" => return Inspected::EncryptedDns,
            "ech" => return Inspected::HiddenName,
            _ => {}
        }
        // A socks or tunnel guess by the port alone is no proof.
        if protocol.is_some_and(|(_, kind, by)| kind == "vpn" && by != Evidence::Port && id != "socks") {
            return Inspected::Tunnel;
        }
        match piece.app_proto {
            "tls" => Inspected::Tls,
            "quic" => Inspected::Quic,
            "ssh" => Inspected::Encrypted,
            "unknown" | "failed" if id == "quic" => Inspected::Quic,
            "unknown" | "failed" if piece.dtls => Inspected::Encrypted,
            "unknown" | "failed" => Self::without_parser(piece, protocol.map(|(_, _, by)| by)),
            _ => Inspected::Fully,
        }
    }

    fn without_parser(piece: &FlowUse<'_>, known_by: Option<Evidence>) -> Inspected {
        let silent = piece.heads.iter().all(|h| h.bytes.is_empty());
        let has_streams = matches!(piece.protocol, 6 | 17);
        match known_by {
            _ if silent || !has_streams => Inspected::Fully,
            Some(Evidence::Bytes) => Inspected::NoParser,
            _ => Inspected::UnknownProtocol,
        }
    }
}

/// What the catalogue is asked about a flow.
#[must_use]
pub fn facts_of<'a>(piece: &FlowUse<'a>) -> Facts<'a> {
    let [client, server] = piece.heads;
    Facts {
        host: piece.told.host.as_deref(),
        alpn: piece.told.alpn.as_deref().or(piece.told.alpn_offered.as_deref()),
        ja4: piece.told.ja4.as_deref(),
        certificate: &piece.told.certificate,
        app_proto: piece.app_proto,
        protocol: piece.protocol,
        client_port: piece.client.port,
        server_port: piece.server.port,
        heads: [&client.bytes, &server.bytes],
        datagram_bytes: [client.datagram_bytes, server.datagram_bytes],
    }
}
