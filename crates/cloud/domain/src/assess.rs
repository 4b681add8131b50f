//! From new detections to alerts and notices: the pure heart of the storing transaction.
//!
//! The store loads what [`Standing`] asks for, calls [`assess`], and writes the [`Changes`] in
//! the same transaction that moves the gateway's cursor.

use std::collections::HashMap;
use std::time::Duration;

use mimamori_base::{Rng, Timestamp};

use crate::alert::{Alert, Birth};
use crate::detection::{Detection, DetectionKind, DeviceKey};
use crate::exception::Matches;
use crate::ids::{AlertId, CustomerId, GatewayId, NoticeId};
use crate::notice::{Notice, NoticeKind, deadline};
use crate::policy::{Activity, Cause, Policy};

/// A report about something older than this is late (遅延).
pub const LATE_AFTER: Duration = Duration::from_secs(3_600);
/// An alert takes further detections of its cause until it has been quiet for this long.
pub const GROUP_QUIET: Duration = Duration::from_secs(24 * 3_600);

/// What is known before the new detections. Only the devices of the batch matter.
#[derive(Debug, Default)]
pub struct Standing {
    /// When each kind was last seen on each device.
    pub activity: HashMap<DeviceKey, Activity>,
    /// Alerts that still take detections (see [`crate::AlertState::takes_more`]).
    pub alerts: Vec<Alert>,
    /// What the customer's own work explains (「これは業務です」): active ones only.
    pub exceptions: Vec<Matches>,
    /// The earliest deadline of a notice of this customer that is not yet mailed.
    pub waiting_deadline: Option<Timestamp>,
}

/// What has to be written.
#[derive(Debug, Default)]
pub struct Changes {
    pub raised: Vec<Alert>,
    /// Alerts of [`Standing`], changed; their `version` is the new one.
    pub updated: Vec<Alert>,
    pub notices: Vec<Notice>,
    /// New "last seen" times: device, kind, time.
    pub activity: Vec<(DeviceKey, DetectionKind, Timestamp)>,
    /// Which alert each detection went into, in the order of the batch.
    pub alert_of: Vec<Option<AlertId>>,
}

/// Where the detections come from, and when they arrived.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    pub customer: CustomerId,
    pub gateway: GatewayId,
    pub now: Timestamp,
}

struct Slot {
    alert: Alert,
    is_new: bool,
    touched: bool,
    risen_from: Option<crate::StarRating>,
}

/// Judges `detections` in order.
#[must_use]
pub fn assess(
    policy: &Policy,
    origin: Origin,
    detections: &[Detection],
    standing: Standing,
    rng: &dyn Rng,
) -> Changes {
    let mut changes = Changes::default();
    let mut activity = standing.activity;
    let mut slots: Vec<Slot> = standing
        .alerts
        .into_iter()
        .map(|alert| Slot { alert, is_new: false, touched: false, risen_from: None })
        .collect();
    let mut index: HashMap<(DeviceKey, Cause), usize> = slots
        .iter()
        .enumerate()
        .map(|(i, s)| ((s.alert.device_key.clone(), s.alert.cause.clone()), i))
        .collect();

    for detection in detections {
        let key = detection.device.key();
        let seen = activity.entry(key.clone()).or_default();
        seen.note(detection.kind, detection.last_at);
        changes.activity.push((key.clone(), detection.kind, detection.last_at));
        let judgement = policy.judge(detection, seen);
        let explained = standing.exceptions.iter().any(|e| e.cover(origin.gateway, detection));
        let Some(rating) = judgement.rating.filter(|_| !explained) else {
            changes.alert_of.push(None);
            continue;
        };
        let group = (key, judgement.cause.clone());
        let home =
            index.get(&group).and_then(|i| slots.get_mut(*i)).filter(|slot| belongs(&slot.alert, detection));
        if let Some(slot) = home {
            if let Some(before) = slot.alert.absorb(origin.now, detection, &judgement) {
                slot.risen_from.get_or_insert(before);
            }
            slot.touched = true;
            changes.alert_of.push(Some(slot.alert.id));
        } else {
            let birth = Birth {
                id: AlertId::generate(origin.now, rng),
                customer: origin.customer,
                gateway: origin.gateway,
                now: origin.now,
            };
            let alert = Alert::raise(birth, detection, &judgement, rating);
            changes.alert_of.push(Some(alert.id));
            index.insert(group, slots.len());
            slots.push(Slot { alert, is_new: true, touched: true, risen_from: None });
        }
    }
    settle(&mut changes, slots, origin, standing.waiting_deadline, rng);
    changes
}

fn belongs(alert: &Alert, detection: &Detection) -> bool {
    alert.state.takes_more()
        && detection.at.since(alert.last_seen) <= GROUP_QUIET
        && alert.first_seen.since(detection.last_at) <= GROUP_QUIET
}

/// Sorts the slots into raised and updated, and says what has to be mailed and when.
fn settle(
    changes: &mut Changes,
    slots: Vec<Slot>,
    origin: Origin,
    mut waiting: Option<Timestamp>,
    rng: &dyn Rng,
) {
    for mut slot in slots.into_iter().filter(|slot| slot.touched) {
        let alert = slot.alert.id;
        let rating = slot.alert.rating;
        let kind = match (slot.is_new, slot.risen_from) {
            (true, _) => Some(NoticeKind::AlertRaised { alert, rating }),
            (false, Some(from)) => Some(NoticeKind::AlertRose { alert, from, to: rating }),
            (false, None) => None,
        };
        if let Some(kind) = kind {
            let due_at = deadline(rating, origin.now, waiting);
            if !rating.is_urgent() {
                waiting = Some(due_at);
            }
            changes.notices.push(Notice {
                id: NoticeId::generate(origin.now, rng),
                customer: origin.customer,
                kind,
                created_at: origin.now,
                due_at,
            });
        }
        if slot.is_new {
            changes.raised.push(slot.alert);
        } else {
            slot.alert.version += 1;
            changes.updated.push(slot.alert);
        }
    }
}
