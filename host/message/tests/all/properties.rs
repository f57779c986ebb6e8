//! Properties of any JSON text, checked against serde_json's own value model.

use cardea_message::{
    Id, JsonFaultKind, Message, Pointer, ServerName, Splice, compose, header,
    json::{check, elements, find, find_str, members, remove, set, texts},
    name,
};
use proptest::{collection::vec, prelude::*};
use serde_json::{Map, Value};

fn key() -> impl Strategy<Value = String> {
    prop_oneof![Just("a".to_owned()), Just("~/".to_owned()), Just("0".to_owned()), Just(String::new()), ".{0,6}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((key(), inner), 0..5).prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// The value written with odd blanks and escapes, as a peer may write it.
fn written(value: &Value, odd: &mut impl Iterator<Item = u8>) -> String {
    let blank =
        |odd: &mut dyn Iterator<Item = u8>| ["", " ", "\n", "\t ", "  "][usize::from(odd.next().unwrap_or(0)) % 5];
    let inside = match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| written(item, odd)).collect();
            format!("[{}{}]", blank(odd), items.join(","))
        }
        Value::Object(items) => {
            let items: Vec<_> = items
                .iter()
                .map(|(key, item)| format!("{}{}{}:{}", blank(odd), string(key, odd), blank(odd), written(item, odd)))
                .collect();
            format!("{{{}{}}}", blank(odd), items.join(","))
        }
        Value::String(text) => string(text, odd),
        other => other.to_string(),
    };
    format!("{}{inside}{}", blank(odd), blank(odd))
}

fn string(text: &str, odd: &mut impl Iterator<Item = u8>) -> String {
    if !odd.next().unwrap_or(0).is_multiple_of(3) {
        return Value::from(text).to_string();
    }
    let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    format!("\"{escaped}\"")
}

/// A value, a text of it, and the pointers to everything in it.
fn text() -> impl Strategy<Value = (Value, String, Vec<Pointer>)> {
    text_of(value())
}

fn text_of(value: impl Strategy<Value = Value>) -> impl Strategy<Value = (Value, String, Vec<Pointer>)> {
    (value, vec(any::<u8>(), 64)).prop_map(|(value, odd)| {
        let text = written(&value, &mut odd.into_iter().cycle());
        let mut pointers = Vec::new();
        collect(&value, Pointer::root(), &mut pointers);
        (value, text, pointers)
    })
}

fn collect(value: &Value, at: Pointer, into: &mut Vec<Pointer>) {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| collect(item, at.child(&i.to_string()), into));
        }
        Value::Object(items) => items.iter().for_each(|(key, item)| collect(item, at.child(key), into)),
        _ => {}
    }
    into.push(at);
}

fn parsed(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap()
}

fn text_and_pointer() -> impl Strategy<Value = (Value, String, Pointer)> {
    (text(), any::<prop::sample::Index>(), key(), any::<bool>()).prop_map(
        |((value, text, pointers), at, key, beside)| {
            let pointer = at.get(&pointers).clone();
            (value, text, if beside { pointer.child(&key) } else { pointer })
        },
    )
}

proptest! {
    #[test]
    fn find_agrees_with_the_value_model((value, text, pointer) in text_and_pointer()) {
        prop_assert!(check(text.as_bytes()).is_ok());
        let expected = value.pointer(pointer.as_str());
        let found = find(text.as_bytes(), &pointer);
        prop_assert_eq!(found.clone().map(|span| parsed(&text.as_bytes()[span])), expected.cloned());
        prop_assert_eq!(find_str(text.as_bytes(), &pointer), expected.and_then(Value::as_str).map(str::to_owned));
        if let Some(span) = found {
            prop_assert_eq!(text[span.clone()].trim(), &text[span], "no blanks around a value");
        }
    }

    #[test]
    fn members_and_elements_agree_with_the_value_model((value, text, _) in text()) {
        let bytes = text.as_bytes();
        let pairs = members(bytes).map(|all| all.into_iter().map(|(key, span)| (key.into_owned(), parsed(&bytes[span]))));
        prop_assert_eq!(pairs.map(Iterator::collect::<Map<_, _>>), value.as_object().cloned());
        let items = elements(bytes).map(|all| all.into_iter().map(|span| parsed(&bytes[span])).collect::<Vec<_>>());
        prop_assert_eq!(items.as_ref(), value.as_array());
    }

    #[test]
    fn set_changes_one_span_and_the_value_accordingly((mut value, text, pointer) in text_and_pointer(), new in value()) {
        let (bytes, new_text) = (text.as_bytes(), new.to_string());
        match set(bytes, &pointer, new_text.as_bytes()) {
            Ok(changed) => {
                if let Some(span) = find(bytes, &pointer) {
                    prop_assert_eq!(&changed, &[&bytes[..span.start], new_text.as_bytes(), &bytes[span.end..]].concat());
                    *value.pointer_mut(pointer.as_str()).unwrap() = new;
                } else {
                    let added = changed.len() - bytes.len();
                    let same = (0..=bytes.len()).find(|&at| changed[..at] == bytes[..at] && changed[at + added..] == bytes[at..]);
                    prop_assert!(same.is_some(), "only one insertion: {:?}", String::from_utf8(changed));
                    let (parent, last) = pointer.split_last().unwrap();
                    match value.pointer_mut(parent.as_str()).unwrap() {
                        Value::Object(members) => drop(members.insert(last.into_owned(), new)),
                        Value::Array(items) => items.push(new),
                        other => prop_assert!(false, "added to {other}"),
                    }
                }
                prop_assert!(check(&changed).is_ok());
                prop_assert_eq!(parsed(&changed), value);
            }
            Err(_) => {
                let (parent, _) = pointer.split_last().unwrap();
                prop_assert!(!value.pointer(parent.as_str()).is_some_and(Value::is_object), "an object takes any key");
                prop_assert!(value.pointer(pointer.as_str()).is_none());
            }
        }
    }

    #[test]
    fn remove_cuts_one_span_and_the_value_accordingly((mut value, text, pointer) in text_and_pointer()) {
        let bytes = text.as_bytes();
        let Ok(changed) = remove(bytes, &pointer) else {
            prop_assert!(pointer == Pointer::root() || value.pointer(pointer.as_str()).is_none());
            return Ok(());
        };
        let cut = bytes.len() - changed.len();
        let same = (0..=changed.len()).any(|at| changed[..at] == bytes[..at] && changed[at..] == bytes[at + cut..]);
        prop_assert!(same, "only one cut: {:?}", String::from_utf8(changed));
        let (parent, last) = pointer.split_last().unwrap();
        match value.pointer_mut(parent.as_str()).unwrap() {
            Value::Object(members) => drop(members.remove(last.as_ref())),
            Value::Array(items) => drop(items.remove(last.parse().unwrap())),
            other => prop_assert!(false, "removed from {other}"),
        }
        prop_assert!(check(&changed).is_ok());
        prop_assert_eq!(parsed(&changed), value);
    }

    #[test]
    fn texts_are_all_strings_and_each_pointer_leads_back((value, text, pointers) in text(), limit in 0_usize..64) {
        let mut expected: Vec<_> = pointers.iter().filter(|at| value.pointer(at.as_str()).unwrap().is_string()).collect();
        let (mut found, mut next) = texts(text.as_bytes(), 0, limit);
        while let Some(from) = next {
            let page = texts(text.as_bytes(), from, limit);
            found.extend(page.0);
            next = page.1;
        }
        for (pointer, string) in &found {
            let pointer = Pointer::parse(pointer).unwrap();
            prop_assert_eq!(find_str(text.as_bytes(), &pointer), Some(string.clone()));
            expected.retain(|at| **at != pointer);
        }
        prop_assert!(expected.is_empty(), "left out {expected:?}");
    }

    #[test]
    fn no_bytes_make_anything_panic(bytes in vec(any::<u8>(), 0..200), pointer in "(/[a-z0~1]{0,2}){0,3}") {
        everything(&bytes, &pointer);
    }

    #[test]
    fn no_near_json_makes_anything_panic(text in r#"[\[\]{}:,"\\a0-9.eEu\-+ ntd]{0,60}"#, pointer in "(/[a0]?){0,3}") {
        everything(text.as_bytes(), &pointer);
    }

    #[test]
    fn an_injected_duplicate_is_found(
        (value, text, pointers) in text_of(value().prop_map(|value| serde_json::json!({ "a": value }))),
        at in any::<prop::sample::Index>(),
        odd in vec(any::<u8>(), 8),
    ) {
        let objects: Vec<_> = pointers
            .iter()
            .filter_map(|at| Some((at, value.pointer(at.as_str())?.as_object()?.keys().next()?)))
            .collect();
        let (pointer, key) = objects[at.index(objects.len())];
        let brace = find(text.as_bytes(), pointer).unwrap().start + 1;
        let twin = format!("{}:0,", string(key, &mut odd.into_iter()));
        let injected = [&text[..brace], &twin, &text[brace..]].concat();
        prop_assert_eq!(check(injected.as_bytes()).map_err(|fault| fault.kind), Err(JsonFaultKind::DuplicateKey));
    }

    #[test]
    fn check_accepts_what_serde_json_accepts(text in r#"[\[\]{}:,"\\a0-9.eEu\-+ ntd]{0,40}"#) {
        let accepted = serde_json::from_str::<Value>(&text).is_ok();
        match check(text.as_bytes()) {
            Ok(()) => prop_assert!(accepted),
            Err(fault) if fault.kind == JsonFaultKind::DuplicateKey => {}
            Err(fault) => prop_assert!(!accepted, "{fault}"),
        }
    }

    #[test]
    fn mirrored_values_come_back(text in any::<String>()) {
        let value = header::encode_mirrored(&text);
        prop_assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        prop_assert_eq!(header::decode_mirrored(format!(" {value}\t").as_bytes()), Ok(text));
    }

    #[test]
    fn mirrored_bytes_never_panic(bytes in vec(any::<u8>(), 0..60)) {
        let _ = header::decode_mirrored(&bytes);
    }

    #[test]
    fn another_id_changes_nothing_else(text in ".{0,9}", number in any::<u64>(), params in value(), odd in vec(any::<u8>(), 9)) {
        let (from, to) = (Id::parse(Value::from(text).to_string().as_bytes()).unwrap(), Id::number(number));
        let body = Value::from(Map::from_iter([("params".to_owned(), params)]));
        let params = written(&body, &mut odd.into_iter().cycle());
        let bytes = compose::request(&from, "tools/call", Some(params.as_bytes()));
        let Message::Request(request) = Message::parse(bytes.clone()).unwrap() else { panic!("a request") };
        let changed = request.with_id(&to).into_bytes();
        prop_assert_eq!(&changed, &compose::request(&to, "tools/call", Some(params.as_bytes())));
        let Message::Request(request) = Message::parse(changed).unwrap() else { panic!("a request") };
        prop_assert_eq!(request.with_id(&from).into_bytes(), bytes);

        let bytes = compose::result(&from, params.as_bytes());
        let Message::Response(response) = Message::parse_reply(bytes).unwrap() else { panic!("a response") };
        prop_assert_eq!(response.with_id(&to).into_bytes(), compose::result(&to, params.as_bytes()));
    }

    #[test]
    fn names_split_where_they_were_joined(server in "[a-z0-9-]{1,24}", native in ".{1,100}") {
        let server = ServerName::parse(&server).unwrap();
        let joined = name::join(&server, &native);
        prop_assert!(joined.chars().count() <= name::MAX_NAME);
        let (head, rest) = name::split(&joined).unwrap();
        prop_assert_eq!(head, server.as_str());
        prop_assert!(rest == native || name::is_shortened(&joined));
    }

    #[test]
    fn pieces_join_to_one_buffer(text in "[a-z]{0,20}", edits in vec((0_usize..24, 0_usize..24, "[A-Z]{0,3}"), 0..5)) {
        let splice = edits.iter().fold(Splice::new(text.clone().into()), |splice, (start, end, with)| {
            splice.replace(*start..*end, with.clone())
        });
        let joined = splice.clone().into_pieces().concat();
        prop_assert_eq!(&splice.into_bytes()[..], &joined[..]);
        let kept: String = String::from_utf8(joined).unwrap().chars().filter(char::is_ascii_lowercase).collect();
        let mut rest = text.chars();
        prop_assert!(kept.chars().all(|kept| rest.any(|character| character == kept)), "kept text stays in order");
    }
}

fn everything(bytes: &[u8], pointer: &str) {
    let pointer = Pointer::parse(pointer).unwrap_or_default();
    let _ = (check(bytes), find(bytes, &pointer), find_str(bytes, &pointer), members(bytes), elements(bytes));
    let _ = (set(bytes, &pointer, b"1"), remove(bytes, &pointer), texts(bytes, 1, 10));
    let _ = (set(b"{}", &Pointer::root().child("a"), bytes), Id::parse(bytes));
    let _ = (Message::parse(bytes.to_vec().into()), Message::parse_reply(bytes.to_vec().into()));
}
