//! How well a note answers a query: whole words count, a word in the title or a tag counts more than one in the body.

use crate::notes::Note;

const TITLE_WEIGHT: usize = 5;
const TAG_WEIGHT: usize = 3;
const BODY_WEIGHT: usize = 1;

/// The notes that hold at least one word of the query, best first, each with its score; equal scores keep the older note first.
pub(crate) fn rank<'a>(notes: impl Iterator<Item = &'a Note>, query: &str) -> Vec<(usize, &'a Note)> {
    let terms = words(query);
    let mut hits: Vec<_> = notes.map(|note| (score(note, &terms), note)).filter(|(score, _)| *score > 0).collect();
    hits.sort_by(|(left, older), (right, newer)| right.cmp(left).then(older.id.cmp(&newer.id)));
    hits
}

fn score(note: &Note, terms: &[String]) -> usize {
    let weighted = |text: &str, weight: usize| weight * occurrences(&words(text), terms);
    let tags: usize = note.tags.iter().map(|tag| weighted(tag, TAG_WEIGHT)).sum();
    weighted(&note.title, TITLE_WEIGHT) + tags + weighted(&note.body, BODY_WEIGHT)
}

fn occurrences(text: &[String], terms: &[String]) -> usize {
    text.iter().filter(|word| terms.contains(word)).count()
}

fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(id: u64, title: &str, body: &str, tags: &[&str]) -> Note {
        let tags = tags.iter().map(|&tag| tag.to_owned()).collect();
        Note { id, title: title.to_owned(), body: body.to_owned(), tags }
    }

    fn found(notes: &[Note], query: &str) -> Vec<u64> {
        rank(notes.iter(), query).iter().map(|(_, note)| note.id).collect()
    }

    #[test]
    fn a_word_in_the_title_beats_one_in_a_tag_and_that_one_in_the_body() {
        let notes = [
            note(1, "other", "a gate", &[]),
            note(2, "other", "", &["gate"]),
            note(3, "The gate", "", &[]),
            note(4, "x", "y", &[]),
        ];
        assert_eq!(found(&notes, "gate"), [3, 2, 1]);
    }

    #[test]
    fn case_and_punctuation_do_not_matter_and_parts_of_words_do_not_match() {
        let notes = [note(1, "Étude, no. 3", "", &[]), note(2, "gateway", "", &[])];
        assert_eq!(found(&notes, "étude"), [1]);
        assert_eq!(found(&notes, "gate"), [] as [u64; 0]);
    }

    #[test]
    fn a_query_without_words_finds_nothing() {
        assert_eq!(found(&[note(1, "a", "b", &[])], " ?! "), [] as [u64; 0]);
    }

    #[test]
    fn equal_scores_keep_the_older_note_first() {
        let notes = [note(9, "gate", "", &[]), note(2, "gate", "", &[])];
        assert_eq!(found(&notes, "gate"), [2, 9]);
    }
}
