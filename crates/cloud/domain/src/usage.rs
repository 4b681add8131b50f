//! How devices use the web and applications, and how deep their traffic was looked into (GW-04).
//! Sums by the hour; never content, never a host name.

use mimamori_base::Timestamp;

use crate::coded::coded;
use crate::detection::Device;
use crate::text::Line;

/// Lines that one record of a gateway may carry.
pub const LINES_MAX: usize = 32;

const HOUR_MICROS: i64 = 3_600_000_000;

coded!(
    /// What a line counts.
    UseSubject {
        WebCategory = "web", "ウェブの分類";
        Application = "app", "アプリ";
    }
);

coded!(
    /// How deep a look was.
    Depth {
        Fully = "fully", "中身まで検査";
        NameOnly = "name_only", "接続先の名前などで検査";
        NotAtAll = "not_at_all", "検査できなかった通信";
    }
);

coded!(
    /// How traffic was looked into, or why it was not.
    Inspected {
        Fully = "fully", "中身まで検査した通信";
        Tls = "tls", "暗号化された通信（HTTPS など）";
        Quic = "quic", "暗号化された通信（QUIC）";
        Encrypted = "encrypted", "暗号化された通信（SSH など）";
        NoParser = "no_parser", "種類だけが分かる通信";
        UnknownProtocol = "unknown_protocol", "種類の分からない通信";
        Tunnel = "tunnel", "VPN・トンネル";
        EncryptedDns = "encrypted_dns", "暗号化された名前解決（DoH・DoT など）";
        HiddenName = "hidden_name", "接続先の名前も暗号化された通信（ECH）";
        PastDepth = "past_depth", "大きなデータの後半";
        Excepted = "excepted", "例外として検査しない通信";
        FileTooLarge = "file_too_large", "大きすぎるファイル";
        ArchivePassword = "archive_password", "パスワード付きの圧縮ファイル";
        ArchiveTooDeep = "archive_too_deep", "何重にも圧縮されたファイル";
        ScannerBusy = "scanner_busy", "ファイル検査が間に合わなかったもの";
        Limits = "limits", "処理能力を超えた通信";
        Other = "other", "その他";
    }
);

impl Inspected {
    #[must_use]
    pub const fn depth(self) -> Depth {
        match self {
            Inspected::Fully => Depth::Fully,
            Inspected::Tls | Inspected::Quic | Inspected::Encrypted | Inspected::NoParser => Depth::NameOnly,
            _ => Depth::NotAtAll,
        }
    }

    /// Why, in one sentence for the customer.
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Inspected::Fully => "UTM装置が中身まで読み取り、検査しました。",
            Inspected::Tls | Inspected::Quic => {
                "暗号化されているため中身は読めません。接続先の名前と証明書で検査しました。"
            }
            Inspected::Encrypted => {
                "暗号化されているため中身は読めません。通信の始まりで種類を確かめました。"
            }
            Inspected::NoParser => "決まった型との照合だけを行いました。中身の意味までは読み取っていません。",
            Inspected::UnknownProtocol => {
                "どのアプリの通信か分からないため、決まった型との照合だけを行いました。"
            }
            Inspected::Tunnel => "VPNなどの中を通る通信は、UTM装置からは見えません。",
            Inspected::EncryptedDns => "パソコンが暗号化された名前解決を使ったため、調べた名前が見えません。",
            Inspected::HiddenName => "接続先の名前も暗号化されていたため、どこへの通信か分かりません。",
            Inspected::PastDepth => "大きなデータは、通信が遅くならないように始めの部分だけを検査しました。",
            Inspected::Excepted => "お客様または運用者が決めた例外のため、検査せずに通しました。",
            Inspected::FileTooLarge => "検査できる大きさを超えていたため、ファイルを検査できませんでした。",
            Inspected::ArchivePassword => {
                "パスワードがかかっているため、中のファイルを検査できませんでした。"
            }
            Inspected::ArchiveTooDeep => "圧縮が何重にもなっていたため、奥のファイルを検査できませんでした。",
            Inspected::ScannerBusy => "ファイル検査が混み合っていたため、設定に従って通しました。",
            Inspected::Limits => "同時に扱える通信の数を超えたため、検査できませんでした。",
            Inspected::Other => "ほかの理由で検査できませんでした。",
        }
    }
}

/// One sum of use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UseLine {
    pub subject: UseSubject,
    /// The catalogue's identifier.
    pub item: Line,
    /// How it is shown.
    pub title: Line,
    /// The sort of application by the catalogue's identifier; empty for categories.
    pub kind: Line,
    pub flows: u64,
    pub bytes_up: u64,
    pub bytes_down: u64,
}

/// What one device did within an hour.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceUse {
    pub hour: Timestamp,
    pub device: Device,
    pub lines: Vec<UseLine>,
}

/// One sum of what was looked into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InspectionLine {
    pub how: Inspected,
    pub flows: u64,
    pub bytes: u64,
}

/// How deep one device's traffic was looked into within an hour.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceInspection {
    pub hour: Timestamp,
    pub device: Device,
    pub lines: Vec<InspectionLine>,
}

/// The hour that a gateway reports, or that of receipt where its clock is ahead.
#[must_use]
pub fn sane_hour(hour: Timestamp, received: Timestamp) -> Timestamp {
    let at = hour.min(received);
    Timestamp(at.micros().div_euclid(HOUR_MICROS) * HOUR_MICROS)
}

/// The sort of an application as it is shown, by the catalogue's identifier.
#[must_use]
pub fn kind_label(kind: &str) -> &str {
    match kind {
        "web" => "ウェブ閲覧",
        "business" => "業務・グループウェア",
        "accounting" => "会計・人事・販売",
        "bank" => "銀行・決済",
        "mail" => "メール",
        "chat" => "チャット",
        "meeting" => "ウェブ会議・通話",
        "storage" => "ファイル共有",
        "cloud" => "クラウド基盤・配信",
        "ai" => "生成AI",
        "develop" => "ソフトウェア開発",
        "update" => "更新・アプリ配布",
        "security" => "セキュリティ製品",
        "remote" => "リモート操作",
        "vpn" => "VPN・匿名化",
        "social" => "SNS",
        "video" => "動画",
        "music" => "音楽・ラジオ",
        "game" => "ゲーム",
        "news" => "ニュース・情報",
        "shopping" => "買い物",
        "travel" => "旅行・地図・交通",
        "learning" => "学習",
        "government" => "官公庁・電子申請",
        "ads" => "広告・計測",
        "search" => "検索",
        "p2p" => "P2P・暗号資産",
        "names" => "名前解決・端末の発見",
        "network" => "ネットワークの制御",
        "manage" => "機器の管理・監視",
        "transfer" => "ファイル転送・印刷",
        "database" => "データベース",
        "auth" => "認証・名簿",
        "voice" => "電話・映像の回線",
        "iot" => "家電・センサー",
        "industry" => "産業機器の制御",
        "" | "other" => "その他",
        unknown => unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_says_why_and_hours_are_whole_and_not_ahead() {
        for how in Inspected::ALL {
            assert!(how.why().ends_with('。'), "{how:?}");
        }
        let received = Timestamp::from_secs(7_300);
        assert_eq!(sane_hour(Timestamp::from_secs(99_999), received), Timestamp::from_secs(7_200));
        assert_eq!(sane_hour(Timestamp::from_secs(3_601), received), Timestamp::from_secs(3_600));
    }
}
