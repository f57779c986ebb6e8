//! `on-reply`: one command per reply, named by the call's argument `reply`.

use cardea_sdk::prelude::*;

use crate::call_commands::settle;
use crate::texts::{
    arg_or_empty, error_text, json_or_empty, json_or_null, list, number_or_null, quoted, quoted_bytes, quoted_or_null,
    refusal,
};
use crate::trap;

/// Answers to the command.
pub(crate) fn judge() -> ReplyVerdict {
    match run(&arg_or_empty("reply")) {
        Ok(verdict) => verdict,
        Err(error) => Refusal { message: error_text(&error), ..refusal(RefusalKind::Invalid) }.into(),
    }
}

fn run(command: &str) -> Result<ReplyVerdict, HostError> {
    match command {
        "refuse" => return Ok(refusal(RefusalKind::Forbidden).into()),
        "trap" => trap(),
        "facts" => reply::set("/facts", &facts())?,
        "set" => reply::set(&arg_or_empty("pointer"), &json_or_empty("json"))?,
        "remove" => reply::remove(&arg_or_empty("pointer"))?,
        "set-texts" => wrap_texts()?,
        "scratch" => reply::set("/scratch", &quoted_bytes(scratch::get(&arg_or_empty("plugin"), "k")))?,
        "settle" => settle()?,
        _ => {}
    }
    Ok(ReplyVerdict::Pass)
}

fn facts() -> String {
    let many = reply::get_many(&["/probe".to_owned(), "/none".to_owned()]);
    format!(
        r#"{{"origin":{},"error":{},"toolError":{},"code":{},"size":{},"get":{},"many":{},"text":{}}}"#,
        quoted(origin()),
        reply::is_error(),
        reply::is_tool_error(),
        number_or_null(reply::error_code()),
        reply::size(),
        json_or_null(reply::get("/probe")),
        list(many.into_iter().map(json_or_null)),
        quoted_or_null(reply::text("/probe").as_deref()),
    )
}

fn origin() -> &'static str {
    match reply::origin() {
        reply::Producer::Server => "server",
        reply::Producer::Stage => "stage",
        reply::Producer::House => "house",
    }
}

fn wrap_texts() -> Result<(), HostError> {
    let mut edits = Vec::new();
    let mut cursor = Some(0);
    while let Some(at) = cursor {
        let page = reply::texts(at);
        edits.extend(page.leaves.into_iter().map(|leaf| (leaf.pointer, format!("<{}>", leaf.text))));
        cursor = page.next;
    }
    reply::set_texts(&edits)
}
