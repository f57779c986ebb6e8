//! Pages of a list that several servers make together.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use cardea_chain::ItemKind;
use sha2::{Digest, Sha256};

/// The most items of one page. Some clients ask for no second one, so few lists should need it.
const PAGE: usize = 1000;
/// Bytes of a list's revision in a cursor.
const REVISION: usize = 8;

/// The page of a list that a cursor stands for, as a whole result; none if the cursor was not given out for this list as it is
/// now: who began with another revision has to begin again, and misses nothing.
pub(crate) fn page(kind: ItemKind, items: &[Bytes], cursor: Option<&str>) -> Option<Bytes> {
    page_of(PAGE, kind, items, cursor)
}

fn page_of(size: usize, kind: ItemKind, items: &[Bytes], cursor: Option<&str>) -> Option<Bytes> {
    let start = match cursor {
        None => 0,
        Some(cursor) => read(cursor, items).filter(|start| *start < items.len() && *start % size == 0)?,
    };
    let end = items.len().min(start + size);
    let shown: Vec<&[u8]> = items[start..end].iter().map(|item| &item[..]).collect();
    let next = if end < items.len() { format!(r#","nextCursor":"{}""#, written(end, items)) } else { String::new() };
    let head = format!(r#"{{"{}":["#, kind.member());
    let tail = format!(r#"]{next},"resultType":"complete","ttlMs":0,"cacheScope":"private"}}"#);
    Some(Bytes::from([head.as_bytes(), &shown.join(&b','), tail.as_bytes()].concat()))
}

fn written(start: usize, items: &[Bytes]) -> String {
    let start = u32::try_from(start).unwrap_or(u32::MAX).to_be_bytes();
    URL_SAFE_NO_PAD.encode([&revision(items)[..], &start].concat())
}

fn read(cursor: &str, items: &[Bytes]) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (seen, start) = bytes.split_at_checked(REVISION)?;
    let start = u32::from_be_bytes(start.try_into().ok()?);
    (seen == revision(items)).then_some(start as usize)
}

/// What changes whenever the list does.
fn revision(items: &[Bytes]) -> [u8; REVISION] {
    let mut digest = Sha256::new();
    for item in items {
        digest.update((item.len() as u64).to_be_bytes());
        digest.update(item);
    }
    let digest = digest.finalize();
    std::array::from_fn(|at| digest[at])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::Value;

    use super::*;

    fn items(count: usize) -> Vec<Bytes> {
        (0..count).map(|number| number.to_string().into()).collect()
    }

    fn read_page(items: &[Bytes], cursor: Option<&str>) -> Option<Value> {
        page_of(3, ItemKind::Tool, items, cursor).map(|page| serde_json::from_slice(&page).unwrap())
    }

    #[test]
    fn pages_hold_everything_once_and_in_order() {
        let items = items(7);
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = read_page(&items, cursor.as_deref()).unwrap();
            seen.extend(page["tools"].as_array().unwrap().iter().map(|item| item.as_u64().unwrap()));
            cursor = page["nextCursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, (0..7).collect::<Vec<_>>());
        assert!(read_page(&[], None).unwrap().get("nextCursor").is_none());
    }

    #[test]
    fn a_cursor_is_good_for_the_list_it_was_given_out_with() {
        let page = read_page(&items(7), None).unwrap();
        let cursor = page["nextCursor"].as_str().unwrap();
        assert!(read_page(&items(7), Some(cursor)).is_some());
        assert!(read_page(&items(8), Some(cursor)).is_none(), "the list is another");
        for bad in ["", "x", "page-2", &URL_SAFE_NO_PAD.encode([0; 12])] {
            assert!(read_page(&items(7), Some(bad)).is_none(), "{bad}");
        }
    }
}
