//! The analyst's queue and one investigation (RT-04).

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use mimamori_domain::{AlertId, StarRating, Verdict, jst};
use serde::Deserialize;

use super::{Done, show, staff_frame};
use crate::error::PageError;
use crate::guard::{Session, SignedForm};
use crate::portal::Portal;
use crate::view::alert::headline;
use crate::view::detection::Row;
use crate::view::rating::{EvidenceTable, InvestigationPage, NoteLine, QueueLine, QueuePage, elsewhere_text};
use crate::view::scan::ScanView;
use crate::view::{Fact, Moment};

const REFRESH_SECONDS: u32 = 30;

pub async fn list(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let queue = portal.service().investigation_queue(&session.actor).await?;
    let now = portal.service().now();
    let mut frame = staff_frame(&portal, &session, &headers, "/investigations");
    frame.refresh_seconds = REFRESH_SECONDS;
    let had_flash = frame.flash.is_some();
    let free = queue.iter().filter(|i| i.investigation.assigned.is_none()).count();
    let summary = match queue.len() {
        0 => "調査を待っているアラートはありません。".to_owned(),
        n => {
            format!("{n}件が調査を待っています（担当なし {free}件）。重大なもの、古いものから並んでいます。")
        }
    };
    let queue = queue.iter().map(|item| QueueLine::new(item, now)).collect();
    show(&portal, had_flash, &QueuePage { frame, summary, queue })
}

fn parse(id: &str) -> Result<AlertId, PageError> {
    AlertId::parse(id).map_err(|_| PageError::NotFound)
}

pub async fn detail(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id = parse(&id)?;
    let desk = portal.service().investigation_desk(&session.actor, id).await?;
    let now = portal.service().now();
    let frame = staff_frame(&portal, &session, &headers, "/investigations");
    let had_flash = frame.flash.is_some();
    let a = &desk.view.alert;
    let gateway = desk.view.gateway_name.as_str();
    let mut facts = vec![
        Fact::new("機器", a.device.display_name()),
        Fact::new("UTM装置", gateway.to_owned()),
        Fact::new("はじめ", jst::date_time(a.first_seen)),
        Fact::new("最後", jst::date_time(a.last_seen)),
        Fact::new(
            "回数",
            format!("{}回（うち止めていない {}回）", jst::thousands(a.count), jst::thousands(a.not_stopped)),
        ),
    ];
    if let Some(change) = a.history.last() {
        facts.push(Fact::mono("判定した規則", format!("{}（{}）", change.rule, change.policy_version)));
    }
    if let Some(s) = a.evidence.iter().find_map(|e| e.detection.signature.as_ref()) {
        facts.push(Fact::mono("検知の名前", format!("{} {}", s.sid, s.msg)));
        let tags =
            [&s.class_type, &s.signature_severity, &s.attack_target, &s.malware_family, &s.mitre_technique];
        let tags: Vec<_> = tags.into_iter().flatten().map(ToString::to_string).collect();
        if !tags.is_empty() {
            facts.push(Fact::mono("検知の分類", tags.join(" / ")));
        }
    }
    let me = session.actor.account().map(|a| a.id);
    let assigned = desk.investigation.assigned.as_ref();
    let page = InvestigationPage {
        id: id.to_string(),
        title: headline(a),
        customer: desk.view.customer_name.to_string(),
        stars: a.rating.into(),
        open: a.rating == StarRating::UnderInvestigation,
        facts,
        assigned: assigned.map(|by| by.name.to_string()),
        mine: assigned.is_some_and(|by| Some(by.account) == me),
        elsewhere: desk.elsewhere.map(|(sid, e)| elsewhere_text(sid, e)),
        notes: desk
            .investigation
            .notes
            .iter()
            .rev()
            .map(|n| NoteLine {
                at: Moment::at(n.at, now),
                by: n.by.name.to_string(),
                text: n.text.to_string(),
            })
            .collect(),
        evidence: EvidenceTable {
            detections: a.evidence.iter().rev().map(|e| Row::new(&e.detection, gateway, now)).collect(),
        },
        others: EvidenceTable {
            detections: desk.others.iter().map(|d| Row::new(&d.detection, &d.gateway_name, now)).collect(),
        },
        scan: ScanView::of(a, &desk.files, now),
        finding: a.finding.as_ref().map(|f| f.report.iter().map(ToString::to_string).collect()),
        frame,
    };
    show(&portal, had_flash, &page)
}

#[derive(Deserialize)]
pub struct NoteForm {
    text: String,
}

pub async fn note(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    SignedForm(form): SignedForm<NoteForm>,
) -> Result<Response, PageError> {
    let id = parse(&id)?;
    portal.service().note_investigation(&session.actor, id, &form.text).await?;
    Ok(Done::Noted.lead_to(&portal, &format!("/investigations/{id}")))
}

#[derive(Deserialize)]
pub struct AssignForm {
    take: String,
}

pub async fn assign(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    SignedForm(form): SignedForm<AssignForm>,
) -> Result<Response, PageError> {
    let id = parse(&id)?;
    portal.service().assign_investigation(&session.actor, id, form.take == "yes").await?;
    Ok(Done::Assigned.lead_to(&portal, &format!("/investigations/{id}")))
}

#[derive(Deserialize)]
pub struct FindingForm {
    verdict: String,
    report: String,
}

pub async fn finding(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    SignedForm(form): SignedForm<FindingForm>,
) -> Result<Response, PageError> {
    let id = parse(&id)?;
    let verdict = match form.verdict.as_str() {
        "harmless" => Verdict::Harmless,
        code => Verdict::Rated(StarRating::from_code(code).map_err(|_| PageError::BadForm)?),
    };
    portal.service().report_finding(&session.actor, id, verdict, &form.report).await?;
    Ok(Done::Found.lead_to(&portal, "/investigations"))
}
