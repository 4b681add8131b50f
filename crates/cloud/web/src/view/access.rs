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
    /// The digits come from an app, or by SMS to a number; neither: from recovery codes alone.
    pub app: bool,
    pub sms: bool,
    pub sms_to: String,
    /// What the page's script asks the browser for a passkey with.
    pub passkey: Option<String>,
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
    /// A second step is in use.
    pub asks: bool,
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

/// `Chrome（Windows） 192.0.2.1` of the address and the browser's long name for itself.
pub fn client_words(client: &str) -> String {
    let (address, agent) = client.split_once(' ').unwrap_or((client, ""));
    // The order matters: Edge and Chrome also call themselves by the names behind them.
    let known = |words: &[(&str, &'static str)]| {
        words.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, word)| *word)
    };
    let browser = known(&[
        ("Edg", "Edge"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("CriOS/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = known(&[
        ("Windows", "Windows"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Mac OS", "Mac"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser}（{system}） {address}"),
        (Some(one), None) | (None, Some(one)) => format!("{one} {address}"),
        (None, None) => client.to_owned(),
    }
}

/// An identifier that says nothing to a person.
pub fn is_identifier(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// What an entry of the audit log means to a customer.
pub fn action_words(entry: &AuditEntry) -> &'static str {
    match entry.action.as_str() {
        "login" => "ログインしました",
        "login.failed" => "ログインに失敗しました",
        "login.rename" => "ユーザーIDを変えました",
        "password.change" => "パスワードを変えました",
        "password.wrong" => "パスワードの確認に失敗しました",
        "password.reset" => "パスワードを再設定しました",
        "second_factor.app" => "2段階認証（認証アプリ）を始めました",
        "second_factor.sms" => "2段階認証（SMS）を始めました",
        "second_factor.reset" => "2段階認証を取り消し、仮のパスワードを発行しました",
        "passkey.add" => "パスキーを登録しました",
        "passkey.remove" => "パスキーを消しました",
        "token.create" => "APIの鍵を作りました",
        "token.revoke" => "APIの鍵を使えなくしました",
        "webhook.create" => "Webhookを登録しました",
        "webhook.rotate" => "Webhookの署名鍵を作り直しました",
        "webhook.on" => "Webhookを再開しました",
        "webhook.off" => "Webhookを止めました",
        "webhook.remove" => "Webhookを消しました",
        "webhook.resend" => "Webhookをもう一度送りました",
        "second_factor.off" => "2段階認証を使わない設定にしました",
        "second_factor.codes" => "復旧コードを作り直しました",
        "session.end" | "session.end_others" => "ほかの端末のログインを終了しました",
        "account.create" => "アカウントを発行しました",
        "account.reissue" => "仮のパスワードを発行し直しました",
        "account.stop" => "アカウントを止めました",
        "addresses.set" => "お知らせメールの宛先を変えました",
        "addresses.test" => "確認のメールを送りました",
        "alert.acknowledge" => "アラートを「確認しました」にしました",
        "alert.close" => "アラートを「完了」にしました",
        "alert.scan" => "スキャンの結果を報告しました",
        "gateway.rename" => "UTM装置の名前を変えました",
        "gateway.create" => "UTM装置を登録しました",
        "gateway.secret" => "UTM装置の登録用の番号を発行し直しました",
        "gateway.enrol" => "UTM装置の初期設定が終わりました",
        "customer.create" => "契約を登録しました",
        _ => "設定を変えました",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_named_as_people_know_it() {
        let edge = "192.0.2.1 Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                    Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0";
        assert_eq!(client_words(edge), "Edge（Windows） 192.0.2.1");
        let phone =
            "2001:db8::1 Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1";
        assert_eq!(client_words(phone), "Safari（iPhone） 2001:db8::1");
        assert_eq!(client_words("192.0.2.1 curl/8"), "192.0.2.1 curl/8");
        assert!(is_identifier("01a210d2b1937eb2ff1d5a618f322518") && !is_identifier("竹原商店"));
    }
}
