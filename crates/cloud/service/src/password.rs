//! Passwords: rules, change, the first login (AC-01, AC-03).
//!
//! Holds always: a password is hashed off the async threads, two at a time; nobody is ever told
//! one but by the mail that issues a temporary one. Deliberately not here: forgotten ones
//! (`reset`).

use std::collections::HashSet;
use std::sync::OnceLock;
use std::time::Duration;

use mimamori_domain::{Account, AccountId, LoginName};
use mimamori_store::{Scope, StoreError};

use crate::actor::Actor;
use crate::auth::SessionToken;
use crate::error::ServiceError;
use crate::second_factor::plain_recovery_code;
use crate::secrets;
use crate::{Result, Service};

/// How long a password that was given counts as given just now.
const PROOF_HOLDS: Duration = Duration::from_secs(30 * 60);
const PASSWORD_MIN_CHARS: usize = 10;
const PASSWORD_MAX_BYTES: usize = 512;
/// This product's own words, and what people here take first.
const OWN_WORDS: &[&str] = &[
    "mimamori",
    "kanrisha",
    "sakura",
    "doraemon",
    "nekoneko",
    "arigato",
    "konnichiwa",
    "nippon",
    "takehara",
    "office365",
    "windows10",
    "windows11",
    "kaisha",
    "keiri",
    "soumu",
    "shacho",
    "hiroshima",
];
/// A password that is one of the common ones with so many characters more is refused too.
const MORE_CHARS: usize = 4;
/// The shortest common password that counts.
const COMMON_MIN_CHARS: usize = 6;

#[derive(Debug, thiserror::Error)]
pub enum PasswordChangeError {
    #[error("the present password is wrong")]
    WrongPassword,
    #[error("the new password is shorter than 10 characters")]
    TooShort,
    #[error("the new password is too long")]
    TooLong,
    #[error("the new password is easy to guess")]
    TooCommon,
    #[error("the temporary password was given again")]
    Unchanged,
    #[error("the user ID is not one")]
    BadLogin,
    #[error("the user ID is taken")]
    LoginTaken,
    #[error(transparent)]
    Service(#[from] ServiceError),
}

impl PasswordChangeError {
    /// What a person reads.
    #[must_use]
    pub const fn for_people(&self) -> &'static str {
        match self {
            PasswordChangeError::WrongPassword => "今のパスワードが違います。",
            PasswordChangeError::TooShort => "新しいパスワードは10文字以上にしてください。",
            PasswordChangeError::TooLong => "新しいパスワードが長すぎます。",
            PasswordChangeError::TooCommon => {
                "よく使われる言葉やユーザーIDを含むパスワードは使えません。別のパスワードにしてください。"
            }
            PasswordChangeError::Unchanged => {
                "仮のパスワードと同じものは使えません。ご自分のパスワードを決めてください。"
            }
            PasswordChangeError::BadLogin => {
                "ユーザーIDは、半角の英小文字・数字・記号（. _ - @ +）で3〜64文字にしてください。"
            }
            PasswordChangeError::LoginTaken => {
                "このユーザーIDはすでに使われています。別のユーザーIDにしてください。"
            }
            PasswordChangeError::Service(e) => e.for_people(),
        }
    }
}

impl Service {
    /// Changes the own password and ends all other sessions.
    pub async fn change_password(
        &self,
        actor: &Actor,
        token: &SessionToken,
        old: &str,
        new: &str,
    ) -> std::result::Result<(), PasswordChangeError> {
        self.first_login(actor, token, None, old, new).await
    }

    /// Gives the account an own password and, if wished, an own user ID; ends all other sessions.
    pub async fn first_login(
        &self,
        actor: &Actor,
        token: &SessionToken,
        login: Option<&str>,
        old: &str,
        new: &str,
    ) -> std::result::Result<(), PasswordChangeError> {
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        if !self.password_fits(actor, old).await? {
            return Err(PasswordChangeError::WrongPassword);
        }
        let login = match login {
            Some(text) => LoginName::parse(text).map_err(|_| PasswordChangeError::BadLogin)?,
            None => account.login.clone(),
        };
        check_new_password(new, login.as_str())?;
        if old == new && account.must_change_password {
            return Err(PasswordChangeError::Unchanged);
        }
        let hash = self.hash(new).await?;
        let store = self.store();
        if login != account.login {
            store.set_login(Scope::system(), account.id, login.clone()).await.map_err(|e| match e {
                StoreError::Duplicate => PasswordChangeError::LoginTaken,
                e => PasswordChangeError::Service(e.into()),
            })?;
            self.note(actor, "login.rename", login.as_str(), account.login.as_str()).await?;
        }
        store.set_password(Scope::system(), account.id, hash, None).await.map_err(ServiceError::from)?;
        store.delete_sessions(Scope::system(), account.id, token.hash()).await.map_err(ServiceError::from)?;
        self.note(actor, "password.change", login.as_str(), "").await?;
        Ok(())
    }

    /// Whether this is the actor's password: what matters asks for it again. Guessing is counted
    /// here like at the login, as whoever sits before an open session need not be its owner.
    pub(crate) async fn password_fits(&self, actor: &Actor, password: &str) -> Result<bool> {
        let account = actor.account().ok_or(ServiceError::Forbidden)?;
        self.guard_proof(account)?;
        let record = self.store().login_record(Scope::system(), account.login.clone()).await?;
        let fits = self.verify(password, &record.password_hash).await?;
        if !fits {
            self.0.throttles.proof.count(account.id.0, self.now());
            self.note_of(account, "password.wrong", "").await?;
        }
        Ok(fits)
    }

    /// Too many wrong passwords and codes within this account's sessions.
    pub(crate) fn guard_proof(&self, account: &Account) -> Result<()> {
        if self.0.throttles.proof.refuses(account.id.0, self.now()) {
            return Err(ServiceError::SlowDown);
        }
        Ok(())
    }

    /// Whether the password was given in this session lately: what matters asks for it again.
    #[must_use]
    pub fn proved_lately(&self, actor: &Actor) -> bool {
        actor.proved_at().is_none_or(|at| self.now().since(at) < PROOF_HOLDS)
    }

    /// Notes that whoever sits before the session knows the password.
    pub async fn prove(&self, actor: &Actor, token: &SessionToken, password: &str) -> Result<bool> {
        if !self.password_fits(actor, password).await? {
            return Ok(false);
        }
        let hash = token.hash().ok_or(ServiceError::Forbidden)?;
        self.store().prove_session(Scope::system(), hash, self.now()).await?;
        Ok(true)
    }

    pub(crate) async fn hash(&self, password: &str) -> Result<String> {
        let _permit = self.permit().await?;
        let (password, salt) = (password.to_owned(), secrets::random_32(self.rng()));
        let cost = self.config().password_cost;
        tokio::task::spawn_blocking(move || secrets::hash_password(&password, salt, cost))
            .await
            .map_err(|e| ServiceError::Hashing(e.to_string()))?
    }

    pub(crate) async fn verify(&self, password: &str, hash: &str) -> Result<bool> {
        if password.len() > PASSWORD_MAX_BYTES {
            return Ok(false);
        }
        let _permit = self.permit().await?;
        let (password, hash) = (password.to_owned(), hash.to_owned());
        tokio::task::spawn_blocking(move || secrets::verify_password(&password, &hash))
            .await
            .map_err(|e| ServiceError::Hashing(e.to_string()))
    }

    /// Hashes recovery codes, all of one account, as slowly as passwords.
    pub(crate) async fn recovery_hashes(
        &self,
        account: AccountId,
        codes: &[String],
    ) -> Result<Vec<[u8; 32]>> {
        let _permit = self.permit().await?;
        let cost = self.config().password_cost;
        let codes: Vec<String> = codes.iter().map(|code| plain_recovery_code(code)).collect();
        tokio::task::spawn_blocking(move || {
            codes.iter().map(|code| secrets::slow_hash(code, account.0, cost)).collect()
        })
        .await
        .map_err(|e| ServiceError::Hashing(e.to_string()))?
    }

    async fn permit(&self) -> Result<tokio::sync::SemaphorePermit<'_>> {
        self.0.hashing.acquire().await.map_err(|e| ServiceError::Hashing(e.to_string()))
    }
}

/// NIST SP 800-63B: length and a block list, no composition rules.
pub(crate) fn check_new_password(new: &str, login: &str) -> std::result::Result<(), PasswordChangeError> {
    if new.chars().count() < PASSWORD_MIN_CHARS {
        return Err(PasswordChangeError::TooShort);
    }
    if new.len() > PASSWORD_MAX_BYTES {
        return Err(PasswordChangeError::TooLong);
    }
    let lower = new.to_lowercase();
    let stem = login.split('@').next().unwrap_or(login);
    if is_common(&lower) || (stem.len() >= 4 && lower.contains(stem)) {
        return Err(PasswordChangeError::TooCommon);
    }
    Ok(())
}

/// Whether it is a common password, or one with a few characters before or after it.
fn is_common(lower: &str) -> bool {
    static COMMON: OnceLock<HashSet<&str>> = OnceLock::new();
    let common = COMMON.get_or_init(|| {
        let list = include_str!("common_passwords.txt").lines().filter(|l| !l.starts_with('#'));
        list.chain(OWN_WORDS.iter().copied()).collect()
    });
    let ends: Vec<usize> = lower.char_indices().map(|(at, _)| at).chain([lower.len()]).collect();
    let chars = ends.len() - 1;
    let one_letter = lower.chars().all(|c| lower.starts_with(c));
    let shortest = chars.saturating_sub(MORE_CHARS).max(COMMON_MIN_CHARS);
    one_letter
        || (shortest..=chars).any(|length| {
            ends.windows(length + 1).any(|w| match (w.first(), w.last()) {
                (Some(from), Some(to)) => lower.get(*from..*to).is_some_and(|part| common.contains(part)),
                _ => false,
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_passwords_are_refused_with_a_few_characters_more_and_any_characters_are_taken() {
        let check = |new: &str| check_new_password(new, "hanako@example.jp");
        for bad in [
            "password12",
            "Password2026",
            "1234567890",
            "qwertyuiop",
            "xx-sunshine",
            "aaaaaaaaaaaaaaaa",
            "mimamori2026",
            "iloveyou!!!",
            "hanako-hanako",
            "ああああああああああ",
        ] {
            assert!(matches!(check(bad), Err(PasswordChangeError::TooCommon)), "{bad}");
        }
        for good in ["umi to yama no aida", "竹の子と山の幸を食べる", "tT9#", "          x          "]
        {
            let long = format!("{good}{}", "k7".repeat(4));
            assert!(check(&long).is_ok(), "{long}");
        }
        assert!(check(&"long enough ".repeat(20)).is_ok(), "240 characters");
        assert!(matches!(check("kX7#pq2-v"), Err(PasswordChangeError::TooShort)));
    }
}
