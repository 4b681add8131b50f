//! The real program sends to a real mail server (Debian's Exim) and is killed with -9 at each
//! step of the conversation: no ★★★ stays without its mail, and what comes again comes under the
//! Message-ID that it had (NT-05, ADR 9).
//!
//! Between the two stands a line that passes everything on and strikes at the step wanted. Leases
//! run out in real time, so that this takes some minutes of waiting. Skips where Exim cannot run.

#[path = "../../notify/tests/exim_server/mod.rs"]
#[expect(dead_code, reason = "each test file uses its own part")]
mod exim_server;

/// What `exim_server` asks of the tests beside it.
mod support {
    use mimamori_domain::{EmailAddress, Name};

    pub fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    pub fn address(text: &str) -> EmailAddress {
        EmailAddress::parse(text).unwrap()
    }
}

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use exim_server::{Exim, KEEP_ALL};
use mimamori_base::{Clock as _, SystemClock, SystemRng};
use mimamori_domain::{
    AlertState, Detection, DetectionId, DetectionKind, Device, Endpoint, GatewayId, NotifyAddresses, Outcome,
    Policy, Reputation, ReputationKind, Serial, TrafficDirection,
};
use mimamori_service::views::AlertFilter;
use mimamori_service::{Config, NewCustomer, NewGateway, NewReseller, Parts, ReportItem, Service};
use mimamori_store::SqliteStore;
use support::{address, name};

const ADDRESSES: [&str; 3] = ["a@takehara.example", "b@takehara.example", "c@takehara.example"];
/// Longer than a lease of `serve` with one mail server.
const LEASE: Duration = Duration::from_secs(240);

/// Where the program is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Claimed, and connecting.
    Connect,
    Sender,
    Data,
    /// The final dot was sent and has not arrived.
    Dot,
    /// The server has taken the mail; the program does not know.
    Taken,
    /// The program has just been told.
    Told,
}

const STEPS: [Step; 6] = [Step::Connect, Step::Sender, Step::Data, Step::Dot, Step::Taken, Step::Told];

/// What is to happen on the line, and to whom.
#[derive(Default)]
struct Plan {
    step: Option<Step>,
    victim: Option<u32>,
}

#[derive(Clone, Default)]
struct Line(Arc<Mutex<Plan>>);

impl Line {
    /// Listens; passes everything on to `server`.
    fn start(&self, server: u16) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let line = self.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let line = line.clone();
                std::thread::spawn(move || line.pass(client, server));
            }
        });
        port
    }

    /// Kills if this is the step; once.
    fn strike(&self, step: Step) -> bool {
        let mut plan = self.0.lock().unwrap();
        if plan.step != Some(step) {
            return false;
        }
        let Some(victim) = plan.victim else { return false };
        plan.step = None;
        Command::new("kill").args(["-9", &victim.to_string()]).status().unwrap();
        true
    }

    fn struck(&self) -> bool {
        self.0.lock().unwrap().step.is_none()
    }

    fn pass(&self, client: TcpStream, port: u16) {
        if self.strike(Step::Connect) {
            return;
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { return };
        let dotted = Arc::new(Mutex::new(false));
        let back = {
            let (line, dotted) = (self.clone(), dotted.clone());
            let (from, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || line.answers(from, to, &dotted))
        };
        self.commands(&client, &server, &dotted);
        let _ = server.shutdown(Shutdown::Both);
        let _ = client.shutdown(Shutdown::Both);
        let _ = back.join();
    }

    fn commands(&self, from: &TcpStream, mut to: &TcpStream, dotted: &Mutex<bool>) {
        let (mut reader, mut text, mut in_data) = (BufReader::new(from), Vec::new(), false);
        while reader.read_until(b'\n', &mut text).is_ok_and(|n| n > 0) {
            let end = in_data && text == b".\r\n";
            let struck = match () {
                () if end => self.strike(Step::Dot),
                () if in_data => false,
                () if text.starts_with(b"MAIL FROM") => self.strike(Step::Sender),
                () if text.starts_with(b"DATA") => self.strike(Step::Data),
                () => false,
            };
            if struck {
                return;
            }
            *dotted.lock().unwrap() |= end;
            in_data = !end && (in_data || text.starts_with(b"DATA"));
            if to.write_all(&text).is_err() {
                return;
            }
            text.clear();
        }
    }

    fn answers(&self, from: TcpStream, mut to: TcpStream, dotted: &Mutex<bool>) {
        let (mut reader, mut text) = (BufReader::new(from), Vec::new());
        while reader.read_until(b'\n', &mut text).is_ok_and(|n| n > 0) {
            let taken = text.starts_with(b"250 ") && std::mem::take(&mut *dotted.lock().unwrap());
            if taken && self.strike(Step::Taken) {
                break;
            }
            if to.write_all(&text).is_err() || (taken && self.strike(Step::Told)) {
                break;
            }
            text.clear();
        }
        let _ = to.shutdown(Shutdown::Both);
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The program's file of settings, with the line as its mail server.
fn settings(folder: &Path, mail: u16) -> PathBuf {
    let (portal, gateways) = (free_port(), free_port());
    let text = format!(
        "database = \"sqlite:m.db\"\nstate_dir = \"state\"\n\
         [portal]\nlisten = \"127.0.0.1:{portal}\"\npublic_url = \"http://localhost:{portal}\"\n\
         contact = {{ phone = \"0120-000-000\", hours = \"平日\" }}\n\
         [gateways]\nlisten = \"127.0.0.1:{gateways}\"\nnames = [\"localhost\"]\n\
         [mail]\nserver = \"localhost\"\nsecurity = \"none\"\nport = {mail}\nfrom = \"alert@portal.example\"\n"
    );
    let path = folder.join("m.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// The program; killed at the latest with this.
struct Serve(Child);

impl Serve {
    fn start(settings: &Path) -> Serve {
        let child = Command::new(env!("CARGO_BIN_EXE_mimamori"))
            .args(["serve", "--config", settings.to_str().unwrap()])
            .stderr(Stdio::null())
            .spawn();
        Serve(child.unwrap())
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The test's own look at the program's database, as a second node has it.
async fn beside(folder: &Path) -> Service {
    let store = SqliteStore::open(&folder.join("m.db")).await.unwrap();
    Service::new(Parts {
        store: Arc::new(store),
        clock: Arc::new(SystemClock),
        rng: Arc::new(SystemRng),
        policy: Policy::builtin().unwrap(),
        config: Config::default(),
    })
    .unwrap()
}

async fn office(service: &Service) -> GatewayId {
    let console = service.console();
    let desk = NewReseller { name: name("販売店"), desk_phone: name("0120"), desk_hours: name("平日") };
    let reseller = service.create_reseller(&console, desk).await.unwrap().id;
    let addresses = NotifyAddresses::new(ADDRESSES.map(address).to_vec()).unwrap();
    let new = NewCustomer { reseller, name: name("竹原商店"), addresses };
    let customer = service.create_customer(&console, new).await.unwrap().id;
    let serial = Serial::parse("KILLED-1").unwrap();
    let new = NewGateway { customer, serial: serial.clone(), name: name("本店") };
    let (gateway, secret) = service.create_gateway(&console, new).await.unwrap();
    service.enrol_gateway(&serial, secret.reveal(), "key").await.unwrap();
    gateway.id
}

/// A ★★★ on device `n`.
async fn fire(service: &Service, gateway: GatewayId, n: u8) {
    let now = SystemClock.now();
    let end = |ip: &str| Endpoint { ip: ip.parse().unwrap(), port: Some(443) };
    let own = format!("192.168.1.{}", 20 + n);
    let detection = Detection {
        id: DetectionId::generate(now, &SystemRng),
        at: now,
        last_at: now,
        count: 1,
        kind: DetectionKind::CommandAndControl,
        outcome: Outcome::Blocked,
        direction: TrafficDirection::Outbound,
        device: Device { ip: own.parse().ok(), ..Device::default() },
        source: end(&own),
        destination: end("203.0.113.9"),
        signature: None,
        host: Some("update-check.example".into()),
        url: None,
        file: None,
        reputation: Some(Reputation { kind: ReputationKind::CommandAndControl, family: None }),
        app_proto: Some("tls".into()),
        from_zone: None,
        to_zone: None,
        flow_id: Some(1),
    };
    let items = vec![(u64::from(n), ReportItem::Detection(Box::new(detection)))];
    assert_eq!(service.commit_reports(gateway, 1, items).await.unwrap().raised, 1);
}

async fn until(what: &str, within: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let since = Instant::now();
    while !holds().await {
        assert!(since.elapsed() < within, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// How often each Message-ID arrived.
fn arrived(kept: &Path) -> BTreeMap<String, usize> {
    let mut ids = BTreeMap::new();
    for line in std::fs::read_to_string(kept).unwrap_or_default().lines() {
        if let Some(id) = line.strip_prefix("Message-ID: <") {
            *ids.entry(id.trim_end_matches('>').to_owned()).or_insert(0) += 1;
        }
    }
    ids
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nt_05_the_program_killed_at_each_step_leaves_no_alert_without_its_mail() {
    let (folder, mail) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Some(exim) = Exim::start_with(mail.path(), "", KEEP_ALL) else { return };
    let line = Line::default();
    let settings = settings(folder.path(), line.start(exim.smtp().port));
    let service = beside(folder.path()).await;
    let gateway = office(&service).await;
    for (n, step) in (1..).zip(STEPS) {
        fire(&service, gateway, n).await;
        // Held over the start: the program must not speak before its number is known.
        let mut serve = {
            let mut plan = line.0.lock().unwrap();
            let serve = Serve::start(&settings);
            *plan = Plan { step: Some(step), victim: Some(serve.0.id()) };
            serve
        };
        until(&format!("{step:?}"), Duration::from_secs(60), async || line.struck()).await;
        let status = tokio::task::block_in_place(|| serve.0.wait()).unwrap();
        assert!(!status.success(), "{step:?}: killed");
    }
    let _serve = Serve::start(&settings);
    let console = service.console();
    let filter = || AlertFilter { limit: 100, ..AlertFilter::default() };
    until("all mails", LEASE, async || {
        let alerts = service.alerts(&console, filter()).await.unwrap().items;
        let ledger = service.delivery_ledger(&console, None, 200).await.unwrap();
        alerts.iter().all(|a| matches!(a.alert.state, AlertState::Notified { .. }))
            && ledger.iter().all(|d| d.state.as_str() == "sent")
    })
    .await;

    let alerts = service.alerts(&console, filter()).await.unwrap().items;
    assert_eq!(alerts.len(), STEPS.len());
    let ledger = service.delivery_ledger(&console, None, 200).await.unwrap();
    // What was fired while the program lay dead may share one mail.
    let mails = ledger.len() / ADDRESSES.len();
    assert!((1..=STEPS.len()).contains(&mails) && ledger.len().is_multiple_of(ADDRESSES.len()), "{mails}");
    // Exim puts into the file a little later what it has taken.
    let kept = mail.path().join("mail");
    let known: Vec<_> = ledger.iter().map(|d| d.delivery.message_id.clone()).collect();
    until("what is called sent", Duration::from_secs(60), async || {
        let arrived = arrived(&kept);
        known.iter().all(|id| arrived.contains_key(id))
    })
    .await;
    let arrived = arrived(&kept);
    assert_eq!(arrived.len(), ledger.len(), "nothing under a Message-ID that is not in the ledger");
    // Only what the server had taken and the program had not written down may come again: at most
    // the conversations of the kills from the final dot on.
    let again: usize = arrived.values().map(|n| n - 1).sum();
    assert!((1..=3 * ADDRESSES.len()).contains(&again), "{arrived:?}");
    let named = std::fs::read_to_string(mail.path().join("mail")).unwrap();
    assert!(ADDRESSES.iter().all(|to| named.contains(&format!("To: {to}"))), "to everybody");
    println!("{} alerts, {} mails to {} addresses, {again} came again", alerts.len(), mails, ADDRESSES.len());
    service.close().await;
}
