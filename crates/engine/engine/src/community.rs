//! The community id of a flow: the same in every tool that watches it (version 1).

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mimamori_flow::FlowKey;
use sha1::{Digest, Sha1};

/// The id of a flow of the table.
#[must_use]
pub(crate) fn id(key: &FlowKey, seed: u16) -> String {
    community_id((key.src, key.src_port), (key.dst, key.dst_port), key.protocol, seed)
}

/// `1:` and the digest of the seed and the flow's ends, the smaller end first.
#[must_use]
pub fn community_id(src: (IpAddr, u16), dst: (IpAddr, u16), protocol: u8, seed: u16) -> String {
    let mut ends = [(octets(src.0), src.1), (octets(dst.0), dst.1)];
    ends.sort();
    let mut hash = Sha1::new();
    hash.update(seed.to_be_bytes());
    ends.iter().for_each(|(ip, _)| hash.update(ip));
    hash.update([protocol, 0]);
    ends.iter().for_each(|(_, port)| hash.update(port.to_be_bytes()));
    format!("1:{}", STANDARD.encode(hash.finalize()))
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mimamori_packet::VlanTags;

    #[test]
    fn known_flow_has_its_known_id_from_either_side() {
        // From the specification's examples: 128.232.110.120:34855 to 66.35.250.204:80, TCP.
        let key = FlowKey {
            src: [128, 232, 110, 120].into(),
            dst: [66, 35, 250, 204].into(),
            src_port: 34855,
            dst_port: 80,
            protocol: 6,
            vlans: VlanTags::default(),
            tunnel_depth: 0,
            discriminator: 0,
        };
        assert_eq!(id(&key, 0), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        assert_eq!(id(&key.reversed(), 0), id(&key, 0));
        assert_ne!(id(&key, 1), id(&key, 0));
    }
}
