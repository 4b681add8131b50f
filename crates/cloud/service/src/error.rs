//! Errors in pairs: what a person reads (Japanese, what to do) and what the log gets (the cause).

use mimamori_domain::BadException;
use mimamori_domain::account::RoleMismatch;
use mimamori_domain::alert::BadTransition;
use mimamori_domain::announcement::BadAnnouncement;
use mimamori_domain::attachment::BadFile;
use mimamori_domain::inquiry::BadInquiry;
use mimamori_store::StoreError;

use crate::seal::SealError;

#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Not there, or not theirs: never told apart.
    #[error("not found")]
    NotFound,
    #[error("the role may not do this")]
    Forbidden,
    #[error("somebody else changed it meanwhile")]
    Conflict,
    #[error("already exists")]
    Duplicate,
    #[error("the list is full")]
    TooMany,
    #[error(transparent)]
    Transition(#[from] BadTransition),
    #[error(transparent)]
    Exception(#[from] BadException),
    #[error(transparent)]
    Announcement(#[from] BadAnnouncement),
    #[error(transparent)]
    Inquiry(#[from] BadInquiry),
    #[error(transparent)]
    File(#[from] BadFile),
    /// A field that is needed is empty.
    #[error("something is missing")]
    Incomplete,
    #[error(transparent)]
    Role(#[from] RoleMismatch),
    #[error("work beside the requests ended badly: {0}")]
    Background(String),
    /// Too many tries or requests within a short time.
    #[error("too much within a short time")]
    SlowDown,
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("password hashing failed: {0}")]
    Hashing(String),
    #[error("storage")]
    Store(#[source] StoreError),
}

impl From<StoreError> for ServiceError {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::NotFound => ServiceError::NotFound,
            StoreError::OutOfScope => ServiceError::Forbidden,
            StoreError::Conflict => ServiceError::Conflict,
            StoreError::Duplicate => ServiceError::Duplicate,
            other => ServiceError::Store(other),
        }
    }
}

impl ServiceError {
    /// Whether the same call can succeed later: answer 503 and try again.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        match self {
            ServiceError::Store(e) => e.is_temporary(),
            ServiceError::Conflict => true,
            _ => false,
        }
    }

    /// What a person reads.
    #[must_use]
    pub const fn for_people(&self) -> &'static str {
        match self {
            ServiceError::NotFound => {
                "お探しのページや項目は見つかりませんでした。一覧から選び直してください。"
            }
            ServiceError::Forbidden => {
                "この操作は、お使いのアカウントではできません。必要な場合はお客様管理者か相談窓口にご連絡ください。"
            }
            ServiceError::Conflict => {
                "ほかの方が先に変更しました。画面を読み込み直して、もう一度お試しください。"
            }
            ServiceError::Duplicate => "同じ名前のものがすでに登録されています。別の名前にしてください。",
            ServiceError::TooMany => {
                "登録できる数の上限に達しています。使っていないものを整理するか、運営者にご連絡ください。"
            }
            ServiceError::Transition(_) => {
                "このアラートはすでに別の状態に進んでいます。画面を読み込み直してください。"
            }
            ServiceError::Exception(_) => {
                "例外にするには、検知の名前か通信先が分かる記録と、業務の内容、1年以内の期限が要ります。確認して、もう一度お試しください。"
            }
            ServiceError::Announcement(e) => match e {
                BadAnnouncement::TooLate => {
                    "計画メンテナンスは、1か月以上前にお知らせする決まりです。日をあらためるか、急ぐ場合は「緊急メンテナンス」として出してください。"
                }
                BadAnnouncement::NoTime => "計画メンテナンスには、開始と終了の日時を入れてください。",
                BadAnnouncement::EndsBefore => "終了の日時を、開始より後にしてください。",
                BadAnnouncement::Empty => "本文を入力してください。",
                BadAnnouncement::Withdrawn => "このお知らせは、すでに取り下げられています。",
            },
            ServiceError::Inquiry(e) => match e {
                BadInquiry::Empty => "内容を入力してください。",
                BadInquiry::Closed => "このお問合せは完了しています。新しいお問合せとしてお送りください。",
                BadInquiry::TooManyOpen => {
                    "完了していないお問合せが50件あります。解決したものを完了にしてから、もう一度お送りください。"
                }
                BadInquiry::Full => "やりとりの数が上限に達しました。新しいお問合せとしてお送りください。",
            },
            ServiceError::File(e) => e.for_people(),
            ServiceError::SlowDown => {
                "短い時間に何度も試されたため、一時的に受け付けていません。10分ほど待ってから、もう一度お試しください。"
            }
            ServiceError::Incomplete => {
                "入力していない欄があります。前の画面に戻り、すべての欄に入力してください。"
            }
            ServiceError::Role(_) => "この役割は、その組織のアカウントには付けられません。",
            ServiceError::Store(StoreError::DiskFull(_)) => {
                "記録装置の空きがないため、変更を保存できませんでした。これまでの記録は失われていません。運営者が対応するまでお待ちください。"
            }
            ServiceError::Store(_)
            | ServiceError::Seal(_)
            | ServiceError::Hashing(_)
            | ServiceError::Background(_) => {
                "システムが混み合っているか、一時的に止まっています。これまでの記録は失われていません。数分おいて、もう一度お試しください。"
            }
        }
    }
}
