//! Two companies under two resellers, each with a gateway, a detection and an alert, and one
//! account of every role; and a client that keeps its cookies.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode, header};
use mimamori_base::{Rng, SeededRng, Timestamp, VirtualClock};
use mimamori_domain::account::Belongs;
use mimamori_domain::attachment::About;
use mimamori_domain::gateway::{FileCounts, SeenDevice};
use mimamori_domain::inquiry::{Channel, Topic};
use mimamori_domain::usage::{DeviceUse, UseLine, UseSubject};
use mimamori_domain::{
    AccountId, AlertId, ApiScope, ApiTokenId, AttachmentId, CustomerId, Detection, DetectionId,
    DetectionKind, Device, EmailAddress, Endpoint, GatewayId, Heartbeat, InquiryId, LoginName, Month,
    MonthlyId, Name, NotifyAddresses, Outcome, Policy, ResellerId, Role, Serial, Signature, TrafficDirection,
    WebhookId,
};
use mimamori_service::views::AlertFilter;
use mimamori_service::{
    AskDesk, ClientInfo, Config, NewAccount, NewCustomer, NewGateway, NewReseller, NewToken, Parts,
    PasswordCost, ReportItem, Service, Upload,
};
use mimamori_store::SqliteStore;
use mimamori_web::{Mailbox, Options, Portal, ReceivedMail, view::Contact};
use tower::ServiceExt;

pub const NOW: Timestamp = Timestamp::from_secs(1_795_496_700);
pub const PASSWORD: &str = "correct-horse-battery";

/// One company and what is known of it.
#[derive(Debug, Clone)]
pub struct Company {
    /// Stands in its name, gateway, host names: must never reach the other company.
    pub mark: &'static str,
    pub customer: CustomerId,
    pub reseller: ResellerId,
    pub gateway: GatewayId,
    pub alert: AlertId,
    pub detection: DetectionId,
    /// Key of the device that it was about.
    pub device: String,
    /// The viewer's.
    pub account: AccountId,
    /// A thread that names the company, with a file that does.
    pub inquiry: InquiryId,
    pub attachment: AttachmentId,
    /// A file of a scan report of the alert; its bytes name the company.
    pub scan_file: AttachmentId,
    /// A monthly report whose bytes name the company.
    pub report: MonthlyId,
    pub webhook: WebhookId,
    /// Of the API, with every scope.
    pub token: String,
    pub token_id: ApiTokenId,
}

pub struct World {
    pub router: Router,
    pub service: Service,
    pub clock: Arc<VirtualClock>,
    pub a: Company,
    pub b: Company,
    _folder: tempfile::TempDir,
}

#[derive(Debug)]
struct OneMail;

impl Mailbox for OneMail {
    fn server(&self) -> String {
        "127.0.0.1:2525".to_owned()
    }

    fn mails(&self) -> Vec<ReceivedMail> {
        vec![ReceivedMail {
            number: 1,
            at: NOW,
            from: "a@b.example".to_owned(),
            to: "c@d.example".to_owned(),
            subject: "件名".to_owned(),
            message_id: "1@x".to_owned(),
            text: "本文".to_owned(),
        }]
    }
}

impl World {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(&folder.path().join("m.db")).await.expect("a store");
        let rng: Arc<dyn Rng> = Arc::new(SeededRng::new(11));
        let clock = Arc::new(VirtualClock::at(NOW));
        let service = Service::new(Parts {
            store: Arc::new(store),
            clock: clock.clone(),
            rng: rng.clone(),
            policy: Policy::builtin().expect("policy"),
            config: Config {
                password_cost: PasswordCost::cheap_for_tests(),
                staff_second_factor: false,
                sms: true,
                ..Config::default()
            },
        })
        .expect("a service");
        let mut a = company(&service, "甲野工業", 1).await;
        let mut b = company(&service, "乙川物産", 2).await;
        for (company, letter) in [(&mut a, "a"), (&mut b, "b")] {
            for role in [Role::CustomerAdmin, Role::CustomerViewer] {
                let belongs = Belongs::Customer(company.customer);
                company.account = account(&service, role, letter, belongs).await;
            }
            for role in [Role::HelpDesk, Role::Reseller] {
                account(&service, role, letter, Belongs::Reseller(company.reseller)).await;
            }
            integrate(&service, company, letter).await;
            papers(&service, company, letter).await;
        }
        for role in [Role::Operator, Role::Analyst] {
            account(&service, role, "a", Belongs::Operation).await;
        }
        let options = Options {
            https: false,
            behind_proxy: false,
            contact: Contact::new("相談窓口", "0120-000-000", "平日 9:00–18:00"),
        };
        let portal = Portal::new(service.clone(), rng, options, Some(Arc::new(OneMail)));
        World { router: mimamori_web::router(&portal), service, clock, a, b, _folder: folder }
    }
}

async fn company(service: &Service, mark: &'static str, n: u8) -> Company {
    let console = service.console();
    let name = |text: String| Name::parse(&text).expect("a name");
    let reseller = service
        .create_reseller(
            &console,
            NewReseller {
                name: name(format!("{mark}の販売店")),
                desk_phone: name(format!("0120-000-00{n}")),
                desk_hours: name("平日 9:00–18:00".to_owned()),
            },
        )
        .await
        .expect("a reseller");
    let to = EmailAddress::parse(&format!("kanri{n}@example.jp")).expect("an address");
    let customer = service
        .create_customer(
            &console,
            NewCustomer {
                reseller: reseller.id,
                name: name(mark.to_owned()),
                addresses: NotifyAddresses::new(vec![to]).expect("addresses"),
            },
        )
        .await
        .expect("a customer");
    let serial = Serial::parse(&format!("SERIAL-{n}")).expect("a serial");
    let new =
        NewGateway { customer: customer.id, serial: serial.clone(), name: name(format!("{mark}本店")) };
    let (gateway, secret) = service.create_gateway(&console, new).await.expect("a gateway");
    service.enrol_gateway(&serial, secret.reveal(), &"ab".repeat(32)).await.expect("enrolled");
    let detection = detection(mark, n);
    let id = detection.id;
    let device = detection.device.clone();
    let key = device.key().0;
    let seen = SeenDevice { device, first_seen: NOW, last_seen: NOW };
    let files = FileCounts { judged: 1_234, harmful: 2, locked: 7, no_scanner: 1, ..FileCounts::default() };
    let beat = Heartbeat { devices: vec![seen], files, ..Heartbeat::default() };
    service.record_heartbeat(gateway.id, beat).await.expect("a heartbeat");
    service
        .commit_reports(gateway.id, 1, vec![(1, ReportItem::Detection(Box::new(detection))), (2, used(mark))])
        .await
        .expect("committed");
    let filter = AlertFilter { customer: Some(customer.id), ..AlertFilter::default() };
    let alerts = service.alerts(&console, filter).await.expect("alerts");
    let alert = alerts.items.first().expect("the detection raised an alert").alert.id;
    Company {
        mark,
        customer: customer.id,
        reseller: reseller.id,
        gateway: gateway.id,
        alert,
        detection: id,
        device: key,
        account: AccountId([0; 16]),
        inquiry: InquiryId([0; 16]),
        attachment: AttachmentId([0; 16]),
        scan_file: AttachmentId([0; 16]),
        report: MonthlyId([0; 16]),
        webhook: WebhookId([0; 16]),
        token: String::new(),
        token_id: ApiTokenId([0; 16]),
    }
}

/// What the company's administrator does: makes a token, registers a webhook.
async fn integrate(service: &Service, company: &mut Company, letter: &str) {
    let from = ClientInfo { ip: IpAddr::from([127, 0, 0, 1]), user_agent: "test".into(), browser: None };
    let login = user(Role::CustomerAdmin, letter);
    let admin = service.login(&login, PASSWORD, &from).await.expect("logged in").actor;
    let name = Name::parse(&format!("{}の表示", company.mark)).expect("a name");
    let new = NewToken { name, scopes: ApiScope::ALL.to_vec(), days: 30 };
    let (row, secret) = service.create_api_token(&admin, company.customer, new).await.expect("a token");
    (company.token, company.token_id) = (secret.reveal().to_owned(), row.id);
    let url = "https://hooks.example.jp/mimamori";
    service.create_webhook(&admin, company.customer, url).await.expect("a webhook");
    let hooks = service.webhooks(&admin, company.customer).await.expect("webhooks");
    company.webhook = hooks.first().expect("it is there").id;
    service.test_webhook(&admin, company.webhook).await.expect("a test is queued");
}

/// An inquiry with a file, asked by the administrator, and a monthly report.
async fn papers(service: &Service, company: &mut Company, letter: &str) {
    let from = ClientInfo { ip: IpAddr::from([127, 0, 0, 1]), user_agent: "test".into(), browser: None };
    let user = user(Role::CustomerAdmin, letter);
    let admin = service.login(&user, PASSWORD, &from).await.expect("logged in").actor;
    let file = Upload { name: "記録.txt".to_owned(), bytes: company.mark.as_bytes().to_vec() };
    let ask = AskDesk {
        customer: company.customer,
        title: format!("{}のランプ", company.mark),
        topic: Topic::Gateway,
        channel: Channel::Portal,
        text: "赤く光っています。".to_owned(),
        files: vec![file],
    };
    company.inquiry = service.ask_desk(&admin, ask).await.expect("asked");
    let (_, files) = service.inquiry(&admin, company.inquiry).await.expect("the thread");
    company.attachment = files.first().expect("the file").id;
    let about = About::Alert(company.alert);
    let file = Upload { name: "スキャン.log".to_owned(), bytes: company.mark.as_bytes().to_vec() };
    service.attach(&admin, company.customer, about, vec![file]).await.expect("attached");
    let files = service.attachments(&admin, about).await.expect("files");
    company.scan_file = files.first().expect("the file").id;
    let month = Month::of(NOW).plus(-1);
    let paper = (company.customer, month, "よい月でした。".to_owned(), company.mark.as_bytes().to_vec());
    service.store_monthly(vec![paper]).await.expect("stored");
    let rows = service.monthly_reports(&admin, company.customer).await.expect("reports");
    company.report = rows.first().expect("the report").id;
}

/// Use that names the company, so that a page that shows another's is noticed.
fn used(mark: &str) -> ReportItem {
    let line = |subject, item: &str| UseLine {
        subject,
        item: item.into(),
        title: format!("{mark}{item}").as_str().into(),
        kind: "mail".into(),
        flows: 1,
        bytes_up: 10,
        bytes_down: 1_000,
    };
    let lines = vec![line(UseSubject::Application, "gmail"), line(UseSubject::WebCategory, "webmail")];
    ReportItem::Use(Box::new(DeviceUse { hour: NOW, device: Device::default(), lines }))
}

fn detection(mark: &str, n: u8) -> Detection {
    Detection {
        id: DetectionId::generate(NOW, &SeededRng::new(u64::from(n))),
        at: NOW,
        last_at: NOW,
        count: 3,
        kind: DetectionKind::CommandAndControl,
        outcome: Outcome::Blocked,
        direction: TrafficDirection::Outbound,
        device: Device {
            ip: Some(IpAddr::from([192, 168, n, 5])),
            host_name: Some(format!("{mark}-PC").as_str().into()),
            ..Device::default()
        },
        source: Endpoint { ip: IpAddr::from([192, 168, n, 5]), port: Some(50_000) },
        destination: Endpoint { ip: IpAddr::from([203, 0, 113, n]), port: Some(443) },
        signature: Some(Signature { sid: 9_000_000, msg: "=cmd".into(), ..Signature::default() }),
        host: Some(format!("c2-{n}.example").as_str().into()),
        url: None,
        file: None,
        reputation: None,
        app_proto: None,
        from_zone: None,
        to_zone: None,
        flow_id: None,
    }
}

pub fn user(role: Role, letter: &str) -> String {
    format!("{}-{letter}", role.code())
}

async fn account(service: &Service, role: Role, letter: &str, belongs: Belongs) -> AccountId {
    let login = LoginName::parse(&user(role, letter)).expect("a login");
    let new = NewAccount {
        login: login.clone(),
        name: Name::parse("担当 太郎").expect("a name"),
        email: EmailAddress::parse("t@example.jp").expect("an address"),
        role,
        belongs,
    };
    let (account, temporary) = service.create_account(&service.console(), new).await.expect("an account");
    let from = ClientInfo { ip: IpAddr::from([127, 0, 0, 1]), user_agent: "test".into(), browser: None };
    let fresh = service.login(login.as_str(), temporary.reveal(), &from).await.expect("logged in");
    service.change_password(&fresh.actor, &fresh.token, temporary.reveal(), PASSWORD).await.expect("changed");
    account.id
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub location: Option<String>,
    pub headers: axum::http::HeaderMap,
    pub body: String,
    /// Bytes of the body.
    pub length: usize,
}

impl Answer {
    /// The token of the page's first form.
    pub fn csrf(&self) -> String {
        let rest = self.body.split("name=\"csrf\" value=\"").nth(1).unwrap_or_default();
        rest.split('"').next().unwrap_or_default().to_owned()
    }
}

/// A browser: keeps cookies, follows nothing.
pub struct Browser {
    router: Router,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub fn new(world: &World) -> Self {
        Browser::on(world.router.clone())
    }

    pub fn on(router: Router) -> Self {
        Browser { router, cookies: BTreeMap::new() }
    }

    pub async fn logged_in(world: &World, role: Role, letter: &str) -> Self {
        let mut browser = Browser::new(world);
        let answer = browser.log_in(&user(role, letter), PASSWORD).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{role:?} logs in: {}", answer.body);
        browser
    }

    pub async fn log_in(&mut self, user: &str, password: &str) -> Answer {
        let csrf = self.get("/login").await.csrf();
        self.post("/login", &[("csrf", &csrf), ("user", user), ("password", password)]).await
    }

    pub fn has_cookie(&self, name: &str) -> bool {
        self.cookies.contains_key(name)
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path), Body::empty()).await
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = serde_urlencoded::to_string(fields).expect("a form");
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin");
        self.send(request, Body::from(body)).await
    }

    pub async fn send(&mut self, request: axum::http::request::Builder, body: Body) -> Answer {
        let line = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join("; ");
        let mut request = request.header(header::COOKIE, line).body(body).expect("a request");
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 40_000))));
        let response = self.router.clone().oneshot(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        for value in parts.headers.get_all(header::SET_COOKIE) {
            let text = value.to_str().expect("text");
            let (pair, rest) = text.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a pair");
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let bytes = axum::body::to_bytes(body, 8 << 20).await.expect("a body");
        Answer {
            status: parts.status,
            location: parts.headers.get(header::LOCATION).and_then(|v| v.to_str().ok()).map(str::to_owned),
            headers: parts.headers,
            length: bytes.len(),
            body: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}
