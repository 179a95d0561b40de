//! Vocabularies: words that stand in a status, each with what it means.

/// An enum whose variants are written as they are named, and whose comments are in the reference.
macro_rules! words {
    (
        $(#[$meta:meta])*
        pub enum $enum:ident { $($(#[doc = $doc:literal])+ $name:ident,)+ }
    ) => {
        $(#[$meta])*
        pub enum $enum { $($(#[doc = $doc])+ $name,)+ }

        impl $enum {
            /// Every one, for documentation and tests.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// As it is written.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// What it means, for the reference documentation.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc,)+),)+ }
            }
        }
    };
}

pub(super) use words;
