//! Whole streams of packets through the tracker.

use proptest::prelude::*;
use wiretell_core::decode::{Address, Packet, Tcp, TcpOptions, Transport, flags};
use wiretell_core::track::gist::Gist;
use wiretell_core::track::{Batch, Config, Counters, Flow, Totals, Tracker};

const S: i64 = 1_000_000_000;
const START_NS: i64 = 1_700_000_000 * S;

fn address(last: u32) -> Address {
    let mut address = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 0];
    address[12..].copy_from_slice(&(0x0a00_0000 | last).to_be_bytes());
    address
}

/// A segment between host `client` and host 0, port 80.
fn segment(time_ns: i64, client: u32, back: bool, tcp: Tcp) -> Packet<'static> {
    let (near, far) = (address(client), address(0));
    Packet {
        time_ns,
        ip_version: 4,
        proto: 6,
        src: if back { far } else { near },
        dst: if back { near } else { far },
        sport: if back { 80 } else { 4000 },
        dport: if back { 4000 } else { 80 },
        ipid: Some(tcp.seq as u16),
        ip_len: 40,
        transport: Transport::Tcp(tcp),
        ..Packet::default()
    }
}

fn small() -> Config {
    Config {
        max_flows: 4,
        samples_per_side: 3,
        max_hull: 3,
        ..Config::default()
    }
}

fn finished(mut tracker: Tracker) -> Vec<String> {
    tracker.finish();
    // The slot hash is secret per tracker and not part of the result.
    let describe = |flow: &Flow| {
        let sides = flow.sides.each_ref();
        format!(
            "{} {:?} {} {sides:?}",
            flow.head.id,
            flow.end,
            flow.history.as_str()
        )
    };
    tracker.drain().iter().map(describe).collect()
}

fn any_segment() -> impl Strategy<Value = Packet<'static>> {
    let times = prop_oneof![
        Just(0),
        Just(S / 100),
        Just(7 * S),
        Just(-S),
        Just(90_000 * S)
    ];
    let bits = prop_oneof![
        1 => Just(flags::SYN),
        1 => Just(flags::SYN | flags::ACK),
        3 => Just(flags::ACK),
        1 => Just(flags::FIN | flags::ACK),
        1 => Just(flags::RST),
    ];
    let stamps = proptest::option::of((any::<u32>(), any::<u32>()));
    (
        times,
        1u32..7,
        any::<bool>(),
        bits,
        0u32..30,
        0u32..30,
        stamps,
    )
        .prop_map(|(time_ns, client, back, flags, seq, ack, timestamps)| {
            let options = TcpOptions {
                timestamps,
                ..TcpOptions::default()
            };
            segment(
                time_ns,
                client,
                back,
                Tcp {
                    flags,
                    seq,
                    ack,
                    options,
                    ..Tcp::default()
                },
            )
        })
}

proptest! {
    #[test]
    fn looking_ahead_changes_nothing(
        steps in proptest::collection::vec(any_segment(), 0..120),
        flush_every in 1usize..40,
    ) {
        let mut time_ns = START_NS;
        let (mut plain, mut ahead) = (Tracker::new(small()), Tracker::new(small()));
        let mut batch = Batch::default();
        for (i, step) in steps.iter().enumerate() {
            time_ns += step.time_ns;
            let packet = Packet { time_ns, ..*step };
            plain.fold(&packet);
            batch.push(&packet, ahead.hasher());
            if i % flush_every == 0 {
                batch.fold(&mut ahead);
            }
        }
        batch.fold(&mut ahead);
        prop_assert_eq!(plain.counters(), ahead.counters());
        prop_assert_eq!(finished(plain), finished(ahead));
    }
}

/// What the flows of a finished tracker come to.
fn summed(flows: &[Flow]) -> Totals {
    let mut totals = Totals::default();
    for flow in flows {
        let sent = flow.sides.each_ref().map(|side| side.n_packets);
        totals.n_flows += 1;
        totals.n_one_sided += u64::from(sent.contains(&0));
        *totals.by_protocol.entry(flow.head.key.proto).or_default() += 1;
        totals.n_packets += sent.iter().sum::<u64>();
        totals.ip_bytes += flow.sides.iter().map(|side| side.ip_bytes).sum::<u64>();
        totals.last_ns = totals.last_ns.max(Some(flow.head.last_ns));
        let earliest = totals.first_ns.unwrap_or(i64::MAX);
        totals.first_ns = Some(earliest.min(flow.head.first_ns));
    }
    totals
}

proptest! {
    #[test]
    fn totals_are_the_sums_of_the_flows(
        steps in proptest::collection::vec((any_segment(), 0u8..12, 0u16..2), 0..120),
        active_timeout_s in prop_oneof![Just(0u32), Just(5)],
    ) {
        let config = Config { active_timeout_s, ..small() };
        let mut time_ns = START_NS;
        let (mut whole, mut counting) = (Tracker::new(config), Tracker::of_totals(config));
        for (step, kind, ipid) in steps {
            time_ns += step.time_ns;
            let mut packet = Packet { time_ns, ..step };
            match kind {
                0 => (packet.more_fragments, packet.ipid) = (true, Some(ipid)),
                1 => {
                    packet.transport = Transport::None;
                    (packet.fragment_offset, packet.ipid) = (8, Some(ipid));
                }
                2 => (packet.proto, packet.transport) = (17, Transport::Udp),
                3 => {
                    let kind = if step.sport == 80 { 0 } else { 8 };
                    let icmp = wiretell_core::decode::Icmp { kind, ..Default::default() };
                    (packet.proto, packet.transport) = (1, Transport::Icmp(icmp));
                }
                4 => packet.transport = Transport::None,
                5 => packet.ip_version = 0,
                _ => {}
            }
            whole.fold(&packet);
            counting.fold_gist(&Gist::of(&packet, counting.hasher()));
        }
        whole.finish();
        counting.finish();
        prop_assert_eq!(&summed(&whole.drain()), counting.totals());
        let kept_alone = |tracker: &Tracker| Counters {
            samples_thinned: 0,
            hull_vertices_dropped: 0,
            ..*tracker.counters()
        };
        prop_assert_eq!(&kept_alone(&whole), counting.counters());
        prop_assert_eq!(whole.weirds(), counting.weirds());
    }
}

#[test]
fn a_million_distinct_syns_keep_to_the_cap() {
    let mut tracker = Tracker::new(Config {
        max_flows: 10_000,
        ..Config::default()
    });
    let (mut n_ended, mut most_active) = (0, 0);
    for i in 0..1_000_000u32 {
        let syn = Tcp {
            flags: flags::SYN,
            seq: i,
            ..Tcp::default()
        };
        tracker.fold(&segment(START_NS + i64::from(i), i, false, syn));
        if i % 65_536 == 0 {
            n_ended += tracker.drain().len();
        }
        most_active = most_active.max(tracker.n_active());
    }
    n_ended += tracker.drain().len();
    assert_eq!(most_active, 10_000);
    assert_eq!(tracker.counters().evicted_flows, 990_000);
    assert_eq!(n_ended, 990_000);
}

#[test]
fn ports_used_again_are_a_new_connection() {
    let mut tracker = Tracker::new(Config::default());
    let syn = |seq| Tcp {
        flags: flags::SYN,
        seq,
        ..Tcp::default()
    };
    let rst = Tcp {
        flags: flags::RST | flags::ACK,
        ..Tcp::default()
    };
    tracker.fold(&segment(START_NS, 1, false, syn(7)));
    tracker.fold(&segment(START_NS + S, 1, false, syn(7)));
    tracker.fold(&segment(START_NS + S + 1, 1, true, rst));
    tracker.fold(&segment(START_NS + 2 * S, 1, false, syn(99)));
    tracker.finish();
    let flows = tracker.drain();
    let states: Vec<_> = flows
        .iter()
        .map(|flow| (flow.conn_state(), flow.end.name()))
        .collect();
    assert_eq!(states, [("REJ", "closed"), ("S0", "end")]);
    assert_eq!(flows[0].sides[0].tcp.syn.as_ref().map(|syn| syn.n), Some(2));
}

#[test]
fn round_trips_follow_karn() {
    let handshake = |n_syns: i64| {
        let mut tracker = Tracker::new(Config::default());
        let syn = Tcp {
            flags: flags::SYN,
            seq: 7,
            ..Tcp::default()
        };
        let answer = Tcp {
            flags: flags::SYN | flags::ACK,
            seq: 50,
            ack: 8,
            ..Tcp::default()
        };
        let ack = Tcp {
            flags: flags::ACK,
            seq: 8,
            ack: 51,
            ..Tcp::default()
        };
        for i in 0..n_syns {
            tracker.fold(&segment(START_NS + i, 1, false, syn));
        }
        tracker.fold(&segment(START_NS + 30, 1, true, answer));
        tracker.fold(&segment(START_NS + 75, 1, false, ack));
        tracker.finish();
        let flow = tracker.drain().remove(0);
        (flow.sides[0].tcp.rtt_ns, flow.sides[1].tcp.rtt_ns)
    };
    assert_eq!(handshake(1), (Some(45), Some(30)));
    assert_eq!(handshake(2), (Some(45), None));
}

#[test]
fn an_answer_seen_first_turns_the_roles() {
    let mut tracker = Tracker::new(Config::default());
    let answer = Tcp {
        flags: flags::SYN | flags::ACK,
        window: 9,
        ..Tcp::default()
    };
    tracker.fold(&segment(START_NS, 1, true, answer));
    tracker.finish();
    let flow = tracker.drain().remove(0);
    assert_eq!((flow.port(0), flow.port(1)), (4000, 80));
    assert_eq!(flow.history.as_str(), "^h");
}

/// A flow of `n` segments, one a second, to and fro, begun by a SYN.
fn dialogue(n: i64) -> Vec<Packet<'static>> {
    let tcp = |flags| Tcp {
        flags,
        ..Tcp::default()
    };
    let flags_of = |i| match i {
        0 => flags::SYN,
        1 => flags::SYN | flags::ACK,
        _ => flags::ACK,
    };
    (0..n)
        .map(|i| segment(START_NS + i * S, 1, i % 2 == 1, tcp(flags_of(i))))
        .collect()
}

fn cut_at(active_timeout_s: u32, packets: &[Packet<'_>]) -> Vec<Flow> {
    let mut tracker = Tracker::new(Config {
        active_timeout_s,
        ..Config::default()
    });
    packets.iter().for_each(|packet| tracker.fold(packet));
    tracker.finish();
    tracker.drain()
}

#[test]
fn a_long_flow_is_cut_at_the_active_timeout_and_loses_nothing() {
    let packets = dialogue(100);
    let whole = cut_at(0, &packets);
    let parts = cut_at(30, &packets);
    assert_eq!(whole.len(), 1);
    let ends: Vec<_> = parts.iter().map(|flow| flow.end.name()).collect();
    assert_eq!(ends, ["active", "active", "active", "end"]);
    let ids: Vec<_> = parts.iter().map(|flow| flow.head.id).collect();
    assert_eq!(ids, [0, 1, 2, 3]);
    for side in [0, 1] {
        let sum = |count: fn(&wiretell_core::track::Side) -> u64| {
            parts
                .iter()
                .map(|flow| count(&flow.sides[side]))
                .sum::<u64>()
        };
        assert_eq!(sum(|side| side.n_packets), whole[0].sides[side].n_packets);
        assert_eq!(sum(|side| side.ip_bytes), whole[0].sides[side].ip_bytes);
    }
    // Each record begins where the one before ends, and the opener stays the opener.
    for (flow, next) in parts.iter().zip(&parts[1..]) {
        assert_eq!(next.head.first_ns, flow.head.last_ns + S);
        assert_eq!(flow.address(0), next.address(0));
        assert!(next.head.first_ns - flow.head.first_ns >= 30 * S);
    }
    assert_eq!(whole[0].sides[0].tcp.flags, flags::SYN | flags::ACK);
    assert_eq!(parts[1].sides[0].tcp.flags, flags::ACK);
}

#[test]
fn a_cut_flow_of_icmp_keeps_its_roles() {
    let echo = |time_s: i64, back: bool| {
        let mut packet = segment(START_NS + time_s * S, 1, back, Tcp::default());
        packet.proto = 1;
        packet.transport = Transport::Icmp(wiretell_core::decode::Icmp {
            kind: if back { 0 } else { 8 },
            id: 7,
            ..Default::default()
        });
        packet
    };
    let packets = [
        echo(0, false),
        echo(1, true),
        echo(20, true),
        echo(21, false),
    ];
    let parts = cut_at(10, &packets);
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0].address(0), parts[1].address(0));
    assert_eq!([0, 1].map(|side| parts[1].sides[side].n_packets), [1, 1]);
}

fn datagram(second: f64, back: bool) -> Packet<'static> {
    Packet {
        proto: 17,
        transport: Transport::Udp,
        ..segment(START_NS + (second * 1e9) as i64, 1, back, Tcp::default())
    }
}

/// Linux gives the port of a question and its answer to another machine after 30 s; what goes on
/// for two seconds is a stream.
#[test]
fn a_question_ends_sooner_than_a_stream() {
    let flows_of = |seconds: &[f64]| {
        let mut tracker = Tracker::new(Config::default());
        for (i, &second) in seconds.iter().enumerate() {
            tracker.fold(&datagram(second, i % 2 == 1));
        }
        finished(tracker).len()
    };
    assert_eq!(flows_of(&[0.0, 0.1, 29.0, 29.1]), 1);
    assert_eq!(flows_of(&[0.0, 0.1, 40.0, 40.1]), 2);
    assert_eq!(flows_of(&[0.0, 0.1, 2.0, 42.0, 42.1]), 1);
    assert_eq!(flows_of(&[0.0, 0.1, 2.0, 70.0]), 2);
}
