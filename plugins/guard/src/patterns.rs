//! Texts that address the model and not its user. Patterns know the words of attacks that were seen; who words an attack anew
//! gets past them, so a pattern is a reason to look, never a proof that there is nothing.

use regex::bytes::{RegexSet, RegexSetBuilder};

/// A set of patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sort {
    /// Tells the model to do something else than it was asked.
    Injection,
    /// Tells the model, or its client, to carry data away.
    Exfiltration,
    /// An own pattern, by its place.
    Own(usize),
}

/// Words that tell a model to leave its task, to hide something, or to take a text for its system's.
const INJECTION: &[&str] = &[
    r"\b(ignore|disregard|forget|override|bypass)\b.{0,40}\b(previous|prior|above|earlier|preceding|all|your|any|system)\b.{0,30}\b(instruction|prompt|rule|message|guideline|direction|context|polic)",
    r"\b(do not|don't|never|without)\b.{0,20}\b(tell|telling|inform|informing|mention|mentioning|notify|notifying|alert|alerting|reveal|show)\b.{0,25}\b(the |your )?(user|human|operator|anyone)\b",
    r"</?\s*(important|system|instructions?|secret|admin|hidden|assistant)\s*>",
    r"<\|\s*(im_start|im_end|system|endoftext|assistant)\s*\|>|\[/?INST\]|<<SYS>>",
    r"\n\s*(system|assistant|human)\s*:\s",
    r"\b(before|prior to|after|when|whenever)\b.{0,20}\b(using|calling|invoking|executing|running)\b.{0,25}\b(this|any|other|every|the) .{0,20}\btools?\b.{0,60}\b(must|first|always|read|call|send|include|also)\b",
    r"\b(you are|act|behave) now\b.{0,40}\b(mode|unrestricted|jailbroken|dan|developer|root|admin)",
    r"\b(reveal|print|repeat|output|show|tell me|leak)\b.{0,25}\b(your|the) (system|initial|hidden|secret|original) (prompt|instruction|message)",
    r"\b(new|updated|real|actual) (system )?(instructions?|task|objective)\s*(:|are|is now)",
    r"\b(this|these) (tool|instruction)s? (must|takes? precedence|overrides?|supersedes?|replaces?)\b",
    r"\b(instead of|rather than) (using|calling) .{0,40}\b(always )?(use|call) (this|me)\b",
    r"\b(mandatory|required|critical|urgent)\b.{0,30}\b(for|to) ((all|every|the) )?(ai( \w{1,12})?|model|llm|agent)s?\b",
];

/// Words and links that carry data away.
const EXFILTRATION: &[&str] = &[
    r"!\[[^\]]{0,200}\]\(\s*https?://[^)\s]{1,500}[?&/=][^)\s]{0,500}(\{|%7b|\$|<|[?&][\w-]{1,40}=[^&)\s]{24,})",
    r"<img[^>]{1,300}src\s*=\s*.?https?://[^>]{1,500}[?&][^>]{24,}>",
    r"\b(read|open|cat|load|include|send|pass|attach|copy|fetch|upload|post|paste|provide|put)\b.{0,60}(~/\.|\.ssh\b|id_rsa|id_ed25519|\.env\b|\.aws\b|mcp\.json|\.npmrc|\.netrc|/etc/(passwd|shadow)|\.git-credentials|\.kube/config)",
    r"\b(send|forward|upload|post|exfiltrate|transmit|leak|e-?mail|append)\b.{0,60}\b(conversation|chat history|history|credentials?|api[ _-]?keys?|tokens?|passwords?|secrets?|environment variables?|files?|contents?)\b.{0,60}\b(to|at)\b.{0,20}(https?://|[\w.+-]+@[\w-]+\.\w)",
    r"\b(put|pass|include|encode|insert|hide|place|embed)\b.{0,50}\b(conversation|history|system prompt|credentials?|api[ _-]?keys?|passwords?|secrets?|contents?)\b.{0,50}\b(in|into|as|to|within)\b.{0,30}\b(url|link|query|parameter|argument|sidenote|note|field|image)",
];

/// All patterns, compiled to one automaton.
#[derive(Debug)]
pub(crate) struct Patterns {
    set: RegexSet,
    sorts: Vec<Sort>,
}

impl Patterns {
    /// The built-in patterns and own ones. Time is linear in the text, whatever the patterns.
    pub(crate) fn new(own: &[String]) -> Result<Self, String> {
        let sorted =
            |sort: Sort, patterns: &'static [&'static str]| patterns.iter().map(move |pattern| (sort, *pattern));
        let built_in = sorted(Sort::Injection, INJECTION).chain(sorted(Sort::Exfiltration, EXFILTRATION));
        let own = own.iter().enumerate().map(|(at, pattern)| (Sort::Own(at), pattern.as_str()));
        let (sorts, patterns): (Vec<Sort>, Vec<&str>) = built_in.chain(own).unzip();
        let set = RegexSetBuilder::new(patterns)
            .case_insensitive(true)
            .unicode(false)
            .size_limit(8 << 20)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { set, sorts })
    }

    /// What a text is like, each sort once.
    pub(crate) fn of(&self, text: &str) -> Vec<Sort> {
        let mut sorts: Vec<Sort> = self.set.matches(text.as_bytes()).into_iter().map(|at| self.sorts[at]).collect();
        sorts.sort_unstable();
        sorts.dedup();
        sorts
    }
}
