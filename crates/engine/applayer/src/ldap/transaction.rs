//! A request and its responses as one transaction.

use mimamori_base::Direction;
use serde_json::{Map, Value, json};

use crate::event::AppEvent;
use crate::field::{Field, ONE_STEP};
use crate::ldap::message::Message;
use crate::transaction::Transaction;

#[derive(Debug)]
pub struct LdapTx {
    pub id: u64,
    pub request: Option<Message>,
    pub responses: Vec<Message>,
    pub complete: bool,
    pub events: Vec<AppEvent>,
}

impl Transaction for LdapTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn progress(&self, dir: Direction) -> u8 {
        let reached = match dir {
            Direction::ToServer => true,
            Direction::ToClient => !self.responses.is_empty(),
        };
        if reached { ONE_STEP } else { 0 }
    }

    fn is_complete(&self, dir: Direction) -> bool {
        dir == Direction::ToServer || self.complete
    }

    fn events(&self) -> &[AppEvent] {
        &self.events
    }

    fn bytes(&self, field: Field, _dir: Direction, visit: &mut dyn FnMut(&[u8])) {
        let request = self.request.as_ref();
        match field {
            Field::LdapRequestDn => request.and_then(|m| m.dn.as_deref()).into_iter().for_each(visit),
            Field::LdapRequestAttributeType => {
                request.into_iter().flat_map(|m| &m.attributes).for_each(|a| visit(a));
            }
            Field::LdapResponsesDn => self.responses.iter().filter_map(|m| m.dn.as_deref()).for_each(visit),
            Field::LdapResponsesMessage => {
                self.responses.iter().filter_map(|m| m.diagnostic.as_deref()).for_each(visit);
            }
            Field::LdapResponsesAttributeType => {
                self.responses.iter().flat_map(|m| &m.attributes).for_each(|a| visit(a));
            }
            _ => {}
        }
    }

    fn numbers(&self, field: Field, _dir: Direction, visit: &mut dyn FnMut(u64)) {
        match field {
            Field::LdapRequestOperation => {
                self.request.iter().for_each(|m| visit(u64::from(m.operation)));
            }
            Field::LdapResponsesOperation => {
                self.responses.iter().for_each(|m| visit(u64::from(m.operation)));
            }
            Field::LdapResponsesResultCode => {
                self.responses.iter().filter_map(|m| m.result_code).for_each(visit)
            }
            Field::LdapResponsesCount => visit(self.responses.len() as u64),
            _ => {}
        }
    }

    fn event_type(&self) -> Option<&'static str> {
        Some("ldap")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        let mut ldap = Map::new();
        if let Some(request) = &self.request {
            let mut object = request.log();
            if let Some(object) = object.as_object_mut() {
                object.insert("message_id".into(), json!(request.id));
            }
            ldap.insert("request".into(), object);
        }
        if !self.responses.is_empty() {
            ldap.insert("responses".into(), self.responses.iter().map(Message::log).collect());
        }
        out.insert("ldap".into(), Value::Object(ldap));
    }
}
