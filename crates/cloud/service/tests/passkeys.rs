//! Passkeys with an authenticator of the test's own: registered, used as both steps and as the
//! second one, and all that a stranger could try with them (AC-02).

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mimamori_domain::Role;
use mimamori_domain::account::Belongs;
use mimamori_service::{
    ClientInfo, LoggedIn, LoginError, PASSKEYS_MAX, PasskeyAnswer, PasskeyRequest, SecondFactorError,
};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use support::{Bench, name};

const PASSWORD: &str = "umi to yama no aida";
const PORTAL: &str = "https://portal.example";

fn from(ip: &str) -> ClientInfo {
    ClientInfo { ip: ip.parse().unwrap(), user_agent: "Firefox".into(), browser: None }
}

async fn ready(b: &Bench, login: &str, role: Role, belongs: Belongs) -> LoggedIn {
    let temporary = b.account(login, role, belongs).await;
    let s = b.service.login(login, temporary.reveal(), &from("192.0.2.1")).await.unwrap();
    b.service.change_password(&s.actor, &s.token, temporary.reveal(), PASSWORD).await.unwrap();
    b.service.login(login, PASSWORD, &from("192.0.2.1")).await.unwrap()
}

/// Keeps one passkey, verifies its owner, counts.
struct Authenticator {
    random: SystemRandom,
    pair: EcdsaKeyPair,
    credential: Vec<u8>,
    count: u32,
}

impl Authenticator {
    fn new(id: u8) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random);
        Authenticator { random, pair: pair.unwrap(), credential: vec![id; 16], count: 0 }
    }

    fn client(kind: &str, request: &PasskeyRequest, origin: &str) -> Vec<u8> {
        let challenge = &request.challenge;
        format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}","crossOrigin":false}}"#)
            .into_bytes()
    }

    fn head(&self, request: &PasskeyRequest, flags: u8) -> Vec<u8> {
        let mut data = digest(&SHA256, request.rp_id.as_bytes()).as_ref().to_vec();
        data.push(flags);
        data.extend(self.count.to_be_bytes());
        data
    }

    /// The answer to a request for a new passkey, and its attestation.
    fn create(&self, request: &PasskeyRequest) -> (PasskeyAnswer, String) {
        let point = self.pair.public_key().as_ref();
        let mut data = self.head(request, 0x45);
        data.extend([0; 16]);
        data.extend([0, 16]);
        data.extend(&self.credential);
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(&point[1..33]);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(&point[33..]);
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".to_vec();
        object.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        object.extend(data);
        let answer = PasskeyAnswer {
            challenge: request.challenge.clone(),
            client_data: URL_SAFE_NO_PAD.encode(Self::client("webauthn.create", request, PORTAL)),
            ..PasskeyAnswer::default()
        };
        (answer, URL_SAFE_NO_PAD.encode(object))
    }

    /// The answer to a request for a login; `flags` 0x05: there, and verified.
    fn get(&mut self, request: &PasskeyRequest, origin: &str, flags: u8) -> PasskeyAnswer {
        self.count += 1;
        let client = Self::client("webauthn.get", request, origin);
        let data = self.head(request, flags);
        let mut signed = data.clone();
        signed.extend(digest(&SHA256, &client).as_ref());
        let signature = self.pair.sign(&self.random, &signed).unwrap();
        PasskeyAnswer {
            challenge: request.challenge.clone(),
            credential: URL_SAFE_NO_PAD.encode(&self.credential),
            client_data: URL_SAFE_NO_PAD.encode(client),
            authenticator_data: URL_SAFE_NO_PAD.encode(data),
            signature: URL_SAFE_NO_PAD.encode(signature.as_ref()),
        }
    }
}

async fn register(b: &Bench, s: &LoggedIn, a: &Authenticator) -> Option<Vec<String>> {
    let (answer, attestation) = a.create(&b.service.begin_passkey(&s.actor).await.unwrap());
    b.service.add_passkey(&s.actor, &s.token, name("端末"), &answer, &attestation).await.unwrap()
}

#[tokio::test]
async fn ac_02_a_passkey_is_both_steps_or_the_second_and_each_challenge_is_answered_once() {
    let b = Bench::new().await;
    let s = ready(&b, "hanako", Role::CustomerAdmin, Belongs::Customer(b.customer.id)).await;
    let mut a = Authenticator::new(1);
    let codes = register(&b, &s, &a).await.expect("the first second step comes with codes");
    assert_eq!(codes.len(), 10);

    let request = b.service.begin_passkey_login("door");
    let answer = a.get(&request, PORTAL, 0x05);
    let login = async |door: &str, answer: &PasskeyAnswer| {
        b.service.passkey_login(door, answer, &from("192.0.2.1")).await
    };
    assert!(matches!(login("another", &answer).await, Err(LoginError::PasskeyRefused)), "another browser");
    let full = login("door", &answer).await.unwrap();
    assert!(!full.needs_code && b.service.authenticate(&full.token).await.unwrap().is_some());
    assert!(matches!(login("door", &answer).await, Err(LoginError::PasskeyRefused)), "once");

    let refused = [
        (a.get(&b.service.begin_passkey_login("door"), "https://portal.example.evil", 0x05), "another site"),
        (a.get(&b.service.begin_passkey_login("door"), PORTAL, 0x01), "its owner was not verified"),
    ];
    for (answer, why) in &refused {
        assert!(matches!(login("door", answer).await, Err(LoginError::PasskeyRefused)), "{why}");
    }
    let late = a.get(&b.service.begin_passkey_login("door"), PORTAL, 0x05);
    b.advance(601);
    assert!(matches!(login("door", &late).await, Err(LoginError::PasskeyRefused)), "ten minutes");
    a.count = 0;
    let copied = a.get(&b.service.begin_passkey_login("door"), PORTAL, 0x05);
    assert!(matches!(login("door", &copied).await, Err(LoginError::PasskeyRefused)), "a copy counts behind");

    a.count = 100;
    let half = b.service.login("hanako", PASSWORD, &from("192.0.2.1")).await.unwrap();
    assert!(half.needs_code);
    let step = b.service.second_step(&half.token).await.unwrap().expect("it waits");
    let request = step.passkey.expect("a passkey will do");
    assert_eq!(request.credentials.len(), 1, "one of the account's own");
    let answer = a.get(&request, PORTAL, 0x05);
    let stranger = ready(&b, "jiro", Role::CustomerViewer, Belongs::Customer(b.customer.id)).await;
    let mut theirs = Authenticator::new(2);
    register(&b, &stranger, &theirs).await;
    let foreign = theirs.get(&request, PORTAL, 0x05);
    let give =
        async |answer: &PasskeyAnswer| b.service.passkey_step(&half.token, answer, &from("192.0.2.1")).await;
    assert!(matches!(give(&foreign).await, Err(LoginError::PasskeyRefused)), "another's passkey");
    let request = b.service.second_step(&half.token).await.unwrap().unwrap().passkey.unwrap();
    let answer = if request.challenge == answer.challenge { answer } else { a.get(&request, PORTAL, 0x05) };
    let full = give(&answer).await.unwrap();
    assert!(b.service.authenticate(&full.token).await.unwrap().is_some());
}

#[tokio::test]
async fn ac_02_passkeys_are_bounded_taken_away_and_open_no_account_that_was_stopped() {
    let b = Bench::new().await;
    let s = ready(&b, "hanako", Role::CustomerAdmin, Belongs::Customer(b.customer.id)).await;
    let mut first = Authenticator::new(1);
    register(&b, &s, &first).await;
    let s = b.service.authenticate(&s.token).await.unwrap().map(|actor| LoggedIn { actor, ..s }).unwrap();
    for n in 2..=PASSKEYS_MAX {
        let more = register(&b, &s, &Authenticator::new(u8::try_from(n).unwrap())).await;
        assert!(more.is_none(), "the codes stay");
    }
    let request = b.service.begin_passkey(&s.actor).await.unwrap();
    let (answer, attestation) = Authenticator::new(99).create(&request);
    let full = b.service.add_passkey(&s.actor, &s.token, name("x"), &answer, &attestation).await;
    assert!(matches!(full, Err(SecondFactorError::Service(_))));
    let request = b.service.begin_passkey(&s.actor).await.unwrap();
    let (answer, attestation) = Authenticator::new(98).create(&request);
    let jiro = ready(&b, "jiro", Role::CustomerViewer, Belongs::Customer(b.customer.id)).await;
    let foreign = b.service.add_passkey(&jiro.actor, &jiro.token, name("x"), &answer, &attestation).await;
    assert!(matches!(foreign, Err(SecondFactorError::PasskeyRefused)), "made for another account");

    let known = b.service.passkeys(&s.actor).await.unwrap();
    assert!(b.service.remove_passkey(&jiro.actor, known[1].id).await.is_err(), "not another's");
    for passkey in &known[1..] {
        b.service.remove_passkey(&s.actor, passkey.id).await.unwrap();
    }
    let login = async |a: &mut Authenticator| {
        let answer = a.get(&b.service.begin_passkey_login("door"), PORTAL, 0x05);
        b.service.passkey_login("door", &answer, &from("192.0.2.1")).await
    };
    assert!(login(&mut first).await.is_ok());
    let console = b.service.console();
    let account = s.actor.account().unwrap().clone();
    b.service.reset_password(&console, &account.login).await.unwrap();
    assert!(matches!(login(&mut first).await, Err(LoginError::PasskeyRefused)), "the password is temporary");
    b.service.stop_account(&console, account.id).await.unwrap();
    assert!(matches!(login(&mut first).await, Err(LoginError::PasskeyRefused)), "stopped");
}

#[tokio::test]
async fn ac_02_staff_keep_one() {
    let b = Bench::new().await;
    let s = ready(&b, "desk", Role::HelpDesk, Belongs::Reseller(b.reseller.id)).await;
    assert!(b.service.needs_second_factor(&s.actor));
    let mut a = Authenticator::new(1);
    register(&b, &s, &a).await;
    let actor = b.service.authenticate(&s.token).await.unwrap().unwrap();
    assert!(!b.service.needs_second_factor(&actor), "a passkey is enough for staff");
    let only = b.service.passkeys(&actor).await.unwrap()[0].id;
    let removed = b.service.remove_passkey(&actor, only).await;
    assert!(matches!(removed, Err(SecondFactorError::StaffNeedsOne)));
    let answer = a.get(&b.service.begin_passkey_login("door"), PORTAL, 0x05);
    assert!(b.service.passkey_login("door", &answer, &from("192.0.2.1")).await.is_ok());
}
