//! One DNS message as a transaction: queries and responses are transactions of their own.

use mimamori_base::Direction;
use serde_json::{Map, Value};

use crate::dns::log;
use crate::dns::message::{FLAG_Z, Message, RData, Record};
use crate::dns::name::Name;
use crate::event::AppEvent;
use crate::field::{Field, Sides};
use crate::proto::AppProto;
use crate::told::Told;
use crate::transaction::Transaction;

/// A query or a response.
#[derive(Debug)]
pub struct DnsTx {
    pub id: u64,
    pub proto: AppProto,
    pub dir: Direction,
    pub message: Message,
    /// Could not be read whole: nothing to log, only events.
    pub broken: bool,
    pub events: Vec<AppEvent>,
}

/// The event names of a flavour of DNS.
#[derive(Clone, Copy, Debug)]
pub struct EventNames {
    pub malformed_data: AppEvent,
    pub not_a_request: AppEvent,
    pub not_a_response: AppEvent,
    pub z_flag_set: AppEvent,
    pub invalid_opcode: AppEvent,
    pub name_too_long: AppEvent,
    pub infinite_loop: AppEvent,
    pub too_many_labels: AppEvent,
    pub invalid_additionals: AppEvent,
    pub invalid_authorities: AppEvent,
}

macro_rules! event_names {
    ($proto:literal) => {
        EventNames {
            malformed_data: concat!($proto, ".malformed_data"),
            not_a_request: concat!($proto, ".not_a_request"),
            not_a_response: concat!($proto, ".not_a_response"),
            z_flag_set: concat!($proto, ".z_flag_set"),
            invalid_opcode: concat!($proto, ".invalid_opcode"),
            name_too_long: concat!($proto, ".name_too_long"),
            infinite_loop: concat!($proto, ".infinite_loop"),
            too_many_labels: concat!($proto, ".too_many_labels"),
            invalid_additionals: concat!($proto, ".invalid_additionals"),
            invalid_authorities: concat!($proto, ".invalid_authorities"),
        }
    };
}

#[must_use]
pub fn event_names(proto: AppProto) -> &'static EventNames {
    const DNS: EventNames = event_names!("dns");
    const MDNS: EventNames = event_names!("mdns");
    const LLMNR: EventNames = event_names!("llmnr");
    match proto {
        AppProto::Mdns => &MDNS,
        AppProto::Llmnr => &LLMNR,
        _ => &DNS,
    }
}

impl DnsTx {
    #[must_use]
    pub fn new(id: u64, proto: AppProto, dir: Direction, message: Message) -> Self {
        let mut tx = DnsTx { id, proto, dir, message, broken: false, events: Vec::new() };
        tx.judge();
        tx
    }

    /// Over multicast only the header tells.
    #[must_use]
    pub fn is_response(&self) -> bool {
        match self.proto {
            AppProto::Mdns | AppProto::Llmnr => self.message.header.is_response(),
            _ => self.dir == Direction::ToClient,
        }
    }

    fn judge(&mut self) {
        let names = event_names(self.proto);
        let header = self.message.header;
        if header.flags & FLAG_Z != 0 {
            self.events.push(names.z_flag_set);
        }
        if header.opcode() >= 7 || (self.proto == AppProto::Llmnr && header.opcode() != 0) {
            self.events.push(names.invalid_opcode);
        }
        let (mut long, mut endless, mut labels) = (false, false, false);
        self.message.visit_names(&mut |name| {
            long |= name.truncated;
            endless |= name.infinite_loop;
            labels |= name.too_many_labels;
        });
        let found = [
            (long, names.name_too_long),
            (endless, names.infinite_loop),
            (labels, names.too_many_labels),
            (self.message.bad_additionals, names.invalid_additionals),
            (self.message.bad_authorities, names.invalid_authorities),
        ];
        self.events.extend(found.iter().filter(|(is, _)| *is).map(|(_, event)| *event));
    }
}

impl RData {
    /// The domain name that the data is or begins with.
    fn name(&self) -> Option<&Name> {
        match self {
            RData::Name(name) => Some(name),
            RData::Soa(soa) => Some(&soa.mname),
            _ => None,
        }
    }
}

impl Message {
    fn records(&self) -> impl Iterator<Item = &Record> {
        self.answers.iter().chain(&self.authorities).chain(&self.additionals)
    }

    /// Every name of the message, also those inside record data.
    fn visit_names(&self, visit: &mut dyn FnMut(&Name)) {
        for question in &self.questions {
            visit(&question.name);
        }
        for record in self.records() {
            visit(&record.name);
            match &record.data {
                RData::Name(name) | RData::Srv { target: name, .. } => visit(name),
                RData::Soa(soa) => {
                    visit(&soa.mname);
                    visit(&soa.rname);
                }
                _ => {}
            }
        }
    }
}

fn visit_record_names(records: &[Record], visit: &mut dyn FnMut(&[u8])) {
    for record in records {
        visit(&record.name.bytes);
    }
}

impl Transaction for DnsTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn progress(&self, _dir: Direction) -> u8 {
        1
    }

    fn sides(&self) -> Sides {
        Sides::of(self.dir)
    }

    fn events(&self) -> &[AppEvent] {
        &self.events
    }

    fn bytes(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(&[u8])) {
        if dir != self.dir {
            return;
        }
        let m = &self.message;
        match field {
            Field::DnsQuery
            | Field::DnsQueryName
            | Field::DnsQueriesRrname
            | Field::MdnsQueriesRrname
            | Field::LlmnrQueriesRrname => {
                for question in &m.questions {
                    visit(&question.name.bytes);
                }
            }
            Field::DnsAnswerName
            | Field::DnsAnswersRrname
            | Field::MdnsAnswersRrname
            | Field::LlmnrAnswersRrname => {
                visit_record_names(&m.answers, visit);
            }
            Field::DnsAuthoritiesRrname | Field::MdnsAuthoritiesRrname | Field::LlmnrAuthoritiesRrname => {
                visit_record_names(&m.authorities, visit);
            }
            Field::DnsAdditionalsRrname | Field::MdnsAdditionalsRrname | Field::LlmnrAdditionalsRrname => {
                visit_record_names(&m.additionals, visit);
            }
            Field::DnsResponseRrname | Field::MdnsResponseRrname | Field::LlmnrResponseRrname
                if self.is_response() =>
            {
                m.questions.iter().for_each(|question| visit(&question.name.bytes));
                for record in m.records() {
                    visit(&record.name.bytes);
                    if let Some(name) = record.data.name() {
                        visit(&name.bytes);
                    }
                }
            }
            _ => {}
        }
    }

    fn numbers(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(u64)) {
        if dir != self.dir {
            return;
        }
        let m = &self.message;
        match field {
            Field::DnsOpcode => visit(u64::from(m.header.opcode())),
            Field::DnsRcode => visit(u64::from(m.header.rcode())),
            Field::DnsRrtype if dir == Direction::ToServer => {
                m.questions.iter().for_each(|q| visit(u64::from(q.rrtype)));
            }
            Field::DnsRrtype => m.answers.iter().for_each(|r| visit(u64::from(r.rrtype))),
            _ => {}
        }
    }

    fn ready_to_log(&self) -> bool {
        true
    }

    fn event_type(&self) -> Option<&'static str> {
        match self.proto {
            _ if self.broken => None,
            AppProto::Mdns => Some("mdns"),
            AppProto::Llmnr => Some("llmnr"),
            _ => Some("dns"),
        }
    }

    fn log(&self, out: &mut Map<String, Value>) {
        let object = match self.proto {
            AppProto::Mdns | AppProto::Llmnr => log::link_local(self),
            _ => log::dns(self),
        };
        out.insert(self.proto.name().to_owned(), Value::Object(object));
    }

    fn tell(&self, told: &mut Told) {
        match self.message.questions.first() {
            Some(question) => told.host(&question.name.bytes),
            None => self.message.answers.first().into_iter().for_each(|a| told.host(&a.name.bytes)),
        }
    }
}
