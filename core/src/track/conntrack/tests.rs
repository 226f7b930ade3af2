//! The table as a whole: conversations in, verdicts out.

use super::super::key::{Directed, KeyHasher, proto};
use super::*;
use crate::decode::flags::{ACK, FIN, RST, SYN};
use crate::decode::{Address, Icmp, Packet, Quoted, Tcp, TcpOptions, Transport};
use proptest::prelude::*;

const S: i64 = 1_000_000_000;
const CLIENT: Address = [1; 16];
const SERVER: Address = [2; 16];

/// A number for each flow, as the flow table gives them.
fn flow_id(packet: &Packet<'_>) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let key = Directed::of(packet).expect("a flow").key;
    let mut hasher = DefaultHasher::new();
    format!("{key:?}").hash(&mut hasher);
    hasher.finish()
}

/// One connection's packets, in time.
struct Line {
    table: Conntrack,
    hasher: KeyHasher,
    now_ns: i64,
    n_packets: u64,
    hint: u32,
}

impl Line {
    fn new(settings: &str) -> Self {
        let hasher = KeyHasher::random();
        let config = CtConfig::parse(settings).expect("settings");
        Self {
            table: Conntrack::new(config, hasher),
            hasher,
            now_ns: 1000 * S,
            n_packets: 0,
            hint: 0,
        }
    }

    fn judge(&mut self, packet: &Packet<'_>) -> Verdict {
        self.n_packets += 1;
        let packet = Packet {
            number: self.n_packets,
            ..*packet
        };
        let flow = Directed::of(&packet).expect("a flow");
        let key = (&flow, self.hasher.hash(&flow.key));
        self.table
            .judge(&packet, key, flow_id(&packet), self.now_ns, &mut self.hint)
    }

    fn tcp(&mut self, segment: Segment) -> Verdict {
        self.judge(&segment.packet())
    }

    /// Client 1000, server 5000; windows of 1000 bytes.
    fn opened(settings: &str) -> Self {
        let mut line = Self::new(settings);
        line.tcp(up(SYN, 1000, 0));
        line.tcp(down(SYN | ACK, 5000, 1001));
        line.tcp(up(ACK, 1001, 5001));
        line
    }
}

#[derive(Clone, Copy)]
struct Segment {
    reply: bool,
    flags: u16,
    seq: u32,
    ack: u32,
    window: u16,
    len: u32,
    options: TcpOptions,
}

fn up(flags: u16, seq: u32, ack: u32) -> Segment {
    Segment {
        reply: false,
        flags,
        seq,
        ack,
        window: 1000,
        len: 0,
        options: TcpOptions::default(),
    }
}

fn down(flags: u16, seq: u32, ack: u32) -> Segment {
    Segment {
        reply: true,
        ..up(flags, seq, ack)
    }
}

impl Segment {
    fn len(self, len: u32) -> Self {
        Self { len, ..self }
    }

    fn tsval(mut self, tsval: u32) -> Self {
        self.options.timestamps = Some((tsval, 0));
        self
    }

    fn wscale(mut self, shift: u8) -> Self {
        self.options.wscale = Some(shift);
        self
    }

    fn packet(self) -> Packet<'static> {
        let (src, dst, sport, dport) = if self.reply {
            (SERVER, CLIENT, 80, 4000)
        } else {
            (CLIENT, SERVER, 4000, 80)
        };
        Packet {
            ip_version: 4,
            ip_len: 20 + 32 + self.len,
            src,
            dst,
            sport,
            dport,
            proto: proto::TCP,
            transport: Transport::Tcp(Tcp {
                seq: self.seq,
                ack: self.ack,
                flags: self.flags,
                window: self.window,
                header_len: 32,
                options: self.options,
                ..Tcp::default()
            }),
            payload_len: self.len,
            ..Packet::default()
        }
    }
}

fn datagram(reply: bool) -> Packet<'static> {
    let segment = if reply { down(0, 0, 0) } else { up(0, 0, 0) };
    Packet {
        proto: proto::UDP,
        transport: Transport::Udp,
        ..segment.packet()
    }
}

fn state(verdict: &Verdict) -> &'static str {
    let state = verdict.after.and_then(|after| after.tcp_state);
    state.map_or("", tcp_state::State::name)
}

fn timeout_s(verdict: &Verdict) -> u32 {
    verdict.after.map_or(0, |after| after.timeout_s)
}

#[test]
fn a_connection_from_its_syn_to_its_last_ack() {
    let mut line = Line::new("linux");
    let steps = [
        (up(SYN, 1000, 0), CtState::New, "syn_sent", 120),
        (
            down(SYN | ACK, 5000, 1001),
            CtState::Established,
            "syn_recv",
            60,
        ),
        (
            up(ACK, 1001, 5001),
            CtState::Established,
            "established",
            432_000,
        ),
        (
            up(ACK, 1001, 5001).len(100),
            CtState::Established,
            "established",
            300,
        ),
        (
            down(ACK, 5001, 1101),
            CtState::Established,
            "established",
            432_000,
        ),
        (
            up(FIN | ACK, 1101, 5001),
            CtState::Established,
            "fin_wait",
            120,
        ),
        (
            down(FIN | ACK, 5001, 1102),
            CtState::Established,
            "last_ack",
            30,
        ),
        (up(ACK, 1102, 5002), CtState::Established, "time_wait", 120),
    ];
    for (segment, ct_state, after, seconds) in steps {
        let verdict = line.tcp(segment);
        assert_eq!((verdict.ct_state, verdict.reply), (ct_state, segment.reply));
        assert_eq!((state(&verdict), timeout_s(&verdict)), (after, seconds));
        assert_eq!((verdict.reason, verdict.bound), (Reason::None, None));
    }
    // The ports are used again.
    let verdict = line.tcp(up(SYN, 90_000, 0));
    assert_eq!(
        (verdict.ct_state, verdict.reason),
        (CtState::New, Reason::Reopened)
    );
}

#[test]
fn bounds_say_how_far_and_since_when() {
    let mut line = Line::opened("linux");
    // The server's SYN/ACK, packet 2, allows the client up to 1001 + 1000.
    let over = line.tcp(up(ACK, 1001 + 5000, 5001).len(10));
    let bound = over.bound.expect("a bound");
    assert_eq!(
        (over.ct_state, over.reason),
        (CtState::Invalid, Reason::SeqOver)
    );
    assert_eq!((bound.number, bound.excess, bound.packet), (2002, 4000, 2));
    // The server sent up to 5001 with packet 2.
    let unseen = line.tcp(up(ACK, 1001, 5001 + 700));
    let bound = unseen.bound.expect("a bound");
    assert_eq!(
        (unseen.ct_state, unseen.reason),
        (CtState::Invalid, Reason::AckOver)
    );
    assert_eq!((bound.number, bound.excess, bound.packet), (5002, 700, 2));
    // Long acknowledged: let pass, and said.
    let old = line.tcp(up(ACK, 1001u32.wrapping_sub(9000), 5001).len(10));
    assert_eq!(
        (old.ct_state, old.reason),
        (CtState::Established, Reason::SeqUnder)
    );
    assert_eq!(old.bound.map(|bound| bound.excess), Some(9000 - 10 - 1000));
    // Begins inside, ends beyond: the bytes may be taken all the same.
    let overrun = line.tcp(up(ACK, 2002, 5001).len(10));
    assert_eq!(
        (overrun.ct_state, overrun.reason),
        (CtState::Established, Reason::WindowOverrun)
    );
}

#[test]
fn the_same_packets_under_other_settings() {
    let over = up(ACK, 1001 + 5000, 5001).len(10);
    let rst = down(RST, 5001 + 300, 0);
    let old = up(ACK, 1001u32.wrapping_sub(9000), 5001).len(10);
    let middle = |settings: &str| Line::new(settings).tcp(up(ACK, 1, 1)).ct_state;
    let after = |settings: &str, segment| Line::opened(settings).tcp(segment).ct_state;
    use CtState::{Established, Invalid, New};
    for (settings, expected) in [
        ("linux", [Invalid, Established, Established]),
        ("linux,liberal", [Established, Established, Established]),
        ("pf-like", [Invalid, Invalid, Established]),
        ("strict", [Invalid, Invalid, Invalid]),
    ] {
        let got = [
            after(settings, over),
            after(settings, rst),
            after(settings, old),
        ];
        assert_eq!(got, expected, "{settings}");
    }
    let long = up(ACK, 1900, 5001).len(500);
    assert_eq!(after("linux", long), Established);
    assert_eq!(after("pf-like", long), Invalid);
    assert_eq!(
        [middle("linux"), middle("linux,loose=0"), middle("strict")],
        [New, Invalid, Invalid]
    );
}

#[test]
fn a_rst_must_be_exact_to_end_a_connection() {
    let mut line = Line::opened("linux");
    let guess = line.tcp(down(RST, 5001 + 300, 0));
    assert_eq!(
        (guess.reason, state(&guess)),
        (Reason::RstNotExact, "established")
    );
    assert_eq!(timeout_s(&guess), 10);
    let old = line.tcp(down(RST, 4000, 0));
    assert_eq!(
        (old.ct_state, old.reason),
        (CtState::Invalid, Reason::RstBeforeAck)
    );
    assert_eq!(old.bound.map(|bound| bound.excess), Some(1001));
    let exact = line.tcp(down(RST, 5001, 0));
    assert_eq!((exact.reason, state(&exact)), (Reason::None, "close"));
    // Only the setting decides about the old one.
    let ignored = Line::opened("linux,ignore-invalid-rst").tcp(down(RST, 4000, 0));
    assert_eq!(ignored.ct_state, CtState::Established);
}

#[test]
fn window_scaling_counts_where_both_ends_offer_it() {
    for (offered, reason) in [(Some(4), Reason::None), (None, Reason::SeqOver)] {
        let mut line = Line::new("linux");
        line.tcp(up(SYN, 1000, 0).wscale(2));
        let answer = down(SYN | ACK, 5000, 1001);
        line.tcp(offered.map_or(answer, |shift| answer.wscale(shift)));
        line.tcp(up(ACK, 1001, 5001));
        line.tcp(down(ACK, 5001, 1001));
        // The server's 1000 are 16,000 where scaled.
        let verdict = line.tcp(up(ACK, 1001 + 12_000, 5001).len(100));
        assert_eq!(verdict.reason, reason);
    }
}

#[test]
fn timestamps_must_not_run_back_where_that_is_asked() {
    for (settings, reason) in [
        ("linux", Reason::None),
        ("linux,paws", Reason::TimestampOld),
    ] {
        let mut line = Line::opened(settings);
        line.tcp(up(ACK, 1001, 5001).len(10).tsval(500));
        let verdict = line.tcp(up(ACK, 1011, 5001).len(10).tsval(400));
        assert_eq!(verdict.reason, reason, "{settings}");
        // 24 days later anything goes.
        line.now_ns += 25 * 86_400 * S;
    }
}

#[test]
fn entries_expire_by_packet_time() {
    let mut line = Line::new("linux");
    line.tcp(up(SYN, 1000, 0));
    line.now_ns += 119 * S;
    // A repeated SYN does not prolong.
    assert_eq!(timeout_s(&line.tcp(up(SYN, 1000, 0))), 1);
    line.now_ns += 2 * S;
    let late = line.tcp(down(SYN | ACK, 5000, 1001));
    assert_eq!(
        (late.ct_state, late.reason),
        (CtState::Invalid, Reason::NotOpening)
    );
    assert_eq!(line.table.counters().expired, 1);
}

#[test]
fn datagrams_are_a_stream_after_two_seconds_both_ways() {
    let mut line = Line::new("linux");
    let first = line.judge(&datagram(false));
    assert_eq!((first.ct_state, timeout_s(&first)), (CtState::New, 30));
    let answer = line.judge(&datagram(true));
    assert_eq!(
        (answer.ct_state, timeout_s(&answer)),
        (CtState::Established, 30)
    );
    line.now_ns += 3 * S;
    let stream = line.judge(&datagram(false));
    assert_eq!(timeout_s(&stream), 120);
    assert!(stream.after.is_some_and(|after| after.assured));
}

fn icmp(from: Address, to: Address, icmp: Icmp) -> Packet<'static> {
    Packet {
        ip_version: 4,
        src: from,
        dst: to,
        proto: proto::ICMP,
        transport: Transport::Icmp(icmp),
        ..Packet::default()
    }
}

#[test]
fn errors_are_related_to_what_they_quote() {
    let mut line = Line::opened("linux");
    let quoted = |sport| Quoted {
        src: CLIENT,
        dst: SERVER,
        proto: proto::TCP,
        sport,
        dport: 80,
        ..Quoted::default()
    };
    let error = |sport| Icmp {
        kind: 3,
        quoted: Some(quoted(sport)),
        ..Icmp::default()
    };
    let router = [9; 16];
    let verdict = line.judge(&icmp(router, CLIENT, error(4000)));
    assert_eq!((verdict.ct_state, verdict.reply), (CtState::Related, true));
    assert_eq!(verdict.parent_flow, Some(flow_id(&up(ACK, 0, 0).packet())));
    let stray = line.judge(&icmp(router, CLIENT, error(4001)));
    assert_eq!(stray.reason, Reason::IcmpNoMatch);
    let astray = line.judge(&icmp(router, router, error(4000)));
    assert_eq!(astray.reason, Reason::IcmpOtherTarget);
    let echo = |kind| Icmp {
        kind,
        id: 3,
        ..Icmp::default()
    };
    let unasked = line.judge(&icmp(SERVER, CLIENT, echo(0)));
    assert_eq!(unasked.reason, Reason::IcmpNotRequest);
    assert_eq!(
        line.judge(&icmp(CLIENT, SERVER, echo(8))).ct_state,
        CtState::New
    );
    let answer = line.judge(&icmp(SERVER, CLIENT, echo(0)));
    assert_eq!(
        (answer.ct_state, answer.reply),
        (CtState::Established, true)
    );
}

#[test]
fn a_flood_drops_what_is_not_assured_and_nothing_else() {
    let mut line = Line::opened("linux,max-entries=100");
    for number in 0..100_000u32 {
        let mut source = [5; 16];
        source[..4].copy_from_slice(&number.to_be_bytes());
        let packet = Packet {
            src: source,
            ..up(SYN, number, 0).packet()
        };
        assert_eq!(line.judge(&packet).ct_state, CtState::New);
        assert!(line.table.len() <= 100);
    }
    let counters = line.table.counters();
    assert_eq!(counters.early_dropped, 100_001 - 100);
    assert_eq!(counters.refused, 0);
    let alive = line.tcp(up(ACK, 1001, 5001).len(10));
    assert_eq!(
        (alive.ct_state, state(&alive)),
        (CtState::Established, "established")
    );
}

#[test]
fn a_table_of_assured_entries_takes_no_more() {
    let mut line = Line::opened("linux,max-entries=1");
    let mut other = up(SYN, 1, 0).packet();
    other.sport = 4001;
    assert_eq!(line.judge(&other).reason, Reason::TableFull);
    assert_eq!((line.table.len(), line.table.counters().refused), (1, 1));
}

prop_compose! {
    fn any_packet()(
        kind in 0..6u8, reply: bool, flags in 0..64u16, near in -3000i32..3000, far: u32,
        ack in -3000i32..3000, window: u16, len in 0..3000u32, shift: Option<u8>,
        wild in 0..10u8, step in 0..40i64,
    ) -> (Packet<'static>, i64) {
        let (own, other) = if reply { (5001u32, 1001u32) } else { (1001, 5001) };
        let seq = if wild == 0 { far } else { own.wrapping_add_signed(near) };
        let mut segment = Segment {
            reply, flags, seq, ack: other.wrapping_add_signed(ack), window, len,
            options: TcpOptions::default(),
        };
        segment.options.wscale = shift;
        let packet = match kind {
            0 => datagram(reply),
            1 => icmp(CLIENT, SERVER, Icmp { kind: flags as u8, ..Icmp::default() }),
            _ => segment.packet(),
        };
        (packet, if wild == 1 { step * 40 * S } else { step * S / 10 })
    }
}

proptest! {
    #[test]
    fn any_packets_are_judged_in_bounds(
        packets in prop::collection::vec(any_packet(), 1..200),
        settings in prop::sample::select(vec!["linux", "linux,liberal", "pf-like", "strict"]),
    ) {
        let mut line = Line::new(&format!("{settings},max-entries=3"));
        for (packet, step_ns) in &packets {
            line.now_ns += step_ns;
            let verdict = line.judge(packet);
            prop_assert!(line.table.len() <= 3);
            if verdict.ct_state == CtState::Invalid {
                prop_assert!(verdict.reason != Reason::None);
            }
        }
        let counted: u64 = line.table.counters().states.iter().sum();
        prop_assert_eq!(counted, packets.len() as u64);
    }

    /// Where both begin is chance: shifted numbers give the same verdicts.
    #[test]
    fn sequence_numbers_wrap(
        packets in prop::collection::vec(any_packet(), 1..60),
        shift: [u32; 2],
    ) {
        let (mut here, mut there) = (Line::opened("linux"), Line::new("linux"));
        let (a, b) = (shift[0].wrapping_add(1000), shift[1].wrapping_add(5000));
        there.tcp(up(SYN, a, 0));
        there.tcp(down(SYN | ACK, b, a.wrapping_add(1)));
        there.tcp(up(ACK, a.wrapping_add(1), b.wrapping_add(1)));
        for (packet, step_ns) in &packets {
            let mut shifted = *packet;
            if let Transport::Tcp(tcp) = &mut shifted.transport {
                // 0 means something in a RST, and to an end of which nothing was seen.
                if tcp.flags & (RST | SYN) != 0 || tcp.flags & ACK == 0 {
                    continue;
                }
                let own = usize::from(shifted.src == SERVER);
                tcp.seq = tcp.seq.wrapping_add(shift[own]);
                tcp.ack = tcp.ack.wrapping_add(shift[1 - own]);
            }
            let step_ns = step_ns.min(&S);
            here.now_ns += step_ns;
            there.now_ns += step_ns;
            let (one, other) = (here.judge(packet), there.judge(&shifted));
            prop_assert_eq!(one.ct_state, other.ct_state);
        }
    }
}
