//! Small made connections, each about one rule.

use super::*;
use crate::decode::flags::PSH;

const MS: i64 = 1_000_000;
const CLIENT: usize = 0;
const SERVER: usize = 1;

/// Segments with numbers counted from the ends' first ones, which are close to the wrap.
struct Line {
    analysis: Analysis,
    time_ns: i64,
}

impl Line {
    /// After a handshake of 50 ms.
    fn open() -> Self {
        let mut line = Self {
            analysis: Analysis::default(),
            time_ns: 0,
        };
        assert!(line.says(CLIENT, SYN, 0, 0, 0).is_empty());
        assert!(line.after(25).says(SERVER, SYN | ACK, 0, 0, 1).is_empty());
        assert!(line.after(25).says(CLIENT, ACK, 1, 0, 1).is_empty());
        line
    }

    fn after(&mut self, ms: i64) -> &mut Self {
        self.time_ns += ms * MS;
        self
    }

    fn finds(
        &mut self,
        side: usize,
        flags: u16,
        seq: u32,
        len: u32,
        ack: u32,
        window: u16,
    ) -> Finding {
        let first = [u32::MAX - 150, u32::MAX - 20];
        let tcp = Tcp {
            seq: first[side].wrapping_add(seq),
            ack: if flags & ACK == 0 {
                0
            } else {
                first[1 - side].wrapping_add(ack)
            },
            flags,
            window,
            ..Tcp::default()
        };
        self.analysis.push(side, &tcp, len, self.time_ns)
    }

    fn says(&mut self, side: usize, flags: u16, seq: u32, len: u32, ack: u32) -> Vec<&'static str> {
        let finding = self.finds(side, flags, seq, len, ack, 1000);
        finding.marks.iter().map(Mark::name).collect()
    }

    fn client(&mut self, seq: u32, len: u32) -> Vec<&'static str> {
        self.says(CLIENT, ACK | PSH, seq, len, 1)
    }

    fn server_acks(&mut self, ack: u32) -> Vec<&'static str> {
        self.says(SERVER, ACK, 1, 0, ack)
    }
}

#[test]
fn bytes_sent_again() {
    let mut line = Line::open();
    assert!(line.after(1000).client(1, 100).is_empty());
    assert_eq!(line.after(200).client(1, 100), ["retransmission"]);
    assert!(line.after(10).server_acks(101).is_empty());
    let again = ["retransmission", "spurious_retransmission"];
    assert_eq!(line.after(10).client(1, 100), again);
    let totals = line.analysis.totals();
    assert_eq!(
        (
            totals[CLIENT].n_retransmitted,
            totals[SERVER].n_retransmitted
        ),
        (2, 0)
    );
}

#[test]
fn a_hole_filled_within_a_round_trip_was_reordered() {
    let mut line = Line::open();
    line.after(1000).client(1, 100);
    assert_eq!(line.after(1).client(201, 100), ["lost_segment"]);
    assert_eq!(line.after(40).client(101, 100), ["out_of_order"]);
    assert_eq!(line.after(1).client(401, 100), ["lost_segment"]);
    assert_eq!(line.after(60).client(301, 100), ["retransmission"]);
    assert_eq!(line.analysis.totals()[CLIENT].n_out_of_order, 1);
}

#[test]
fn duplicate_acknowledgements_ask_for_a_segment() {
    let mut line = Line::open();
    line.after(1000).client(1, 100);
    line.client(201, 100);
    assert!(line.after(1).server_acks(101).is_empty());
    for number in 1..=2 {
        let finding = line.after(1).finds(SERVER, ACK, 1, 0, 101, 1000);
        assert!(finding.marks.has(Mark::DuplicateAck));
        assert_eq!(finding.duplicate_ack, number);
    }
    let again = ["retransmission", "fast_retransmission"];
    assert_eq!(line.after(1).client(101, 100), again);
    assert!(line.after(1).server_acks(301).is_empty());
    assert_eq!(line.analysis.totals()[SERVER].n_duplicate_acks, 2);
}

#[test]
fn windows_fill_close_and_open() {
    let mut line = Line::open();
    assert_eq!(line.after(1000).client(1, 1000), ["window_full"]);
    let zero = line.finds(SERVER, ACK, 1, 0, 1001, 0).marks;
    assert_eq!(zero.iter().collect::<Vec<_>>(), [Mark::ZeroWindow]);
    assert_eq!(line.after(500).client(1001, 1), ["zero_window_probe"]);
    let answer = line.finds(SERVER, ACK, 1, 0, 1001, 0).marks;
    assert!(answer.has(Mark::ZeroWindow) && answer.has(Mark::ZeroWindowProbeAck));
    assert_eq!(line.server_acks(1001), ["window_update"]);
    assert!(line.client(1001, 500).is_empty());
    assert_eq!(line.analysis.totals()[SERVER].n_zero_windows, 2);
}

#[test]
fn the_window_of_a_syn_is_not_scaled() {
    let mut analysis = Analysis::default();
    let mut push = |side: usize, flags: u16, seq: u32, len: u32, ack: u32| {
        let mut tcp = Tcp {
            seq,
            ack,
            flags,
            window: 500,
            ..Tcp::default()
        };
        tcp.options.wscale = Some(2);
        analysis
            .push(side, &tcp, len, 0)
            .marks
            .has(Mark::WindowFull)
    };
    push(CLIENT, SYN, 0, 0, 0);
    push(SERVER, SYN | ACK, 0, 0, 1);
    push(CLIENT, ACK, 1, 0, 1);
    assert!(push(CLIENT, ACK, 1, 500, 1));
    push(SERVER, ACK, 1, 0, 501);
    assert!(!push(CLIENT, ACK, 501, 500, 1));
    assert!(push(CLIENT, ACK, 1001, 1500, 1));
}

#[test]
fn keep_alives_and_their_answers() {
    let mut line = Line::open();
    line.after(1000).client(1, 100);
    assert!(line.server_acks(101).is_empty());
    assert_eq!(line.after(60_000).client(100, 0), ["keep_alive"]);
    assert_eq!(line.server_acks(101), ["keep_alive_ack"]);
}

#[test]
fn bytes_acknowledged_and_never_seen() {
    let mut line = Line::open();
    line.after(1000).client(1, 100);
    assert_eq!(line.server_acks(301), ["ack_lost_segment"]);
    assert_eq!(line.analysis.totals()[CLIENT].missing_bytes, 200);
    assert_eq!(line.client(301, 100), ["lost_segment"]);
    assert_eq!(line.analysis.rest().totals(), [Totals::default(); 2]);
}

#[test]
fn another_syn_uses_the_ports_again() {
    let mut line = Line::open();
    line.after(1000).client(1, 100);
    assert_eq!(
        line.after(200).says(CLIENT, SYN, 0, 0, 0),
        ["retransmission"]
    );
    assert_eq!(line.says(CLIENT, SYN, 5000, 0, 0), ["reused_ports"]);
    assert!(line.says(SERVER, SYN | ACK, 77, 0, 5001).is_empty());
}

#[test]
fn the_other_ends_first_number_is_known_from_an_acknowledgement() {
    let mut line = Line {
        analysis: Analysis::default(),
        time_ns: 0,
    };
    line.says(CLIENT, ACK, 1, 10, 1);
    assert_eq!(line.says(SERVER, SYN | ACK, 40, 0, 11), ["reused_ports"]);
}

#[test]
fn bytes_in_flight() {
    let mut line = Line::open();
    let mut sends = |seq, len| line.finds(CLIENT, ACK, seq, len, 1, 1000).bytes_in_flight;
    assert_eq!(
        (sends(1, 100), sends(101, 50), sends(151, 0)),
        (Some(100), Some(150), None)
    );
    line.server_acks(121);
    assert_eq!(
        line.finds(CLIENT, ACK, 151, 10, 1, 1000).bytes_in_flight,
        Some(40)
    );
}

#[test]
fn round_trips_of_data_belong_to_who_acknowledges() {
    let mut line = Line::open();
    line.after(1000).client(1, 100);
    line.after(30).server_acks(101);
    line.after(10).client(101, 100);
    line.after(5).client(101, 100);
    line.after(40).server_acks(201);
    line.after(10).client(201, 50);
    line.after(2).server_acks(230);
    line.after(8).server_acks(251);
    let [client, server] = line.analysis.totals().map(|totals| totals.round_trips);
    assert_eq!((client.n, server.n), (0, 2));
    assert_eq!((server.min_ns, server.max_ns), (10 * MS, 30 * MS));
    assert_eq!(line.analysis.rest().totals()[SERVER].round_trips.n, 0);
}
