//! Walks the parsed TOML beside the declarations, takes each key once and notes everything that is wrong on the way.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::kind::Kind;
use crate::report::{Problem, Report};
use crate::section::{Key, Shape};
use crate::{Source, Spans, World, manifest};

/// What is carried through the reading of one manifest.
pub(crate) struct Reader<'a> {
    pub(crate) source: &'a Source,
    pub(crate) world: &'a dyn World,
    pub(crate) report: Report,
}

/// A value, where it stands and how its key is called.
#[derive(Clone)]
pub(crate) struct Node<'a> {
    pub(crate) value: &'a DeValue<'a>,
    pub(crate) span: Range<usize>,
    /// The dotted name, `listen.limits`; empty for the manifest itself.
    pub(crate) path: String,
    /// True for a default: its own place is not in the manifest, so all of it stands where the table stands.
    pinned: bool,
}

impl<'a> Node<'a> {
    /// The manifest itself.
    pub(crate) fn root(value: &'a DeValue<'a>) -> Self {
        Self { value, span: 0..0, path: String::new(), pinned: false }
    }

    /// A value inside this one, under a key.
    pub(crate) fn child(&self, key: &str, value: &'a Spanned<DeValue<'a>>) -> Self {
        let separator = if self.path.is_empty() { "" } else { "." };
        Self { path: format!("{}{separator}{key}", self.path), ..self.item(value) }
    }

    /// A value inside this list, called by its place. Tables are not: their keys say enough.
    pub(crate) fn element(&self, index: usize, value: &'a Spanned<DeValue<'a>>) -> Self {
        let item = self.item(value);
        if item.value.is_table() {
            return item;
        }
        Self { path: format!("{}[{index}]", self.path), ..item }
    }

    fn item(&self, value: &'a Spanned<DeValue<'a>>) -> Self {
        Self {
            value: value.get_ref(),
            span: if self.pinned { self.span.clone() } else { value.span() },
            path: self.path.clone(),
            pinned: self.pinned,
        }
    }

    /// What stands for a key that was not written.
    fn default(value: &'a DeValue<'a>, span: Range<usize>, path: String) -> Self {
        Self { value, span, path, pinned: true }
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(source: &'a Source, world: &'a dyn World) -> Self {
        Self { source, world, report: Report::default() }
    }

    /// The folder to which paths in the manifest are relative.
    pub(crate) fn base(&self) -> &'a Path {
        self.world.base()
    }

    /// The text of a string in which nothing is replaced, so that a `${` in it is a mistake.
    pub(crate) fn text<'n>(&mut self, node: &Node<'n>, shape: &Shape) -> Option<&'n str> {
        let Some(text) = node.value.as_str() else {
            self.mismatch(node, shape);
            return None;
        };
        self.plain(node, text).then_some(text)
    }

    /// Whether a text is free of `${`; if not, says where secrets may stand.
    pub(crate) fn plain(&mut self, node: &Node<'_>, text: &str) -> bool {
        let Some(start) = text.find("${") else {
            return true;
        };
        let end = text[start..].find('}').map_or(text.len(), |end| start + end + 1);
        let allowed: Vec<String> = manifest::secret_keys().iter().map(|key| format!("`{key}`")).collect();
        let mut help = format!("secrets may stand in {}", allowed.join(", "));
        if node.path.starts_with("stage.config") {
            help.push_str("; a plugin uses the secrets of its stage's `grant.secret.values` by their names");
        }
        let span = self.source.find(&node.span, &text[start..end]);
        let message = format!("no variable is replaced in `{}`", node.path);
        self.report.push(Problem::new(span, message, "would be taken literally").help(help));
        false
    }

    /// Notes a value of the wrong type.
    pub(crate) fn mismatch(&mut self, node: &Node<'_>, shape: &Shape) {
        let message = format!("`{}` must be {}, not {}", node.path, article(&shape.words), found(node.value));
        let label = format!("expected {}", article(&shape.words));
        let problem = Problem::new(node.span.clone(), message, label);
        self.report.push(match shape.hint {
            "" => problem,
            hint => problem.help(hint),
        });
    }

    /// Notes a value of the right type that cannot be meant.
    pub(crate) fn refuse(&mut self, node: &Node<'_>, reason: &str, hint: &str) {
        let message = format!("`{}` {reason}", node.path);
        let problem = Problem::new(node.span.clone(), message, "not accepted");
        self.report.push(match hint {
            "" => problem,
            hint => problem.help(hint),
        });
    }

    /// Notes a word that is not one of those there are.
    pub(crate) fn not_a_choice(&mut self, node: &Node<'_>, word: &str, choices: &[&str]) {
        let message = format!("`{}` cannot be `{word}`", node.path);
        let problem = Problem::new(node.span.clone(), message, "not one of the choices");
        self.report.push(problem.help(suggestion(word, choices, "choices")));
    }

    fn within<T: Kind>(&mut self, value: &T, node: &Node<'_>, (low, high): (&'static str, &'static str)) {
        let beyond = |limit: &str, side: std::cmp::Ordering| {
            let limit = DeValue::parse(limit).ok();
            let limit = limit.and_then(|limit| T::read(&Node::root(limit.get_ref()), &mut self.aside()));
            limit.is_some_and(|limit| value.order(&limit) == Some(side))
        };
        if beyond(low, std::cmp::Ordering::Less) || beyond(high, std::cmp::Ordering::Greater) {
            let message = format!("`{}` is out of range", node.path);
            let label = format!("must be between {} and {}", low.trim_matches('"'), high.trim_matches('"'));
            self.report.push(Problem::new(node.span.clone(), message, label));
        }
    }

    /// A reader of values that stand in this crate; its problems are nobody's.
    fn aside(&self) -> Reader<'a> {
        Reader::new(self.source, self.world)
    }
}

/// The keys of one table, on the way to become a section.
pub(crate) struct Fields<'a> {
    table: &'a DeTable<'a>,
    node: Node<'a>,
    keys: Vec<Key>,
    spans: Spans,
}

impl<'a> Fields<'a> {
    /// Opens a table and notes the keys it should not have.
    pub(crate) fn open(node: &Node<'a>, keys: Vec<Key>, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(table) = node.value.as_table() else {
            reader.mismatch(node, &Shape::plain("table", "", serde_json::Value::Null));
            return None;
        };
        let spans = Spans::new(node.span.clone());
        let mut fields = Self { table, node: node.clone(), keys, spans };
        fields.note_keys(reader);
        Some(fields)
    }

    fn note_keys(&mut self, reader: &mut Reader<'_>) {
        let names: Vec<&str> = self.keys.iter().map(|key| key.name.as_str()).collect();
        for (key, value) in self.table.iter() {
            let name: &str = key.get_ref();
            if names.contains(&name) {
                let span = self.node.item(value).span;
                self.spans.note(name, span);
            } else {
                let place =
                    if self.node.path.is_empty() { "the manifest".into() } else { format!("`{}`", self.node.path) };
                let message = format!("`{name}` is not a key of {place}");
                let problem = Problem::new(key.span(), message, "unknown key");
                reader.report.push(problem.help(suggestion(name, &names, "keys")));
            }
        }
    }

    /// The value of a key; `None` if it was not written, or written wrongly.
    pub(crate) fn take<T: Kind>(&mut self, name: &str, reader: &mut Reader<'_>) -> Option<T> {
        let (_, value) = self.table.iter().find(|(key, _)| key.get_ref() == name)?;
        let node = self.node.child(name, value);
        let read = T::read(&node, reader)?;
        if let Some(range) = self.keys.iter().find(|key| key.name == name).and_then(|key| key.range) {
            reader.within(&read, &node, range);
        }
        Some(read)
    }

    /// The value of a key, or its default; the default also stands in for a wrong value, so that reading can go on.
    pub(crate) fn take_or<T: Kind>(&mut self, name: &str, default: &'static str, reader: &mut Reader<'_>) -> Option<T> {
        if let Some(value) = self.take(name, reader) {
            return Some(value);
        }
        let value = DeValue::parse(default).ok()?;
        let path = match self.node.path.as_str() {
            "" => name.to_string(),
            path => format!("{path}.{name}"),
        };
        T::read(&Node::default(value.get_ref(), self.node.span.clone(), path), reader)
    }

    /// Notes that a key is missing, if it is.
    pub(crate) fn demand(&self, name: &str, reader: &mut Reader<'_>) {
        if !self.spans.written(name) {
            let message = format!("`{}` needs `{name}`", self.node.path);
            let label = format!("`{name}` is missing");
            reader.report.push(Problem::new(self.node.span.clone(), message, label));
        }
    }

    /// The places of all keys.
    pub(crate) fn into_spans(self) -> Spans {
        self.spans
    }
}

/// "did you mean" if one of the words is near, else all of them.
pub(crate) fn suggestion(word: &str, known: &[&str], plural: &str) -> String {
    let lower = word.to_lowercase();
    let distance = |candidate: &str| match candidate.starts_with(&lower) && lower.len() > 2 {
        true => 0,
        false => strsim::damerau_levenshtein(&lower, candidate),
    };
    let nearest = known.iter().min_by_key(|candidate| distance(candidate));
    match nearest.filter(|candidate| distance(candidate) <= 1.max(candidate.len() / 3)) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => {
            let known: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
            format!("the {plural} are {}", known.join(", "))
        }
    }
}

fn article(words: &str) -> String {
    let article = if words.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O']) { "an" } else { "a" };
    format!("{article} {words}")
}

fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
