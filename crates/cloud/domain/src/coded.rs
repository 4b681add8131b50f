//! Closed vocabularies: an enum with a stable code (stored, sent) and a Japanese label (shown).

/// Why a code was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{vocabulary} does not know {code:?}")]
pub struct UnknownCode {
    pub vocabulary: &'static str,
    pub code: String,
}

/// Declares an enum whose variants have a code and a Japanese label.
macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal, $label:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $code)] $variant),+ }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The stable code: what is stored.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $($name::$variant => $code),+ }
            }

            /// What a person reads.
            #[must_use]
            pub const fn label(self) -> &'static str {
                match self { $($name::$variant => $label),+ }
            }

            pub fn from_code(code: &str) -> Result<Self, $crate::coded::UnknownCode> {
                match code {
                    $($code => Ok($name::$variant),)+
                    other => Err($crate::coded::UnknownCode {
                        vocabulary: stringify!($name),
                        code: other.to_owned(),
                    }),
                }
            }
        }
    };
}

pub(crate) use coded;
