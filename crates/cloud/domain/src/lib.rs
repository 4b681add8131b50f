//! What the cloud knows about resellers, customers, gateways, detections and alerts, and how it
//! decides: rating, grouping, liveness. Pure: no I/O, no clock, no database.
//!
//! Holds always: an alert belongs to one customer, gateway, device and cause (RT-03); its rating
//! never falls silently; every decision names the rule that made it. Deliberately not here:
//! storage, mail, pages, who may do what (that is `service`).

pub mod coded;

pub mod account;
pub mod alert;
pub mod assess;
pub mod detection;
pub mod exception;
pub mod gateway;
pub mod ids;
pub mod investigation;
pub mod jst;
pub mod liveness;
pub mod notice;
pub mod party;
pub mod policy;
pub mod rating;
pub mod status;
pub mod text;
pub mod trial;
pub mod usage;

pub use account::{Account, LoginName, Role, SecondFactor};
pub use alert::{Alert, AlertState, Evidence, RatingChange, ScanOutcome, ScanReport};
pub use assess::{Changes, Standing, assess};
pub use detection::{
    Detection, DetectionKind, Device, DeviceKey, Endpoint, FileEvidence, FileVerdict, Outcome, Reputation,
    ReputationKind, Signature, TrafficDirection,
};
pub use exception::{BadException, Exception, ExceptionState, Matches};
pub use gateway::{Gateway, GatewayState, Heartbeat, Serial};
pub use ids::{
    AccountId, AlertId, AuditId, CustomerId, DeliveryId, DetectionId, ExceptionId, GatewayId, MailId,
    NoticeId, PolicyId, ResellerId, SessionId,
};
pub use investigation::{Finding, Investigation, Verdict};
pub use notice::{Notice, NoticeKind};
pub use party::{Customer, EmailAddress, NotifyAddresses, Reseller};
pub use policy::{Cause, Judgement, Policy, RuleId};
pub use rating::StarRating;
pub use status::{CountByKind, Headline, Period};
pub use text::{Line, Name};
pub use trial::{Trial, TrialReport};
