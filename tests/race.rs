//! The race between addresses, by section of [RFC 8305](https://www.rfc-editor.org/rfc/rfc8305). A test reads as a time
//! line: at this millisecond this happens, and that is the answer.

use std::net::SocketAddr;
use std::time::Duration;

use winter_sockets::race::{AttemptId, CONNECTION_ATTEMPT_DELAY, Input, Output, RESOLUTION_DELAY, Race};

const V6: [&str; 3] = ["[2001:db8::1]:443", "[2001:db8::2]:443", "[2001:db8::3]:443"];
const V4: [&str; 3] = ["192.0.2.1:443", "192.0.2.2:443", "192.0.2.3:443"];

type Answer = Vec<Output<&'static str>>;

struct TimeLine(Race<&'static str>);

impl TimeLine {
    fn new() -> Self {
        Self(Race::new())
    }

    /// A race whose only answer came at 0 ms, as from getaddrinfo.
    fn resolved<const N: usize>(addresses: [&str; N]) -> Self {
        let mut race = Self::new();
        race.at(0, last_answer(addresses));
        race
    }

    fn at(&mut self, millis: u64, input: Input<&'static str>) -> Answer {
        self.0.handle(input, Duration::from_millis(millis))
    }

    /// Lets the timer fire every 250 ms and tells what was tried.
    fn order_of_attempts(addresses: impl IntoIterator<Item = &'static str>) -> Vec<SocketAddr> {
        let mut race = Self::new();
        let mut order = Vec::new();
        let mut outputs = race.at(0, last_answer(addresses));
        for delay in 1..=10 {
            order.extend(outputs.iter().filter_map(|output| match output {
                Output::StartAttempt { address, .. } => Some(*address),
                _ => None,
            }));
            outputs = race.at(delay * 250, Input::TimePassed);
        }
        assert_eq!(outputs, [], "nothing is left to try");
        order
    }
}

fn parse<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Vec<SocketAddr> {
    addresses.into_iter().map(|address| address.parse().unwrap()).collect()
}

fn answer<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Input<&'static str> {
    Input::AddressesResolved {
        addresses: parse(addresses),
        last: false,
    }
}

fn last_answer<'a>(addresses: impl IntoIterator<Item = &'a str>) -> Input<&'static str> {
    Input::AddressesResolved {
        addresses: parse(addresses),
        last: true,
    }
}

fn succeeds(id: usize) -> Input<&'static str> {
    Input::AttemptSucceeded(AttemptId(id))
}

fn fails(id: usize, error: &'static str) -> Input<&'static str> {
    Input::AttemptFailed(AttemptId(id), error)
}

fn start(id: usize, address: &str) -> Output<&'static str> {
    Output::StartAttempt {
        id: AttemptId(id),
        address: address.parse().unwrap(),
    }
}

fn cancel(id: usize) -> Output<&'static str> {
    Output::CancelAttempt(AttemptId(id))
}

fn wait_until(millis: u64) -> Output<&'static str> {
    Output::Wait(Duration::from_millis(millis))
}

fn connected(id: usize) -> Output<&'static str> {
    Output::Connected(AttemptId(id))
}

fn failed<const N: usize>(errors: [(&str, &'static str); N]) -> Output<&'static str> {
    Output::Failed(errors.map(|(address, error)| (address.parse().unwrap(), error)).into())
}

/// Section 3, Hostname Resolution: the first usable answer starts the race, with a small head start for IPv6.
mod section_3 {
    use super::*;

    #[test]
    fn ipv6_answer_starts_at_once() {
        let mut race = TimeLine::new();
        assert_eq!(race.at(10, answer([V6[0]])), [start(0, V6[0])]);
        assert_eq!(race.at(20, last_answer([V4[0]])), [wait_until(260)]);
        assert_eq!(race.at(260, Input::TimePassed), [start(1, V4[0])]);
    }

    #[test]
    fn ipv4_answer_waits_for_the_ipv6_one() {
        let mut race = TimeLine::new();
        assert_eq!(race.at(10, answer([V4[0]])), [wait_until(60)]);
        assert_eq!(race.at(59, last_answer([V6[0]])), [start(0, V6[0]), wait_until(309)]);
        assert_eq!(race.at(309, Input::TimePassed), [start(1, V4[0])]);
    }

    #[test]
    fn ipv4_answer_waits_no_longer_than_the_resolution_delay() {
        let mut race = TimeLine::new();
        assert_eq!(race.at(0, answer([])), []);
        assert_eq!(race.at(10, answer([V4[0], V4[1]])), [wait_until(60)]);
        assert_eq!(race.at(60, Input::TimePassed), [start(0, V4[0]), wait_until(310)]);
    }

    #[test]
    fn second_ipv4_answer_does_not_prolong_the_resolution_delay() {
        let mut race = TimeLine::new();
        assert_eq!(race.at(10, answer([V4[0]])), [wait_until(60)]);
        assert_eq!(race.at(40, answer([V4[1]])), [wait_until(60)]);
    }

    #[test]
    fn empty_ipv6_answer_ends_the_resolution_delay() {
        let mut race = TimeLine::new();
        assert_eq!(race.at(10, answer([V4[0]])), [wait_until(60)]);
        assert_eq!(race.at(20, last_answer([])), [start(0, V4[0])]);
    }

    #[test]
    fn ipv4_answer_after_an_empty_ipv6_one_starts_at_once() {
        let mut race = TimeLine::new();
        assert_eq!(race.at(10, answer([])), []);
        assert_eq!(race.at(20, last_answer([V4[0]])), [start(0, V4[0])]);
    }

    #[test]
    fn only_answer_starts_at_once() {
        assert_eq!(TimeLine::new().at(10, last_answer([V4[0]])), [start(0, V4[0])]);
    }

    #[test]
    fn no_address_at_all_fails() {
        assert_eq!(TimeLine::new().at(10, last_answer([])), [failed([])]);
    }
}

/// Section 4, Sorting Addresses: the resolver's order within a family, the families taking turns.
mod section_4 {
    use super::*;

    #[test]
    fn family_of_the_first_address_leads() {
        let by_family = |first: [&'static str; 3], second: [&'static str; 3]| {
            TimeLine::order_of_attempts(first.into_iter().chain(second))
        };
        assert_eq!(by_family(V6, V4), parse([V6[0], V4[0], V6[1], V4[1], V6[2], V4[2]]));
        assert_eq!(by_family(V4, V6), parse([V4[0], V6[0], V4[1], V6[1], V4[2], V6[2]]));
    }

    #[test]
    fn order_within_a_family_is_kept() {
        assert_eq!(
            TimeLine::order_of_attempts([V4[2], V4[0], V6[1], V4[1], V6[0]]),
            parse([V4[2], V6[1], V4[0], V6[0], V4[1]]),
        );
    }

    #[test]
    fn longer_family_goes_on_alone() {
        assert_eq!(
            TimeLine::order_of_attempts([V6[0], V6[1], V6[2], V4[0]]),
            parse([V6[0], V4[0], V6[1], V6[2]]),
        );
        assert_eq!(TimeLine::order_of_attempts(V4), parse(V4));
    }

    #[test]
    fn repeated_addresses_are_tried_once() {
        assert_eq!(
            TimeLine::order_of_attempts([V6[0], V6[0], V4[0], V6[1], V4[0], V6[0]]),
            parse([V6[0], V4[0], V6[1]]),
        );
    }
}

/// Section 5, Connection Attempts: one after another, side by side, until the first success.
mod section_5 {
    use super::*;

    #[test]
    fn attempts_start_one_per_delay() {
        let mut race = TimeLine::new();
        assert_eq!(
            race.at(5, last_answer([V6[0], V4[0], V6[1]])),
            [start(0, V6[0]), wait_until(255)]
        );
        assert_eq!(race.at(255, Input::TimePassed), [start(1, V4[0]), wait_until(505)]);
        assert_eq!(race.at(505, Input::TimePassed), [start(2, V6[1])]);
    }

    #[test]
    fn early_timer_starts_nothing() {
        let mut race = TimeLine::resolved([V6[0], V4[0]]);
        assert_eq!(race.at(249, Input::TimePassed), [wait_until(250)]);
    }

    #[test]
    fn late_timer_starts_a_single_attempt() {
        let mut race = TimeLine::resolved([V6[0], V4[0], V6[1]]);
        assert_eq!(race.at(900, Input::TimePassed), [start(1, V4[0]), wait_until(1150)]);
    }

    #[test]
    fn failure_starts_the_next_address_at_once() {
        let mut race = TimeLine::resolved([V6[0], V4[0], V6[1]]);
        assert_eq!(race.at(3, fails(0, "unreachable")), [start(1, V4[0]), wait_until(253)]);
        assert_eq!(race.at(253, Input::TimePassed), [start(2, V6[1])]);
    }

    #[test]
    fn failure_of_an_earlier_attempt_frees_its_place() {
        let mut race = TimeLine::resolved([V6[0], V4[0], V6[1], V4[1]]);
        race.at(250, Input::TimePassed);
        assert_eq!(race.at(300, fails(0, "refused")), [start(2, V6[1]), wait_until(550)]);
    }

    #[test]
    fn first_success_wins_and_cancels_the_others() {
        let mut race = TimeLine::resolved([V6[0], V4[0], V6[1], V4[1]]);
        race.at(250, Input::TimePassed);
        race.at(500, Input::TimePassed);
        assert_eq!(race.at(510, succeeds(1)), [cancel(0), cancel(2), connected(1)]);
    }

    #[test]
    fn failed_attempts_are_not_cancelled() {
        let mut race = TimeLine::resolved([V6[0], V4[0]]);
        race.at(10, fails(0, "refused"));
        assert_eq!(race.at(20, succeeds(1)), [connected(1)]);
    }

    #[test]
    fn nothing_happens_after_the_winner() {
        let mut race = TimeLine::resolved([V6[0], V4[0], V6[1]]);
        race.at(250, Input::TimePassed);
        race.at(260, succeeds(1));
        for late in [
            succeeds(0),
            fails(0, "refused"),
            succeeds(1),
            Input::TimePassed,
            last_answer([V4[2]]),
        ] {
            assert_eq!(race.at(900, late), []);
        }
    }

    #[test]
    fn attempt_ends_once() {
        let mut race = TimeLine::resolved([V6[0], V4[0], V6[1]]);
        race.at(10, fails(0, "refused"));
        for again in [succeeds(0), fails(0, "refused")] {
            assert_eq!(race.at(20, again), [wait_until(260)]);
        }
    }

    #[test]
    fn attempt_that_was_never_started_cannot_end() {
        let mut race = TimeLine::resolved([V6[0], V4[0]]);
        for unknown in [succeeds(1), fails(7, "refused")] {
            assert_eq!(race.at(20, unknown), [wait_until(250)]);
        }
    }

    #[test]
    fn slow_attempt_is_left_running() {
        let mut race = TimeLine::resolved([V6[0], V4[0]]);
        assert_eq!(race.at(250, Input::TimePassed), [start(1, V4[0])]);
        assert_eq!(race.at(251, fails(1, "refused")), []);
        assert_eq!(race.at(60_000, Input::TimePassed), []);
        assert_eq!(race.at(120_000, succeeds(0)), [connected(0)]);
    }

    #[test]
    fn all_failing_is_told_in_the_order_of_attempts() {
        let mut race = TimeLine::resolved([V6[0], V4[0], V6[1]]);
        race.at(250, Input::TimePassed);
        race.at(260, fails(1, "refused"));
        assert_eq!(race.at(270, fails(2, "unreachable")), []);
        assert_eq!(
            race.at(9_000, fails(0, "timed out")),
            [failed([
                (V6[0], "timed out"),
                (V4[0], "refused"),
                (V6[1], "unreachable")
            ])],
        );
        assert_eq!(race.at(9_001, Input::TimePassed), []);
    }
}

/// Section 6, DNS Answer Changes: late addresses join those not yet tried.
mod section_6 {
    use super::*;

    #[test]
    fn late_ipv6_addresses_take_the_next_turn() {
        let mut race = TimeLine::new();
        race.at(0, answer([V4[0], V4[1]]));
        assert_eq!(race.at(50, Input::TimePassed), [start(0, V4[0]), wait_until(300)]);
        assert_eq!(race.at(100, last_answer([V4[2], V6[0]])), [wait_until(300)]);
        assert_eq!(race.at(300, Input::TimePassed), [start(1, V6[0]), wait_until(550)]);
        assert_eq!(race.at(550, Input::TimePassed), [start(2, V4[1]), wait_until(800)]);
    }

    #[test]
    fn late_address_starts_at_once_when_the_delay_is_over() {
        let mut race = TimeLine::new();
        assert_eq!(race.at(0, answer([V6[0]])), [start(0, V6[0])]);
        assert_eq!(race.at(400, last_answer([V4[0]])), [start(1, V4[0])]);
    }

    #[test]
    fn race_does_not_fail_while_an_answer_is_due() {
        let mut race = TimeLine::new();
        race.at(0, answer([V6[0]]));
        assert_eq!(race.at(10, fails(0, "unreachable")), []);
        assert_eq!(race.at(20, last_answer([V4[0]])), [start(1, V4[0])]);
        assert_eq!(
            race.at(30, fails(1, "refused")),
            [failed([(V6[0], "unreachable"), (V4[0], "refused")])]
        );
    }

    #[test]
    fn race_fails_when_the_last_answer_brings_nothing_new() {
        let mut race = TimeLine::new();
        race.at(0, answer([V6[0]]));
        race.at(10, fails(0, "unreachable"));
        assert_eq!(race.at(20, last_answer([V6[0]])), [failed([(V6[0], "unreachable")])]);
    }
}

/// Section 8, Summary of Configurable Values.
mod section_8 {
    use super::*;

    #[test]
    fn delays_are_the_recommended_ones() {
        assert_eq!(RESOLUTION_DELAY, Duration::from_millis(50));
        assert_eq!(CONNECTION_ATTEMPT_DELAY, Duration::from_millis(250));
    }
}

/// What holds for every course of events.
mod properties {
    use std::collections::HashSet;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Fate {
        Succeeds,
        Fails,
        Hangs,
    }

    /// Answers with the pause before each, as indices into `known()`; and for each of those addresses how an attempt
    /// ends, and after what time.
    type Course = (Vec<(u64, Vec<usize>)>, Vec<(u64, Fate)>);

    fn known() -> Vec<SocketAddr> {
        parse(V6.into_iter().chain(V4))
    }

    fn courses() -> impl Strategy<Value = Course> {
        let fate = prop_oneof![1 => Just(Fate::Succeeds), 3 => Just(Fate::Fails), 1 => Just(Fate::Hangs)];
        (vec((0..300u64, vec(0..6usize, 0..8)), 1..4), vec((0..1500u64, fate), 6))
    }

    /// Plays a course to its end, where nothing more is due, and checks every answer on the way.
    #[derive(Default)]
    struct Play {
        due: Vec<(u64, Input<&'static str>)>,
        tried: Vec<SocketAddr>,
        running: HashSet<AttemptId>,
        ending: Option<Output<&'static str>>,
    }

    impl Play {
        fn of((answers, fates): &Course) -> Self {
            let mut play = Self::default();
            let mut arrival = 0;
            for (index, (pause, addresses)) in answers.iter().enumerate() {
                arrival += pause;
                let addresses = addresses.iter().map(|&address| known()[address]).collect();
                let last = index + 1 == answers.len();
                play.due.push((arrival, Input::AddressesResolved { addresses, last }));
            }
            let mut race = TimeLine::new();
            // Each address and each answer can set off a few events, and no more: more steps are an endless race.
            for _ in 0..100 {
                let Some(next) = (0..play.due.len()).min_by_key(|&index| play.due[index].0) else {
                    return play;
                };
                let (now, input) = play.due.remove(next);
                if let Input::AttemptFailed(id, _) = input {
                    assert!(play.running.remove(&id));
                }
                // Every answer replaces the timer.
                play.due.retain(|(_, input)| *input != Input::TimePassed);
                for output in race.at(now, input) {
                    play.obey(output, now, fates);
                }
                let most = 1 + now as usize / 250;
                assert!(
                    play.running.len() <= most,
                    "more attempts at once than the delay allows"
                );
            }
            panic!("the race does not end");
        }

        fn obey(&mut self, output: Output<&'static str>, now: u64, fates: &[(u64, Fate)]) {
            assert_eq!(self.ending, None, "{output:?} after the end");
            match output {
                Output::StartAttempt { id, address } => {
                    assert_eq!(id.0, self.tried.len());
                    assert!(!self.tried.contains(&address), "{address} is tried twice");
                    self.tried.push(address);
                    self.running.insert(id);
                    let (duration, fate) = fates[known().iter().position(|known| *known == address).unwrap()];
                    match fate {
                        Fate::Succeeds => self.due.push((now + duration, succeeds(id.0))),
                        Fate::Fails => self.due.push((now + duration, fails(id.0, "refused"))),
                        Fate::Hangs => {}
                    }
                }
                Output::CancelAttempt(id) => {
                    assert!(self.running.remove(&id), "{id:?} is cancelled after its end");
                    self.due
                        .retain(|(_, input)| *input != succeeds(id.0) && *input != fails(id.0, "refused"));
                }
                Output::Wait(until) => {
                    let until = until.as_millis() as u64;
                    assert!(until > now, "a wait that is over already");
                    self.due.push((until, Input::TimePassed));
                }
                Output::Connected(id) => {
                    assert!(self.running.remove(&id), "{id:?} wins after its end");
                    self.ending = Some(output);
                }
                Output::Failed(ref errors) => {
                    assert!(errors.iter().map(|(address, _)| address).eq(&self.tried));
                    self.ending = Some(output);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn races_are_sound(course in courses()) {
            let (answers, fates) = &course;
            let play = Play::of(&course);
            let named: HashSet<_> = answers.iter().flat_map(|(_, addresses)| addresses).copied().collect();
            let any = |wanted: fn(&Fate) -> bool| named.iter().any(|&address| wanted(&fates[address].1));

            let connects = any(|fate| matches!(fate, Fate::Succeeds));
            prop_assert_eq!(matches!(play.ending, Some(Output::Connected(_))), connects);
            let hangs = !connects && any(|fate| matches!(fate, Fate::Hangs));
            prop_assert_eq!(play.ending.is_none(), hangs, "without a success, only a hanging attempt keeps it open");
            if !connects {
                prop_assert_eq!(play.tried.len(), named.len(), "every address gets its attempt");
            }
            if play.ending.is_some() {
                prop_assert!(play.running.is_empty(), "every attempt has an end");
            }
        }
    }
}
