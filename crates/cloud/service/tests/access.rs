//! The second step, the first login, forgotten passwords, the desk's accounts (AC-01…AC-04).

mod support;

use mimamori_domain::account::Belongs;
use mimamori_domain::notice::AccountMail;
use mimamori_domain::{NoticeKind, Role};
use mimamori_service::{
    ClientInfo, FurtherAccount, Keyring, LoginError, PasswordChangeError, SealError, SecondFactorError,
    ServiceError, SessionToken,
};
use support::{Bench, address, name};
use totp_rs::{Builder, Secret};

const PASSWORD: &str = "umi to yama no aida";

fn from(ip: &str) -> ClientInfo {
    ClientInfo { ip: ip.parse().unwrap(), user_agent: "Firefox".into(), browser: None }
}

/// An account whose password is its own, and its session.
async fn ready(b: &Bench, login: &str, role: Role, belongs: Belongs) -> mimamori_service::LoggedIn {
    let temporary = b.account(login, role, belongs).await;
    let s = b.service.login(login, temporary.reveal(), &from("192.0.2.1")).await.unwrap();
    b.service.change_password(&s.actor, &s.token, temporary.reveal(), PASSWORD).await.unwrap();
    b.service.login(login, PASSWORD, &from("192.0.2.1")).await.unwrap()
}

fn code_of(key: &str, b: &Bench) -> String {
    let secret = Secret::try_from_base32(key).unwrap();
    let seconds = u64::try_from(b.service.now().secs()).unwrap();
    Builder::new().with_secret(secret).build().unwrap().generate(seconds).to_string()
}

#[tokio::test]
async fn ac_02_with_an_app_the_password_alone_opens_nothing() {
    let b = Bench::new().await;
    let s = ready(&b, "hanako", Role::CustomerAdmin, Belongs::Customer(b.customer.id)).await;
    let setup = b.service.begin_app(&s.actor, None).unwrap();
    assert!(
        setup.url.starts_with("otpauth://totp/Mimamori:hanako?")
            && setup.modules.len() == setup.width * setup.width
    );
    let confirm = async |code: &str, password: &str| {
        b.service.confirm_app(&s.actor, &s.token, &setup.key, code, password).await
    };
    let good = code_of(&setup.key, &b);
    assert!(matches!(confirm(&good, "wrong").await, Err(SecondFactorError::WrongPassword)));
    assert!(matches!(confirm("000000", PASSWORD).await, Err(SecondFactorError::WrongCode)));
    let codes = confirm(&good, PASSWORD).await.unwrap();
    assert_eq!(codes.len(), 10);

    let login = async || b.service.login("hanako", PASSWORD, &from("192.0.2.1")).await.unwrap();
    let half = login().await;
    assert!(half.needs_code && half.browser.is_none());
    assert!(b.service.authenticate(&half.token).await.unwrap().is_none(), "nobody yet");
    let give = async |s: &SessionToken, code: &str| b.service.give_code(s, code, &from("192.0.2.1")).await;
    assert!(matches!(give(&half.token, &good).await, Err(LoginError::WrongCode)), "used at the set-up");
    b.advance(30);
    let next = code_of(&setup.key, &b);
    let full = give(&half.token, &next).await.unwrap();
    assert!(b.service.authenticate(&full.token).await.unwrap().is_some());
    assert!(b.service.authenticate(&half.token).await.unwrap().is_none(), "the token changed with the step");
    let other = login().await;
    assert!(matches!(give(&other.token, &next).await, Err(LoginError::WrongCode)), "each code once");
    assert!(give(&other.token, &codes[0]).await.is_ok(), "a recovery code stands in");
    let third = login().await;
    assert!(matches!(give(&third.token, &codes[0]).await, Err(LoginError::WrongCode)), "once");
    for _ in 0..3 {
        assert!(matches!(give(&third.token, "123456").await, Err(LoginError::WrongCode)));
    }
    assert!(matches!(give(&third.token, "123456").await, Err(LoginError::StartAgain)));
    assert!(matches!(give(&third.token, &codes[1]).await, Err(LoginError::StartAgain)), "the password again");
    let late = login().await;
    b.advance(600);
    assert!(matches!(give(&late.token, &codes[1]).await, Err(LoginError::StartAgain)));
    let off = b.service.switch_off_second_factor(&full.actor, "wrong").await;
    assert!(matches!(off, Err(SecondFactorError::WrongPassword)));
}

#[tokio::test]
async fn ac_02_staff_cannot_do_without() {
    let b = Bench::new().await;
    let s = ready(&b, "analyst", Role::Analyst, Belongs::Operation).await;
    assert!(b.service.needs_second_factor(&s.actor));
    let off = b.service.switch_off_second_factor(&s.actor, PASSWORD).await;
    assert!(matches!(off, Err(SecondFactorError::StaffNeedsOne)));
    let setup = b.service.begin_app(&s.actor, None).unwrap();
    let code = code_of(&setup.key, &b);
    b.service.confirm_app(&s.actor, &s.token, &setup.key, &code, PASSWORD).await.unwrap();
    let actor = b.service.authenticate(&s.token).await.unwrap().unwrap();
    assert!(!b.service.needs_second_factor(&actor));
    let customer = ready(&b, "hanako", Role::CustomerAdmin, Belongs::Customer(b.customer.id)).await;
    assert!(!b.service.needs_second_factor(&customer.actor), "customers choose");
}

#[tokio::test]
async fn ac_03_strangers_cannot_lock_the_owner_out() {
    let b = Bench::new().await;
    let s = ready(&b, "hanako", Role::CustomerAdmin, Belongs::Customer(b.customer.id)).await;
    let own = ClientInfo { browser: s.browser.clone(), ..from("192.0.2.1") };
    for i in 0..10 {
        let guess = b.service.login("hanako", "guess", &from(&format!("198.51.100.{i}"))).await;
        assert!(matches!(guess, Err(LoginError::Refused)));
    }
    assert!(b.service.login("hanako", PASSWORD, &from("203.0.113.1")).await.is_err(), "strangers wait");
    assert!(b.service.login("hanako", PASSWORD, &own).await.is_ok(), "the known browser does not");
    for _ in 0..5 {
        assert!(b.service.login("hanako", "guess", &own).await.is_err());
    }
    assert!(b.service.login("hanako", PASSWORD, &own).await.is_err(), "but has a lock of its own");
}

#[tokio::test]
async fn ac_03_nor_out_of_the_second_step() {
    let b = Bench::new().await;
    let s = ready(&b, "hanako", Role::CustomerAdmin, Belongs::Customer(b.customer.id)).await;
    let setup = b.service.begin_app(&s.actor, None).unwrap();
    let code = code_of(&setup.key, &b);
    b.service.confirm_app(&s.actor, &s.token, &setup.key, &code, PASSWORD).await.unwrap();
    let own = ClientInfo { browser: s.browser.clone(), ..from("192.0.2.1") };
    let half = b.service.login("hanako", PASSWORD, &own).await.unwrap();
    b.advance(25);
    for i in 0..10 {
        assert!(b.service.login("hanako", "guess", &from(&format!("198.51.100.{i}"))).await.is_err());
    }
    b.advance(10);
    let next = code_of(&setup.key, &b);
    let stranger = b.service.give_code(&half.token, &next, &from("203.0.113.1")).await;
    assert!(matches!(stranger, Err(LoginError::WrongCode)), "a browser that nobody knows waits");
    assert!(b.service.give_code(&half.token, &next, &own).await.is_ok(), "the known one does not");
}

#[tokio::test]
async fn ac_01_the_first_login_gives_an_own_id_and_password() {
    let b = Bench::new().await;
    let belongs = Belongs::Customer(b.customer.id);
    ready(&b, "taken", Role::CustomerViewer, belongs).await;
    let temporary = b.account("temp-1", Role::CustomerAdmin, belongs).await;
    let s = b.service.login("temp-1", temporary.reveal(), &from("192.0.2.1")).await.unwrap();
    let first = async |login: &str, new: &str| {
        b.service.first_login(&s.actor, &s.token, Some(login), temporary.reveal(), new).await
    };
    assert!(matches!(first("だめ", PASSWORD).await, Err(PasswordChangeError::BadLogin)));
    assert!(matches!(first("taken", PASSWORD).await, Err(PasswordChangeError::LoginTaken)));
    assert!(matches!(first("mine", temporary.reveal()).await, Err(PasswordChangeError::Unchanged)));
    first("Takehara", PASSWORD).await.unwrap();
    assert!(b.service.login("temp-1", PASSWORD, &from("192.0.2.1")).await.is_err());
    let again = b.service.login("takehara", PASSWORD, &from("192.0.2.1")).await.unwrap();
    assert!(!again.actor.account().unwrap().must_change_password);

    let old = b.account("temp-2", Role::CustomerAdmin, belongs).await;
    b.advance(14 * 86_400);
    let late = b.service.login("temp-2", old.reveal(), &from("192.0.2.1")).await;
    assert!(matches!(late, Err(LoginError::Refused)), "a temporary password ends");
}

/// The account mails that wait to be sent, and to whom.
async fn mails(b: &Bench) -> Vec<(String, AccountMail)> {
    let mut found = Vec::new();
    for job in b.service.due_mails().await.unwrap() {
        for told in &job.told {
            if let NoticeKind::Account { to, mail } = &told.notice.kind {
                assert_eq!(job.recipients, vec![to.clone()], "to nobody else");
                found.push((to.as_str().to_owned(), mail.clone()));
            }
        }
    }
    found
}

#[tokio::test]
async fn ac_03_a_forgotten_password_is_reset_by_mail_once() {
    let b = Bench::new().await;
    let s = ready(&b, "hanako", Role::CustomerAdmin, Belongs::Customer(b.customer.id)).await;
    for given in ["nobody", "hanako", "hanako", "hanako", "hanako"] {
        b.service.ask_for_reset(given, std::net::Ipv4Addr::LOCALHOST.into());
    }
    let mut sent = Vec::new();
    for _ in 0..200 {
        sent = mails(&b).await;
        if sent.len() >= 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(sent.len(), 3, "nobody gets none, hanako three an hour");
    let (to, AccountMail::Reset { token, .. }) = &sent[0] else { panic!("a link") };
    assert_eq!(to, "hanako@takehara.example");
    let token = SessionToken::from_cookie(token);
    assert!(b.service.reset_is_open(&token).await.unwrap());
    assert!(matches!(b.service.reset(&token, "short").await, Err(PasswordChangeError::TooShort)));
    assert!(b.service.reset(&token, "kaze to hikari no niwa").await.unwrap());
    assert!(!b.service.reset(&token, "mou ichido dake da yo").await.unwrap(), "once");
    assert!(b.service.authenticate(&s.token).await.unwrap().is_none(), "sessions ended");
    assert!(b.service.login("hanako", "kaze to hikari no niwa", &from("192.0.2.1")).await.is_ok());
    assert!(!b.service.reset(&SessionToken::from_cookie("AAAA"), PASSWORD).await.unwrap());
}

#[tokio::test]
async fn ac_04_the_desk_issues_accounts_and_sees_no_password() {
    let b = Bench::new().await;
    let desk = ready(&b, "desk", Role::HelpDesk, Belongs::Reseller(b.reseller.id)).await.actor;
    let admin = ready(&b, "hanako", Role::CustomerAdmin, Belongs::Customer(b.customer.id)).await.actor;
    let new =
        |role| FurtherAccount { name: name("竹原 次郎"), email: address("jiro@takehara.example"), role };
    let refused = b.service.issue_account(&admin, b.customer.id, new(Role::CustomerViewer)).await;
    assert!(matches!(refused, Err(ServiceError::Forbidden)), "not a customer's to issue");
    let staff = b.service.issue_account(&desk, b.customer.id, new(Role::Operator)).await;
    assert!(matches!(staff, Err(ServiceError::Forbidden)), "the desk makes no operators");
    let account = b.service.issue_account(&desk, b.customer.id, new(Role::CustomerViewer)).await.unwrap();
    let sent = mails(&b).await;
    let [(to, AccountMail::Issued { login, password, .. })] = sent.as_slice() else { panic!("one mail") };
    assert_eq!(to, "jiro@takehara.example");
    let s = b.service.login(login, password, &from("192.0.2.1")).await.unwrap();
    assert!(s.actor.account().unwrap().must_change_password);
    b.service.stop_account(&desk, account.id).await.unwrap();
    assert!(b.service.authenticate(&s.token).await.unwrap().is_none());
    assert!(b.service.login(login, password, &from("192.0.2.1")).await.is_err());
    b.service.reissue_account(&desk, account.id).await.unwrap();
    let sent = mails(&b).await;
    let fresh = sent.iter().find_map(|(_, mail)| match mail {
        AccountMail::Issued { password: new, .. } if new != password => Some(new),
        _ => None,
    });
    assert!(b.service.login(login, fresh.unwrap(), &from("192.0.2.1")).await.is_ok());
    let own = desk.account().unwrap().id;
    assert!(b.service.stop_account(&desk, own).await.is_err(), "not the desk's own");
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let b = Bench::new().await;
    let s = ready(&b, "hanako", Role::CustomerAdmin, Belongs::Customer(b.customer.id)).await;
    let other = b.service.login("hanako", PASSWORD, &from("203.0.113.8")).await.unwrap();
    let listed = b.service.sessions(&s.actor).await.unwrap();
    assert!(listed.iter().any(|row| row.client.as_str().contains("203.0.113.8")));
    let stranger = ready(&b, "jiro", Role::CustomerViewer, Belongs::Customer(b.customer.id)).await;
    let id = other.actor.session().unwrap();
    assert!(b.service.end_session(&stranger.actor, id).await.is_err(), "only the own ones");
    b.service.end_session(&s.actor, id).await.unwrap();
    assert!(b.service.authenticate(&other.token).await.unwrap().is_none());
    assert!(b.service.authenticate(&s.token).await.unwrap().is_some());
    assert!(b.service.proved_lately(&s.actor));
    b.advance(1_801);
    assert!(!b.service.proved_lately(&s.actor));
    assert!(!b.service.prove(&s.actor, &s.token, "wrong").await.unwrap());
    assert!(b.service.prove(&s.actor, &s.token, PASSWORD).await.unwrap());
    let actor = b.service.authenticate(&s.token).await.unwrap().unwrap();
    assert!(b.service.proved_lately(&actor));
}

/// A refusal writes one line whether there is an account or not, so that its time tells nothing
/// either; what was typed for a name that nobody has is not kept.
#[tokio::test]
async fn ac_03_a_refused_login_does_the_same_work_for_everybody() {
    let b = Bench::new().await;
    ready(&b, "hanako", Role::CustomerAdmin, Belongs::Customer(b.customer.id)).await;
    let console = b.service.console();
    let log = async || b.service.audit_log(&console, 1_000).await.unwrap();
    let refuse = async |login: &str, n: usize| {
        let guess = b.service.login(login, "guess", &from(&format!("198.51.100.{n}"))).await;
        assert!(matches!(guess, Err(LoginError::Refused)));
    };
    let before = log().await.len();
    for n in 0..8 {
        refuse("hanako", n).await;
        refuse("secret-typed-here", n).await;
        refuse("だめ", n).await;
        assert_eq!(log().await.len(), before + 3 * (n + 1), "also once the account is locked");
    }
    let unknown: Vec<_> = log().await.into_iter().filter(|e| e.action.as_str() == "login.unknown").collect();
    assert_eq!(unknown.len(), 16);
    assert!(unknown.iter().all(|e| e.subject.is_empty() && e.about == Belongs::Operation));
}

/// Known or not, the answer is there before the database was asked: no time tells them apart.
#[tokio::test]
async fn ac_03_asking_for_a_reset_answers_before_anything_is_looked_up() {
    let b = Bench::new().await;
    ready(&b, "hanako", Role::CustomerAdmin, Belongs::Customer(b.customer.id)).await;
    let waiting = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for given in ["hanako", "nobody-at-all", "hanako@takehara.example", "x@nowhere.example", "だめ"] {
        let before = waiting();
        // One thread: nothing else runs between these two lines.
        b.service.ask_for_reset(given, std::net::Ipv4Addr::new(198, 51, 100, 7).into());
        assert_eq!(waiting(), before + 1, "{given}: left for later, whoever it is");
    }
    assert!(mails(&b).await.len() <= 2, "nothing but the known account's links");
}

#[tokio::test]
async fn ac_03_staff_reset_by_mail_too_and_keep_their_second_step() {
    let b = Bench::new().await;
    let desk = ready(&b, "desk", Role::HelpDesk, Belongs::Reseller(b.reseller.id)).await;
    let setup = b.service.begin_app(&desk.actor, None).unwrap();
    let code = code_of(&setup.key, &b);
    b.service.confirm_app(&desk.actor, &desk.token, &setup.key, &code, PASSWORD).await.unwrap();
    b.service.ask_for_reset("desk", std::net::Ipv4Addr::LOCALHOST.into());
    let mut sent = Vec::new();
    for _ in 0..200 {
        sent = mails(&b).await;
        if !sent.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let [(to, AccountMail::Reset { token, .. })] = sent.as_slice() else { panic!("one link: {sent:?}") };
    assert_eq!(to, "hanako@takehara.example");
    let token = SessionToken::from_cookie(token);
    assert!(b.service.reset(&token, "kaze to hikari no niwa").await.unwrap());
    let half = b.service.login("desk", "kaze to hikari no niwa", &from("192.0.2.1")).await.unwrap();
    assert!(half.needs_code, "a mailbox alone opens nothing that an app guards");
    assert_eq!(mails(&b).await.len(), 2, "and the owner is told that it happened");
}

#[tokio::test]
async fn ac_02_secrets_open_after_a_restart_and_a_change_of_keys_and_not_without_the_key() {
    let b = Bench::new().await;
    let s = ready(&b, "hanako", Role::CustomerAdmin, Belongs::Customer(b.customer.id)).await;
    let setup = b.service.begin_app(&s.actor, None).unwrap();
    let code = code_of(&setup.key, &b);
    b.service.create_webhook(&s.actor, b.customer.id, "https://hooks.example.jp/").await.unwrap();
    b.service.confirm_app(&s.actor, &s.token, &setup.key, &code, PASSWORD).await.unwrap();
    b.service.close().await;
    let (old, new) = (support::KEY, Keyring::fresh_line(&*b.rng));
    let reopen = async |keys: String| support::service_with_keys(&b, &keys).await;

    let same = reopen(old.to_owned()).await;
    assert_eq!(same.reseal().await.unwrap(), 0, "nothing to do");
    b.advance(60);
    let half = same.login("hanako", PASSWORD, &from("192.0.2.1")).await.unwrap();
    let next = code_of(&setup.key, &b);
    assert!(same.give_code(&half.token, &next, &from("192.0.2.1")).await.is_ok());
    same.close().await;

    let lost = reopen(new.clone()).await;
    assert!(matches!(lost.reseal().await, Err(ServiceError::Seal(SealError::UnknownKey))));
    lost.close().await;

    let both = reopen(format!("{new}\n{old}")).await;
    assert_eq!(both.reseal().await.unwrap(), 2, "the app's key and the webhook's secret");
    both.close().await;
    let after = reopen(new).await;
    assert_eq!(after.reseal().await.unwrap(), 0);
    b.advance(60);
    let half = after.login("hanako", PASSWORD, &from("192.0.2.1")).await.unwrap();
    let next = code_of(&setup.key, &b);
    assert!(after.give_code(&half.token, &next, &from("192.0.2.1")).await.is_ok(), "without the old key");
}

#[tokio::test]
async fn ac_04_the_desk_takes_a_lost_second_step_away() {
    let b = Bench::new().await;
    let desk = ready(&b, "desk", Role::HelpDesk, Belongs::Reseller(b.reseller.id)).await.actor;
    let s = ready(&b, "hanako", Role::CustomerAdmin, Belongs::Customer(b.customer.id)).await;
    let setup = b.service.begin_app(&s.actor, None).unwrap();
    let code = code_of(&setup.key, &b);
    b.service.confirm_app(&s.actor, &s.token, &setup.key, &code, PASSWORD).await.unwrap();
    let id = s.actor.account().unwrap().id;
    let stranger = ready(&b, "jiro", Role::CustomerViewer, Belongs::Customer(b.customer.id)).await.actor;
    assert!(b.service.reset_second_factor(&stranger, id).await.is_err(), "the desk alone");
    b.service.reset_second_factor(&desk, id).await.unwrap();
    assert!(b.service.authenticate(&s.token).await.unwrap().is_none(), "everything open ends");
    assert!(b.service.login("hanako", PASSWORD, &from("192.0.2.1")).await.is_err());
    let sent = mails(&b).await;
    let [(to, AccountMail::Issued { password, .. })] = sent.as_slice() else { panic!("one mail") };
    assert_eq!(to, "hanako@takehara.example", "to the known address");
    let fresh = b.service.login("hanako", password, &from("192.0.2.1")).await.unwrap();
    assert!(!fresh.needs_code && fresh.actor.account().unwrap().must_change_password);
}
