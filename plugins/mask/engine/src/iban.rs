//! International bank account numbers (ISO 13616).

use std::ops::Range;

use crate::number::is_word;

/// Countries and the length of their numbers.
const LENGTHS: &[u8] = b"AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18\
FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20\
MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24\
XK20YE30";

/// The number that begins at this place, in one piece or in groups with one blank between.
pub(crate) fn at(text: &[u8], start: usize) -> Option<Range<usize>> {
    let wanted = length_in(&[text[start].to_ascii_uppercase(), text.get(start + 1)?.to_ascii_uppercase()])?;
    let mut remainder = Remainder::default();
    let (mut head, mut at) = ([0_u8; 4], start);
    for count in 0..wanted {
        if count > 0 && count % 4 == 0 && matches!(text.get(at), Some(b' ' | b'-')) {
            at += 1;
        }
        let byte = text.get(at).filter(|byte| byte.is_ascii_alphanumeric())?.to_ascii_uppercase();
        match head.get_mut(count) {
            Some(place) => *place = byte,
            None => remainder.add(byte),
        }
        at += 1;
    }
    // The check moves the first four characters to the end.
    head.iter().for_each(|byte| remainder.add(*byte));
    let digits = head[2].is_ascii_digit() && head[3].is_ascii_digit();
    let ends = text.get(at).is_none_or(|byte| !is_word(*byte));
    (digits && ends && remainder.0 == 1).then_some(start..at)
}

fn length_in(country: &[u8; 2]) -> Option<usize> {
    let entry = LENGTHS.chunks_exact(4).find(|entry| entry.starts_with(country))?;
    Some(usize::from(entry[2] - b'0') * 10 + usize::from(entry[3] - b'0'))
}

/// A number modulo 97 (ISO 7064), read from the left; a letter stands for two digits.
#[derive(Default)]
struct Remainder(u32);

impl Remainder {
    fn add(&mut self, byte: u8) {
        self.0 = match byte {
            b'0'..=b'9' => self.0 * 10 + u32::from(byte - b'0'),
            _ => self.0 * 100 + u32::from(byte - b'A') + 10,
        } % 97;
    }
}

#[cfg(test)]
mod tests {
    use super::at;

    #[test]
    fn numbers_of_every_form_are_found_with_their_check_digits_alone() {
        for number in
            ["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "NL91-ABNA-0417-1643-00", "no9386011117947"]
        {
            assert_eq!(at(number.as_bytes(), 0), Some(0..number.len()), "{number}");
        }
        for other in
            ["GB82 WEST 1234 5698 7654 33", "DE8937040044053201300", "XX8937040044053201300", "DE893704004405320130001"]
        {
            assert_eq!(at(other.as_bytes(), 0), None, "{other}");
        }
    }
}
