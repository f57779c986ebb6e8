//! Tickets: what they are good for, and for how long.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cardea_seal::{Binding, NoTicket, Purpose, Replica, Sealer, Unsealed, now_ms};

const KEY: &str = "a key of more than thirty-two characters, shared";

fn replica(address: &str) -> Replica {
    Replica::new(Sealer::new([KEY]).unwrap(), address)
}

#[test]
fn every_replica_reads_whose_ticket_it_is() {
    let (one, other) = (replica("http://one"), replica("http://other"));
    let ticket = one.ticket("place", Binding::to(&[b"ann", b"/mcp"]), now_ms() + 60_000);
    let sealed = one.seal(Purpose::Session, &ticket);
    assert_eq!(other.open(Purpose::Session, &sealed), Ok(ticket.clone()));
    assert_eq!(other.elsewhere(Purpose::Session, &sealed), Some(ticket));
    assert_eq!(one.elsewhere(Purpose::Session, &sealed), None);
    assert_eq!(other.open(Purpose::ParkedCall, &sealed), Err(NoTicket::Unsealed(Unsealed::Broken)));
}

#[test]
fn a_gateway_on_its_own_has_no_others() {
    let alone = Replica::default();
    let sealed = alone.seal(Purpose::Session, &alone.ticket("place", Binding::to(&[]), u64::MAX));
    assert_eq!(alone.elsewhere(Purpose::Session, &sealed), None);
    assert!(alone.open(Purpose::Session, &sealed).is_ok());
    assert_eq!(Replica::default().open(Purpose::Session, &sealed), Err(NoTicket::Unsealed(Unsealed::Key)));
}

#[test]
fn a_ticket_ends() {
    let one = replica("");
    let sealed = one.seal(Purpose::Session, &one.ticket("place", Binding::to(&[]), now_ms()));
    assert_eq!(one.open(Purpose::Session, &sealed), Err(NoTicket::Expired));
}

#[test]
fn a_binding_is_of_the_facts_and_not_of_their_letters() {
    assert_eq!(Binding::to(&[b"ann", b"/mcp"]), Binding::to(&[b"ann", b"/mcp"]));
    assert_ne!(Binding::to(&[b"ann", b"/mcp"]), Binding::to(&[b"ann/", b"mcp"]));
    assert_ne!(Binding::to(&[b"ann"]), Binding::to(&[b"ann", b""]));
    assert_ne!(Binding::to(&[b"a", b"b"]), Binding::to(&[b"b", b"a"]));
}
