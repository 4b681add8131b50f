//! Every address of the portal, with who may use it.
//!
//! Holds always: a route cannot be added without an [`Access`]; the guard stands before the
//! handler. Deliberately not here: whose data a reader sees, which the service decides.

use axum::Router;
use axum::http::Method;
use axum::middleware;
use axum::routing::{MethodRouter, get, post};
use mimamori_domain::ApiScope;
use mimamori_service::Permission;

use crate::api;
use crate::guard;
use crate::pages::{
    accounts, alerts, announcements, attachments, compare, contract, customers, detections, devices,
    documents, door, exceptions, gateways, inquiries, integrations, investigations, lists, mailbox, more,
    outbox, passkeys, policies, reports, reset, second_factor, sessions, settings, sms, sms_step, status,
    usage,
};
use crate::portal::Portal;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody, also without a session.
    Public,
    /// Anybody who is logged in.
    Session,
    /// The same, and the password was given lately.
    Fresh,
    /// Whoever is logged in and has this permission.
    Needs(Permission),
    /// With this permission, and the password was given lately.
    Proved(Permission),
    /// A machine with a token of this scope; cookies count for nothing.
    Api(ApiScope),
}

/// One route.
#[derive(Debug)]
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    handler: MethodRouter<Portal>,
}

fn read(path: &'static str, access: Access, handler: MethodRouter<Portal>) -> Route {
    Route { method: Method::GET, path, access, handler }
}

fn write(path: &'static str, access: Access, handler: MethodRouter<Portal>) -> Route {
    Route { method: Method::POST, path, access, handler }
}

/// All routes.
pub fn table() -> Vec<Route> {
    use Access::{Fresh, Needs, Proved, Public, Session};
    use Permission::{
        AcknowledgeAlert, AskException, DecideException, EditAddresses, Integrate, Investigate,
        IssueAccounts, ListCustomers, ManagePolicies, Provision, RenameGateway, ReportScan, TryPolicies,
        ViewAudit, ViewOutbox, ViewPolicies, ViewPortal,
    };
    let mut routes = vec![
        read("/login", Public, get(door::login_page)),
        write("/login", Public, post(door::login)),
        read("/login/code", Public, get(door::code_page)),
        write("/login/code", Public, post(door::code)),
        write("/login/passkey", Public, post(passkeys::login)),
        write("/login/code/passkey", Public, post(passkeys::step)),
        write("/login/code/sms", Public, post(sms_step::again)),
        read("/forgot", Public, get(reset::ask_page)),
        write("/forgot", Public, post(reset::ask)),
        read("/reset/{token}", Public, get(reset::page)),
        write("/reset/{token}", Public, post(reset::reset)),
        read("/assets/{name}", Public, get(door::asset)),
        read("/healthz", Public, get(door::healthz)),
        write("/logout", Session, post(door::logout)),
        read("/", Session, get(status::page)),
        read("/alerts", Needs(ViewPortal), get(alerts::list)),
        read("/alerts.csv", Needs(ViewPortal), get(lists::alerts)),
        read("/gateways.csv", Needs(ViewPortal), get(lists::gateways)),
        read("/usage/devices.csv", Needs(ViewPortal), get(lists::devices)),
        read("/usage/apps.csv", Needs(ViewPortal), get(lists::applications)),
        read("/usage/web.csv", Needs(ViewPortal), get(lists::web)),
        read("/compare.csv", Needs(ViewPortal), get(lists::comparison)),
        read("/alerts/{id}", Needs(ViewPortal), get(alerts::detail)),
        read("/a/{id}", Needs(ViewPortal), get(alerts::short)),
        write("/alerts/{id}/acknowledge", Needs(AcknowledgeAlert), post(alerts::acknowledge)),
        write("/alerts/{id}/scan", Needs(ReportScan), post(alerts::report_scan)),
        write("/alerts/{id}/close", Needs(AcknowledgeAlert), post(alerts::close)),
        read("/alerts/{id}/files/{file}", Needs(ViewPortal), get(attachments::of_scan)),
        read("/detections", Needs(ViewPortal), get(detections::list)),
        read("/detections.csv", Needs(ViewPortal), get(detections::csv)),
        read("/detections/{id}", Needs(ViewPortal), get(detections::detail)),
        read("/compare", Needs(ViewPortal), get(compare::page)),
        read("/devices/{id}/{key}", Needs(ViewPortal), get(devices::page)),
        read("/usage/apps", Needs(ViewPortal), get(usage::applications)),
        read("/usage/web", Needs(ViewPortal), get(usage::web)),
        read("/usage/inspection", Needs(ViewPortal), get(usage::inspection)),
        read("/usage/devices", Needs(ViewPortal), get(usage::devices)),
        read("/gateways", Needs(ViewPortal), get(gateways::list)),
        read("/gateways/{id}", Needs(ViewPortal), get(gateways::detail)),
        write("/gateways/{id}/name", Needs(RenameGateway), post(gateways::rename)),
        read("/settings", Session, get(settings::page)),
        write("/settings/password", Session, post(settings::password)),
        write("/settings/addresses", Proved(EditAddresses), post(settings::addresses)),
        write("/settings/test-mail", Needs(EditAddresses), post(settings::test_mail)),
        read("/settings/sms", Needs(ViewPortal), get(sms::page)),
        write("/settings/sms", Proved(EditAddresses), post(sms::add)),
        write("/settings/sms/verify", Needs(EditAddresses), post(sms::verify)),
        write("/settings/sms/remove", Proved(EditAddresses), post(sms::remove)),
        write("/gateways/{id}/outage", Needs(Provision), post(gateways::plan_outage)),
        read("/confirm", Session, get(sessions::confirm_page)),
        write("/confirm", Session, post(sessions::confirm)),
        read("/settings/second-factor", Session, get(second_factor::page)),
        read("/settings/second-factor/app", Session, get(second_factor::app_page)),
        write("/settings/second-factor/app", Session, post(second_factor::confirm_app)),
        read("/settings/second-factor/sms", Session, get(sms_step::page)),
        write("/settings/second-factor/sms", Fresh, post(sms_step::send)),
        write("/settings/second-factor/sms/confirm", Fresh, post(sms_step::confirm)),
        write("/settings/second-factor/passkeys", Fresh, post(passkeys::add)),
        write("/settings/second-factor/passkeys/{id}/name", Session, post(passkeys::rename)),
        write("/settings/second-factor/passkeys/{id}/remove", Fresh, post(passkeys::remove)),
        write("/settings/second-factor/off", Session, post(second_factor::off)),
        write("/settings/second-factor/codes", Session, post(second_factor::codes)),
        read("/settings/sessions", Session, get(sessions::list)),
        write("/settings/sessions/{id}/end", Fresh, post(sessions::end)),
        write("/settings/sessions/end-others", Fresh, post(sessions::end_others)),
        read("/settings/activity", Needs(ViewAudit), get(sessions::activity)),
        read("/settings/integrations", Needs(Integrate), get(integrations::page)),
        write("/settings/integrations/tokens", Proved(Integrate), post(integrations::create_token)),
        write(
            "/settings/integrations/tokens/{id}/revoke",
            Needs(Integrate),
            post(integrations::revoke_token),
        ),
        write("/settings/integrations/webhooks", Proved(Integrate), post(integrations::create_webhook)),
        write(
            "/settings/integrations/webhooks/{id}/secret",
            Proved(Integrate),
            post(integrations::rotate_webhook),
        ),
        write(
            "/settings/integrations/webhooks/{id}/switch",
            Needs(Integrate),
            post(integrations::switch_webhook),
        ),
        write(
            "/settings/integrations/webhooks/{id}/test",
            Needs(Integrate),
            post(integrations::test_webhook),
        ),
        write(
            "/settings/integrations/webhooks/{id}/remove",
            Proved(Integrate),
            post(integrations::remove_webhook),
        ),
        write("/settings/integrations/deliveries/{id}/resend", Needs(Integrate), post(integrations::resend)),
        read("/accounts", Needs(IssueAccounts), get(accounts::list)),
        write("/accounts", Proved(IssueAccounts), post(accounts::issue)),
        write("/accounts/{id}/reissue", Proved(IssueAccounts), post(accounts::reissue)),
        write("/accounts/{id}/second-factor", Proved(IssueAccounts), post(accounts::reset_second_factor)),
        write("/accounts/{id}/stop", Proved(IssueAccounts), post(accounts::stop)),
        read("/customers", Needs(ListCustomers), get(customers::list)),
        write("/customers/{id}/open", Needs(ListCustomers), post(customers::open)),
        write("/alerts/{id}/exception", Needs(AskException), post(exceptions::ask)),
        read("/exceptions", Needs(ViewPortal), get(exceptions::list)),
        write("/exceptions/{id}/decide", Needs(DecideException), post(exceptions::decide)),
        write("/exceptions/{id}/end", Needs(AskException), post(exceptions::end)),
        read("/investigations", Needs(Investigate), get(investigations::list)),
        read("/investigations/{id}", Needs(Investigate), get(investigations::detail)),
        write("/investigations/{id}/note", Needs(Investigate), post(investigations::note)),
        write("/investigations/{id}/assign", Needs(Investigate), post(investigations::assign)),
        write("/investigations/{id}/finding", Needs(Investigate), post(investigations::finding)),
        read("/policies", Needs(ViewPolicies), get(policies::list)),
        write("/policies", Needs(ManagePolicies), post(policies::add)),
        write("/policies/shipped/live", Needs(ManagePolicies), post(policies::put_shipped_live)),
        read("/policies/{id}", Needs(ViewPolicies), get(policies::detail)),
        write("/policies/{id}/try", Needs(TryPolicies), post(policies::try_out)),
        write("/policies/{id}/live", Needs(ManagePolicies), post(policies::put_live)),
        read("/outbox", Needs(ViewOutbox), get(outbox::list)),
        write("/outbox/{id}/resend", Needs(ViewOutbox), post(outbox::resend)),
        read("/received", Public, get(outbox::received_page)),
        write("/received", Public, post(outbox::received)),
        read("/mailbox", Session, get(mailbox::list)),
        read("/mailbox/{number}", Session, get(mailbox::mail)),
    ];
    routes.extend(papers());
    routes
}

/// What customers and the desk tell each other, and what there is to read.
fn papers() -> Vec<Route> {
    use Access::{Needs, Session};
    use Permission::{Announce, AnswerDesk, AskDesk, EditAddresses, ViewInquiries, ViewPortal};
    vec![
        read("/more", Session, get(more::page)),
        read("/announcements", Needs(ViewPortal), get(announcements::list)),
        write("/announcements", Needs(Announce), post(announcements::publish)),
        read("/announcements/new", Needs(Announce), get(announcements::new_page)),
        read("/announcements/{id}", Needs(ViewPortal), get(announcements::detail)),
        write("/announcements/{id}/withdraw", Needs(Announce), post(announcements::withdraw)),
        read("/inquiries", Needs(ViewInquiries), get(inquiries::list)),
        write("/inquiries", Needs(AskDesk), post(inquiries::ask)),
        read("/inquiries/new", Needs(AskDesk), get(inquiries::new_page)),
        read("/inquiries/{id}", Needs(ViewInquiries), get(inquiries::thread)),
        write("/inquiries/{id}/reply", Needs(AskDesk), post(inquiries::reply)),
        write("/inquiries/{id}/answer", Needs(AnswerDesk), post(inquiries::answer)),
        write("/inquiries/{id}/close", Needs(AskDesk), post(inquiries::close)),
        read("/attachments/{id}", Needs(ViewInquiries), get(attachments::download)),
        read("/contract", Needs(ViewPortal), get(contract::page)),
        read("/reports", Needs(ViewPortal), get(reports::list)),
        write("/reports/mail", Needs(EditAddresses), post(reports::mail)),
        read("/reports/this-month", Needs(ViewPortal), get(reports::so_far)),
        read("/reports/{id}/pdf", Needs(ViewPortal), get(reports::pdf)),
        read("/documents", Session, get(documents::list)),
        read("/documents/{slug}", Session, get(documents::read)),
        read("/documents/{slug}/pdf", Session, get(documents::pdf)),
        read("/documents/pictures/{name}", Session, get(documents::picture)),
    ]
}

/// The addresses of the API.
pub fn machines() -> Vec<Route> {
    let operations = api::operations().into_iter();
    operations
        .map(|o| Route {
            method: Method::GET,
            path: o.path,
            access: o.scope.map_or(Access::Public, Access::Api),
            handler: o.handler,
        })
        .collect()
}

/// The portal as a service. Serve it with connect info, so that the login sees addresses.
pub fn router(portal: &Portal) -> Router {
    let mut router: Router<Portal> = Router::new();
    for route in table().into_iter().chain(machines()) {
        let access = route.access;
        let guarded =
            route.handler.layer(middleware::from_fn_with_state((portal.clone(), access), guard::check));
        router = router.route(route.path, guarded);
    }
    router
        .fallback(guard::no_such_page)
        .layer(middleware::from_fn_with_state(portal.clone(), guard::surround))
        .with_state(portal.clone())
}
