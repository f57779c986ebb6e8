//! The language in which the keys of the manifest are declared: each is written once, with its type, default and meaning,
//! and is read, suggested, described and compared from there.

use serde_json::Value;

use crate::kind::Kind;
use crate::reader::{Fields, Node, Reader};

/// A table whose keys are known; made by [`section!`].
pub(crate) trait Section: Sized {
    /// What the table is for.
    fn doc() -> String;
    /// Its keys, in the order of their declaration.
    fn keys() -> Vec<Key>;
    /// Reads every key; `None` only if a default written in this crate is wrong.
    fn read_keys(fields: Fields<'_>, reader: &mut Reader<'_>) -> Option<Self>;
    /// The keys in which two tables differ.
    fn changed(&self, other: &Self) -> Vec<String>;
}

/// One key of a table.
pub(crate) struct Key {
    pub name: String,
    pub doc: String,
    pub presence: Presence,
    /// Least and greatest value, as TOML text.
    pub range: Option<(&'static str, &'static str)>,
    pub shape: Shape,
}

/// Whether a key must be written, and what stands if it is not.
pub(crate) enum Presence {
    Required,
    Optional,
    /// The default, as TOML text.
    Default(&'static str),
}

/// What the value of a key looks like.
pub(crate) struct Shape {
    /// A noun: `duration`, `list of strings`.
    pub words: String,
    /// How to write it, for a person who wrote something else; may be empty.
    pub hint: &'static str,
    /// Whether `${NAME}` and `file:path` stand for something in it.
    pub secret: bool,
    /// Values with a meaning of their own.
    pub choices: Vec<(&'static str, String)>,
    pub form: Form,
}

/// The structure of a value.
pub(crate) enum Form {
    /// Anything a JSON Schema says in one piece.
    Plain(Value),
    /// A table with known keys, or an array of such tables.
    Table { doc: String, keys: Vec<Key>, repeated: bool },
}

impl Shape {
    /// A shape that needs no more than a noun, an example and a schema.
    pub(crate) fn plain(words: impl Into<String>, hint: &'static str, schema: Value) -> Self {
        Self { words: words.into(), hint, secret: false, choices: Vec::new(), form: Form::Plain(schema) }
    }

    /// The shape of a table declared with [`section!`].
    pub(crate) fn table<S: Section>() -> Self {
        Self {
            words: "table".into(),
            hint: "",
            secret: false,
            choices: Vec::new(),
            form: Form::Table { doc: S::doc(), keys: S::keys(), repeated: false },
        }
    }
}

/// How a field of a section is filled when it has no default: [`Option`] or [`Required`].
pub(crate) trait Slot: Sized {
    fn presence() -> Presence;
    fn shape() -> Shape;
    fn read(fields: &mut Fields<'_>, name: &str, reader: &mut Reader<'_>) -> Self;
}

impl<T: Kind> Slot for Option<T> {
    fn presence() -> Presence {
        Presence::Optional
    }

    fn shape() -> Shape {
        T::shape()
    }

    fn read(fields: &mut Fields<'_>, name: &str, reader: &mut Reader<'_>) -> Self {
        fields.take(name, reader)
    }
}

/// A key that must be written. It is empty only where a problem says so, and the checks that need no value go on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Required<T>(pub(crate) Option<T>);

impl<T: Kind> Slot for Required<T> {
    fn presence() -> Presence {
        Presence::Required
    }

    fn shape() -> Shape {
        T::shape()
    }

    fn read(fields: &mut Fields<'_>, name: &str, reader: &mut Reader<'_>) -> Self {
        fields.demand(name, reader);
        Self(fields.take(name, reader))
    }
}

/// Declares a table: `key: Type = default;`, `key: Option<Type>;` or `key: Required<Type>;`, each with an optional
/// `, within low to high`. Defaults and limits are written as in TOML; the doc comments are the reference.
macro_rules! section {
    (
        $(#[doc = $doc:literal])*
        $vis:vis struct $name:ident {
            $(
                $(#[doc = $about:literal])*
                $field:ident: $ty:ty $(= $default:tt)? $(, within $low:tt to $high:tt)?;
            )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        $vis struct $name {
            $($(#[doc = $about])* $vis $field: $ty,)*
            /// Where it was written.
            $vis spans: $crate::Spans,
        }

        impl $crate::section::Section for $name {
            fn doc() -> String {
                $crate::section::prose(&[$($doc),*])
            }

            fn keys() -> Vec<$crate::section::Key> {
                vec![$($crate::section::Key {
                    name: $crate::section::kebab(stringify!($field)),
                    doc: $crate::section::prose(&[$($about),*]),
                    presence: section!(@presence $ty $(, $default)?),
                    range: section!(@range $($low, $high)?),
                    shape: section!(@shape $ty $(, $default)?),
                }),*]
            }

            fn read_keys(
                mut fields: $crate::reader::Fields<'_>,
                reader: &mut $crate::reader::Reader<'_>,
            ) -> Option<Self> {
                $(let $field = section!(@read fields, reader, $field, $ty $(, $default)?);)*
                Some(Self { $($field: $field?,)* spans: fields.into_spans() })
            }

            fn changed(&self, other: &Self) -> Vec<String> {
                let mut changed = Vec::new();
                $(if self.$field != other.$field {
                    changed.push($crate::section::kebab(stringify!($field)));
                })*
                changed
            }
        }

        impl $crate::kind::Kind for $name {
            fn shape() -> $crate::section::Shape {
                $crate::section::Shape::table::<Self>()
            }

            fn read(node: &$crate::reader::Node<'_>, reader: &mut $crate::reader::Reader<'_>) -> Option<Self> {
                $crate::section::read_table(node, reader)
            }
        }
    };
    (@presence $ty:ty) => { <$ty as $crate::section::Slot>::presence() };
    (@presence $ty:ty, $default:tt) => { $crate::section::Presence::Default(stringify!($default)) };
    (@range) => { None };
    (@range $low:tt, $high:tt) => { Some((stringify!($low), stringify!($high))) };
    (@shape $ty:ty) => { <$ty as $crate::section::Slot>::shape() };
    (@shape $ty:ty, $default:tt) => { <$ty as $crate::kind::Kind>::shape() };
    (@read $fields:ident, $reader:ident, $field:ident, $ty:ty) => {
        Some(<$ty as $crate::section::Slot>::read(&mut $fields, &$crate::section::kebab(stringify!($field)), $reader))
    };
    (@read $fields:ident, $reader:ident, $field:ident, $ty:ty, $default:tt) => {
        $fields.take_or::<$ty>(&$crate::section::kebab(stringify!($field)), stringify!($default), $reader)
    };
}

/// Declares a value that is one of a few words, each with its meaning.
macro_rules! choices {
    (
        $(#[doc = $doc:literal])*
        $vis:vis enum $name:ident {
            $($(#[doc = $about:literal])* $choice:ident = $word:literal,)*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $name {
            $($(#[doc = $about])* $choice,)*
        }

        impl $name {
            /// The word that stands for it in the manifest.
            $vis fn as_str(self) -> &'static str {
                match self {
                    $(Self::$choice => $word,)*
                }
            }
        }

        impl $crate::kind::Kind for $name {
            fn shape() -> $crate::section::Shape {
                $crate::section::choice(vec![$(($word, $crate::section::prose(&[$($about),*]))),*])
            }

            fn read(node: &$crate::reader::Node<'_>, reader: &mut $crate::reader::Reader<'_>) -> Option<Self> {
                match reader.text(node, &Self::shape())? {
                    $($word => Some(Self::$choice),)*
                    other => {
                        reader.not_a_choice(node, other, &[$($word),*]);
                        None
                    }
                }
            }
        }
    };
}

pub(crate) use {choices, section};

/// Reads a table with known keys; a key that is not one of them is a problem.
pub(crate) fn read_table<S: Section>(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<S> {
    let fields = Fields::open(node, S::keys(), reader)?;
    S::read_keys(fields, reader)
}

/// The shape of a value that is one of a few words.
pub(crate) fn choice(choices: Vec<(&'static str, String)>) -> Shape {
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    let schema = serde_json::json!({ "enum": words });
    Shape { choices, ..Shape::plain("string", "", schema) }
}

/// The name of a key in the manifest, from the name of its field.
pub(crate) fn kebab(field: &str) -> String {
    field.trim_start_matches("r#").replace('_', "-")
}

/// One paragraph out of the lines of a doc comment.
pub(crate) fn prose(lines: &[&str]) -> String {
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    lines.join(" ")
}

impl Shape {
    /// The same shape, any number of times.
    pub(crate) fn list(self) -> Self {
        let words = format!("list of {}s", self.words);
        let form = match self.form {
            Form::Plain(items) => Form::Plain(serde_json::json!({ "type": "array", "items": items })),
            Form::Table { doc, keys, .. } => Form::Table { doc, keys, repeated: true },
        };
        Self { words, form, hint: "", ..self }
    }

    /// The same shape, as the value of any key of a table.
    pub(crate) fn map(self) -> Self {
        let words = format!("table of {}s", self.words);
        let form = match self.form {
            Form::Plain(values) => Form::Plain(serde_json::json!({ "type": "object", "additionalProperties": values })),
            table => table,
        };
        Self { words, form, hint: "", ..self }
    }
}
