//! The race of a connection attempt over all addresses of a name, on a clock of the test's own.

use std::time::{Duration, Instant};

use bowline_handshake::Race;

fn order(addresses: &[&str]) -> Vec<String> {
    let mut race = Race::new(addresses.iter().map(|text| text.parse().unwrap()));
    let mut now = Instant::now();
    let mut order = Vec::new();
    while let Some(address) = race.next(now) {
        order.push(address.to_string());
        now += Race::DELAY;
    }
    order
}

#[test]
fn families_alternate_from_the_resolvers_first() {
    let [a, b, c] = ["[::1]:1", "[::2]:1", "[::3]:1"];
    let [x, y] = ["1.1.1.1:1", "2.2.2.2:1"];
    assert_eq!(order(&[a, b, c, x, y]), [a, x, b, y, c]);
    assert_eq!(order(&[x, a, b, y]), [x, a, y, b]);
    assert_eq!(order(&[a, a, x, a]), [a, x]);
    assert_eq!(order(&[]), [""; 0]);
}

#[test]
fn an_attempt_starts_after_the_delay_or_a_failure() {
    let addresses = ["1.1.1.1:1", "2.2.2.2:1", "3.3.3.3:1"].map(|text| text.parse().unwrap());
    let mut race = Race::new(addresses);
    let start = Instant::now();
    assert_eq!(race.next(start), Some(addresses[0]));
    let early = start + Race::DELAY - Duration::from_nanos(1);
    assert_eq!(race.next(early), None);
    assert_eq!(race.until(), Some(start + Race::DELAY));
    assert_eq!(race.next(start + Race::DELAY), Some(addresses[1]));
    race.failed();
    assert_eq!(race.next(start + Race::DELAY), Some(addresses[2]));
    assert_eq!(race.until(), None);
    race.failed();
    assert!(!race.is_lost());
    race.failed();
    assert!(race.is_lost());
}

#[test]
fn nobody_to_race_is_lost() {
    assert!(Race::new([]).is_lost());
}
