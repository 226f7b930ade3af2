//! Connections that others announced, until they come or their time is over.

use std::collections::{BTreeMap, HashMap};

use super::super::expect::{Ends, Expectation, Helper, Kind, Side, State};
use super::tcp_window::before;
use crate::decode::{Address, Packet, Tcp, Transport};

/// Most expectations at once; the oldest gives way.
const MAX_EXPECTED: usize = 4096;
/// Most connections whose payload is read at once.
const MAX_READ: usize = 16_384;
const NS_PER_S: i64 = 1_000_000_000;

/// What is announced, and by whom.
#[derive(Clone, Copy, Debug)]
struct Expected {
    what: Expectation,
    helper: Helper,
    parent_flow: u64,
    /// The announcer's place in the table.
    parent: u32,
    until_ns: i64,
}

/// A connection whose payload is read.
#[derive(Debug)]
struct Reading {
    state: State,
    /// Number of the next byte of each side, in order.
    next_seq: [Option<u32>; 2],
    /// Its expectations, oldest first.
    announced: Vec<u64>,
}

/// An expectation that came true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    pub parent_flow: u64,
    /// What reads the new connection.
    pub helper: Option<Helper>,
}

/// What came of a packet's payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Announced {
    pub n_expected: usize,
    /// Announcements of an address that is not the sender's: not expected.
    pub n_third_party: usize,
}

type Target = (u8, Address, u16);

/// Expectations and the connections that make them. Bounded in both.
#[derive(Debug, Default)]
pub(super) struct Expectations {
    /// By number, so the oldest comes first.
    expected: BTreeMap<u64, Expected>,
    by_target: HashMap<Target, Vec<u64>>,
    n_made: u64,
    reading: HashMap<u32, Reading>,
    /// Expectations given up, and connections not read, for want of room.
    pub n_dropped: u64,
}

/// How many connections of a kind an announcer may expect at once, and for how many seconds:
/// the policies of Linux's modules.
const fn policy(kind: Kind, helper: Helper) -> (usize, i64) {
    match (kind, helper) {
        (Kind::FtpData | Kind::TftpData, _) => (1, 300),
        (Kind::IrcDcc, _) => (8, 300),
        // RFC 3261 section 10.2.1.1 suggests an hour for registrations.
        (Kind::SipSignalling, _) => (1, 3600),
        (Kind::Rtp | Kind::Rtcp, Helper::Sip) => (4, 180),
        (Kind::Rtp | Kind::Rtcp, _) => (16, 240),
        (Kind::H245 | Kind::T120, _) => (4, 240),
        (Kind::TalkLookup | Kind::TalkData, _) => (2, 300),
        (Kind::SnmpReply, _) => (1, 30),
        (Kind::NetbiosReply, _) => (1, 3),
    }
}

impl Expectations {
    /// Begins to read a connection at `at`. False: there is no room.
    pub fn attach(&mut self, at: u32, helper: Helper, proto: u8) -> bool {
        if self.reading.len() >= MAX_READ {
            self.n_dropped += 1;
            return false;
        }
        let reading = Reading {
            state: State::new(helper, proto),
            next_seq: [None; 2],
            announced: Vec::new(),
        };
        self.reading.insert(at, reading);
        true
    }

    /// What reads the connection at `at`.
    pub fn helper(&self, at: u32) -> Option<Helper> {
        let reading = self.reading.get(&at);
        reading.map(|reading| reading.state.helper())
    }

    /// A connection is over, and with it what it announced.
    pub fn detach(&mut self, at: u32) {
        if let Some(reading) = self.reading.remove(&at) {
            self.n_dropped += u64::from(reading.state.n_dropped());
            for number in reading.announced {
                self.take(number);
            }
        }
    }

    /// The expectation that a first packet fulfils.
    pub fn fulfil(&mut self, packet: &Packet<'_>, now_ns: i64) -> Option<Match> {
        if self.expected.is_empty() {
            return None;
        }
        let target = (packet.proto, packet.dst, packet.dport);
        let numbers = self.by_target.get(&target)?;
        let (number, found) = numbers.iter().find_map(|number| {
            let found = self.expected.get(number)?;
            let from = found.what.src.is_none_or(|src| src == packet.src)
                && found.what.sport.is_none_or(|sport| sport == packet.sport);
            (from && now_ns < found.until_ns).then_some((*number, *found))
        })?;
        if !found.what.kind.is_permanent() {
            self.forget(number, found.parent);
        }
        Some(Match {
            parent_flow: found.parent_flow,
            helper: found.what.kind.helper(found.helper),
        })
    }

    /// Reads the payload of a packet of the connection at `at`.
    pub fn read(
        &mut self,
        at: u32,
        parent_flow: u64,
        reply: bool,
        packet: &Packet<'_>,
        now_ns: i64,
    ) -> Announced {
        let mut announced = Announced::default();
        let Some(reading) = self.reading.get_mut(&at) else {
            return announced;
        };
        let side = if reply { Side::Resp } else { Side::Orig };
        let payload = match packet.transport {
            Transport::Tcp(ref tcp) => reading.in_order(side, tcp, packet),
            _ => packet.payload,
        };
        let ends = Ends {
            proto: packet.proto,
            src: packet.src,
            sport: packet.sport,
            dst: packet.dst,
            dport: packet.dport,
        };
        let found = reading.state.parse(side, &ends, payload);
        if (packet.payload.len() as u64) < u64::from(packet.payload_len) {
            reading.state.gap(side);
        }
        let helper = reading.state.helper();
        for what in found {
            if what.third_party {
                announced.n_third_party += 1;
                continue;
            }
            announced.n_expected += 1;
            let (_, seconds) = policy(what.kind, helper);
            self.expect(Expected {
                what,
                helper,
                parent_flow,
                parent: at,
                until_ns: now_ns.saturating_add(seconds * NS_PER_S),
            });
        }
        announced
    }

    fn expect(&mut self, new: Expected) {
        let (most, _) = policy(new.what.kind, new.helper);
        let own = self.reading.get(&new.parent).map(|reading| {
            let of_kind = reading.announced.iter().copied().filter(|number| {
                let known = self.expected.get(number);
                known.is_some_and(|known| known.what.kind == new.what.kind)
            });
            of_kind.collect::<Vec<u64>>()
        });
        let own = own.unwrap_or_default();
        let again = own.iter().copied().find(|number| {
            let known = self.expected.get(number);
            known.is_some_and(|known| known.what == new.what)
        });
        if let Some(known) = again {
            // Announced again: its time begins anew.
            self.forget(known, new.parent);
        } else if own.len() >= most
            && let Some(&oldest) = own.first()
        {
            self.forget(oldest, new.parent);
        }
        while self.expected.len() >= MAX_EXPECTED {
            let Some((&oldest, known)) = self.expected.first_key_value() else {
                break;
            };
            let parent = known.parent;
            self.n_dropped += 1;
            self.forget(oldest, parent);
        }
        let number = self.n_made;
        self.n_made += 1;
        let target = (new.what.proto, new.what.dst, new.what.dport);
        self.by_target.entry(target).or_default().push(number);
        if let Some(reading) = self.reading.get_mut(&new.parent) {
            reading.announced.push(number);
        }
        self.expected.insert(number, new);
    }

    /// Takes an expectation out, and out of its announcer's list.
    fn forget(&mut self, number: u64, parent: u32) {
        self.take(number);
        if let Some(reading) = self.reading.get_mut(&parent) {
            reading.announced.retain(|&other| other != number);
        }
    }

    fn take(&mut self, number: u64) {
        let Some(known) = self.expected.remove(&number) else {
            return;
        };
        let target = (known.what.proto, known.what.dst, known.what.dport);
        if let Some(numbers) = self.by_target.get_mut(&target) {
            numbers.retain(|&other| other != number);
            if numbers.is_empty() {
                self.by_target.remove(&target);
            }
        }
    }
}

impl Reading {
    /// The part of a segment's payload that was not read yet; a hole before it is noted.
    fn in_order<'p>(&mut self, side: Side, tcp: &Tcp, packet: &Packet<'p>) -> &'p [u8] {
        use crate::decode::flags::SYN;
        let first = tcp.seq.wrapping_add((tcp.flags & SYN != 0).into());
        let end = first.wrapping_add(packet.payload_len);
        let next = self.next_seq[side as usize].get_or_insert(first);
        let known = if before(first, *next) {
            next.wrapping_sub(first)
        } else {
            if before(*next, first) {
                self.state.gap(side);
            }
            0
        };
        if before(*next, end) {
            *next = end;
        }
        let known = usize::try_from(known).unwrap_or(usize::MAX);
        packet.payload.get(known..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::key::proto::TCP;

    const CLIENT: [u8; 4] = [10, 0, 0, 1];
    const SERVER: [u8; 4] = [10, 0, 0, 2];

    fn address([a, b, c, d]: [u8; 4]) -> Address {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, a, b, c, d]
    }

    fn segment(from: [u8; 4], to: [u8; 4], seq: u32, payload: &[u8]) -> Packet<'_> {
        Packet {
            ip_version: 4,
            src: address(from),
            dst: address(to),
            sport: if from == CLIENT { 4000 } else { 21 },
            dport: if from == CLIENT { 21 } else { 4000 },
            proto: TCP,
            transport: Transport::Tcp(Tcp {
                seq,
                ..Tcp::default()
            }),
            payload_len: payload.len() as u32,
            payload,
            ..Packet::default()
        }
    }

    fn data(dport: u16) -> Packet<'static> {
        Packet {
            dport,
            sport: 20,
            ..segment(SERVER, CLIENT, 0, b"")
        }
    }

    fn reading() -> Expectations {
        let mut expectations = Expectations::default();
        assert!(expectations.attach(7, Helper::Ftp, TCP));
        expectations
    }

    #[test]
    fn an_announced_connection_comes_once() {
        let mut table = reading();
        let port = segment(CLIENT, SERVER, 100, b"PORT 10,0,0,1,4,1\r\n");
        assert_eq!(table.read(7, 3, false, &port, 0).n_expected, 1);
        assert_eq!(table.fulfil(&data(1026), 1), None);
        let found = table.fulfil(&data(1025), 1);
        assert_eq!(found.map(|found| found.parent_flow), Some(3));
        assert_eq!(table.fulfil(&data(1025), 2), None);
        assert!(table.expected.is_empty() && table.by_target.is_empty());
    }

    #[test]
    fn it_must_come_in_time_and_while_its_announcer_lives() {
        let mut table = reading();
        let port = segment(CLIENT, SERVER, 100, b"PORT 10,0,0,1,4,1\r\n");
        table.read(7, 3, false, &port, 0);
        assert_eq!(table.fulfil(&data(1025), 300 * NS_PER_S), None);
        assert!(table.fulfil(&data(1025), 299 * NS_PER_S).is_some());
        let again = segment(CLIENT, SERVER, 119, b"PORT 10,0,0,1,4,1\r\n");
        table.read(7, 3, false, &again, 0);
        table.detach(7);
        assert_eq!(table.fulfil(&data(1025), 1), None);
        assert!(table.by_target.is_empty());
    }

    #[test]
    fn bytes_are_read_once_and_in_order() {
        let mut table = reading();
        let head = segment(CLIENT, SERVER, 100, b"PORT 10,0,0,");
        let tail = segment(CLIENT, SERVER, 108, b"0,0,1,4,1\r\n");
        assert_eq!(table.read(7, 3, false, &head, 0).n_expected, 0);
        // It repeats four bytes, and is repeated itself.
        assert_eq!(table.read(7, 3, false, &tail, 0).n_expected, 1);
        assert_eq!(table.read(7, 3, false, &tail, 0).n_expected, 0);
        // Behind a hole the first line may lack its beginning.
        let lines = b"PORT 10,0,0,1,4,9\r\nPORT 10,0,0,1,4,2\r\n";
        let behind_a_hole = segment(CLIENT, SERVER, 900, lines);
        assert_eq!(table.read(7, 3, false, &behind_a_hole, 0).n_expected, 1);
        // One at a time: the newer replaces the older.
        assert_eq!(table.fulfil(&data(1025), 1), None);
        assert!(table.fulfil(&data(1026), 1).is_some());
    }

    #[test]
    fn a_third_party_is_not_expected() {
        let mut table = reading();
        let bounce = segment(CLIENT, SERVER, 100, b"PORT 10,0,0,9,4,1\r\n");
        let announced = table.read(7, 3, false, &bounce, 0);
        assert_eq!((announced.n_expected, announced.n_third_party), (0, 1));
    }

    #[test]
    fn tables_are_bounded() {
        let mut table = Expectations::default();
        for at in 0..MAX_READ as u32 + 9 {
            let attached = table.attach(at, Helper::Ftp, TCP);
            assert_eq!(attached, (at as usize) < MAX_READ);
            let port = segment(CLIENT, SERVER, 100, b"PORT 10,0,0,1,4,1\r\n");
            table.read(at, at.into(), false, &port, 0);
        }
        assert_eq!(table.expected.len(), MAX_EXPECTED);
        assert_eq!(
            table.by_target.values().map(Vec::len).sum::<usize>(),
            MAX_EXPECTED
        );
        assert_eq!(table.n_dropped as usize, 9 + MAX_READ - MAX_EXPECTED);
    }
}
