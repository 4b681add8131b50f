//! An office with its cloud, as processes that know each other by the network alone (Linux, root):
//! a definition set goes from the operator to the gateway, an exception from the customer to the
//! traffic and back, asked for with the portal's form.

mod portal;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mimamori_base::{SystemClock, SystemRng};
use mimamori_domain::account::Belongs;
use mimamori_domain::{CustomerId, EmailAddress, GatewayId, LoginName, Name, Policy, Role};
use mimamori_gateway::lab::{Lab, obstacle};
use mimamori_service::views::AlertFilter;
use mimamori_service::{Actor, ClientInfo, Config, NewAccount, Parts, Service};
use mimamori_store::SqliteStore;

const MIMAMORI: &str = env!("CARGO_BIN_EXE_mimamori");
/// A web server of the laboratory; here the bad names lie too.
const SERVER: &str = "203.0.113.10";
/// How long something is waited for: much longer than it takes, for busy machines.
const PATIENCE: Duration = Duration::from_secs(240);
const PAGE: &str = "文房具の店";
const BLOCKED: &str = "接続を止めました";

fn mimamori(args: &[&str]) -> String {
    let out = Command::new(MIMAMORI).args(args).output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A signed set that lists `name` as a control server.
fn set(work: &Path, version: u64, name: &str) {
    fs::write(work.join("none.rules"), "alert tcp any any -> any 9 (msg:\"x\"; content:\"no\"; sid:1;)\n")
        .unwrap();
    fs::write(work.join("list.tsv"), format!("shirei.example\tc2\tTestBot\n{name}\tmalware\tTest\n"))
        .unwrap();
    let key = work.join("set.key");
    if !key.exists() {
        mimamori(&["gateway", "definitions", "keygen", &text(&key)]);
    }
    let rules = format!("rules={}", text(&work.join("none.rules")));
    let names = format!("mimamori={}", text(&work.join("list.tsv")));
    let (version, out) = (version.to_string(), text(&work.join("new.mds")));
    let what =
        ["gateway", "definitions", "build", "--source", &rules, "--source", &names, "--channel", "lab"];
    let how = ["--set-version", &version, "--key", &text(&key), "--out", &out];
    mimamori(&[&what[..], &how[..]].concat());
}

struct Office {
    lab: Lab,
    service: Service,
    customer: CustomerId,
    gateway: GatewayId,
    config: String,
}

impl Office {
    /// What a device sees of a site.
    fn visit(&self, device: &str, host: &str) -> String {
        let (resolve, url) = (format!("{host}:80:{SERVER}"), format!("http://{host}/"));
        let out = self.lab.on(device, &["curl", "-sS", "-m", "10", "--resolve", &resolve, &url]).unwrap();
        String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned()
    }

    fn until_seen(&self, device: &str, host: &str, words: &str) {
        let since = Instant::now();
        while !self.visit(device, host).contains(words) {
            let seen = self.visit(device, host);
            assert!(since.elapsed() < PATIENCE, "{device} {host}: {words} in vain: {seen}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    fn put_definitions(&self) {
        let work = self.lab.work();
        let (set, key) = (text(&work.join("new.mds")), text(&work.join("set.key.pub")));
        mimamori(&["admin", "--config", &self.config, "put-definitions", "--set", &set, "--key", &key]);
    }

    /// As the cloud knows it from heartbeats, and the portal shows it.
    async fn version(&self) -> String {
        let view = self.service.gateway(&self.service.console(), self.gateway).await.unwrap();
        view.heartbeat.map(|h| h.rule_set.to_string()).unwrap_or_default()
    }

    async fn until_version(&self, version: &str) {
        let since = Instant::now();
        while self.version().await != version {
            assert!(since.elapsed() < PATIENCE, "{version} in vain: {}", self.version().await);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Waits until so many more heartbeats have come: the gateway has what there was to fetch.
    async fn heartbeats(&self, count: usize) {
        let beat = async || {
            let view = self.service.gateway(&self.service.console(), self.gateway).await.unwrap();
            view.heartbeat.map(|h| h.at)
        };
        for _ in 0..count {
            let (before, since) = (beat().await, Instant::now());
            while beat().await == before {
                assert!(since.elapsed() < PATIENCE, "a heartbeat in vain: {}", self.log());
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }

    async fn until_told(&self, words: &str) {
        let since = Instant::now();
        while !self.log().contains(words) {
            assert!(since.elapsed() < PATIENCE, "{words} in vain: {}", self.log());
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// As the service knows them, and the password of their letter.
    async fn person(&self, login: &str, role: Role, belongs: Belongs) -> (Actor, String) {
        let new = NewAccount {
            login: LoginName::parse(login).unwrap(),
            name: Name::parse("花子").unwrap(),
            email: EmailAddress::parse("hanako@example.jp").unwrap(),
            role,
            belongs,
        };
        let password = self.service.create_account(&self.service.console(), new).await.unwrap().1;
        let from = ClientInfo { ip: [192, 0, 2, 1].into(), user_agent: "x".into(), browser: None };
        let actor = self.service.login(login, password.reveal(), &from).await.unwrap().actor;
        (actor, password.reveal().to_owned())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.lab.work().join("utm.log")).unwrap_or_default()
    }
}

fn cloud_config(work: &Path) -> String {
    let config = format!(
        "database = \"sqlite:{w}/cloud.db\"\nstate_dir = \"{w}/cloud\"\n\
         [portal]\nlisten = \"127.0.0.1:8080\"\npublic_url = \"http://localhost:8080\"\n\
         contact = {{ phone = \"0120-000-000\", hours = \"平日\" }}\n\
         [gateways]\nlisten = \"127.0.0.1:8443\"\nnames = [\"localhost\"]\n\
         [mail]\nserver = \"localhost\"\nsecurity = \"none\"\nport = 1\nfrom = \"a@example.jp\"\n\
         [metrics]\nlisten = \"127.0.0.1:9090\"\n",
        w = work.display()
    );
    let path = work.join("cloud.toml");
    fs::write(&path, config).unwrap();
    text(&path)
}

fn gateway_config(work: &Path) -> String {
    let key = fs::read_to_string(work.join("set.key.pub")).unwrap();
    let config = format!(
        "state_dir = \"{w}/state\"\n\
         [cloud]\nurl = \"https://localhost:8443\"\nca = \"{w}/cloud/ca/ca.pem\"\nheartbeat_seconds = 5\n\
         [[port]]\ninterface = \"wan0\"\nzone = \"wan\"\n\
         [[port]]\ninterface = \"lan0\"\nzone = \"lan\"\n\
         [[port]]\ninterface = \"lan1\"\nzone = \"lan\"\n\
         [scan]\nenabled = false\n\
         [inspection]\nset = \"{w}/state/offered.mds\"\nset_keys = [\"{}\"]\n",
        key.trim(),
        w = work.display()
    );
    let path = work.join("gateway.toml");
    fs::write(&path, config).unwrap();
    text(&path)
}

fn number(said: &str) -> String {
    said.split("番号: ").nth(1).and_then(|s| s.split_whitespace().next()).unwrap().to_owned()
}

/// The cloud runs beside the gateway, in its namespace.
async fn build(dir: &Path) -> Option<Office> {
    if let Some(obstacle) = obstacle() {
        println!("skipped: needs {obstacle}");
        return None;
    }
    let mut lab = Lab::build("mmo", dir).unwrap();
    let work = lab.work().to_owned();
    set(&work, 1, "furui.example");
    let config = cloud_config(&work);
    let admin = |args: &[&str]| mimamori(&[&["admin", "--config", &config], args].concat());
    let reseller = number(&admin(&["add-reseller", "--name", "販売店", "--phone", "0120-000-000"]));
    let name = ["--name", "乙川物産", "--mail", "a@example.jp"];
    let customer = number(&admin(&[&["add-customer", "--reseller", &reseller], &name[..]].concat()));
    let said = admin(&["add-gateway", "--customer", &customer, "--serial", "S-0001", "--name", "本店"]);
    let secret = said.split("今だけ表示されます）: ").nth(1).unwrap().trim();
    fs::write(work.join("secret"), secret).unwrap();
    lab.start("gw", &[MIMAMORI, "serve", "--config", &config]).unwrap();
    let listening = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(200));
        let probe = "exec 3<>/dev/tcp/127.0.0.1/8443";
        lab.on("gw", &["timeout", "1", "bash", "-c", probe]).unwrap().status.success()
    });
    let log = || fs::read_to_string(work.join("mimamori.log")).unwrap_or_default();
    assert!(listening, "{}", log());
    let store = SqliteStore::open(&work.join("cloud.db")).await.unwrap();
    let parts = Parts {
        store: Arc::new(store),
        clock: Arc::new(SystemClock),
        rng: Arc::new(SystemRng),
        policy: Policy::builtin().unwrap(),
        config: Config::default(),
    };
    let office = Office {
        lab,
        service: Service::new(parts).unwrap(),
        customer: CustomerId::parse(&customer).unwrap(),
        gateway: GatewayId::parse(&number(&said)).unwrap(),
        config,
    };
    Some(office)
}

fn start_gateway(office: &mut Office) {
    let work = office.lab.work().to_owned();
    let (config, secret) = (gateway_config(&work), text(&work.join("secret")));
    let enrol = ["gateway", "enrol", "--config", &config, "--serial", "S-0001", "--secret-file", &secret];
    let out = office.lab.on("gw", &[&[MIMAMORI], &enrol[..]].concat()).unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    // Its log under a name of its own.
    let program = work.join("utm");
    std::os::unix::fs::symlink(MIMAMORI, &program).unwrap();
    office.lab.start("gw", &[&text(&program), "gateway", "run", "--config", &config]).unwrap();
    assert!(office.lab.wait_for_gateway(Duration::from_secs(20)), "{}", office.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gw_07_gw_14_sets_and_exceptions_go_from_the_cloud_to_the_traffic() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut office) = build(dir.path()).await else { return };
    office.put_definitions();
    start_gateway(&mut office);
    office.until_version("lab-1").await;
    office.until_seen("pc1", "www.shirei.example", BLOCKED);
    office.until_seen("pc1", "furui.example", BLOCKED);
    exceptions(&office).await;
    sets(&office).await;
    office.service.close().await;
}

async fn exceptions(office: &Office) {
    let belongs = Belongs::Customer(office.customer);
    let (customer, password) = office.person("hanako", Role::CustomerAdmin, belongs).await;
    let (analyst, _) = office.person("bunseki", Role::Analyst, Belongs::Operation).await;
    let browser = portal::Browser::new(&office.lab, "hanako");
    browser.first_login("hanako", &password);
    let since = Instant::now();
    let alert = loop {
        let alerts = office.service.alerts(&customer, AlertFilter::default()).await.unwrap().items;
        let of_it = |d: &mimamori_domain::Detection| d.host.as_deref() == Some("www.shirei.example");
        let found = alerts.iter().find(|a| a.alert.evidence.iter().any(|e| of_it(&e.detection)));
        if let Some(found) = found {
            break found.alert.id;
        }
        assert!(since.elapsed() < PATIENCE, "an alert in vain: {}", office.log());
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    let (page, reason) = (format!("/alerts/{alert}"), "取引先の連絡用");
    let fields = [("reason", reason), ("by", "host"), ("place", "device"), ("days", "30")];
    browser.submit(&page, &format!("{page}/exception"), &fields);
    let listed = office.service.exceptions(&customer, Some(office.customer)).await.unwrap();
    let id = listed.first().expect("the form asked for one").id;
    assert!(browser.get("/exceptions").contains(reason));
    office.heartbeats(2).await;
    assert!(office.visit("pc1", "www.shirei.example").contains(BLOCKED), "asked for, not agreed");
    office.service.decide_exception(&analyst, id, true).await.unwrap();
    office.until_seen("pc1", "www.shirei.example", PAGE);
    assert!(office.visit("pc2", "www.shirei.example").contains(BLOCKED), "the other device stays out");
    office.until_told(&format!("例外 {id} により")).await;
    browser.submit("/exceptions", &format!("/exceptions/{id}/end"), &[]);
    office.until_seen("pc1", "www.shirei.example", BLOCKED);
    let listed = office.service.exceptions(&customer, Some(office.customer)).await.unwrap();
    assert_eq!(listed.iter().map(|e| (e.id, e.state.code())).collect::<Vec<_>>(), [(id, "ended")]);
    let audit = office.service.audit_log(&customer, 50).await.unwrap();
    for action in ["exception.ask", "exception.agree", "exception.end"] {
        assert!(audit.iter().any(|e| e.action.as_str() == action), "{action}");
    }
}

/// A newer set takes effect; tampered and older ones are fetched, refused and told.
async fn sets(office: &Office) {
    let work = office.lab.work().to_owned();
    let old = fs::read(work.join("new.mds")).unwrap();
    set(&work, 2, "atarashii.example");
    office.put_definitions();
    office.until_version("lab-2").await;
    office.until_seen("pc2", "atarashii.example", BLOCKED);
    office.until_seen("pc2", "furui.example", PAGE);
    let mut tampered = fs::read(work.join("new.mds")).unwrap();
    *tampered.last_mut().unwrap() ^= 1;
    for (set, words) in [(tampered, "壊れています"), (old, "古いため使いません")] {
        let path = work.join("bad.mds");
        fs::write(&path, set).unwrap();
        // The operator's command would not take them: straight into the folder.
        mimamori_ingest::offers::put_up(&work.join("cloud/definitions"), &path, "bad").unwrap();
        office.until_told(words).await;
        assert_eq!(office.version().await, "lab-2", "the last good one stays");
        assert!(office.visit("pc2", "atarashii.example").contains(BLOCKED));
    }
    let out = Command::new(MIMAMORI)
        .args(["admin", "--config", &office.config, "put-definitions", "--set", &text(&work.join("bad.mds"))])
        .args(["--key", &text(&work.join("none.rules"))])
        .output()
        .unwrap();
    assert!(!out.status.success(), "a set that the key does not fit is not put up");
}
