//! Login, sessions, roles, enrolment: what a person or a gateway may do.

mod support;

use std::net::IpAddr;

use mimamori_domain::account::Belongs;
use mimamori_domain::{DetectionKind, LoginName, Period, Role, ScanOutcome};
use mimamori_service::views::{AlertFilter, DetectionFilter};
use mimamori_service::{
    Actor, ClientInfo, EnrolError, LoginError, NewCustomer, NewReseller, PasswordChangeError, Permission,
    ServiceError, SessionToken,
};
use support::{Bench, name};

fn from(ip: &str) -> ClientInfo {
    ClientInfo { ip: ip.parse::<IpAddr>().unwrap(), user_agent: "Firefox".into(), browser: None }
}

#[tokio::test]
async fn a_person_logs_in_works_and_logs_out() {
    let b = Bench::new().await;
    let password = b.account("hanako", Role::CustomerAdmin, Belongs::Customer(b.customer.id)).await;
    let logged_in = b.service.login("Hanako ", password.reveal(), &from("192.0.2.1")).await.unwrap();
    assert!(logged_in.actor.account().unwrap().must_change_password, "the password was temporary");
    let token = SessionToken::from_cookie(logged_in.token.cookie_value());
    let actor = b.service.authenticate(&token).await.unwrap().unwrap();
    assert_eq!(actor.home_customer(), Some(b.customer.id));
    assert!(actor.csrf_matches(&actor.csrf_token()) && !actor.csrf_matches("x") && !actor.csrf_matches(""));

    let second = b.service.login("hanako", password.reveal(), &from("192.0.2.1")).await.unwrap();
    let change = async |new: &str| b.service.change_password(&actor, &token, password.reveal(), new).await;
    assert!(matches!(change("short").await, Err(PasswordChangeError::TooShort)));
    assert!(matches!(change("Password1234").await, Err(PasswordChangeError::TooCommon)));
    assert!(matches!(change("hanako-no-kotoba").await, Err(PasswordChangeError::TooCommon)));
    change("umi to yama no aida").await.unwrap();
    assert!(b.service.authenticate(&second.token).await.unwrap().is_none(), "other sessions ended");
    assert!(b.service.authenticate(&token).await.unwrap().is_some());
    b.service.logout(&token).await.unwrap();
    assert!(b.service.authenticate(&token).await.unwrap().is_none());
    let log = b.service.audit_log(&actor, 50).await.unwrap();
    let actions: Vec<_> = log.iter().map(|e| e.action.as_str()).collect();
    assert!(actions.contains(&"login") && actions.contains(&"password.change"), "{actions:?}");
}

#[tokio::test]
async fn sessions_end_when_idle_and_in_any_case_after_a_day() {
    let b = Bench::new().await;
    let password = b.account("hanako", Role::CustomerAdmin, Belongs::Customer(b.customer.id)).await;
    let idle = b.service.login("hanako", password.reveal(), &from("192.0.2.1")).await.unwrap();
    b.advance(2 * 3_600);
    assert!(b.service.authenticate(&idle.token).await.unwrap().is_none());
    let busy = b.service.login("hanako", password.reveal(), &from("192.0.2.1")).await.unwrap();
    for _ in 0..23 {
        b.advance(3_600);
        assert!(b.service.authenticate(&busy.token).await.unwrap().is_some());
    }
    b.advance(3_600);
    assert!(b.service.authenticate(&busy.token).await.unwrap().is_none());
}

#[tokio::test]
async fn ac_03_guessing_is_slowed_and_tells_nothing() {
    let b = Bench::new().await;
    let password = b.account("hanako", Role::CustomerAdmin, Belongs::Customer(b.customer.id)).await;
    let refused = async |login: &str, password: &str, ip: &str| {
        matches!(b.service.login(login, password, &from(ip)).await, Err(LoginError::Refused))
    };
    assert!(refused("nobody", "x", "192.0.2.9").await);
    assert!(refused("no such login!", "x", "192.0.2.9").await);
    for i in 0..5 {
        assert!(refused("hanako", "wrong", &format!("192.0.2.{}", 10 + i)).await);
    }
    assert!(refused("hanako", password.reveal(), "192.0.2.1").await, "locked, and says no more than before");
    b.advance(31);
    b.service.login("hanako", password.reveal(), &from("192.0.2.1")).await.unwrap();
    for _ in 0..20 {
        assert!(refused("nobody", "x", "198.51.100.7").await);
    }
    let throttled = b.service.login("hanako", password.reveal(), &from("198.51.100.7")).await;
    assert!(matches!(throttled, Err(LoginError::Throttled)));
    b.advance(600);
    b.service.login("hanako", password.reveal(), &from("198.51.100.7")).await.unwrap();
}

async fn actor(b: &Bench, login: &str, role: Role, belongs: Belongs) -> Actor {
    let password = b.account(login, role, belongs).await;
    b.service.login(login, password.reveal(), &from("192.0.2.1")).await.unwrap().actor
}

#[tokio::test]
async fn ac_05_every_role_sees_its_own_and_may_do_its_own() {
    let b = Bench::new().await;
    let console = b.service.console();
    let reseller =
        NewReseller { name: name("別の商工会"), desk_phone: name("03"), desk_hours: name("平日") };
    let other = b.service.create_reseller(&console, reseller).await.unwrap();
    let new = NewCustomer { reseller: other.id, name: name("別の商店"), addresses: Default::default() };
    let stranger = b.service.create_customer(&console, new).await.unwrap();
    b.report(vec![b.detection(DetectionKind::CommandAndControl)]).await;
    let alert = b.service.alerts(&console, AlertFilter::default()).await.unwrap().items.remove(0).alert;
    let mine = Belongs::Customer(b.customer.id);
    let period = Period::last_days(7, b.service.now());

    for (login, role, belongs, sees, acknowledges) in [
        ("admin1", Role::CustomerAdmin, mine, true, true),
        ("viewer1", Role::CustomerViewer, mine, true, false),
        ("desk1", Role::HelpDesk, Belongs::Reseller(b.reseller.id), true, true),
        ("reseller1", Role::Reseller, Belongs::Reseller(b.reseller.id), true, false),
        ("operator1", Role::Operator, Belongs::Operation, true, true),
        ("analyst1", Role::Analyst, Belongs::Operation, true, false),
        ("admin2", Role::CustomerAdmin, Belongs::Customer(stranger.id), false, false),
        ("viewer2", Role::CustomerViewer, Belongs::Customer(stranger.id), false, false),
        ("desk2", Role::HelpDesk, Belongs::Reseller(other.id), false, false),
        ("reseller2", Role::Reseller, Belongs::Reseller(other.id), false, false),
    ] {
        let who = actor(&b, login, role, belongs).await;
        assert_eq!(b.service.status(&who, b.customer.id, period).await.is_ok(), sees, "{login} status");
        assert_eq!(b.service.alert(&who, alert.id).await.is_ok(), sees, "{login} alert");
        assert_eq!(b.service.gateway(&who, b.gateway.id).await.is_ok(), sees, "{login} gateway");
        let rows = b.service.detections(&who, DetectionFilter::default()).await.unwrap().items.len();
        assert_eq!(rows, usize::from(sees), "{login} detections");
        let scan = b.service.report_scan(&who, alert.id, support::scan(ScanOutcome::Clean)).await;
        assert_eq!(scan.is_ok(), acknowledges, "{login} scan");
        for permission in Permission::ALL {
            assert_eq!(who.may(permission), permission.of(role));
        }
        let made = b.service.customers(&who).await.is_ok();
        assert_eq!(made, who.may(Permission::ListCustomers), "{login} customers");
        let created = b.service.create_reseller(
            &who,
            NewReseller { name: name("x"), desk_phone: name("x"), desk_hours: name("x") },
        );
        assert_eq!(created.await.is_ok(), role == Role::Operator, "{login} provisions");
    }
}

#[tokio::test]
async fn a_role_must_fit_its_organisation() {
    let b = Bench::new().await;
    let new = mimamori_service::NewAccount {
        login: LoginName::parse("evil").unwrap(),
        name: name("x"),
        email: support::address("a@b.example"),
        role: Role::Operator,
        belongs: Belongs::Customer(b.customer.id),
    };
    let refused = b.service.create_account(&b.service.console(), new).await;
    assert!(matches!(refused, Err(ServiceError::Role(_))));
}

#[tokio::test]
async fn gw_10_a_secret_is_for_one_key_and_expires() {
    let b = Bench::new().await;
    let serial = b.gateway.serial.clone();
    let enrol = async |secret: &str, key: &str| b.service.enrol_gateway(&serial, secret, key).await;
    assert_eq!(enrol(b.secret.reveal(), "key-1").await.unwrap(), b.gateway.id, "the answer was lost");
    assert!(matches!(enrol(b.secret.reveal(), "key-2").await, Err(EnrolError::Refused)));
    assert!(matches!(enrol("wrong", "key-1").await, Err(EnrolError::Refused)));
    assert!(b.service.gateway_may_report(b.gateway.id, "key-1").await.unwrap());
    assert!(!b.service.gateway_may_report(b.gateway.id, "key-2").await.unwrap());
    let console = b.service.console();
    let again = b.service.reissue_secret(&console, b.gateway.id).await.unwrap();
    assert!(matches!(enrol(b.secret.reveal(), "key-1").await, Err(EnrolError::Refused)), "the old is void");
    b.advance(91 * 86_400);
    assert!(matches!(enrol(again.reveal(), "key-2").await, Err(EnrolError::Refused)), "expired");
    let again = b.service.reissue_secret(&console, b.gateway.id).await.unwrap();
    enrol(again.reveal(), "key-2").await.unwrap();
    assert!(!b.service.gateway_may_report(b.gateway.id, "key-1").await.unwrap(), "the old key is out");
}

#[tokio::test]
async fn an_alert_is_acknowledged_once_and_the_log_says_who() {
    let b = Bench::new().await;
    b.report(vec![b.detection(DetectionKind::Phishing)]).await;
    let who = actor(&b, "hanako", Role::CustomerAdmin, Belongs::Customer(b.customer.id)).await;
    let alert = b.service.alerts(&who, AlertFilter::default()).await.unwrap().items.remove(0).alert;
    b.service.acknowledge_alert(&who, alert.id).await.unwrap();
    let twice = b.service.acknowledge_alert(&who, alert.id).await;
    assert!(matches!(twice, Err(ServiceError::Transition(_))));
    b.service.report_scan(&who, alert.id, support::scan(ScanOutcome::Removed)).await.unwrap();
    let status = b.service.status(&who, b.customer.id, Period::last_days(1, b.service.now())).await.unwrap();
    assert_eq!(status.headline, mimamori_domain::Headline::AllWell);
    let log = b.service.audit_log(&who, 10).await.unwrap();
    let done: Vec<_> = log.iter().filter(|e| e.actor.is_some()).map(|e| e.action.as_str()).collect();
    assert!(done.contains(&"alert.acknowledge") && done.contains(&"alert.scan"), "{done:?}");
}
