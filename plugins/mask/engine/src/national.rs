//! National identity and tax numbers of seven countries. Each has a check digit or a form of its own; numbers of other
//! countries are for own patterns.

use crate::number::is_word;

/// A number made of digits that are read in order: how many of them make it up. `text_of` gives the text of so many digits.
///
/// United States (SSN, with its hyphens), Brazil (CPF), China (resident identity card), France (NIR), Poland (PESEL).
pub(crate) fn of_digits<'t>(digits: &[u8], text_of: impl Fn(usize) -> Option<&'t [u8]>) -> Option<usize> {
    let whole = |count: usize| text_of(count).filter(|text| !text.contains(&b'/'));
    let is = |count: usize, check: fn(&[u8], &[u8]) -> bool| {
        digits.len() >= count && whole(count).is_some_and(|text| check(&digits[..count], text))
    };
    [(9, ssn as fn(&[u8], &[u8]) -> bool), (11, cpf), (11, pesel), (15, nir), (18, resident_card)]
        .into_iter()
        .find(|(count, check)| is(*count, *check))
        .map(|(count, _)| count)
}

/// A number with letters in it that begins a word: its length. Spain (DNI, NIE), Italy (codice fiscale), China (those whose
/// check digit is the letter `X`).
pub(crate) fn of_word(word: &[u8]) -> Option<usize> {
    let ends = |count: usize| word.len() == count || word.get(count).is_some_and(|byte| !is_word(*byte));
    [(9, dni as fn(&[u8]) -> bool), (16, codice_fiscale), (18, resident_card_with_letter)]
        .into_iter()
        .find(|(count, check)| word.len() >= *count && ends(*count) && check(&word[..*count]))
        .map(|(count, _)| count)
}

/// No check digit: the three groups, and none of the numbers that are never given out.
fn ssn(digits: &[u8], text: &[u8]) -> bool {
    let grouped = matches!(text, [_, _, _, b'-', _, _, b'-', _, _, _, _]);
    let [a, b, c, d, e, rest @ ..] = digits else { return false };
    grouped && [*a, *b, *c] != [0, 0, 0] && [*a, *b, *c] != [6, 6, 6] && *a != 9 && [*d, *e] != [0, 0] && rest != [0; 4]
}

fn cpf(digits: &[u8], text: &[u8]) -> bool {
    let grouped = text.len() == 11 || (text.len() == 14 && text[3] == b'.' && text[7] == b'.' && text[11] == b'-');
    let check = |count: usize| {
        let sum: u32 =
            digits[..count].iter().zip((2..=count as u32 + 1).rev()).map(|(d, weight)| u32::from(*d) * weight).sum();
        (sum * 10 % 11 % 10) as u8 == digits[count]
    };
    grouped && digits.iter().any(|digit| *digit != digits[0]) && check(9) && check(10)
}

/// The date of birth stands in front; the month tells the century.
fn pesel(digits: &[u8], text: &[u8]) -> bool {
    let (month, day) = ((digits[2] * 10 + digits[3]) % 20, digits[4] * 10 + digits[5]);
    let sum: u32 = digits.iter().zip([1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).map(|(d, weight)| u32::from(*d) * weight).sum();
    text.len() == 11 && (1..=12).contains(&month) && (1..=31).contains(&day) && sum.is_multiple_of(10)
}

fn nir(digits: &[u8], _: &[u8]) -> bool {
    let number = digits[..13].iter().fold(0_u64, |number, digit| number * 10 + u64::from(*digit));
    let key = u64::from(digits[13]) * 10 + u64::from(digits[14]);
    let month = digits[3] * 10 + digits[4];
    matches!(digits[0], 1 | 2) && (1..=12).contains(&month) && 97 - number % 97 == key
}

/// ISO 7064 MOD 11-2: the digits, and the check digit, of which ten is written as `X`.
fn resident_card_checked(digits: &[u8], check: u8) -> bool {
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = digits.iter().zip(weights).map(|(d, weight)| u32::from(*d) * weight).sum();
    let (month, day) = (digits[10] * 10 + digits[11], digits[12] * 10 + digits[13]);
    let born = matches!(digits[6..8], [1, 9] | [2, 0]) && (1..=12).contains(&month) && (1..=31).contains(&day);
    born && [1, 0, 10, 9, 8, 7, 6, 5, 4, 3, 2][(sum % 11) as usize] == check
}

fn resident_card(digits: &[u8], text: &[u8]) -> bool {
    text.len() == 18 && resident_card_checked(&digits[..17], digits[17])
}

fn resident_card_with_letter(word: &[u8]) -> bool {
    let digits: Vec<u8> = word[..17].iter().filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0').collect();
    digits.len() == 17 && matches!(word[17], b'X' | b'x') && resident_card_checked(&digits, 10)
}

fn dni(word: &[u8]) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let first = match word[0] {
        byte @ b'0'..=b'9' => byte,
        byte @ b'X'..=b'Z' => byte - b'X' + b'0',
        _ => return false,
    };
    if !word[1..8].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let number =
        word[1..8].iter().fold(usize::from(first - b'0'), |number, byte| number * 10 + usize::from(byte - b'0'));
    word[8] == LETTERS[number % 23]
}

fn codice_fiscale(word: &[u8]) -> bool {
    // Values of the characters at odd places, in the order 0-9 and A-Z.
    const ODD: [u8; 36] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16,
        10, 22, 25, 24, 23,
    ];
    let form = b"AAAAAA00A00A000A";
    let fits = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte.is_ascii_uppercase() };
    if !word.iter().zip(form).all(fits) {
        return false;
    }
    let place = |byte: u8| if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' };
    let sum: u32 = word[..15]
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            let letter = if byte.is_ascii_digit() { 0 } else { 10 };
            u32::from(if at % 2 == 0 { ODD[usize::from(place(*byte)) + letter] } else { place(*byte) })
        })
        .sum();
    u32::from(word[15] - b'A') == sum % 26
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Option<usize> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect();
        of_digits(&digits, |count| (count == digits.len()).then_some(text.as_bytes()))
    }

    #[test]
    fn numbers_with_their_check_digits_are_known() {
        for number in ["078-05-1120", "529.982.247-25", "52998224725", "44051401359", "255081416802538"] {
            assert!(digits(number).is_some(), "{number}");
        }
        assert_eq!(digits("110105194912310021"), None);
        assert_eq!(of_word(b"11010519491231002X"), Some(18));
        assert_eq!(of_word(b"12345678Z"), Some(9));
        assert_eq!(of_word(b"X1234567L rest"), Some(9));
        assert_eq!(of_word(b"RSSMRA85T10A562S"), Some(16));
    }

    #[test]
    fn numbers_that_only_look_like_it_are_not() {
        for number in
            ["078-05-0000", "666-05-1120", "900-12-3456", "52998224726", "111.111.111-11", "44051401358", "99999999999"]
        {
            assert_eq!(digits(number), None, "{number}");
        }
        for word in ["12345678A", "X1234567A", "RSSMRA85T10A562A", "12345678ZZ"] {
            assert_eq!(of_word(word.as_bytes()), None, "{word}");
        }
    }
}
