//! The door's other pages and the account's own: code, reset, confirmation, sessions, activity,
//! and the accounts that the desk issues.

use askama::Template;
use mimamori_service::views::AuditEntry;

use super::{Contact, Frame, Moment};

#[derive(Debug, Template)]
#[template(path = "code.html")]
pub struct CodePage {
    pub csrf: String,
    pub next: String,
    pub error: Option<&'static str>,
    pub contact: Contact,
}

#[derive(Debug, Template)]
#[template(path = "forgot.html")]
pub struct ForgotPage {
    pub csrf: String,
    /// The form was sent: the page says what happens, the same for everybody.
    pub asked: bool,
    pub contact: Contact,
}

#[derive(Debug, Template)]
#[template(path = "reset.html")]
pub struct ResetPage {
    pub csrf: String,
    pub token: String,
    /// The link cannot be used any more.
    pub closed: bool,
    pub done: bool,
    pub error: Option<&'static str>,
    pub contact: Contact,
}

#[derive(Debug, Template)]
#[template(path = "confirm.html")]
pub struct ConfirmPage {
    pub frame: Frame,
    pub next: String,
    pub error: Option<&'static str>,
}

/// One login that holds.
#[derive(Debug)]
pub struct SessionLine {
    pub id: String,
    pub client: String,
    pub since: Moment,
    pub seen: Moment,
    pub current: bool,
}

#[derive(Debug, Template)]
#[template(path = "sessions.html")]
pub struct SessionsPage {
    pub frame: Frame,
    pub sessions: Vec<SessionLine>,
}

/// One line of the activity log.
#[derive(Debug)]
pub struct ActivityLine {
    pub at: Moment,
    pub who: String,
    pub what: &'static str,
    pub detail: String,
}

#[derive(Debug, Template)]
#[template(path = "activity.html")]
pub struct ActivityPage {
    pub frame: Frame,
    pub lines: Vec<ActivityLine>,
}

/// One account of a customer.
#[derive(Debug)]
pub struct AccountLine {
    pub id: String,
    pub name: String,
    pub login: String,
    pub email: String,
    pub role: &'static str,
    pub state: &'static str,
}

#[derive(Debug, Default)]
pub struct AccountFormAgain {
    pub name: String,
    pub email: String,
    pub error: Option<&'static str>,
}

#[derive(Debug, Template)]
#[template(path = "accounts.html")]
pub struct AccountsPage {
    pub frame: Frame,
    pub accounts: Vec<AccountLine>,
    pub again: AccountFormAgain,
}

/// What an entry of the audit log means to a customer.
pub fn action_words(entry: &AuditEntry) -> &'static str {
    match entry.action.as_str() {
        "login" => "ログインしました",
        "login.failed" => "ログインに失敗しました",
        "login.rename" => "ユーザーIDを変えました",
        "password.change" => "パスワードを変えました",
        "password.reset" => "パスワードを再設定しました",
        "second_factor.app" => "2段階認証（認証アプリ）を始めました",
        "second_factor.off" => "2段階認証を使わない設定にしました",
        "second_factor.codes" => "復旧コードを作り直しました",
        "session.end" | "session.end_others" => "ほかの端末のログインを終了しました",
        "account.create" => "アカウントを発行しました",
        "account.reissue" => "仮のパスワードを発行し直しました",
        "account.stop" => "アカウントを止めました",
        "addresses.set" => "お知らせメールの宛先を変えました",
        "addresses.test" => "確認のメールを送りました",
        "alert.acknowledge" => "アラートを「確認しました」にしました",
        "alert.scan" => "スキャンの結果を報告しました",
        "gateway.rename" => "UTM装置の名前を変えました",
        "gateway.create" => "UTM装置を登録しました",
        "gateway.secret" => "UTM装置の登録用の番号を発行し直しました",
        "gateway.enrol" => "UTM装置の初期設定が終わりました",
        "customer.create" => "契約を登録しました",
        _ => "設定を変えました",
    }
}
