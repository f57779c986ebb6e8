//! A labelled corpus of ours: values of every kind in sentences, and texts that only look like it. Prints precision and recall of
//! each kind, and holds them above floors. The same items in every run.

#![allow(clippy::print_stdout, reason = "the figures are what the test is for")]

mod dice;
mod made;

use std::collections::BTreeMap;

use cardea_mask::{Kind, Kinds, Patterns, find};
use dice::Dice;

/// Values made of each kind, and look-alikes made of each kind.
const MADE: usize = 150;
const LOOK_ALIKES: usize = 60;
/// Sentences that values stand in; `{}` is the place.
const SENTENCES: [&str; 8] = [
    "{}",
    "Please use {} for this.",
    "contact: {}; see below",
    "{\"value\":\"{}\",\"n\":1}",
    "| name | {} |",
    "<b>{}</b>",
    "first line\n{}\nlast line",
    "Wie besprochen ({}), Grüße",
];
/// Written by hand: what is not to be found, whatever kind it looks like.
const BY_HAND: &str = include_str!("look-alikes.txt");

struct Item {
    text: String,
    /// The value and its kind; none for a look-alike.
    value: Option<(String, Kind)>,
}

#[derive(Default)]
struct Score {
    planted: usize,
    found: usize,
    wrong: usize,
}

fn corpus() -> Vec<Item> {
    let mut dice = Dice::new(7);
    let mut items = Vec::new();
    for kind in Kind::ALL {
        for _ in 0..MADE {
            let value = made::value(kind, &mut dice);
            items.push(Item { text: sentence(&mut dice, &value), value: Some((value, kind)) });
        }
        for _ in 0..LOOK_ALIKES {
            let text = made::look_alike(kind, &mut dice);
            items.push(Item { text: sentence(&mut dice, &text), value: None });
        }
    }
    items.extend(
        BY_HAND.lines().filter(|line| !line.is_empty()).map(|line| Item { text: line.to_owned(), value: None }),
    );
    items
}

fn sentence(dice: &mut Dice, value: &str) -> String {
    dice.pick(&SENTENCES).replace("{}", value)
}

fn all() -> Kinds {
    Kind::ALL.iter().fold(Kinds::default(), |kinds, kind| kinds.with(*kind))
}

/// One at least of a value's findings is of its kind, and together they leave nothing of it.
fn scores(items: &[Item]) -> (BTreeMap<Kind, Score>, Vec<String>) {
    let mut scores: BTreeMap<Kind, Score> = BTreeMap::new();
    let mut mistakes = Vec::new();
    for item in items {
        let planted =
            item.value.as_ref().and_then(|(value, kind)| Some((item.text.find(value.as_str())?, value.len(), *kind)));
        let mut found = false;
        for finding in find(&item.text, all(), &Patterns::default()) {
            let over = planted.filter(|(at, length, _)| finding.range.start < at + length && finding.range.end > *at);
            match over {
                Some((at, length, kind)) if finding.kind == kind => {
                    found |= finding.range.start <= at && finding.range.end >= at + length;
                }
                _ => {
                    scores.entry(finding.kind).or_default().wrong += 1;
                    mistakes.push(format!("{} in {:?}", finding.kind.as_str(), item.text));
                }
            }
        }
        if let Some((_, _, kind)) = planted {
            let score = scores.entry(kind).or_default();
            score.planted += 1;
            score.found += usize::from(found);
            if !found {
                mistakes.push(format!("no {} in {:?}", kind.as_str(), item.text));
            }
        }
    }
    (scores, mistakes)
}

#[test]
fn precision_and_recall_stay_above_their_floors() {
    let items = corpus();
    assert!(items.len() >= 2_000, "{}", items.len());
    let (scores, mistakes) = scores(&items);
    println!("{} items\nkind          planted  precision  recall", items.len());
    let mut below = Vec::new();
    for (kind, Score { planted, found, wrong }) in &scores {
        let precision = *found as f64 / (found + wrong).max(1) as f64;
        let recall = *found as f64 / (*planted).max(1) as f64;
        println!("{:<14}{planted:>7}{precision:>11.3}{recall:>8.3}", kind.as_str());
        // What is only probable may be wrong now and then; what has a shape or a check digit may not be missed.
        let (least_precision, least_recall) = match kind {
            Kind::Entropy => (0.90, 0.90),
            Kind::Phone => (0.95, 0.98),
            _ => (0.97, 0.99),
        };
        if precision < least_precision || recall < least_recall {
            below.push(kind.as_str());
        }
    }
    let shown: Vec<_> = mistakes.iter().take(40).map(String::as_str).collect();
    println!("{} mistakes:\n{}", mistakes.len(), shown.join("\n"));
    assert_eq!(scores.len(), Kind::ALL.len(), "a kind without items proves nothing");
    assert!(below.is_empty(), "below the floor: {below:?}");
}
