//! Every address of the portal, with who may use it.
//!
//! Holds always: a route cannot be added without an [`Access`]; the guard stands before the
//! handler. Deliberately not here: whose data a reader sees, which the service decides.

use axum::Router;
use axum::http::Method;
use axum::middleware;
use axum::routing::{MethodRouter, get, post};
use mimamori_service::Permission;

use crate::guard;
use crate::pages::{alerts, customers, detections, door, gateways, mailbox, settings, status};
use crate::portal::Portal;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody, also without a session.
    Public,
    /// Anybody who is logged in.
    Session,
    /// Whoever is logged in and has this permission.
    Needs(Permission),
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
    use Access::{Needs, Public, Session};
    use Permission::{AcknowledgeAlert, EditAddresses, ListCustomers, RenameGateway, ReportScan, ViewPortal};
    vec![
        read("/login", Public, get(door::login_page)),
        write("/login", Public, post(door::login)),
        read("/assets/{name}", Public, get(door::asset)),
        read("/healthz", Public, get(door::healthz)),
        write("/logout", Session, post(door::logout)),
        read("/", Session, get(status::page)),
        read("/alerts", Needs(ViewPortal), get(alerts::list)),
        read("/alerts/{id}", Needs(ViewPortal), get(alerts::detail)),
        read("/a/{id}", Needs(ViewPortal), get(alerts::short)),
        write("/alerts/{id}/acknowledge", Needs(AcknowledgeAlert), post(alerts::acknowledge)),
        write("/alerts/{id}/scan", Needs(ReportScan), post(alerts::report_scan)),
        read("/detections", Needs(ViewPortal), get(detections::list)),
        read("/detections.csv", Needs(ViewPortal), get(detections::csv)),
        read("/detections/{id}", Needs(ViewPortal), get(detections::detail)),
        read("/gateways", Needs(ViewPortal), get(gateways::list)),
        read("/gateways/{id}", Needs(ViewPortal), get(gateways::detail)),
        write("/gateways/{id}/name", Needs(RenameGateway), post(gateways::rename)),
        read("/settings", Session, get(settings::page)),
        write("/settings/password", Session, post(settings::password)),
        write("/settings/addresses", Needs(EditAddresses), post(settings::addresses)),
        write("/settings/test-mail", Needs(EditAddresses), post(settings::test_mail)),
        read("/customers", Needs(ListCustomers), get(customers::list)),
        write("/customers/{id}/open", Needs(ListCustomers), post(customers::open)),
        read("/mailbox", Session, get(mailbox::list)),
        read("/mailbox/{number}", Session, get(mailbox::mail)),
    ]
}

/// The portal as a service. Serve it with connect info, so that the login sees addresses.
pub fn router(portal: &Portal) -> Router {
    let mut router: Router<Portal> = Router::new();
    for route in table() {
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
