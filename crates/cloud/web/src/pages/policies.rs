//! The rating policies: which one judges, drafts, trials, the way back (RT-02).

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use mimamori_domain::PolicyId;
use mimamori_service::ratings::{PolicyRow, TrialState};
use mimamori_service::{Permission, PolicyRefused};
use serde::Deserialize;

use super::{Done, show, staff_frame};
use crate::error::PageError;
use crate::guard::{NoFields, Session, SignedForm};
use crate::portal::Portal;
use crate::view::rating::{LiveLine, PoliciesPage, PolicyLine, PolicyPage, TrialView};
use crate::view::{Fact, Moment, Tag};

/// A page with a trial under way looks again after this.
const REFRESH_SECONDS: u32 = 5;

pub async fn list(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    render(portal, session, headers, Again::default()).await
}

/// What a refused form shows again.
#[derive(Default)]
struct Again {
    source: String,
    note: String,
    faults: Vec<String>,
}

async fn render(
    portal: Portal,
    session: Session,
    headers: HeaderMap,
    again: Again,
) -> Result<Response, PageError> {
    let board = portal.service().policy_board(&session.actor).await?;
    let now = portal.service().now();
    let frame = staff_frame(&portal, &session, &headers, "/policies");
    let had_flash = frame.flash.is_some();
    let version = |id: PolicyId| {
        board.policies.iter().find(|p| p.id == id).map(|p| p.version.to_string()).unwrap_or_default()
    };
    let lives = board.marks.iter().map(|m| LiveLine {
        at: Moment::at(m.at, now),
        version: version(m.policy),
        by: m.by.to_string(),
        why: m.why.to_string(),
    });
    let policies = board.policies.iter().map(|p| PolicyLine {
        id: p.id.to_string(),
        version: p.version.to_string(),
        note: p.note.to_string(),
        author: p.author.to_string(),
        at: Moment::at(p.created_at, now),
        state: state_of(p, board.in_force == Some(p.id)),
    });
    let refused = !again.faults.is_empty();
    let page = PoliciesPage {
        in_force: board.in_force_version.to_string(),
        lives: lives.collect(),
        policies: policies.collect(),
        can_manage: session.actor.may(Permission::ManagePolicies),
        source: again.source,
        note: again.note,
        faults: again.faults,
        frame,
    };
    let mut response = show(&portal, had_flash, &page)?;
    if refused {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

const fn state_of(p: &PolicyRow, in_force: bool) -> Tag {
    match (in_force, &p.trial) {
        (true, _) => Tag { class: "ok", icon: "ok", word: "使用中" },
        (_, TrialState::Never) => Tag { class: "", icon: "list", word: "下書き" },
        (_, TrialState::Running { .. }) => Tag { class: "look", icon: "clock", word: "試行中" },
        (_, TrialState::Done { .. }) => Tag { class: "accent", icon: "scales", word: "試行済み" },
        (_, TrialState::Failed { .. }) => Tag { class: "check", icon: "check", word: "試行できず" },
    }
}

#[derive(Deserialize)]
pub struct DraftForm {
    source: String,
    #[serde(default)]
    note: String,
}

pub async fn add(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    SignedForm(form): SignedForm<DraftForm>,
) -> Result<Response, PageError> {
    let source = form.source.replace("\r\n", "\n");
    let faults = match portal.service().add_policy(&session.actor, &source, form.note.trim()).await {
        Ok(id) => return Ok(Done::PolicyAdded.lead_to(&portal, &format!("/policies/{id}"))),
        Err(PolicyRefused::Service(e)) => return Err(e.into()),
        Err(PolicyRefused::TooLarge) => vec!["ファイルが大きすぎます。".to_owned()],
        Err(PolicyRefused::Faults(faults)) => {
            faults.0.iter().map(|f| format!("{} 行目: {}", f.line, f.reason)).collect()
        }
    };
    render(portal, session, headers, Again { source, note: form.note, faults }).await
}

fn parse(id: &str) -> Result<PolicyId, PageError> {
    PolicyId::parse(id).map_err(|_| PageError::NotFound)
}

pub async fn detail(
    State(portal): State<Portal>,
    session: Session,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let id = parse(&id)?;
    let row = portal.service().policy_row(&session.actor, id).await?;
    let board = portal.service().policy_board(&session.actor).await?;
    let now = portal.service().now();
    let mut frame = staff_frame(&portal, &session, &headers, "/policies");
    let running = matches!(row.trial, TrialState::Running { .. });
    if running {
        frame.refresh_seconds = REFRESH_SECONDS;
    }
    let had_flash = frame.flash.is_some();
    let mut facts = vec![
        Fact::new("作った人", row.author.to_string()),
        Fact::new("登録", mimamori_domain::jst::date_time(row.created_at)),
    ];
    if !row.note.is_empty() {
        facts.push(Fact::new("変更の内容", row.note.to_string()));
    }
    let page = PolicyPage {
        id: id.to_string(),
        version: row.version.to_string(),
        facts,
        in_force: board.in_force == Some(id),
        can_manage: session.actor.may(Permission::ManagePolicies),
        can_try: session.actor.may(Permission::TryPolicies),
        running,
        failed: match &row.trial {
            TrialState::Failed { reason, .. } => Some(reason.to_string()),
            _ => None,
        },
        trial: match &row.trial {
            TrialState::Done { report, .. } => Some(TrialView::new(report, now)),
            _ => None,
        },
        source: row.source,
        frame,
    };
    show(&portal, had_flash, &page)
}

pub async fn try_out(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    _form: SignedForm<NoFields>,
) -> Result<Response, PageError> {
    let id = parse(&id)?;
    portal.service().start_trial(&session.actor, id).await?;
    Ok(Done::TrialStarted.lead_to(&portal, &format!("/policies/{id}")))
}

#[derive(Deserialize)]
pub struct LiveForm {
    why: String,
}

pub async fn put_live(
    State(portal): State<Portal>,
    session: Session,
    Path(id): Path<String>,
    SignedForm(form): SignedForm<LiveForm>,
) -> Result<Response, PageError> {
    portal.service().put_policy_live(&session.actor, parse(&id)?, form.why.trim()).await?;
    Ok(Done::PolicyLive.lead_to(&portal, "/policies"))
}

pub async fn put_shipped_live(
    State(portal): State<Portal>,
    session: Session,
    SignedForm(form): SignedForm<LiveForm>,
) -> Result<Response, PageError> {
    portal.service().put_shipped_policy_live(&session.actor, form.why.trim()).await?;
    Ok(Done::PolicyLive.lead_to(&portal, "/policies"))
}
