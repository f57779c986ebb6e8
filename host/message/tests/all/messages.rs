//! Messages as peers send them, and the shapes that are none.

use cardea_message::{Id, Message, Method, Outcome, ParseFault, Rule, error};

fn parse(text: &str) -> Result<Message, ParseFault> {
    let parsed = Message::parse(text.to_owned().into());
    let reply = Message::parse_reply(text.to_owned().into());
    assert_eq!(format!("{parsed:?}"), format!("{reply:?}"), "both ways agree on what is not hostile");
    parsed
}

#[test]
fn a_request_knows_its_id_method_and_params() {
    let text = r#" {"extra":1e2, "params" : {"name":"x"} ,"method":"tools\/call","id": 7,"jsonrpc":"2.0"} "#;
    let Ok(Message::Request(request)) = parse(text) else { panic!("a request") };
    assert_eq!((&request.id, &request.method), (&Id::number(7), &Method::TOOLS_CALL));
    assert_eq!(request.params().unwrap(), r#"{"name":"x"}"#);
    assert_eq!(request.bytes(), text);
    assert_eq!(&text[request.id_span()], "7");
    let params = request.params().unwrap();
    assert_eq!(params.as_ptr(), request.bytes()[request.params_span().unwrap()].as_ptr(), "params are not copied");
    assert_eq!(request.with_id(&Id::number(12)).into_bytes(), text.replace("7", "12"));
}

#[test]
fn a_message_without_id_is_a_notification() {
    let Ok(Message::Notification(note)) = parse(r#"{"jsonrpc":"2.0","method":"x/y"}"#) else {
        panic!("a notification")
    };
    assert_eq!((note.method.as_str(), note.params()), ("x/y", None));
}

#[test]
fn a_response_holds_a_result_or_an_error() {
    let text = r#"{"jsonrpc":"2.0","id":"a","result":{"x":1.0}}"#;
    let Ok(Message::Response(response)) = parse(text) else { panic!("a response") };
    assert_eq!((response.result().unwrap().as_ref(), response.error()), (&br#"{"x":1.0}"#[..], None));
    assert!(matches!(&response.outcome, Outcome::Result(span) if &text[span.clone()] == r#"{"x":1.0}"#));
    let text = r#" {"jsonrpc":"2.0","error":{"code":-32700,"message":""}}"#;
    let Ok(Message::Response(response)) = parse(text) else { panic!("a response") };
    assert_eq!((response.id.as_ref(), response.result()), (None, None));
    assert_eq!(response.with_id(&Id::number(1)).into_bytes(), text.replace("{\"json", "{\"id\":1,\"json"));
}

#[test]
fn other_shapes_are_refused_with_the_id_they_had() {
    for (text, rule, id) in [
        ("1", Rule::Object, None),
        (r#""{}""#, Rule::Object, None),
        (r#"{"id":1,"method":"x"}"#, Rule::Version, Some(1)),
        (r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#, Rule::Version, Some(1)),
        (r#"{"jsonrpc":2.0,"id":1,"method":"x"}"#, Rule::Version, Some(1)),
        (r#"{"JSONRPC":"2.0","id":1,"method":"x"}"#, Rule::Version, Some(1)),
        (r#"{"jsonrpc":"2.0","id":1,"Method":"x"}"#, Rule::Kind, Some(1)),
        (r#"{"jsonrpc":"2.0","id":1,"method":1}"#, Rule::Method, Some(1)),
        (r#"{"jsonrpc":"2.0","id":1,"method":null}"#, Rule::Method, Some(1)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"x","params":[]}"#, Rule::Params, Some(1)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"x","params":null}"#, Rule::Params, Some(1)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"x","result":{}}"#, Rule::Ambiguous, Some(1)),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#, Rule::Ambiguous, Some(1)),
        (r#"{"jsonrpc":"2.0","id":1,"error":"x"}"#, Rule::Error, Some(1)),
        (r#"{"jsonrpc":"2.0","id":1,"method":"notifications/cancelled"}"#, Rule::NotificationWithId, Some(1)),
        (r#"{"jsonrpc":"2.0","result":{}}"#, Rule::ResultWithoutId, None),
        (r#"{"jsonrpc":"2.0","id":null,"result":{}}"#, Rule::ResultWithoutId, None),
    ] {
        let Err(fault) = parse(text) else { panic!("{text}") };
        assert_eq!(fault, ParseFault::Shape { rule, id: id.map(Id::number) }, "{text}");
        assert_eq!(fault.code(), error::INVALID_REQUEST);
    }
}

#[test]
fn ids_that_are_none_are_refused() {
    for id in
        ["null", "1.0", "1e2", "-0", "true", "[]", "{}", "18446744073709551616", &format!("\"{}\"", "x".repeat(2000))]
    {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"x"}}"#);
        let Err(ParseFault::Shape { rule: Rule::Id(_), id: None }) = parse(&text) else { panic!("{text}") };
    }
}

#[test]
fn an_array_is_a_batch_and_no_message() {
    for text in ["[]", r#" [{"jsonrpc":"2.0","id":1,"method":"x"}]"#] {
        assert_eq!(parse(text).unwrap_err(), ParseFault::Batch);
    }
    assert_eq!(parse("[1").unwrap_err().code(), error::PARSE);
}

#[test]
fn a_reply_is_read_at_its_top_level_only() {
    let inside = r#"{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":"\ud800"}}"#;
    assert!(Message::parse_reply(inside.into()).is_ok());
    let Err(ParseFault::Json { id: Some(id), .. }) = Message::parse(inside.into()) else {
        panic!("refused with its id")
    };
    assert_eq!(id, Id::number(1));
    for top in
        [r#"{"jsonrpc":"2.0","id":1,"result":1,"\u0069d":2}"#, r#"{"jsonrpc":"2.0","id":1,"result":1,"x":1,"x":1}"#]
    {
        let Err(ParseFault::Json { id: None, .. }) = Message::parse_reply(top.into()) else { panic!("{top}") };
    }
}
