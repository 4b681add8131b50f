//! The community id of a flow: the same in every tool that watches it (version 1, seed 0).

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mimamori_flow::FlowKey;
use sha1::{Digest, Sha1};

/// `1:` and the digest of the flow's ends, the smaller end first.
#[must_use]
pub(crate) fn id(key: &FlowKey) -> String {
    let (mut src, mut dst) = (octets(key.src), octets(key.dst));
    let (mut src_port, mut dst_port) = (key.src_port, key.dst_port);
    if (&src, src_port) > (&dst, dst_port) {
        std::mem::swap(&mut src, &mut dst);
        std::mem::swap(&mut src_port, &mut dst_port);
    }
    let mut hash = Sha1::new();
    hash.update([0, 0]);
    hash.update(&src);
    hash.update(&dst);
    hash.update([key.protocol, 0]);
    hash.update(src_port.to_be_bytes());
    hash.update(dst_port.to_be_bytes());
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
        assert_eq!(id(&key), "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        assert_eq!(id(&key.reversed()), id(&key));
    }
}
