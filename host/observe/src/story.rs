//! A trace as JSON, made when somebody asks for it.

use std::time::{Duration, UNIX_EPOCH};

use cardea_chain::{Cost, Origination, Step, Trace};
use serde_json::{Map, Value, json};

/// One call in a list of many.
pub(crate) fn line(trace: &Trace) -> Value {
    let at = trace.received.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let subject = &trace.subject;
    let whole = json!({
        "call": trace.call.as_str(),
        "atMs": at.as_millis() as u64,
        "generation": trace.generation,
        "endpoint": &*trace.endpoint,
        "version": trace.version,
        "method": trace.method.as_str(),
        "name": trace.name.as_deref(),
        "server": trace.server.as_deref(),
        "subject": {
            "issuer": subject.issuer,
            "id": subject.id,
            "kind": subject.kind,
            "tenant": subject.tenant,
            "client": subject.client,
            "credentialId": subject.credential_id,
            "roles": subject.roles,
        },
        "outcome": trace.end.outcome,
        "blame": trace.end.blame,
        "detail": trace.end.detail,
        "reason": trace.end.reason,
        "micros": trace.micros,
        "bytesIn": trace.bytes_in,
        "bytesOut": trace.bytes_out,
    });
    without_nothing(whole)
}

/// One call, stage by stage.
pub(crate) fn of(trace: &Trace) -> Value {
    let mut whole = line(trace);
    whole["steps"] = trace.steps.iter().map(step).collect();
    whole
}

fn step(step: &Step) -> Value {
    let Cost { host_calls, cpu_ticks, generation, instance, retries } = step.cost;
    let host_calls: Map<_, _> =
        host_calls.iter().map(|(import, count)| (import.as_str().to_owned(), count.into())).collect();
    // What the house did for a stage, and what a native stage did, ran in no instance.
    let ran = instance.map(|instance: Origination| {
        json!({
            "instance": instance.as_str(),
            "generation": generation,
            "cpuTicks": cpu_ticks,
            "retries": retries,
            "hostCalls": host_calls,
        })
    });
    without_nothing(json!({
        "stage": &*step.stage,
        "hook": step.hook,
        "verdict": step.verdict,
        "reason": step.reason,
        "edited": step.edited,
        "micros": step.micros,
        "ran": ran,
    }))
}

/// What is not there is left out.
fn without_nothing(mut value: Value) -> Value {
    if let Value::Object(members) = &mut value {
        members.retain(|_, value| !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty()));
    }
    value
}
