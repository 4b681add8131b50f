//! The handlers: read from the service, make a view, render it.
//!
//! Holds always: a page of a customer is made from one [`Desk`], so that frame and content
//! speak of the same company. Deliberately not here: words (`view`), permissions (`routes`).

pub mod accounts;
pub mod alerts;
pub mod announcements;
pub mod attachments;
pub mod compare;
pub mod contract;
pub mod customers;
pub mod detections;
pub mod devices;
pub mod documents;
pub mod door;
pub mod exceptions;
mod flash;
pub mod gateways;
pub mod inquiries;
pub mod integrations;
pub mod investigations;
pub mod lists;
pub mod mailbox;
pub mod more;
pub mod outbox;
pub mod passkeys;
pub mod policies;
pub mod reports;
pub mod reset;
pub mod second_factor;
pub mod sessions;
pub mod settings;
pub mod sms;
pub mod sms_step;
pub mod status;
pub mod usage;

use askama::Template;
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Response};
use mimamori_base::Timestamp;
use mimamori_domain::CustomerId;
use mimamori_service::views::CustomerView;
use mimamori_service::{Actor, Permission};

use crate::cookie::Cookie;
use crate::error::PageError;
use crate::guard::Session;
use crate::portal::Portal;
use crate::view::{Contact, Frame, NavItem};

pub use flash::Done;

/// Open alerts that the navigation counts at most.
const COUNTED_MAX: u64 = 99;

/// One reader in front of one company's pages.
#[derive(Debug)]
pub struct Desk {
    pub portal: Portal,
    pub session: Session,
    pub customer: CustomerView,
    pub now: Timestamp,
    headers: HeaderMap,
}

impl Desk {
    /// The reader's own company, or the one that staff has chosen.
    pub async fn open(portal: Portal, session: Session, headers: HeaderMap) -> Result<Self, PageError> {
        let chosen = || CustomerId::parse(portal.cookies().read(&headers, Cookie::Customer)?).ok();
        let id = session.actor.home_customer().or_else(chosen).ok_or(PageError::ChooseCustomer)?;
        Self::about(portal, session, headers, id).await
    }

    /// The same; `None` for staff who have not chosen a company yet.
    pub async fn open_if_chosen(
        portal: &Portal,
        session: &Session,
        headers: &HeaderMap,
    ) -> Result<Option<Self>, PageError> {
        match Self::open(portal.clone(), session.clone(), headers.clone()).await {
            Ok(desk) => Ok(Some(desk)),
            Err(PageError::ChooseCustomer) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// The company that something belongs to, e.g. the alert that staff opens from a mail.
    pub async fn about(
        portal: Portal,
        session: Session,
        headers: HeaderMap,
        id: CustomerId,
    ) -> Result<Self, PageError> {
        let customer = match portal.service().customer(&session.actor, id).await {
            Err(mimamori_service::ServiceError::NotFound) if session.actor.home_customer().is_none() => {
                return Err(PageError::ChooseCustomer);
            }
            other => other?,
        };
        let now = portal.service().now();
        Ok(Desk { portal, session, customer, now, headers })
    }

    pub fn actor(&self) -> &Actor {
        &self.session.actor
    }

    pub fn id(&self) -> CustomerId {
        self.customer.customer.id
    }

    /// The surroundings; `current` is the address of the navigation's entry.
    pub async fn frame(&self, current: &str) -> Result<Frame, PageError> {
        let open = self.portal.service().open_alerts(self.actor(), self.id()).await?.min(COUNTED_MAX);
        let mut nav = Vec::new();
        if self.session.actor.may(Permission::ListCustomers) {
            nav.push(entry("/customers", "お客様", "customers", current, 0));
        }
        nav.extend([
            entry("/", "状態", "status", current, 0),
            entry("/alerts", "アラート", "alert", current, open),
            entry("/usage/apps", "利用", "device", current, 0),
            entry("/gateways", "UTM装置", "gateway", current, 0),
            entry("/compare", "くらべる", "scales", current, 0),
            more(current),
        ]);
        if self.portal.mailbox().is_some() && nav.len() < 7 {
            nav.push(entry("/mailbox", "受信箱", "mail", current, 0));
        }
        Ok(Frame {
            customer: self.customer.customer.name.to_string(),
            nav,
            contact: Contact::of(&self.customer.reseller),
            ..bare_frame(&self.portal, &self.session, &self.headers)
        })
    }
}

/// The surroundings of a page that is about the account, not about a company.
pub async fn any_frame(
    portal: &Portal,
    session: &Session,
    headers: &HeaderMap,
    current: &str,
) -> Result<Frame, PageError> {
    match Desk::open_if_chosen(portal, session, headers).await? {
        Some(desk) => desk.frame(current).await,
        None => Ok(staff_frame(portal, session, headers, current)),
    }
}

fn entry(href: &str, label: &'static str, icon: &'static str, current: &str, count: u64) -> NavItem {
    NavItem { href: href.to_owned(), label, icon, current: href == current, count }
}

/// その他: leads to everything that the navigation has no room for, and is current for it.
fn more(current: &str) -> NavItem {
    let held = ["/more", "/settings", "/announcements", "/inquiries", "/contract", "/documents", "/reports"];
    let mut item = entry("/more", "その他", "more", current, 0);
    item.current = held.contains(&current);
    item
}

/// The surroundings of staff who have no customer before them.
pub fn staff_frame(portal: &Portal, session: &Session, headers: &HeaderMap, current: &str) -> Frame {
    let mut frame = bare_frame(portal, session, headers);
    let all = [
        (Permission::ListCustomers, entry("/customers", "お客様", "customers", current, 0)),
        (Permission::Investigate, entry("/investigations", "調査", "look", current, 0)),
        (Permission::AnswerDesk, entry("/inquiries", "お問合せ", "what", current, 0)),
        (Permission::ListCustomers, entry("/exceptions", "例外", "list", current, 0)),
        (Permission::ViewOutbox, entry("/outbox", "メール", "mail", current, 0)),
        (Permission::ViewPortal, entry("/more", "その他", "more", current, 0)),
    ];
    frame.nav =
        all.into_iter().filter(|(needs, _)| session.actor.may(*needs)).map(|(_, entry)| entry).collect();
    if !frame.nav.iter().any(|item| item.current)
        && let Some(last) = frame.nav.last_mut()
    {
        last.current = true;
    }
    frame
}

fn bare_frame(portal: &Portal, session: &Session, headers: &HeaderMap) -> Frame {
    let account = session.actor.account();
    Frame {
        customer: session.actor.role().label().to_owned(),
        user: account.map(|a| a.login.to_string()).unwrap_or_default(),
        role: session.actor.role().label(),
        nav: Vec::new(),
        csrf: session.actor.csrf_token(),
        flash: flash::read(portal, headers),
        refresh_seconds: 0,
        contact: portal.options().contact.clone(),
    }
}

/// Renders a page; a message that it shows is shown once.
pub fn show(portal: &Portal, frame_had_flash: bool, page: &impl Template) -> Result<Response, PageError> {
    let mut response = Html(page.render()?).into_response();
    if frame_had_flash {
        flash::forget(portal, response.headers_mut());
    }
    Ok(response)
}
