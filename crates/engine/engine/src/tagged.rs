//! Records of the packets that rules have tagged.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mimamori_base::Direction;
use mimamori_flow::FlowHandle;
use mimamori_packet::Packet;
use serde_json::json;

use crate::alert_log;
use crate::core::{Core, FrameContext};
use crate::event::{EventKind, EventSink};

impl Core {
    /// Writes `packet` where a tag of its flow or of its hosts wants it. What the packet holds
    /// is written only where alerts may show payload.
    pub(crate) fn log_tagged(
        &mut self,
        packet: &Packet<'_>,
        of: Option<(FlowHandle, Direction)>,
        context: &FrameContext,
        out: &mut dyn EventSink,
    ) {
        let (bytes, now) = (packet.data.len(), context.now);
        let mut wanted = self.tags_hosts
            && packet.addresses().is_some_and(|(src, dst)| {
                self.state.ask(|state| state.host_tags.take([src, dst], bytes, now))
            });
        let mut flow_id = None;
        if let Some((handle, _)) = of
            && let Some(flow) = self.flows.get_mut(handle)
        {
            flow_id = Some(flow.id);
            let tags = &mut flow.data.detect.tags;
            wanted |= !tags.is_empty() && tags.take(bytes, now);
        }
        if !wanted {
            return;
        }
        let mut event = alert_log::of_packet(EventKind::Packet, packet, context);
        event.flow_id = flow_id;
        event.direction = of.map(|(_, direction)| direction);
        let info = json!({"linktype": packet.link_type.0, "linktype_name": packet.link_type.name()});
        event.more.insert("packet_info".to_owned(), info);
        if self.config().log.alert_payload {
            event.more.insert("packet".to_owned(), STANDARD.encode(packet.data).into());
        }
        out.event(event);
    }
}
