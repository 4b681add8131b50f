//! What a rule needs to be asked about: the field's classes of signatures.

/// The class of a rule, decided from its parts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// Addresses and nothing that changes within a flow: asked once a flow and direction.
    IpOnly,
    /// As IP-only, but with negated addresses: needs the whole set, still once a flow.
    LikeIpOnly,
    /// Only the protocol that was detected.
    ProtocolDetection,
    /// Only decode events.
    DecodeEvent,
    /// Each packet.
    Packet,
    /// Packets and the stream.
    PacketStream,
    /// The stream.
    Stream,
    /// A flow of an application protocol, no transaction.
    AppLayer,
    /// Transactions.
    AppTx,
}
