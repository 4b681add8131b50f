//! One SSH session as a transaction.

use mimamori_base::Direction;
use serde_json::{Map, Value, json};

use crate::event::AppEvent;
use crate::field::{Field, ssh_step};
use crate::ssh::kex::Hassh;
use crate::text::printable;
use crate::transaction::Transaction;

/// What one side has said.
#[derive(Debug, Default)]
pub struct SshSide {
    pub proto: Vec<u8>,
    pub software: Vec<u8>,
    pub hassh: Option<Hassh>,
    pub step: u8,
}

/// A session: one a flow.
#[derive(Debug, Default)]
pub struct SshTx {
    pub id: u64,
    pub sides: [SshSide; 2],
    pub events: Vec<AppEvent>,
}

impl SshTx {
    #[must_use]
    pub fn side(&self, dir: Direction) -> &SshSide {
        dir.of(&self.sides)
    }

    pub fn side_mut(&mut self, dir: Direction) -> &mut SshSide {
        dir.of_mut(&mut self.sides)
    }
}

impl Transaction for SshTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn progress(&self, dir: Direction) -> u8 {
        self.side(dir).step
    }

    fn is_complete(&self, dir: Direction) -> bool {
        self.side(dir).step >= ssh_step::DONE
    }

    fn events(&self) -> &[AppEvent] {
        &self.events
    }

    fn bytes(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(&[u8])) {
        let side = self.side(dir);
        match (field, dir) {
            (Field::SshProto, _) if !side.proto.is_empty() => visit(&side.proto),
            (Field::SshSoftware, _) if !side.software.is_empty() => visit(&side.software),
            (Field::SshHassh, Direction::ToServer) | (Field::SshHasshServer, Direction::ToClient) => {
                side.hassh.iter().for_each(|h| visit(h.hash.as_bytes()));
            }
            (Field::SshHasshString, Direction::ToServer)
            | (Field::SshHasshServerString, Direction::ToClient) => {
                side.hassh.iter().for_each(|h| visit(&h.string));
            }
            _ => {}
        }
    }

    fn numbers(&self, _field: Field, _dir: Direction, _visit: &mut dyn FnMut(u64)) {}

    fn ready_to_log(&self) -> bool {
        self.sides.iter().all(|s| s.step >= ssh_step::KEYS)
            || self.sides.iter().all(|s| s.step >= ssh_step::DONE)
    }

    fn event_type(&self) -> Option<&'static str> {
        self.sides.iter().any(|s| !s.proto.is_empty()).then_some("ssh")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        let mut ssh = Map::new();
        for (key, side) in ["client", "server"].into_iter().zip(&self.sides) {
            let mut o = Map::new();
            if !side.proto.is_empty() {
                o.insert("proto_version".into(), json!(printable(&side.proto)));
            }
            if !side.software.is_empty() {
                o.insert("software_version".into(), json!(printable(&side.software)));
            }
            if let Some(hassh) = &side.hassh {
                let value = json!({"hash": hassh.hash, "string": printable(&hassh.string)});
                o.insert("hassh".into(), value);
            }
            if !o.is_empty() {
                ssh.insert(key.into(), Value::Object(o));
            }
        }
        out.insert("ssh".into(), Value::Object(ssh));
    }
}
