//! Tools that callers were shown on pages that passed: what is known of a server without having asked it.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use cardea_message::{Mark, json};
use moka::sync::Cache;

/// How long a page is believed. A client calls by the list it has, so that list is what its calls are held against, and
/// clients list anew when they start or are told of a change.
const KEPT: Duration = Duration::from_secs(3600);
/// How many bytes of pages are kept, one that several have seen counted for each, and what keeping a viewer adds to them.
const ROOM: u64 = 256 << 20;
const VIEWER: usize = 1024;
/// The largest page that is kept.
const MAX_PAGE: usize = 1 << 20;
/// How many pages of one viewer are kept.
const PAGES: usize = 64;
/// How many pages of one server are kept to be shared by viewers who see the same.
const SHARED: usize = 64;

/// Pages by who saw them.
pub(crate) struct Learned<K> {
    viewers: Cache<K, Arc<Seen>>,
}

/// The pages one viewer saw, the latest first, each with the cursor it was asked for by.
#[derive(Default)]
struct Seen(Vec<(Option<String>, Arc<Page>)>);

/// A page of tools.
pub(crate) struct Page {
    result: Bytes,
    tools: HashMap<String, (Range<usize>, Arc<[Mark]>)>,
}

/// The latest pages of one server. Most viewers see the same ones, which are read and held once.
#[derive(Default)]
pub(crate) struct Pages(Mutex<VecDeque<Arc<Page>>>);

impl<K: Eq + Hash + Send + Sync + 'static> Learned<K> {
    pub(crate) fn new() -> Self {
        let weigher = |_: &K, seen: &Arc<Seen>| u32::try_from(seen.weight()).unwrap_or(u32::MAX);
        Self { viewers: Cache::builder().weigher(weigher).max_capacity(ROOM).time_to_live(KEPT).build() }
    }

    /// Someone saw a page. The first page begins a new look at the whole list, unless it is the one that was there.
    pub(crate) fn add(&self, key: K, cursor: Option<String>, page: Arc<Page>) {
        let seen = self.viewers.get(&key).unwrap_or_default();
        let known = seen.0.iter().any(|(at, known)| *at == cursor && Arc::ptr_eq(known, &page));
        let kept = seen.0.iter().filter(|(at, _)| *at != cursor && (known || cursor.is_some())).cloned();
        let pages = std::iter::once((cursor.clone(), page)).chain(kept).take(PAGES).collect();
        self.viewers.insert(key, Arc::new(Seen(pages)));
    }

    /// The definition of a tool, as someone saw it last.
    pub(crate) fn definition(&self, key: &K, name: &str) -> Option<Bytes> {
        self.find(key, name, |page, (span, _)| page.result.slice(span.clone()))
    }

    /// The marks of a tool, as someone saw it last.
    pub(crate) fn marks(&self, key: &K, name: &str) -> Option<Arc<[Mark]>> {
        self.find(key, name, |_, (_, marks)| Arc::clone(marks))
    }

    fn find<T>(&self, key: &K, name: &str, read: impl Fn(&Page, &(Range<usize>, Arc<[Mark]>)) -> T) -> Option<T> {
        let seen = self.viewers.get(key)?;
        seen.0.iter().find_map(|(_, page)| page.tools.get(name).map(|tool| read(page, tool)))
    }
}

impl Seen {
    fn weight(&self) -> usize {
        VIEWER + self.0.iter().map(|(_, page)| page.result.len()).sum::<usize>()
    }
}

impl Pages {
    /// The page with these bytes; none if they are no good page.
    pub(crate) fn read(&self, result: &Bytes) -> Option<Arc<Page>> {
        if let Some(page) = self.pages().iter().find(|page| page.result == result) {
            return Some(Arc::clone(page));
        }
        let page = Arc::new(Page::read(result)?);
        let mut pages = self.pages();
        pages.push_front(Arc::clone(&page));
        pages.truncate(SHARED);
        Some(page)
    }

    fn pages(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<Page>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Page {
    /// A text that two readers could read differently teaches nothing, and neither does a tool without a name.
    fn read(result: &Bytes) -> Option<Self> {
        if result.len() > MAX_PAGE || json::check(result).is_err() {
            return None;
        }
        let array = json::member(result, "tools")?;
        let mut tools = HashMap::new();
        for span in json::elements(&result[array.clone()])? {
            let span = span.start + array.start..span.end + array.start;
            let definition = &result[span.clone()];
            if let Some(name) = json::member_str(definition, "name") {
                tools.entry(name.into_owned()).or_insert_with(|| (span, Mark::all_in(definition).into()));
            }
        }
        Some(Self { result: result.clone(), tools })
    }

    /// Whether any of its tools marks an argument.
    pub(crate) fn is_marked(&self) -> bool {
        self.tools.values().any(|(_, marks)| !marks.is_empty())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn page(pages: &Pages, names: &[&str]) -> Arc<Page> {
        let tools: Vec<_> = names.iter().map(|name| format!(r#"{{ "name":"{name}" }}"#)).collect();
        pages.read(&format!(r#"{{"tools":[{}]}}"#, tools.join(", ")).into()).unwrap()
    }

    #[test]
    fn a_first_page_that_differs_begins_a_new_list() {
        let (learned, pages) = (Learned::new(), Pages::default());
        let knows = |name| learned.definition(&1, name).is_some();
        learned.add(1, None, page(&pages, &["a"]));
        learned.add(1, Some("2".to_owned()), page(&pages, &["b"]));
        assert!(knows("a") && knows("b"));
        learned.add(1, None, page(&pages, &["a"]));
        assert!(knows("a") && knows("b"), "the same list");
        learned.add(1, Some("2".to_owned()), page(&pages, &["c"]));
        assert!(knows("a") && !knows("b") && knows("c"));
        learned.add(1, None, page(&pages, &["d"]));
        assert!(!knows("a") && !knows("c") && knows("d"));
        assert!(learned.definition(&2, "d").is_none(), "what one has seen says nothing about another");
    }

    #[test]
    fn viewers_of_one_page_share_it_and_both_are_bounded() {
        let (learned, pages) = (Learned::new(), Pages::default());
        let (first, again) = (page(&pages, &["a"]), page(&pages, &["a"]));
        assert!(Arc::ptr_eq(&first, &again));
        for number in 0..2 * PAGES {
            learned.add(1, Some(number.to_string()), page(&pages, &[&format!("t{number}")]));
        }
        assert_eq!(pages.pages().len(), SHARED);
        assert_eq!(learned.viewers.get(&1).unwrap().0.len(), PAGES);
        assert!(learned.definition(&1, "t0").is_none() && learned.definition(&1, "t127").is_some());
    }

    #[test]
    fn what_is_no_good_page_teaches_nothing() {
        for bad in ["{}", "[]", r#"{"tools":{}}"#, r#"{"tools":[],"tools":[]}"#, r#"{"tools":[{"a":1,"a":2}]}"#] {
            assert!(Pages::default().read(&Bytes::from(bad)).is_none(), "{bad}");
        }
        assert!(page(&Pages::default(), &["a", "a"]).tools.len() == 1);
    }
}
