//! One SMB command, or one file on its way, as a transaction.

use mimamori_base::Direction;
use mimamori_files::File;

use serde_json::{Map, Value};

use crate::dcerpc::call::Call;
use crate::event::AppEvent;
use crate::field::{Field, http_step};
use crate::smb::log;
use crate::smb::ntlmssp::Ntlmssp;
use crate::transaction::Transaction;

/// What a command is about.
#[derive(Debug, Default)]
pub enum Subject {
    #[default]
    Plain,
    Negotiate {
        dialects: Vec<String>,
        client_guid: Option<[u8; 16]>,
        server_guid: Option<[u8; 16]>,
    },
    SessionSetup {
        ntlmssp: Option<Ntlmssp>,
        request_native: Option<Native>,
        response_native: Option<Native>,
    },
    TreeConnect {
        share: Vec<u8>,
        pipe: bool,
        share_type: Option<&'static str>,
    },
    Create(Box<Create>),
    Ioctl {
        function: u32,
    },
    Rename {
        from: Vec<u8>,
        to: Vec<u8>,
        file_id: Option<[u8; 16]>,
    },
    Delete {
        name: Vec<u8>,
        file_id: Option<[u8; 16]>,
    },
    DceRpc(Box<Call>),
    File(Box<FileSubject>),
}

/// The system that SMB 1 names.
#[derive(Debug, Default, Clone)]
pub struct Native {
    pub os: Vec<u8>,
    pub lan_manager: Vec<u8>,
}

/// Opening a file, directory or pipe.
#[derive(Debug, Default)]
pub struct Create {
    pub name: Vec<u8>,
    pub directory: bool,
    pub disposition: u32,
    pub delete_on_close: bool,
    pub service: Option<Vec<u8>>,
    /// Created, accessed, modified, changed: seconds since 1970.
    pub times: Option<[u64; 4]>,
    pub size: u64,
    pub file_id: Option<[u8; 16]>,
}

/// A file's bytes.
#[derive(Debug)]
pub struct FileSubject {
    pub file_id: [u8; 16],
    pub name: Vec<u8>,
    pub share: Vec<u8>,
    pub dir: Direction,
    pub files: Vec<File>,
}

/// How the server answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Nt(u32),
    /// SMB 1 without NT codes: class, code.
    Dos(u8, u16),
}

/// A command and its answer, or a file.
#[derive(Debug, Default)]
pub struct SmbTx {
    pub id: u64,
    /// SMB 1 or 2.
    pub version: u8,
    pub command: u16,
    pub status: Option<Status>,
    pub message_id: u64,
    pub session_id: u64,
    pub tree_id: u32,
    pub dialect: String,
    pub subject: Subject,
    pub events: Vec<AppEvent>,
    pub requested: bool,
    pub answered: bool,
}

impl SmbTx {
    fn call(&self) -> Option<&Call> {
        match &self.subject {
            Subject::DceRpc(call) => Some(call),
            _ => None,
        }
    }

    fn file(&self) -> Option<&FileSubject> {
        match &self.subject {
            Subject::File(file) => Some(file),
            _ => None,
        }
    }

    /// Whether a file is still open.
    fn open_file(&self) -> bool {
        self.file().is_some() && !self.answered
    }
}

impl Transaction for SmbTx {
    fn id(&self) -> u64 {
        self.id
    }

    fn progress(&self, dir: Direction) -> u8 {
        if self.open_file() {
            return http_step::BODY;
        }
        match dir {
            Direction::ToServer => u8::from(self.requested),
            Direction::ToClient => u8::from(self.answered),
        }
    }

    fn is_complete(&self, dir: Direction) -> bool {
        if self.open_file() {
            return false;
        }
        match dir {
            Direction::ToServer => self.requested,
            Direction::ToClient => self.answered,
        }
    }

    fn events(&self) -> &[AppEvent] {
        &self.events
    }

    fn bytes(&self, field: Field, dir: Direction, visit: &mut dyn FnMut(&[u8])) {
        match (field, &self.subject) {
            (Field::SmbShare, Subject::TreeConnect { share, pipe: false, .. }) => visit(share),
            (Field::SmbNamedPipe, Subject::TreeConnect { share, pipe: true, .. }) => {
                // SMB 1 names the service in its request, SMB 2 only in its answer.
                let known_in = if self.version == 1 { Direction::ToServer } else { Direction::ToClient };
                if dir == known_in {
                    visit(share);
                }
            }
            (Field::SmbNtlmsspUser, Subject::SessionSetup { ntlmssp: Some(n), .. }) => visit(&n.user),
            (Field::SmbNtlmsspDomain, Subject::SessionSetup { ntlmssp: Some(n), .. }) => visit(&n.domain),
            (Field::DceIface, Subject::DceRpc(call)) => call.visit_interfaces(visit),
            (Field::DceStubData, Subject::DceRpc(call)) => {
                let side = if dir == Direction::ToServer { call.request() } else { call.response() };
                if !side.stub.is_empty() {
                    visit(&side.stub);
                }
            }
            (Field::FileName, _) => self.files(dir).iter().for_each(|f| visit(f.name())),
            (Field::FileMagic, _) => self.files(dir).iter().for_each(|f| visit(f.magic().as_bytes())),
            _ => {}
        }
    }

    fn numbers(&self, field: Field, _dir: Direction, visit: &mut dyn FnMut(u64)) {
        match field {
            Field::SmbVersion => visit(u64::from(self.version)),
            Field::DceOpnum => {
                let opnum = self.call().and_then(|c| c.opnum);
                opnum.iter().for_each(|n| visit(u64::from(*n)));
            }
            _ => {}
        }
    }

    fn files(&self, dir: Direction) -> &[File] {
        match self.file() {
            Some(file) if file.dir == dir => &file.files,
            _ => &[],
        }
    }

    fn files_mut(&mut self, dir: Direction) -> &mut [File] {
        match &mut self.subject {
            Subject::File(file) if file.dir == dir => &mut file.files,
            _ => &mut [],
        }
    }

    fn inspected(&mut self, dir: Direction) {
        self.files_mut(dir).iter_mut().for_each(File::inspected);
    }

    fn event_type(&self) -> Option<&'static str> {
        Some("smb")
    }

    fn log(&self, out: &mut Map<String, Value>) {
        out.insert("smb".into(), Value::Object(log::smb(self)));
    }

    fn little_endian(&self, dir: Direction) -> bool {
        self.call().is_some_and(|call| match dir {
            Direction::ToServer => call.request().little_endian,
            Direction::ToClient => call.response().little_endian,
        })
    }
}
