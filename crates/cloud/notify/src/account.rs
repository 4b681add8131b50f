//! Mails about an account: new password, temporary password, a change to notice.
//!
//! Holds always: such a mail goes to the person behind the account alone and names no alert.

use askama::Template;
use mimamori_domain::jst;
use mimamori_domain::notice::AccountMail;
use mimamori_service::Composed;

/// Whom the mail is for, and whom to call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings<'a> {
    pub company: &'a str,
    pub desk_phone: &'a str,
    pub desk_hours: &'a str,
    pub portal_url: &'a str,
}

#[derive(Template)]
#[template(path = "account.txt", escape = "none")]
struct Text<'a> {
    with: Surroundings<'a>,
    words: &'a Words,
}

#[derive(Template)]
#[template(path = "account.html")]
struct Html<'a> {
    with: Surroundings<'a>,
    words: &'a Words,
}

/// The parts that differ from mail to mail.
pub(crate) struct Words {
    pub(crate) subject: String,
    pub(crate) what: String,
    /// What a person wrote, line by line.
    pub(crate) body: Vec<String>,
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) link: Option<String>,
    pub(crate) steps: Vec<String>,
}

pub(crate) fn compose(mail: &AccountMail, with: Surroundings<'_>) -> Result<Composed, askama::Error> {
    render(&words(mail, with.portal_url), with)
}

/// One plain mail with a purpose, steps and facts.
pub(crate) fn render(words: &Words, with: Surroundings<'_>) -> Result<Composed, askama::Error> {
    Ok(Composed {
        subject: words.subject.clone(),
        text: Text { with, words }.render()?,
        html: Html { with, words }.render()?,
    })
}

fn words(mail: &AccountMail, portal_url: &str) -> Words {
    match mail {
        AccountMail::Reset { token, until } => Words {
            subject: "【みまもり】パスワードの再設定のご案内".to_owned(),
            body: Vec::new(),
            what: "パスワードの再設定の申し込みを受け付けました。".to_owned(),
            facts: vec![("期限", format!("{}まで（1回だけ使えます）", jst::date_time(*until)))],
            link: Some(format!("{portal_url}/reset/{token}")),
            steps: vec![
                "下のリンクを開き、新しいパスワードを登録してください。".to_owned(),
                "心当たりがない場合は、何もしないでください。パスワードは変わりません。".to_owned(),
            ],
        },
        AccountMail::Issued { login, password, until } => Words {
            subject: "【みまもり】仮のユーザーIDとパスワードのお知らせ".to_owned(),
            body: Vec::new(),
            what: "ポータルのアカウントを発行しました。".to_owned(),
            facts: vec![
                ("仮のユーザーID", login.clone()),
                ("仮のパスワード", password.clone()),
                ("期限", format!("{}まで", jst::date_time(*until))),
            ],
            link: Some(format!("{portal_url}/login")),
            steps: vec![
                "下のリンクを開き、仮のユーザーIDとパスワードでログインしてください。".to_owned(),
                "ご自分のユーザーIDとパスワードを決めてください。".to_owned(),
                "2段階認証の設定をおすすめします。".to_owned(),
            ],
        },
        AccountMail::PasswordChanged { at } => Words {
            subject: "【みまもり】パスワードが再設定されました".to_owned(),
            body: Vec::new(),
            what: "ポータルのパスワードが、メールのリンクから再設定されました。".to_owned(),
            facts: vec![("日時", jst::date_time(*at))],
            link: None,
            steps: vec![
                "ご自分で行った場合は、何もする必要はありません。".to_owned(),
                "心当たりがない場合は、すぐに相談窓口へご連絡ください。".to_owned(),
            ],
        },
    }
}
