//! The end of a transfer that is stopped: a page where nothing of the answer went out, resets.

use mimamori_base::{Direction, Timestamp};
use mimamori_packet::Packet;

use crate::core::FrameContext;
use crate::inject;
use crate::verdict::Injection;

/// What a browser shows instead of a harmful file (GW-17).
const PAGE: &str = inject::html_page!(
    "危険なファイルを止めました",
    "このファイルには、ウイルスなどの有害なプログラムが含まれています。お使いのパソコンを守るため、受け渡しを止めました。ファイルは届いていません。",
    "心当たりのないファイルの場合は、何もする必要はありません。業務で必要なファイルの場合は、社内の管理者にお知らせください。"
);

/// What to send for a frame of the transfer that has not gone out. `fresh`: it is the first of
/// an answer. Tells whether a page is among it.
pub(crate) fn ending(
    packet: &Packet<'_>,
    direction: Direction,
    http: bool,
    fresh: bool,
    now: Timestamp,
) -> (Vec<Injection>, bool) {
    let mut context = FrameContext::new(now, 0, None);
    let page = http && (direction == Direction::ToServer || fresh);
    if page {
        // Going up, the answer is the page; going down, the page stands in for the answer.
        let reply = direction == Direction::ToServer;
        inject::http_page(packet, reply, PAGE, &mut context);
        inject::end(packet, !reply, reply, &mut context);
    } else {
        inject::end(packet, true, true, &mut context);
    }
    (context.verdict.inject, page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_goes_in_one_packet_with_its_header() {
        assert!(PAGE.len() <= 1_200, "{} bytes", PAGE.len());
    }
}
