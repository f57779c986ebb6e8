//! Numbers of JSON compared exactly: 1, 1.0 and 1e0 are one number, and no integer is taken for its neighbour.

use std::cmp::Ordering;

use serde_json::Number;

/// Digits that a 64-bit float always keeps. A longer fraction may be another number for the server than it is here.
const KEPT_DIGITS: usize = 15;
/// Beyond every 64-bit integer, and exact as a float.
const BEYOND_INTEGERS: f64 = 18_446_744_073_709_551_616.0;

/// Which of two numbers is larger.
pub(crate) fn compare(one: &Number, other: &Number) -> Ordering {
    match (integer(one), integer(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        (Some(one), None) => with_float(one, float(other)),
        (None, Some(other)) => with_float(other, float(one)).reverse(),
        (None, None) => float(one).total_cmp(&float(other)),
    }
}

/// True if the JSON text of a number says more than a float holds, so that readers may differ about it.
pub(crate) fn is_inexact(text: &str) -> bool {
    let fraction = text.contains(['.', 'e', 'E']);
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_start_matches('0').trim_end_matches('0').len();
    if fraction { significant > KEPT_DIGITS } else { text.parse::<i64>().is_err() && text.parse::<u64>().is_err() }
}

fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

/// JSON has no other numbers than these two sorts.
fn float(number: &Number) -> f64 {
    // Adding 0 makes -0.0 the 0.0 it is.
    number.as_f64().unwrap_or_default() + 0.0
}

fn with_float(integer: i128, float: f64) -> Ordering {
    if float.abs() >= BEYOND_INTEGERS {
        return if float > 0.0 { Ordering::Less } else { Ordering::Greater };
    }
    #[allow(clippy::cast_possible_truncation, reason = "it is whole, and smaller than 2^64")]
    let whole = float.floor() as i128;
    integer.cmp(&whole).then(if float > float.floor() { Ordering::Less } else { Ordering::Equal })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn order(one: &str, other: &str) -> Ordering {
        compare(&serde_json::from_str(one).unwrap(), &serde_json::from_str(other).unwrap())
    }

    #[test]
    fn numbers_are_compared_by_value() {
        for (less, more) in [
            ("1", "1.5"),
            ("-2", "-1.5"),
            ("-1.5", "-1"),
            ("9007199254740992.0", "9007199254740993"),
            ("18446744073709551615", "1e20"),
            ("-1e300", "-9223372036854775808"),
            ("0.1", "0.2"),
        ] {
            assert_eq!((order(less, more), order(more, less)), (Ordering::Less, Ordering::Greater), "{less} {more}");
        }
        for (one, other) in [("1", "1.0"), ("1e2", "100"), ("0", "-0.0"), ("-0.0", "0.0"), ("1.50", "15e-1")] {
            assert_eq!(order(one, other), Ordering::Equal, "{one} {other}");
        }
    }

    #[test]
    fn what_a_float_rounds_is_inexact() {
        for exact in ["1", "-12", "18446744073709551615", "0.1", "100000000000000000000e0", "1.5e300", "0"] {
            assert!(!is_inexact(exact), "{exact}");
        }
        for inexact in ["18446744073709551616", "10.0000000000000001", "-99999999999999999999"] {
            assert!(is_inexact(inexact), "{inexact}");
        }
    }
}
