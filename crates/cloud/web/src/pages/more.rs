//! その他: a page instead of a menu, so that it works without JavaScript and on a phone.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use mimamori_service::{Actor, Permission};

use super::{Desk, show, staff_frame};
use crate::error::PageError;
use crate::guard::Session;
use crate::portal::Portal;
use crate::view::more::{Entry, Group, Page};

pub async fn page(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let unread = portal.service().unread_announcements(&session.actor).await?.len();
    let desk = Desk::open_if_chosen(&portal, &session, &headers).await?;
    let mut groups = Vec::new();
    let frame = match &desk {
        Some(desk) => {
            let title = match desk.actor().home_customer() {
                Some(_) => "お客様のページ".to_owned(),
                None => format!("{} 様のページ", desk.customer.customer.name),
            };
            groups.push(Group { id: "company", title, entries: of_company(desk, unread) });
            desk.frame("/more").await?
        }
        None => staff_frame(&portal, &session, &headers, "/more"),
    };
    if session.actor.home_customer().is_none() {
        let entries = of_staff(&session.actor);
        groups.push(Group { id: "staff", title: "担当者のページ".to_owned(), entries });
    }
    let entries = of_account(&session.actor);
    groups.push(Group { id: "account", title: "ご自分の設定と記録".to_owned(), entries });
    show(&portal, frame.flash.is_some(), &Page { frame, groups })
}

fn of_company(desk: &Desk, unread: usize) -> Vec<Entry> {
    let actor = desk.actor();
    let news = match unread {
        0 => "メンテナンスの予定やUTM装置の更新です。".to_owned(),
        n => format!("まだ読んでいない重要なお知らせが{n}件あります。"),
    };
    let mut entries = vec![Entry::new("/announcements", "news", "お知らせ", news)];
    if actor.may(Permission::ViewInquiries) {
        let (href, text) = match actor.home_customer() {
            Some(_) => ("/inquiries".to_owned(), "相談窓口への質問と、その回答です。"),
            None => (format!("/inquiries?customer={}&show=all", desk.id()), "この会社とのやりとりです。"),
        };
        entries.push(Entry::new(&href, "what", "お問合せ", text));
    }
    if actor.home_customer().is_none() && actor.may(Permission::AnswerDesk) {
        let text = "電話やメールで受けたお問合せを記録します。";
        entries.push(Entry::new("/inquiries/new", "phone", "お問合せを記録する", text));
    }
    entries.push(Entry::new("/reports", "paper", "レポート", "1か月のまとめ（PDF）です。"));
    entries.push(Entry::new("/contract", "shield", "契約と補償", "ご契約の内容と、サイバー保険です。"));
    entries.push(Entry::new("/documents", "list", "書類", "仕様書とマニュアルです。"));
    entries.push(Entry::new("/exceptions", "hand", "業務の例外", "アラートにしないと決めた検知です。"));
    if desk.portal.mailbox().is_some() {
        entries.push(Entry::new("/mailbox", "mail", "受信箱", "体験版から送られたメールです。"));
    }
    entries
}

fn of_staff(actor: &Actor) -> Vec<Entry> {
    let all = [
        (
            Permission::ListCustomers,
            Entry::new("/customers", "customers", "お客様", "会社を選んで、その画面を開きます。"),
        ),
        (
            Permission::AnswerDesk,
            Entry::new("/inquiries", "what", "お問合せ", "回答の期限が近い順の一覧です。"),
        ),
        (Permission::Investigate, Entry::new("/investigations", "look", "調査", "※調査中※ のアラートです。")),
        (
            Permission::ListCustomers,
            Entry::new("/exceptions", "hand", "業務の例外", "申し出と、認めた例外です。"),
        ),
        (
            Permission::Announce,
            Entry::new("/announcements", "news", "お知らせを書く", "全部のお客様へのお知らせです。"),
        ),
        (
            Permission::ViewPolicies,
            Entry::new("/policies", "scales", "ポリシー", "重要度の判定のしかたです。"),
        ),
        (
            Permission::ViewOutbox,
            Entry::new("/outbox", "mail", "メール", "送ったメールと、届かなかったメールです。"),
        ),
        (
            Permission::ViewPortal,
            Entry::new("/documents", "list", "書類", "お客様に見える仕様書とマニュアルです。"),
        ),
    ];
    all.into_iter().filter(|(needs, _)| actor.may(*needs)).map(|(_, entry)| entry).collect()
}

fn of_account(actor: &Actor) -> Vec<Entry> {
    let mut entries = vec![
        Entry::new("/settings", "settings", "設定", "お知らせの宛先、SMS、パスワードを変えます。"),
        Entry::new("/settings/second-factor", "lock", "2段階認証", "ログインをより安全にします。"),
    ];
    if actor.may(Permission::ViewAudit) {
        entries.push(Entry::new("/settings/activity", "history", "操作の記録", "だれがいつ何をしたかです。"));
    }
    entries
}
