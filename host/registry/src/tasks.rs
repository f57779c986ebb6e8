//! Tasks of 2026-07-28. The id of a task is all that leads back to its server and to whoever began it, so clients get ids of
//! the gateway's own: they name both, and nobody else can use them.

use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use cardea_chain::{Call, Event, Exchange, Fault, Health, Load, Upstream};
use cardea_message::{Filter, Message, Method, Notification, Outcome, Pointer, Response, Splice, json};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What the extension is called in capabilities.
pub(crate) const EXTENSION: &str = "io.modelcontextprotocol/tasks";
/// The member that holds the id of a task.
const TASK_ID: &str = "taskId";
/// The id of a task that no server has.
const NOBODYS: &str = "unknown";

/// A task, as its server knows it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) server: String,
    pub(crate) native: String,
}

/// The id a subject has for a task: `<server>.<native id>.<seal>`, the latter two in base64url.
fn sealed(subject: &str, server: &str, native: &str) -> String {
    let seal = seal(subject, server, native).finalize().into_bytes();
    format!("{server}.{}.{}", URL_SAFE_NO_PAD.encode(native), URL_SAFE_NO_PAD.encode(seal))
}

/// The task a subject has this id for; none if it was not given to that subject by this process.
pub(crate) fn opened(subject: &str, id: &str) -> Option<Task> {
    let mut parts = id.split('.');
    let (server, native, given) = (parts.next()?, parts.next()?, parts.next()?);
    let native = String::from_utf8(URL_SAFE_NO_PAD.decode(native).ok()?).ok()?;
    seal(subject, server, &native).verify_slice(&URL_SAFE_NO_PAD.decode(given).ok()?).ok()?;
    parts.next().is_none().then(|| Task { server: server.to_owned(), native })
}

fn seal(subject: &str, server: &str, native: &str) -> Hmac<Sha256> {
    static KEY: OnceLock<[u8; 64]> = OnceLock::new();
    let mut seal = Hmac::<Sha256>::new(KEY.get_or_init(rand::random).into());
    for part in [subject, server, native] {
        seal.update(&(part.len() as u64).to_be_bytes());
        seal.update(part.as_bytes());
    }
    seal
}

/// Whether a method is about a task.
pub(crate) fn is_about_one(method: &Method) -> bool {
    matches!(method.as_str(), "tasks/get" | "tasks/update" | "tasks/cancel")
}

/// The task a call is about, and the `params` in which its server finds it. A client that does not declare tasks gets its
/// server's word on that, whatever it asks for.
pub(crate) fn asked_for(call: &Call) -> Result<(Option<Task>, Bytes), Fault> {
    let id = call.name.as_deref().unwrap_or_default();
    let task = opened(&call.subject.key(), id);
    if task.is_none() && declared(&call.client.capabilities) {
        return Err(Fault::unknown_name(&call.method, id));
    }
    let native = task.as_ref().map_or(NOBODYS, |task| &task.native);
    let params = with_id(call.params(), native).ok_or_else(|| Fault::unknown_name(&call.method, id))?;
    Ok((task, params))
}

/// The ids that a subject's subscription names, as one server knows them.
pub(crate) fn of_server(subject: &str, server: &str, ids: &[String]) -> Vec<String> {
    let tasks = ids.iter().filter_map(|id| opened(subject, id));
    tasks.filter(|task| task.server == server).map(|task| task.native).collect()
}

/// Whether a client declares tasks.
fn declared(capabilities: &[u8]) -> bool {
    let extension = Pointer::root().child("extensions").child(EXTENSION);
    json::member(capabilities, "extensions").is_some() && json::find(capabilities, &extension).is_some()
}

/// An upstream whose tasks have ids of the gateway's own.
pub(crate) struct Sealed {
    inner: Arc<dyn Upstream>,
    server: Arc<str>,
}

impl Sealed {
    pub(crate) fn new(inner: Arc<dyn Upstream>, server: &Arc<str>) -> Self {
        Self { inner, server: Arc::clone(server) }
    }
}

impl Upstream for Sealed {
    fn open<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Exchange, Fault>> {
        // The filter of a subscription is looked at in any case: a server might take ids from whoever names them.
        if !declared(&call.client.capabilities) && call.method != Method::SUBSCRIPTIONS_LISTEN {
            return self.inner.open(call);
        }
        async move {
            let ids =
                Ids { subject: call.subject.key(), server: Arc::clone(&self.server), method: call.method.clone() };
            Ok(match self.inner.open(&ids.asked(call)).await? {
                Exchange::Ended(response) => Exchange::Ended(ids.response(response)),
                Exchange::Composed(result) => Exchange::Composed(result),
                Exchange::Open(events) => {
                    Exchange::Open(events.map(move |event| event.map(|event| ids.event(event))).boxed())
                }
            })
        }
        .boxed()
    }

    fn health(&self) -> Health {
        self.inner.health()
    }

    fn load(&self) -> Load {
        self.inner.load()
    }

    fn revision(&self) -> u64 {
        self.inner.revision()
    }

    fn session_ended(&self, session: &str) {
        self.inner.session_ended(session);
    }

    fn told(&self, session: &str, notification: &Notification) {
        self.inner.told(session, notification);
    }
}

/// The ids of one call.
struct Ids {
    subject: String,
    server: Arc<str>,
    method: Method,
}

impl Ids {
    /// The call with the server's own ids in the filter of a subscription.
    fn asked(&self, call: &Arc<Call>) -> Arc<Call> {
        let ids = match self.method == Method::SUBSCRIPTIONS_LISTEN {
            true => Filter::of(call.params()).tasks,
            false => return Arc::clone(call),
        };
        let native = serde_json::json!(of_server(&self.subject, &self.server, &ids)).to_string();
        let params = json::set(call.params(), &filter(), native.as_bytes()).ok().filter(|_| !ids.is_empty());
        params.map_or_else(
            || Arc::clone(call),
            |params| Arc::new(Call { params: Some(params.into()), ..(**call).clone() }),
        )
    }

    fn event(&self, event: Event) -> Event {
        match event {
            Event::End(response) => Event::End(self.response(response)),
            Event::Notification(news) => Event::Notification(self.notification(&news).unwrap_or(news)),
            ask @ Event::Ask(_) => ask,
        }
    }

    /// The response with the gateway's id of the task it is, if it is one. All else stays as it is.
    fn response(&self, response: Response) -> Response {
        let own = || {
            let result = response.result()?;
            let is_task = json::member_str(&result, "resultType").as_deref() == Some("task");
            let id = json::member_str(&result, TASK_ID).filter(|_| is_task || is_about_one(&self.method))?;
            with_id(&result, &sealed(&self.subject, &self.server, &id))
        };
        match (own(), &response.outcome) {
            (Some(result), Outcome::Result(span)) => {
                match Message::parse_reply(
                    Splice::new(response.bytes().clone()).replace(span.clone(), result).into_bytes(),
                ) {
                    Ok(Message::Response(sealed)) => sealed,
                    _ => response,
                }
            }
            _ => response,
        }
    }

    fn notification(&self, news: &Notification) -> Option<Notification> {
        let (params, span) = (news.params()?, news.params_span()?);
        let own = |id: &str| sealed(&self.subject, &self.server, id);
        let params = match news.method.as_str() {
            "notifications/tasks" => with_id(&params, &own(&json::member_str(&params, TASK_ID)?))?,
            "notifications/subscriptions/acknowledged" => {
                let ids = Filter::of(&params).tasks;
                json::find(&params, &filter())?;
                let ids = serde_json::json!(ids.iter().map(|id| own(id)).collect::<Vec<_>>()).to_string();
                json::set(&params, &filter(), ids.as_bytes()).ok()?.into()
            }
            _ => return None,
        };
        Notification::read(Splice::new(news.bytes().clone()).replace(span, params).into_bytes())
    }
}

fn with_id(object: &[u8], id: &str) -> Option<Bytes> {
    let quoted = serde_json::Value::from(id).to_string();
    json::set(object, &Pointer::root().child(TASK_ID), quoted.as_bytes()).ok().map(Bytes::from)
}

/// Where the ids stand in the filter of a subscription.
fn filter() -> Pointer {
    Pointer::root().child("notifications").child("taskIds")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use cardea_message::{Id, compose};

    use super::*;

    #[test]
    fn an_id_is_good_for_the_subject_it_was_given_to() {
        let id = sealed("ann", "git", "task 1/ü");
        assert!(id.is_ascii() && id.starts_with("git."));
        assert_eq!(opened("ann", &id), Some(Task { server: "git".into(), native: "task 1/ü".into() }));
        assert_eq!(opened("bob", &id), None);
        assert_eq!(opened("ann", &id.replace("git.", "web.")), None);
        for bad in ["", "task-1", "git..", &format!("{id}."), &id[..id.len() - 2]] {
            assert_eq!(opened("ann", bad), None, "{bad}");
        }
        assert_eq!(of_server("ann", "git", &[id, "x".into(), sealed("ann", "web", "t")]), ["task 1/ü"]);
    }

    #[test]
    fn only_the_id_of_a_task_is_changed() {
        let ids = |method| Ids { subject: "ann".into(), server: "git".into(), method };
        let response = |result: &str| match Message::parse(compose::result(&Id::number(1), result.as_bytes())).unwrap()
        {
            Message::Response(response) => response,
            other => panic!("{other:?}"),
        };
        let task = r#"{ "resultType":"task", "x":1.0,"taskId" : "t" }"#;
        let told = ids(Method::TOOLS_CALL).response(response(task)).result().unwrap();
        assert_eq!(told, task.replace(r#""t""#, &format!(r#""{}""#, sealed("ann", "git", "t"))));
        for other in [r#"{"resultType":"complete","taskId":"t"}"#, r#"{"taskId":"t"}"#, r#"{"resultType":"task"}"#] {
            assert_eq!(ids(Method::TOOLS_CALL).response(response(other)).result().unwrap(), other);
        }
        let asked = ids(Method::TASKS_GET).response(response(r#"{"resultType":"complete","taskId":"t"}"#));
        assert!(!asked.result().unwrap().ends_with(br#""taskId":"t"}"#));
    }
}
