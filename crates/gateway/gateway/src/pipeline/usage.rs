//! Records of use.

use mimamori_catalogue::Facts;
use mimamori_engine::FlowUse;

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
