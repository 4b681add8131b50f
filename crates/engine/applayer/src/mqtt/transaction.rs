//! A question and its answers as one transaction.

use mimamori_base::Direction;
use serde_json::{Map, Value};

use crate::event::AppEvent;
use crate::field::{Field, ONE_STEP, Sides};
use crate::mqtt::message::{Connect, Content, Message, kind};
use crate::transaction::Transaction;

#[derive(Debug)]
pub struct MqttTx {
    pub id: u64,
    /// Who asked.
    pub dir: Direction,
    pub messages: Vec<Message>,
    pub complete: bool,
    pub version: u8,
    pub events: Vec<AppEvent>,
}

impl MqttTx {
    fn connect(&self) -> Option<&Connect> {
        self.messages.iter().find_map(|m| match &m.content {
            Content::Connect(c) => Some(c.as_ref()),
            _ => None,
        })
    }

    fn topics(&self, wanted: u8, visit: &mut dyn FnMut(&[u8])) {
        for message in self.messages.iter().filter(|m| m.header.kind == wanted) {
            if let Content::Topics { topics, .. } = &message.content {
                topics.iter().for_each(|t| visit(t));
            }
        }
    }

    fn publish(&self) -> Option<(&[u8], &[u8])> {
        self.messages.iter().find_map(|m| match &m.content {
            Content::Publish { topic, message, .. } => Some((topic.as_slice(), message.as_slice())),
            _ => None,
        })
    }
}

impl Transaction for MqttTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn progress(&self, _dir: Direction) -> u8 {
        if self.complete { ONE_STEP } else { 0 }
    }

    fn is_complete(&self, _dir: Direction) -> bool {
        self.complete
    }

    fn sides(&self) -> Sides {
        Sides::of(self.dir)
    }

    fn events(&self) -> &[AppEvent] {
        &self.events
    }

    fn bytes(&self, field: Field, _dir: Direction, visit: &mut dyn FnMut(&[u8])) {
        let connect = self.connect();
        let part = match field {
            Field::MqttConnectClientId => connect.map(|c| c.client_id.as_slice()),
            Field::MqttConnectProtocolString => connect.map(|c| c.protocol.as_slice()),
            Field::MqttConnectUsername => connect.and_then(|c| c.user.as_deref()),
            Field::MqttConnectPassword => connect.and_then(|c| c.password.as_deref()),
            Field::MqttConnectWillTopic => connect.and_then(|c| c.will_topic.as_deref()),
            Field::MqttConnectWillMessage => connect.and_then(|c| c.will_message.as_deref()),
            Field::MqttPublishTopic => self.publish().map(|(topic, _)| topic),
            Field::MqttPublishMessage => self.publish().map(|(_, message)| message),
            Field::MqttSubscribeTopic => return self.topics(kind::SUBSCRIBE, visit),
            Field::MqttUnsubscribeTopic => return self.topics(kind::UNSUBSCRIBE, visit),
            _ => None,
        };
        part.into_iter().for_each(visit);
    }

    fn numbers(&self, field: Field, _dir: Direction, visit: &mut dyn FnMut(u64)) {
        match field {
            Field::MqttType => self.messages.iter().for_each(|m| visit(u64::from(m.header.kind))),
            Field::MqttFlags => self.messages.iter().for_each(|m| visit(u64::from(m.header.flags))),
            Field::MqttQos => self.messages.iter().for_each(|m| visit(u64::from(m.header.qos()))),
            Field::MqttReasonCode => {
                self.messages.iter().for_each(|m| m.reason_codes(&mut |c| visit(u64::from(c))));
            }
            Field::MqttProtocolVersion => visit(u64::from(self.version)),
            Field::MqttConnectFlags => self.connect().iter().for_each(|c| visit(u64::from(c.flags))),
            Field::MqttConnackSessionPresent => {
                for message in &self.messages {
                    if let Content::ConnAck { session_present, .. } = message.content {
                        visit(u64::from(session_present));
                    }
                }
            }
            _ => {}
        }
    }

    fn event_type(&self) -> Option<&'static str> {
        Some("mqtt")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        let packets = self.messages.iter().map(|m| (m.name().to_owned(), m.log()));
        out.insert("mqtt".into(), Value::Object(packets.collect()));
    }
}
