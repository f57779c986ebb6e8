//! A small labelled corpus, written by hand: texts that attack a model, some in words no pattern knows, and texts that only use
//! the same words. Prints precision and recall, and holds them above floors.

#![allow(clippy::print_stdout, reason = "the figures are what the test is for")]

use cardea_plugin_guard::Guard;
use cardea_sdk::ReplyVerdict;
use cardea_sdk::testing::case::parse;
use cardea_sdk::testing::observed::Outcome;
use cardea_sdk::testing::run_case;

/// Whether the plugin takes a text for an attack.
fn is_found(text: &str) -> bool {
    let text = text.replace("\\n", "\n");
    let result = serde_json::json!({ "content": [{ "type": "text", "text": text }] }).to_string();
    let case = format!(
        "[[case]]\nname = \"x\"\nhook = \"on-reply\"\nconfig = {{ injection = \"refuse\", exfiltration = \"refuse\" }}\n\
         given.call.method = \"tools/call\"\ngiven.reply.result = {}\nexpect.verdict = \"pass\"\n",
        serde_json::Value::from(result)
    );
    let cases = parse(&case).unwrap_or_else(|error| panic!("{text}: {error}"));
    let observed = run_case::<Guard>(&cases[0]).unwrap_or_else(|error| panic!("{text}: {error}"));
    match observed.outcome {
        Outcome::Reply(verdict) => matches!(verdict, ReplyVerdict::Refuse(_)),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn precision_and_recall_stay_above_their_floors() {
    let attacks: Vec<&str> = include_str!("attacks.txt").lines().collect();
    let benign: Vec<&str> = include_str!("benign.txt").lines().collect();
    let missed: Vec<&&str> = attacks.iter().filter(|text| !is_found(text)).collect();
    let wrong: Vec<&&str> = benign.iter().filter(|text| is_found(text)).collect();
    let found = attacks.len() - missed.len();
    let precision = found as f64 / (found + wrong.len()).max(1) as f64;
    let recall = found as f64 / attacks.len() as f64;
    println!("{} attacks, {} others: precision {precision:.3}, recall {recall:.3}", attacks.len(), benign.len());
    println!("missed: {missed:#?}\nwrong: {wrong:#?}");
    assert!(precision >= 0.95 && recall >= 0.90, "precision {precision:.3}, recall {recall:.3}");
    // Attacks in new words are in the corpus so that nobody takes the patterns for more than they are.
    assert!(!missed.is_empty(), "the corpus has no attack any more that the patterns do not know");
}
