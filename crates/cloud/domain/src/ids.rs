//! One id type for each kind of thing.

use mimamori_base::typed_id;

typed_id!(
    /// A company that sells the service.
    ResellerId
);
typed_id!(
    /// A company under contract.
    CustomerId
);
typed_id!(
    /// An appliance on loan.
    GatewayId
);
typed_id!(
    /// Somebody who can log in.
    AccountId
);
typed_id!(
    /// One thing that a gateway saw.
    DetectionId
);
typed_id!(
    /// Detections that belong together and matter.
    AlertId
);
typed_id!(
    /// Something that a customer has to be told.
    NoticeId
);
typed_id!(
    /// One composed mail.
    MailId
);
typed_id!(
    /// One mail on its way to one address.
    DeliveryId
);
typed_id!(
    /// One short message on its way to one number.
    SmsId
);
typed_id!(
    /// One login. Not the secret in the cookie.
    SessionId
);
typed_id!(
    /// A version of the rating policy.
    PolicyId
);
typed_id!(
    /// 「これは業務です」.
    ExceptionId
);
typed_id!(
    /// One line of the audit log.
    AuditId
);
typed_id!(
    /// A passkey of an account. Not the credential's own id.
    PasskeyId
);
typed_id!(
    /// One code that was sent to a telephone.
    LoginCodeId
);
typed_id!(
    /// A token of the API. Not the secret.
    ApiTokenId
);
typed_id!(
    /// Where a customer wants to be told of events by machine.
    WebhookId
);
typed_id!(
    /// One event on its way to one webhook.
    WebhookDeliveryId
);
typed_id!(
    /// Something that the operator tells all customers.
    AnnouncementId
);
typed_id!(
    /// A thread between a customer and the desk.
    InquiryId
);
typed_id!(
    /// A file that somebody added to an inquiry or a scan report.
    AttachmentId
);
typed_id!(
    /// One use of the insurance.
    ClaimId
);
typed_id!(
    /// The report of one customer and month.
    MonthlyId
);
