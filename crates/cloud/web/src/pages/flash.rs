//! One message after something was done, carried to the next page as a code in a cookie.

use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};

use crate::cookie::Cookie;
use crate::portal::Portal;
use crate::view::Flash;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    Acknowledged,
    AlertClosed,
    Scanned,
    Addresses,
    Password,
    TestMail,
    Renamed,
    FirstLogin,
    SecondFactorOff,
    SecondFactorReset,
    PasskeyAdded,
    PasskeyRenamed,
    PasskeyRemoved,
    TokenRevoked,
    WebhookChanged,
    WebhookRemoved,
    WebhookTested,
    SessionEnded,
    AccountIssued,
    AccountReissued,
    AccountStopped,
    PolicyAdded,
    TrialStarted,
    PolicyLive,
    Noted,
    Assigned,
    Found,
    ExceptionAsked,
    ExceptionDecided,
    ExceptionEnded,
    Resent,
    SmsCode,
    SmsProved,
    SmsRemoved,
    OutagePlanned,
    Asked,
    Replied,
    Answered,
    InquiryClosed,
    Published,
    Withdrawn,
    MonthlyMail,
    NoMonthlyMail,
}

impl Done {
    const ALL: &'static [(Done, &'static str, &'static str)] = &[
        (Done::AlertClosed, "alert-closed", "アラートを「完了」にしました。"),
        (Done::Acknowledged, "ack", "「確認しました」を記録しました。"),
        (
            Done::Scanned,
            "scan",
            "スキャンの結果を報告しました。ありがとうございます。必要があれば相談窓口からご連絡します。",
        ),
        (Done::Addresses, "addresses", "お知らせメールの宛先を保存しました。"),
        (Done::Password, "password", "パスワードを変更しました。ほかの端末のログインは終了しました。"),
        (
            Done::TestMail,
            "test",
            "確認のメールを送りました。届かないときは、宛先と迷惑メールのフォルダーを確かめてください。",
        ),
        (Done::Renamed, "renamed", "UTM装置の名前を変更しました。"),
        (
            Done::FirstLogin,
            "first",
            "ご自分のユーザーIDとパスワードを登録しました。次回からはこれでログインしてください。",
        ),
        (
            Done::SecondFactorOff,
            "2fa-off",
            "2段階認証を使わない設定にしました。いつでも設定から始められます。",
        ),
        (
            Done::SecondFactorReset,
            "2fa-reset",
            "2段階認証を取り消しました。新しい仮のパスワードを、ご本人のメールアドレスへお送りします。",
        ),
        (Done::PasskeyAdded, "passkey", "パスキーを登録しました。次のログインから使えます。"),
        (Done::PasskeyRenamed, "passkey-name", "パスキーの名前を変えました。"),
        (
            Done::PasskeyRemoved,
            "passkey-gone",
            "パスキーを消しました。端末に残っているものは、端末の設定から消せます。",
        ),
        (Done::TokenRevoked, "token-gone", "APIの鍵を使えなくしました。"),
        (Done::WebhookChanged, "hook", "Webhookの設定を変えました。"),
        (Done::WebhookRemoved, "hook-gone", "Webhookを消しました。"),
        (
            Done::WebhookTested,
            "hook-test",
            "確認の通知を送ります。しばらくしてから、下の「送った記録」を確かめてください。",
        ),
        (Done::SessionEnded, "ended", "ほかの端末のログインを終了しました。"),
        (
            Done::AccountIssued,
            "issued",
            "アカウントを発行しました。仮のユーザーIDとパスワードを、ご本人のメールアドレスへお送りします。",
        ),
        (Done::AccountReissued, "reissued", "新しい仮のパスワードを、ご本人のメールアドレスへお送りします。"),
        (Done::AccountStopped, "stopped", "アカウントを止めました。ログイン中の端末も終了しました。"),
        (
            Done::PolicyAdded,
            "policy-added",
            "ポリシーを登録しました。まだ使われていません。保存されている検知で試してください。",
        ),
        (Done::TrialStarted, "trial", "試し始めました。しばらくお待ちください。"),
        (Done::PolicyLive, "policy-live", "判定ポリシーを切り替えました。"),
        (Done::Noted, "noted", "メモを残しました。"),
        (Done::Assigned, "assigned", "担当を記録しました。"),
        (Done::Found, "found", "調査結果を記録し、お客様へメールを送ります。"),
        (
            Done::ExceptionAsked,
            "ex-asked",
            "業務の例外を記録しました。お客様からの申し出は、分析担当が確かめてから有効になります。",
        ),
        (Done::ExceptionDecided, "ex-decided", "例外の判断を記録しました。"),
        (Done::ExceptionEnded, "ex-ended", "例外を終わらせました。"),
        (Done::Resent, "resent", "もう一度送ります。"),
        (Done::SmsCode, "sms-code", "確認コードを送りました。届いた6けたの数字を入力してください。"),
        (Done::SmsProved, "sms-proved", "番号を確認しました。★★★ のメールが届かないときにSMSを送ります。"),
        (Done::SmsRemoved, "sms-removed", "番号を消しました。"),
        (
            Done::OutagePlanned,
            "outage",
            "計画停止を記録しました。その間は、止まっていてもお客様にお知らせしません。",
        ),
        (
            Done::Asked,
            "asked",
            "お問合せを受け付けました。回答は、この画面と、ご登録のメールアドレスにお送りします。",
        ),
        (Done::Replied, "replied", "続きを送りました。相談窓口の回答をお待ちください。"),
        (Done::Answered, "answered", "回答を記録し、お客様へメールを送ります。"),
        (Done::InquiryClosed, "closed", "お問合せを完了にしました。"),
        (Done::Published, "published", "お知らせを掲載しました。"),
        (Done::Withdrawn, "withdrawn", "お知らせを取り下げました。まだ送っていないメールは送りません。"),
        (Done::MonthlyMail, "monthly-on", "月次レポートを、毎月メールでもお送りします。"),
        (
            Done::NoMonthlyMail,
            "monthly-off",
            "月次レポートのメールを止めました。この画面からは、いつでもダウンロードできます。",
        ),
    ];

    /// Leads to `path`, where the message is shown.
    pub fn lead_to(self, portal: &Portal, path: &str) -> Response {
        let mut response = Redirect::to(path).into_response();
        if let Some((_, code, _)) = Done::ALL.iter().find(|(done, ..)| *done == self) {
            response.headers_mut().append(header::SET_COOKIE, portal.cookies().set(Cookie::Flash, code));
        }
        response
    }
}

/// The message that waits, if any.
pub fn read(portal: &Portal, headers: &HeaderMap) -> Option<Flash> {
    let code = portal.cookies().read(headers, Cookie::Flash)?;
    let (_, _, text) = Done::ALL.iter().find(|(_, known, _)| *known == code)?;
    Some(Flash::done(*text))
}

pub fn forget(portal: &Portal, headers: &mut HeaderMap) {
    headers.append(header::SET_COOKIE, portal.cookies().clear(Cookie::Flash));
}
