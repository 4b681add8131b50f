//! Rows as the callers of the store see them.

use mimamori_base::Timestamp;
use mimamori_domain::account::Belongs;
use mimamori_domain::alert::Actor;
use mimamori_domain::party::EmailAddress;
use mimamori_domain::{
    Account, AccountId, Alert, AlertId, AuditId, CountByKind, Customer, CustomerId, DeliveryId, Detection,
    DetectionKind, Gateway, GatewayId, Heartbeat, Line, MailId, Month, MonthlyId, Name, Notice, Period,
    Reseller, SecondFactor, SessionId, StarRating,
};

/// A page of a list ordered by time, and where the next one starts.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Pass as `before` to get the next page; `None`: that was all.
    pub next: Option<PageMark>,
}

/// Place in a list ordered by time and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageMark {
    pub at: Timestamp,
    pub id: [u8; 16],
}

impl PageMark {
    /// `1795496700000000-00ff…`, safe in a URL.
    #[must_use]
    pub fn encode(&self) -> String {
        let id = AlertId(self.id);
        format!("{}-{id}", self.at.micros())
    }

    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let (at, id) = text.rsplit_once('-')?;
        Some(PageMark { at: Timestamp(at.parse().ok()?), id: AlertId::parse(id).ok()?.0 })
    }
}

/// Which alerts. Empty fields do not restrict.
#[derive(Clone, Debug, Default)]
pub struct AlertFilter {
    pub customer: Option<CustomerId>,
    pub gateway: Option<GatewayId>,
    /// By the time it was raised.
    pub period: Option<Period>,
    pub rating: Option<StarRating>,
    /// As in [`mimamori_domain::DeviceKey`]; of one gateway.
    pub device_key: Option<String>,
    /// Only alerts nobody has dealt with.
    pub only_open: bool,
    pub before: Option<PageMark>,
    /// 1..=200; 0 means 50.
    pub limit: u32,
}

/// In which direction of time a list goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

/// Which detections. Empty fields do not restrict.
#[derive(Clone, Debug, Default)]
pub struct DetectionFilter {
    pub customer: Option<CustomerId>,
    pub gateway: Option<GatewayId>,
    pub period: Option<Period>,
    pub kind: Option<DetectionKind>,
    pub alert: Option<AlertId>,
    /// As in [`mimamori_domain::DeviceKey`].
    pub device_key: Option<String>,
    /// Found anywhere in the evidence, case matters not for ASCII.
    pub text: Option<String>,
    pub order: Order,
    pub before: Option<PageMark>,
    /// 1..=1000; 0 means 50.
    pub limit: u32,
}

/// An alert with the names a page needs.
#[derive(Clone, Debug)]
pub struct AlertView {
    pub alert: Alert,
    pub gateway_name: Name,
    pub customer_name: Name,
}

/// A detection with the names a page needs.
#[derive(Clone, Debug)]
pub struct DetectionView {
    pub detection: Detection,
    pub customer: CustomerId,
    pub gateway: GatewayId,
    pub gateway_name: Name,
    pub received_at: Timestamp,
    pub alert: Option<AlertId>,
}

impl DetectionView {
    #[must_use]
    pub fn mark(&self) -> PageMark {
        PageMark { at: self.detection.at, id: self.detection.id.0 }
    }
}

/// Detections of one kind on one day of the Japanese calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayCount {
    /// As in [`mimamori_domain::jst::JstDay`].
    pub day: i64,
    pub count: CountByKind,
}

/// Detections of one gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayCount {
    pub gateway: GatewayId,
    pub total: u64,
    pub stopped: u64,
}

/// A gateway with its latest heartbeat.
#[derive(Clone, Debug)]
pub struct GatewayView {
    pub gateway: Gateway,
    pub customer_name: Name,
    pub heartbeat: Option<Heartbeat>,
}

/// How many heartbeats arrived in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UptimeHour {
    pub hour: Timestamp,
    pub beats: u32,
}

/// A customer with the reseller that serves it.
#[derive(Clone, Debug)]
pub struct CustomerView {
    pub customer: Customer,
    pub reseller: Reseller,
}

/// What the login needs to know. `password_hash` is a PHC string, or empty: no login.
#[derive(Clone)]
pub struct LoginRecord {
    pub account: Account,
    pub password_hash: String,
    pub failures: u32,
    pub locked_until: Option<Timestamp>,
    /// A temporary password can be used until then.
    pub password_expires: Option<Timestamp>,
}

/// How a login attempt ended.
#[derive(Clone, Copy, Debug)]
pub struct LoginMark {
    pub account: AccountId,
    pub failures: u32,
    pub locked_until: Option<Timestamp>,
    /// Set on success.
    pub logged_in_at: Option<Timestamp>,
}

/// A session as it is stored; the token itself is not.
#[derive(Clone)]
pub struct SessionRow {
    pub id: SessionId,
    pub token_hash: [u8; 32],
    pub account: AccountId,
    pub csrf: [u8; 32],
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
    pub expires_at: Timestamp,
    /// Browser and address, for the list of sessions.
    pub client: Line,
    pub stage: SessionStage,
    /// When the password was last given in this session.
    pub proved_at: Timestamp,
}

/// How far a login has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionStage {
    /// The password fitted; the second step is still to come.
    AwaitsCode,
    Full,
}

impl SessionStage {
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            SessionStage::AwaitsCode => "code",
            SessionStage::Full => "full",
        }
    }

    pub(crate) fn from_code(code: &str) -> Result<Self, String> {
        match code {
            "code" => Ok(SessionStage::AwaitsCode),
            "full" => Ok(SessionStage::Full),
            other => Err(format!("unknown stage {other:?}")),
        }
    }
}

/// What the second step of a login is checked against. Secret.
#[derive(Clone)]
pub struct SecondFactorRecord {
    pub kind: SecondFactor,
    /// Sealed.
    pub totp_secret: Option<Vec<u8>>,
    pub recovery_codes_left: u32,
}

/// A browser from which somebody has logged in before.
#[derive(Clone, Copy, Debug)]
pub struct KnownBrowser {
    pub account: AccountId,
    pub failures: u32,
    pub locked_until: Option<Timestamp>,
}

/// One line of the audit log.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    pub id: AuditId,
    pub at: Timestamp,
    /// `None`: the system itself, or the operator's command line.
    pub actor: Option<Actor>,
    /// Whose log shows it.
    pub about: Belongs,
    /// E.g. `login`, `alert.acknowledge`.
    pub action: Line,
    /// What it was done to, as an id or name.
    pub subject: Line,
    pub detail: Line,
}

/// What enrolment looks at.
#[derive(Clone)]
pub struct EnrolRecord {
    pub gateway: Gateway,
    pub secret_hash: Option<[u8; 32]>,
    pub secret_expires: Option<Timestamp>,
    /// Fingerprint of the key that the secret was exchanged for: only the same one may ask again.
    pub secret_used_by: Option<Line>,
    /// SHA-256 of the key in use, hexadecimal.
    pub fingerprint: Option<Line>,
}

/// How far a gateway's reports are committed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, PartialOrd, Ord)]
pub struct Cursor {
    pub epoch: u64,
    pub seq: u64,
}

/// One report of a batch.
#[derive(Clone, Debug)]
pub enum ReportItem {
    Detection(Box<Detection>),
    /// Sums of use of one device and hour.
    Use(Box<mimamori_domain::usage::DeviceUse>),
    /// How deep one device's traffic of an hour was looked into.
    Inspection(Box<mimamori_domain::usage::DeviceInspection>),
    /// Something the gateway says about itself.
    Note(Line),
    /// Kept aside, so that one bad report does not block the ones behind it.
    Undecodable {
        raw: Vec<u8>,
        reason: Line,
    },
}

/// Which sums of use are asked for.
#[derive(Clone, Debug)]
pub struct UsageFilter {
    pub customer: CustomerId,
    pub period: Period,
    pub subject: mimamori_domain::usage::UseSubject,
    pub gateway: Option<GatewayId>,
    pub device: Option<mimamori_domain::DeviceKey>,
    /// One category or application only.
    pub item: Option<Line>,
}

/// What sums are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageBy {
    Item,
    Kind,
    Device,
    Hour,
    /// Of the Japanese calendar; `hour` is its beginning. The period has to be of whole days.
    Day,
}

/// One sum of use, the largest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageSum {
    /// The item, the kind or the device's key, as grouped.
    pub label: Line,
    pub title: Line,
    pub kind: Line,
    pub hour: Timestamp,
    pub devices: u64,
    pub flows: u64,
    pub bytes_up: u64,
    pub bytes_down: u64,
}

/// What sums of the depth of inspection are grouped by, beside the depth itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InspectionBy {
    Whole,
    Device,
    Hour,
    /// Days of the Japanese calendar.
    Day,
}

/// How much was looked into how deep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InspectionSum {
    pub how: mimamori_domain::usage::Inspected,
    /// Empty where not grouped by device.
    pub device: mimamori_domain::DeviceKey,
    /// The begin of the hour or day; 1970 where not grouped by one.
    pub at: Timestamp,
    pub flows: u64,
    pub bytes: u64,
}

/// A device that a gateway has seen.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceView {
    pub gateway: GatewayId,
    pub key: mimamori_domain::DeviceKey,
    pub seen: mimamori_domain::gateway::SeenDevice,
}

/// Reports in the order of their sequence.
#[derive(Clone, Debug)]
pub struct CommitBatch {
    pub gateway: GatewayId,
    pub epoch: u64,
    pub items: Vec<(u64, ReportItem)>,
    pub now: Timestamp,
}

/// What a committed batch did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Committed {
    pub cursor: Cursor,
    pub detections: u32,
    pub duplicates: u32,
    pub quarantined: u32,
    pub raised: u32,
    /// A notice is due at once: wake the mail.
    pub urgent: bool,
}

/// Notices of one customer, to be told in one mail.
#[derive(Clone, Debug)]
pub struct NoticeGroup {
    pub customer: CustomerView,
    pub notices: Vec<Notice>,
}

/// A composed mail. Never changes: a retry sends the same bytes.
#[derive(Clone, Debug)]
pub struct Mail {
    pub id: MailId,
    pub customer: CustomerId,
    pub created_at: Timestamp,
    pub subject: String,
    pub text: String,
    pub html: String,
    pub alerts: Vec<AlertId>,
    /// Goes before others that wait (★★★).
    pub urgent: bool,
    /// The monthly report that goes with it.
    pub paper: Option<MonthlyId>,
}

/// A mail on its way to one address.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub id: DeliveryId,
    pub mail: MailId,
    pub recipient: EmailAddress,
    /// Without angle brackets.
    pub message_id: String,
}

/// A delivery that this worker may try until its lease ends.
#[derive(Clone, Debug)]
pub struct ClaimedDelivery {
    pub delivery: Delivery,
    pub mail: Mail,
    /// Attempts before this one.
    pub attempts: u32,
    /// The file of the monthly report that goes with it.
    pub paper: Option<(Month, Vec<u8>)>,
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub enum Attempt {
    Sent { reply: Line },
    Retry { at: Timestamp, reply: Line },
    Dead { reply: Line },
}

/// State of a delivery, for the ledger.
#[derive(Clone, Debug)]
pub struct DeliveryView {
    pub delivery: Delivery,
    pub customer: CustomerId,
    pub subject: String,
    pub created_at: Timestamp,
    /// `queued`, `sent`, `dead`.
    pub state: Line,
    pub attempts: u32,
    pub updated_at: Timestamp,
    pub reply: Line,
}

/// A periodic job that this node may run until its lease ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobLease {
    pub last_finished: Option<Timestamp>,
}

/// Sizes for the metrics page.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoreStats {
    pub detections: u64,
    pub alerts: u64,
    pub notices_waiting: u64,
    pub deliveries_queued: u64,
    pub deliveries_dead: u64,
    pub quarantined: u64,
}
