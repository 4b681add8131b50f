//! How other machines of a customer take part: what a token of the API may read, and how a
//! webhook stands.

use crate::coded::coded;

coded!(
    /// What a token of the API may read. There is nothing that it may change.
    ApiScope {
        Status = "read:status", "状態と件数";
        Alerts = "read:alerts", "アラート";
        Detections = "read:detections", "検知の記録";
        Gateways = "read:gateways", "UTM装置と機器";
        Usage = "read:usage", "利用の記録";
        Comparison = "read:comparison", "全体平均との比較";
        Announcements = "read:announcements", "お知らせ";
        Inquiries = "read:inquiries", "お問合せ";
        Contract = "read:contract", "契約と保険";
        Mails = "read:mails", "お知らせメールの宛先と届き方";
    }
);

coded!(
    /// Whether events go to a webhook.
    WebhookState {
        On = "on", "送っています";
        /// Too many events in a row could not be delivered; somebody has to look.
        Failing = "failing", "届かないため止めました";
        Off = "off", "止めています";
    }
);
