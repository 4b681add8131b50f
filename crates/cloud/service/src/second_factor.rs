//! The second step of a login: authenticator app (RFC 6238) and recovery codes (AC-02); codes by
//! SMS and passkeys have files of their own.
//!
//! Holds always: a code is accepted once, on whichever node; recovery codes are stored as
//! slow hashes and shown once; the app's key is sealed; wrong codes count against the login like wrong
//! passwords; whoever changes the second factor gives the password again. Deliberately not here: what the pages
//! look like.

use std::time::Duration;

use mimamori_base::Timestamp;
use mimamori_domain::{Account, AccountId, SecondFactor};
use mimamori_store::access::FailedLogin;
use mimamori_store::views::{SessionRow, SessionStage};
use mimamori_store::{Scope, StoreError};
use qrcode::{Color, EcLevel, QrCode};
use totp_rs::{Builder, Secret, Totp};

use crate::actor::Actor;
use crate::auth::{ClientInfo, LoggedIn, LoginError, SessionToken};
use crate::error::ServiceError;
use crate::passkeys::PasskeyRequest;
use crate::seal::SealError;
use crate::secrets;
use crate::{Result, Service};

/// What the keys of authenticator apps are sealed for.
const APP_SECRET: &str = "totp";
/// Name of the service in the authenticator app.
const ISSUER: &str = "Mimamori";
const RECOVERY_CODES: usize = 10;
/// Wrong codes before the password has to be given again.
const CODE_TRIES: u32 = 5;
/// Time from password to code.
const CODE_WITHIN: Duration = Duration::from_secs(600);

/// An authenticator that is being set up; nothing is stored until its first code fits.
#[derive(Clone)]
pub struct AppSetup {
    /// What the app takes by hand, base32.
    pub key: String,
    pub url: String,
    /// Modules of the QR code, `true` is dark, without the quiet zone.
    pub modules: Vec<bool>,
    pub width: usize,
}

impl std::fmt::Debug for AppSetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppSetup").field("width", &self.width).finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SecondFactorError {
    #[error("the password is wrong")]
    WrongPassword,
    #[error("the code does not fit")]
    WrongCode,
    #[error("the passkey's answer was refused")]
    PasskeyRefused,
    #[error("staff cannot be without a second factor")]
    StaffNeedsOne,
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl SecondFactorError {
    /// What a person reads.
    #[must_use]
    pub const fn for_people(&self) -> &'static str {
        match self {
            SecondFactorError::WrongPassword => "パスワードが違います。",
            SecondFactorError::WrongCode => {
                "確認コードが違います。アプリに今出ている6桁の数字を入れてください。スマートフォンの時刻がずれていると合わないことがあります。"
            }
            SecondFactorError::PasskeyRefused => {
                "パスキーを確かめられませんでした。画面を読み込み直して、もう一度お試しください。"
            }
            SecondFactorError::StaffNeedsOne => {
                "運営側のアカウントでは、認証アプリかパスキーによる2段階認証が必要です。"
            }
            SecondFactorError::Service(e) => e.for_people(),
        }
    }
}

/// What a login still waits for.
#[derive(Clone, Debug)]
pub struct SecondStep {
    pub kind: SecondFactor,
    /// The number that a code went to, masked.
    pub sms_to: Option<String>,
    /// A passkey does as well.
    pub passkey: Option<PasskeyRequest>,
}

/// What the settings page shows.
#[derive(Clone, Copy, Debug)]
pub struct SecondFactorState {
    pub kind: SecondFactor,
    pub recovery_codes_left: u32,
}

impl Service {
    /// Whether the account has to set up its second factor before anything else.
    #[must_use]
    pub fn needs_second_factor(&self, actor: &Actor) -> bool {
        self.config().staff_second_factor
            && actor.account().is_some_and(|a| a.role.is_staff() && !a.second_factor.is_enough_for_staff())
    }

    pub async fn second_factor(&self, actor: &Actor) -> Result<SecondFactorState> {
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        let record = self.store().second_factor(Scope::system(), account.id).await?;
        Ok(SecondFactorState { kind: record.kind, recovery_codes_left: record.recovery_codes_left })
    }

    /// A fresh key for an authenticator app. `key` shows the same one again after a wrong code.
    pub fn begin_app(&self, actor: &Actor, key: Option<&str>) -> Result<AppSetup> {
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        let secret = match key.map(parse_key) {
            Some(Some(secret)) => secret,
            Some(None) => return Err(ServiceError::NotFound),
            None => {
                let mut secret = [0; 20];
                self.rng().fill(&mut secret);
                secret
            }
        };
        let totp = authenticator(secret, Some(account))?;
        let url = totp.to_url().map_err(|e| ServiceError::Hashing(e.to_string()))?;
        let code = QrCode::with_error_correction_level(url.as_bytes(), EcLevel::M)
            .map_err(|e| ServiceError::Hashing(e.to_string()))?;
        let modules = code.to_colors().iter().map(|c| *c == Color::Dark).collect();
        Ok(AppSetup { key: totp.secret().to_base32(), url, modules, width: code.width() })
    }

    /// The app's first code fits: stores it, ends other sessions and gives the recovery codes.
    pub async fn confirm_app(
        &self,
        actor: &Actor,
        token: &SessionToken,
        key: &str,
        code: &str,
        password: &str,
    ) -> std::result::Result<Vec<String>, SecondFactorError> {
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        if !self.password_fits(actor, password).await? {
            return Err(SecondFactorError::WrongPassword);
        }
        let secret = parse_key(key).ok_or(SecondFactorError::WrongCode)?;
        self.guard_proof(account)?;
        let Some(step) = matching_step(secret, code, self.now())? else {
            self.0.throttles.proof.count(account.id.0, self.now());
            return Err(SecondFactorError::WrongCode);
        };
        let sealed = self.keys().seal(self.rng(), APP_SECRET, &account.id.0, &secret);
        let sealed = sealed.map_err(ServiceError::from)?;
        let codes = self.start_factor(account, SecondFactor::App, Some(sealed)).await?;
        let store = self.store();
        match store.use_totp_step(Scope::system(), account.id, step).await {
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(e) => return Err(ServiceError::from(e).into()),
        }
        store.delete_sessions(Scope::system(), account.id, token.hash()).await.map_err(ServiceError::from)?;
        self.note(actor, "second_factor.app", account.login.as_str(), "").await?;
        Ok(codes)
    }

    /// No second step: only for customers, and told in the log.
    pub async fn switch_off_second_factor(
        &self,
        actor: &Actor,
        password: &str,
    ) -> std::result::Result<(), SecondFactorError> {
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        if account.role.is_staff() && self.config().staff_second_factor {
            return Err(SecondFactorError::StaffNeedsOne);
        }
        // Declining the offer of the first login changes nothing that protects the account.
        let protects = account.second_factor.asks();
        if protects && !self.password_fits(actor, password).await? {
            return Err(SecondFactorError::WrongPassword);
        }
        let store = self.store();
        store
            .set_second_factor(Scope::system(), account.id, SecondFactor::Off, None, vec![])
            .await
            .map_err(ServiceError::from)?;
        store.set_sms_number(Scope::system(), account.id, None).await.map_err(ServiceError::from)?;
        self.note(actor, "second_factor.off", account.login.as_str(), "").await?;
        Ok(())
    }

    /// New recovery codes; the old ones are worth nothing any more.
    pub async fn new_recovery_codes(
        &self,
        actor: &Actor,
        password: &str,
    ) -> std::result::Result<Vec<String>, SecondFactorError> {
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        if !self.password_fits(actor, password).await? {
            return Err(SecondFactorError::WrongPassword);
        }
        let record =
            self.store().second_factor(Scope::system(), account.id).await.map_err(ServiceError::from)?;
        if !record.kind.asks() {
            return Err(ServiceError::NotFound.into());
        }
        let codes = self.fresh_recovery_codes();
        let hashes = self.recovery_hashes(account.id, &codes).await?;
        self.store()
            .set_second_factor(Scope::system(), account.id, record.kind, record.totp_secret, hashes)
            .await
            .map_err(ServiceError::from)?;
        self.note(actor, "second_factor.codes", account.login.as_str(), "").await?;
        Ok(codes)
    }

    /// Replaces the second step of an account and gives its recovery codes.
    pub(crate) async fn start_factor(
        &self,
        account: &Account,
        kind: SecondFactor,
        sealed: Option<Vec<u8>>,
    ) -> Result<Vec<String>> {
        let codes = self.fresh_recovery_codes();
        let hashes = self.recovery_hashes(account.id, &codes).await?;
        self.store().set_second_factor(Scope::system(), account.id, kind, sealed, hashes).await?;
        Ok(codes)
    }

    /// What this token still has to give; `None`: it does not wait for a second step.
    pub async fn second_step(&self, token: &SessionToken) -> Result<Option<SecondStep>> {
        let Some((_, account)) = self.code_session(token).await? else { return Ok(None) };
        let sms_to = match account.second_factor {
            SecondFactor::Sms => self.masked_number(&account).await?,
            _ => None,
        };
        let passkey = self.begin_passkey_step(&account, token).await?;
        Ok(Some(SecondStep { kind: account.second_factor, sms_to, passkey }))
    }

    /// Keys of authenticator apps that are sealed with an older key, or not at all, are sealed
    /// anew: once at each start. Answers how many.
    pub async fn reseal(&self) -> Result<u32> {
        let mut done = 0;
        for (account, sealed) in self.store().app_secrets(Scope::system()).await? {
            if !self.keys().is_outdated(&sealed) {
                continue;
            }
            let plain = self.app_secret(account, &sealed)?;
            let new = self.keys().seal(self.rng(), APP_SECRET, &account.0, &plain)?;
            match self.store().reseal_app_secret(Scope::system(), account, sealed, new).await {
                Ok(()) => done += 1,
                Err(StoreError::Conflict) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(done + self.reseal_webhooks().await?)
    }

    /// Before keys were sealed, 20 bytes stood there as they are.
    fn app_secret(&self, account: AccountId, stored: &[u8]) -> Result<[u8; 20]> {
        if let Ok(plain) = stored.try_into() {
            return Ok(plain);
        }
        let plain = self.keys().open(APP_SECRET, &account.0, stored)?;
        plain.try_into().map_err(|_| SealError::Broken.into())
    }

    pub(crate) async fn code_session(&self, token: &SessionToken) -> Result<Option<(SessionRow, Account)>> {
        let Some(hash) = token.hash() else { return Ok(None) };
        match self.store().session(Scope::system(), hash).await {
            Ok((session, account))
                if session.stage == SessionStage::AwaitsCode
                    && self.now().since(session.created_at) < CODE_WITHIN =>
            {
                Ok(Some((session, account)))
            }
            Ok(_) | Err(StoreError::NotFound) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// The second step: six digits of the app, or a recovery code.
    pub async fn give_code(
        &self,
        token: &SessionToken,
        code: &str,
        from: &ClientInfo,
    ) -> std::result::Result<LoggedIn, LoginError> {
        let now = self.now();
        if self.0.throttles.login.refuses(from.ip, now) {
            return Err(LoginError::Throttled);
        }
        let Some((session, account)) = self.code_session(token).await? else {
            return Err(LoginError::StartAgain);
        };
        let record = self
            .store()
            .login_record(Scope::system(), account.login.clone())
            .await
            .map_err(ServiceError::from)?;
        // As at the first step: strangers who guess do not lock out a browser that is known.
        let known = self.known_browser(&account, from).await?;
        let lock = known.as_ref().map_or(record.locked_until, |(_, b)| b.locked_until);
        if lock.is_some_and(|until| now < until) {
            return Err(LoginError::WrongCode);
        }
        if !self.code_fits(&account, code, now).await? {
            self.0.throttles.login.count(from.ip, now);
            let store = self.store();
            let tries = store
                .count_code_failure(Scope::system(), session.token_hash)
                .await
                .map_err(ServiceError::from)?;
            if tries >= CODE_TRIES {
                store
                    .delete_session(Scope::system(), session.token_hash)
                    .await
                    .map_err(ServiceError::from)?;
                let whom = match &known {
                    Some((token, _)) => FailedLogin::Browser(*token),
                    None => FailedLogin::Account(account.id),
                };
                self.note_failure(whom, Some(&account), from, now).await?;
                return Err(LoginError::StartAgain);
            }
            return Err(LoginError::WrongCode);
        }
        Ok(self.lift(session, account, from, now).await?)
    }

    /// The second step is done.
    pub(crate) async fn lift(
        &self,
        session: SessionRow,
        account: Account,
        from: &ClientInfo,
        now: Timestamp,
    ) -> Result<LoggedIn> {
        let new = secrets::random_32(self.rng());
        self.store().lift_session(Scope::system(), session.token_hash, secrets::sha256(&new), now).await?;
        let actor = Actor::logged_in(account, session.id, session.csrf, now);
        let browser = Some(self.let_in(&actor, from, now).await?);
        Ok(LoggedIn {
            token: SessionToken::new(&new),
            actor,
            expires_at: session.expires_at,
            needs_code: false,
            browser,
        })
    }

    async fn code_fits(&self, account: &Account, code: &str, now: Timestamp) -> Result<bool> {
        let record = self.store().second_factor(Scope::system(), account.id).await?;
        let digits: String = normal_digits(code);
        let used = if digits.len() == 6 {
            if record.kind == SecondFactor::Sms {
                return self.sms_code_fits(account, code, None, now).await;
            }
            let Some(stored) = record.totp_secret else { return Ok(false) };
            let secret = self.app_secret(account.id, &stored)?;
            let Some(step) = matching_step(secret, &digits, now)? else { return Ok(false) };
            self.store().use_totp_step(Scope::system(), account.id, step).await
        } else {
            let hashes = self.recovery_hashes(account.id, &[code.to_owned()]).await?;
            let hash = hashes.first().copied().ok_or(ServiceError::NotFound)?;
            self.store().use_recovery_code(Scope::system(), account.id, hash, now).await
        };
        match used {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict | StoreError::NotFound) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    fn fresh_recovery_codes(&self) -> Vec<String> {
        (0..RECOVERY_CODES)
            .map(|_| secrets::readable_secret(self.rng()).reveal().chars().take(11).collect())
            .collect()
    }
}

fn authenticator(secret: [u8; 20], account: Option<&Account>) -> Result<Totp> {
    let fault = |e: totp_rs::TotpError| ServiceError::Hashing(e.to_string());
    let builder = Builder::new().with_secret(Secret::new_stack(secret));
    match account {
        Some(a) => builder.with_issuer(Some(ISSUER)).with_account_name(a.login.as_str()).build(),
        None => builder.build(),
    }
    .map_err(fault)
}

/// The time step whose code this is: now, the one before, or the one after.
fn matching_step(secret: [u8; 20], code: &str, now: Timestamp) -> Result<Option<i64>> {
    let seconds = u64::try_from(now.secs()).unwrap_or_default();
    let step = authenticator(secret, None)?.check(&normal_digits(code), seconds);
    Ok(step.and_then(|s| i64::try_from(s).ok()))
}

/// Digits as people type them: with spaces, or in full width.
pub(crate) fn normal_digits(code: &str) -> String {
    code.chars()
        .take(64)
        .filter(|c| !c.is_whitespace())
        .map(|c| match c {
            '０'..='９' => {
                u32::from(c).checked_sub(u32::from('０')).and_then(|d| char::from_digit(d, 10)).unwrap_or(c)
            }
            c => c,
        })
        .collect()
}

fn parse_key(text: &str) -> Option<[u8; 20]> {
    if text.len() > 64 {
        return None;
    }
    let secret = Secret::try_from_base32(text.trim()).ok()?;
    secret.as_bytes().try_into().ok()
}

/// Recovery codes are compared without regard to case, spaces and hyphens.
pub(crate) fn plain_recovery_code(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, SHA-1, the last six of eight digits.
    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        let secret = *b"12345678901234567890";
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            let step = matching_step(secret, code, Timestamp::from_secs(seconds)).unwrap();
            assert_eq!(step, Some(seconds / 30));
        }
        let late = Timestamp::from_secs(59 + 60);
        assert_eq!(matching_step(secret, "287082", late).unwrap(), None, "two steps late");
        assert_eq!(matching_step(secret, "２８７ ０８２", Timestamp::from_secs(59)).unwrap(), Some(1));
    }

    #[test]
    fn recovery_codes_may_be_typed_carelessly() {
        assert_eq!(plain_recovery_code("abcde-fghjk"), plain_recovery_code(" ABCDE FGHJK"));
        assert_ne!(plain_recovery_code("abcde-fghjk"), plain_recovery_code("abcde-fghjm"));
    }
}
