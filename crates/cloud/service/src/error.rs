//! Errors in pairs: what a person reads (Japanese, what to do) and what the log gets (the cause).

use mimamori_domain::BadException;
use mimamori_domain::account::RoleMismatch;
use mimamori_domain::alert::BadTransition;
use mimamori_store::StoreError;

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
    /// A field that is needed is empty.
    #[error("something is missing")]
    Incomplete,
    #[error(transparent)]
    Role(#[from] RoleMismatch),
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
            ServiceError::Incomplete => {
                "入力していない欄があります。前の画面に戻り、すべての欄に入力してください。"
            }
            ServiceError::Role(_) => "この役割は、その組織のアカウントには付けられません。",
            ServiceError::Store(StoreError::DiskFull(_)) => {
                "記録装置の空きがないため、変更を保存できませんでした。これまでの記録は失われていません。運営者が対応するまでお待ちください。"
            }
            ServiceError::Store(_) | ServiceError::Hashing(_) => {
                "システムが混み合っているか、一時的に止まっています。これまでの記録は失われていません。数分おいて、もう一度お試しください。"
            }
        }
    }
}
