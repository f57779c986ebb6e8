//! What a trace weighs, once what a caller or a plugin could make long has been cut.

use cardea_chain::{End, Step, Subject, Trace};

/// Bytes of a sentence.
const SENTENCE: usize = 1 << 10;
/// Bytes of a name, a pointer, a code.
const WORD: usize = 256;
/// Pointers of one step.
const POINTERS: usize = 32;

/// Cuts what is too long, and says how many bytes the trace holds.
pub(crate) fn trim(trace: &mut Trace) -> usize {
    if let Some(name) = trace.name.take() {
        trace.name = Some(if name.len() > WORD { cut(&mut name.into_string(), WORD).into() } else { name });
    }
    let End { detail, reason, .. } = &mut trace.end;
    shorten(detail, WORD);
    shorten(reason, SENTENCE);
    let steps: usize = trace.steps.iter_mut().map(trim_step).sum();
    let end = length(&trace.end.detail) + length(&trace.end.reason);
    let name = trace.name.as_ref().map_or(0, |name| name.len());
    let spare = (trace.steps.capacity() - trace.steps.len()) * size_of::<Step>();
    size_of::<Trace>() + trace.call.as_str().len() + name + end + steps + spare + weight(&trace.subject)
}

fn trim_step(step: &mut Step) -> usize {
    shorten(&mut step.reason, SENTENCE);
    step.edited.truncate(POINTERS);
    let edited = step.edited.iter_mut().map(|pointer| {
        if pointer.len() > WORD {
            *pointer = cut(pointer, WORD).to_owned();
        }
        size_of::<String>() + pointer.len()
    });
    let edited: usize = edited.sum();
    size_of::<Step>() + length(&step.reason) + edited
}

fn shorten(text: &mut Option<String>, most: usize) {
    if let Some(long) = text.as_mut().filter(|text| text.len() > most) {
        *long = cut(long, most).to_owned();
    }
}

/// The beginning of a text. What is kept is a copy, so that the rest of a long one is not kept with it.
fn cut(text: &mut String, most: usize) -> &str {
    text.truncate(text.floor_char_boundary(most.saturating_sub('…'.len_utf8())));
    text.push('…');
    text
}

fn length(text: &Option<String>) -> usize {
    text.as_ref().map_or(0, String::len)
}

fn weight(subject: &Subject) -> usize {
    let Subject {
        issuer, id, kind, tenant, client, credential_id, roles, groups, scopes, actor_json, claims_json, ..
    } = subject;
    let texts: usize = [issuer, id, kind, tenant, client, credential_id].map(String::len).iter().sum();
    let lists: usize = [roles, groups, scopes].into_iter().flatten().map(|text| size_of::<String>() + text.len()).sum();
    size_of::<Subject>() + texts + lists + length(actor_json) + length(claims_json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_text_ends_within_its_bound_and_between_characters() {
        let mut text = Some("ä".repeat(SENTENCE));
        shorten(&mut text, 10);
        assert_eq!(text.as_deref(), Some("äää…"));
        let mut short = Some("short".to_owned());
        shorten(&mut short, 10);
        assert_eq!(short.as_deref(), Some("short"));
    }
}
