//! Makes values of each kind, and look-alikes. Check digits are found by trying, so that nothing here repeats how they are tested.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cardea_mask::Kind;

use crate::dice::Dice;

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER_DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &str = "0123456789abcdef";

/// A value of a kind.
pub(crate) fn value(kind: Kind, dice: &mut Dice) -> String {
    match kind {
        Kind::Email => email(dice),
        Kind::Phone => phone(dice),
        Kind::Card => card(dice),
        Kind::Iban => iban(dice),
        Kind::NationalId => national_id(dice),
        Kind::Ipv4 => format!("{}.{}.{}.{}", 1 + dice.below(120), dice.below(256), dice.below(256), dice.below(256)),
        Kind::Ipv6 => ipv6(dice),
        Kind::AwsKey => format!("{}{}", dice.pick(&["AKIA", "ASIA"]), dice.text(UPPER_DIGITS, 16)),
        Kind::GithubToken => match dice.below(2) {
            0 => format!("{}{}", dice.pick(&["ghp_", "gho_", "ghs_", "ghu_", "ghr_"]), dice.text(ALNUM, 36)),
            _ => format!("github_pat_{}_{}", dice.text(ALNUM, 22), dice.text(ALNUM, 59)),
        },
        Kind::SlackToken => {
            format!("{}-{}-{}-{}", dice.pick(&["xoxb", "xoxp"]), dice.digits(12), dice.digits(12), dice.text(ALNUM, 24))
        }
        Kind::ApiKey => api_key(dice),
        Kind::Jwt => jwt(dice),
        Kind::PrivateKey => private_key(dice),
        _ => random(dice),
    }
}

/// A text that looks like a kind and is none.
pub(crate) fn look_alike(kind: Kind, dice: &mut Dice) -> String {
    match kind {
        Kind::Email => match dice.below(3) {
            0 => format!("@{}", dice.text(LOWER, 8)),
            1 => format!("{}@{}.{}.{}", dice.text(LOWER, 6), dice.below(9), dice.below(9), dice.below(9)),
            _ => format!("{}@localhost", dice.text(LOWER, 5)),
        },
        Kind::Phone => match dice.below(3) {
            0 => format!("2026-{:02}-{:02}", 1 + dice.below(12), 1 + dice.below(28)),
            1 => format!("{}-{}", dice.digits(4), dice.digits(4)),
            _ => format!("v{}.{}.{}", dice.below(20), dice.below(40), dice.below(999)),
        },
        Kind::Card | Kind::NationalId => spoilt_number(dice),
        Kind::Iban => spoilt_iban(dice),
        Kind::Ipv4 => format!("{}.{}.{}", dice.below(20), dice.below(300), dice.below(4000)),
        Kind::Ipv6 => format!("{:02}:{:02}:{:02}", dice.below(24), dice.below(60), dice.below(60)),
        Kind::AwsKey => format!("AKIA{}", dice.text(UPPER_DIGITS, 15)),
        Kind::GithubToken => format!("ghp_{}", dice.text(LOWER, 12)),
        Kind::SlackToken => format!("xox-{}", dice.text(LOWER, 8)),
        Kind::ApiKey => format!("sk-{}", dice.text(LOWER, 8)),
        Kind::Jwt => format!("eyJ{}.{}", dice.text(LOWER, 6), dice.text(LOWER, 4)),
        Kind::PrivateKey => format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----", dice.text(HEX, 40)),
        _ => match dice.below(3) {
            0 => dice.text(HEX, 40),
            1 => format!(
                "{}-{}-4{}-a{}-{}",
                dice.text(HEX, 8),
                dice.text(HEX, 4),
                dice.text(HEX, 3),
                dice.text(HEX, 3),
                dice.text(HEX, 12)
            ),
            _ => format!(
                "{}/{}/{}_{}.rs",
                dice.text(LOWER, 8),
                dice.text(LOWER, 7),
                dice.text(LOWER, 6),
                dice.text(LOWER, 6)
            ),
        },
    }
}

fn email(dice: &mut Dice) -> String {
    let local = match dice.below(3) {
        0 => dice.text(LOWER, 5),
        1 => format!("{}.{}", dice.text(LOWER, 4), dice.text(LOWER, 6)),
        _ => format!("{}+{}", dice.text(LOWER, 4), dice.digits(2)),
    };
    format!("{local}@{}.{}", dice.text(LOWER, 7), dice.pick(&["org", "example.com", "co.uk", "museum", "de"]))
}

fn phone(dice: &mut Dice) -> String {
    let (area, line) = (format!("{}{}", 2 + dice.below(8), dice.digits(2)), dice.digits(4));
    let exchange = format!("{}{}", 2 + dice.below(8), dice.digits(2));
    match dice.below(4) {
        0 => format!("+44 20 {} {line}", dice.digits(4)),
        1 => format!("+49{}", dice.digits(10)),
        2 => format!("({area}) {exchange}-{line}"),
        _ => format!("{area}-{exchange}-{line}"),
    }
}

fn card(dice: &mut Dice) -> String {
    let head = format!("{}{}", dice.pick(&["4", "51", "37", "6011"]), dice.digits(10));
    let length = if head.starts_with("37") { 15 } else { 16 };
    let number = completed(dice, &head, length, |number| sum_of_doubles(number).is_multiple_of(10));
    if length == 15 || dice.below(2) == 0 {
        return number;
    }
    let separator = dice.pick(&[" ", "-"]);
    [&number[..4], &number[4..8], &number[8..12], &number[12..]].join(separator)
}

fn iban(dice: &mut Dice) -> String {
    let body = dice.digits(18);
    let number =
        (2..99).map(|check| format!("DE{check:02}{body}")).find(|number| remainder(number) == 1).unwrap_or_default();
    match dice.below(2) {
        0 => number,
        _ => number
            .as_bytes()
            .chunks(4)
            .map(|group| String::from_utf8_lossy(group).into_owned())
            .collect::<Vec<_>>()
            .join(" "),
    }
}

fn national_id(dice: &mut Dice) -> String {
    match dice.below(3) {
        0 => format!("{:03}-{:02}-{:04}", 100 + dice.below(500), 1 + dice.below(99), 1 + dice.below(9999)),
        1 => {
            let number = dice.below(100_000_000);
            let letter = "TRWAGMYFPDXBNJZSQVHLCKE".as_bytes()[number % 23] as char;
            format!("{number:08}{letter}")
        }
        _ => {
            let number = format!("1{:02}{:02}{}", 30 + dice.below(60), 1 + dice.below(12), dice.digits(8));
            let key = 97 - number.parse::<u64>().unwrap_or(0) % 97;
            format!("{number}{key:02}")
        }
    }
}

fn ipv6(dice: &mut Dice) -> String {
    match dice.below(2) {
        0 => format!(
            "2001:db8:{}:{}::{}",
            dice.text("123456789abcdef", 3),
            dice.text("123456789abcdef", 4),
            dice.text("123456789abcdef", 2)
        ),
        _ => (0..8).map(|_| dice.text("123456789abcdef", 4)).collect::<Vec<_>>().join(":"),
    }
}

fn api_key(dice: &mut Dice) -> String {
    match dice.below(5) {
        0 => format!("sk_live_{}", dice.text(ALNUM, 24)),
        1 => format!("AIza{}", dice.text(ALNUM, 35)),
        2 => format!("glpat-{}", dice.text(ALNUM, 20)),
        3 => format!("npm_{}", dice.text(ALNUM, 36)),
        _ => format!("sk-{}", dice.text(ALNUM, 48)),
    }
}

fn jwt(dice: &mut Dice) -> String {
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    let header = part(r#"{"alg":"RS256","typ":"JWT"}"#.to_owned());
    let payload = part(format!(r#"{{"sub":"{}"}}"#, dice.text(LOWER, 8)));
    format!("{header}.{payload}.{}", dice.text(ALNUM, 86))
}

fn private_key(dice: &mut Dice) -> String {
    let label = dice.pick(&["RSA PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "PRIVATE KEY"]);
    format!("-----BEGIN {label}-----\n{}\n{}\n-----END {label}-----", dice.text(ALNUM, 64), dice.text(ALNUM, 44))
}

fn random(dice: &mut Dice) -> String {
    let length = 28 + dice.below(16);
    dice.text(ALNUM, length)
}

/// Sixteen digits that begin like a card's or nobody's, with a check digit that is wrong.
fn spoilt_number(dice: &mut Dice) -> String {
    let head = dice.pick(&["4", "9", "51"]).to_owned();
    completed(dice, &head, 16, |number| !sum_of_doubles(number).is_multiple_of(10))
}

fn spoilt_iban(dice: &mut Dice) -> String {
    let number = format!("DE{}", dice.digits(20));
    if remainder(&number) == 1 { format!("DE{}1", dice.digits(20)) } else { number }
}

fn completed(dice: &mut Dice, head: &str, length: usize, fits: impl Fn(&str) -> bool) -> String {
    loop {
        let number = format!("{head}{}", dice.digits(length - head.len()));
        if fits(&number) {
            return number;
        }
    }
}

/// Every second digit from the right doubled, all digits of what comes added.
fn sum_of_doubles(number: &str) -> u32 {
    let doubled =
        number.chars().rev().enumerate().map(|(at, digit)| digit.to_digit(10).unwrap_or(0) * (1 + at as u32 % 2));
    doubled.map(|value| value / 10 + value % 10).sum()
}

/// The first four characters behind the rest, letters as numbers, modulo 97.
fn remainder(number: &str) -> u128 {
    let moved = number[4..].chars().chain(number[..4].chars());
    let written: String = moved.map(|c| c.to_digit(36).unwrap_or(0).to_string()).collect();
    written.parse::<u128>().unwrap_or(0) % 97
}
