//! What the cloud knows about resellers, customers, gateways, detections and alerts, and how it
//! decides: rating, grouping, liveness. Pure: no I/O, no clock, no database.
//!
//! Holds always: an alert belongs to one customer, gateway, device and cause (RT-03); its rating
//! never falls silently; every decision names the rule that made it. Deliberately not here:
//! storage, mail, pages, who may do what (that is `service`).

pub mod coded;

pub mod account;
pub mod alert;
pub mod announcement;
pub mod assess;
pub mod attachment;
pub mod business;
pub mod comparison;
pub mod contract;
pub mod detection;
pub mod exception;
pub mod gateway;
pub mod holiday;
pub mod ids;
pub mod inquiry;
pub mod integration;
pub mod investigation;
pub mod jst;
pub mod letter;
pub mod liveness;
pub mod monthly;
pub mod notice;
pub mod party;
pub mod phone;
pub mod policy;
pub mod rating;
pub mod status;
pub mod text;
pub mod trial;
pub mod usage;

pub use account::{Account, LoginName, Role, SecondFactor};
pub use alert::{Alert, AlertState, Evidence, Measure, RatingChange, ScanOutcome, ScanReport};
pub use announcement::{Announcement, AnnouncementKind};
pub use assess::{Changes, Standing, assess};
pub use attachment::Attachment;
pub use contract::{Claim, Contract};
pub use detection::{
    Detection, DetectionKind, Device, DeviceKey, Endpoint, FileEvidence, FileVerdict, Outcome, Reputation,
    ReputationKind, Signature, TrafficDirection,
};
pub use exception::{BadException, Exception, ExceptionState, Matches};
pub use gateway::{Gateway, GatewayState, Heartbeat, Serial};
pub use ids::{
    AccountId, AlertId, AnnouncementId, ApiTokenId, AttachmentId, AuditId, ClaimId, CustomerId, DeliveryId,
    DetectionId, ExceptionId, GatewayId, InquiryId, LoginCodeId, MailId, MonthlyId, NoticeId, PasskeyId,
    PolicyId, ResellerId, SessionId, SmsId, WebhookDeliveryId, WebhookId,
};
pub use inquiry::Inquiry;
pub use integration::{ApiScope, WebhookState};
pub use investigation::{Finding, Investigation, Verdict};
pub use letter::Letter;
pub use monthly::{Month, Monthly};
pub use notice::{Notice, NoticeKind};
pub use party::{Customer, EmailAddress, NotifyAddresses, Reseller};
pub use phone::PhoneNumber;
pub use policy::{Cause, Judgement, Policy, RuleId};
pub use rating::StarRating;
pub use status::{CountByKind, Headline, Period};
pub use text::{Line, Name, Passage};
pub use trial::{Trial, TrialReport};
