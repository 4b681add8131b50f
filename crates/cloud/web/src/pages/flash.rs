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
    Scanned,
    Addresses,
    Password,
    TestMail,
    Renamed,
}

impl Done {
    const ALL: [(Done, &'static str, &'static str); 6] = [
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
