//! talk and ntalk: BSD's daemons that bring two users together (4.3BSD, `protocols/talkd.h`).
//!
//! A caller announces itself to the callee's daemon, with the address of the socket it waits
//! at. The callee's client then asks the caller's daemon where that is, and connects. So an
//! announcement makes expect: that question, and the conversation; and an answer to a
//! question makes expect the conversation. Messages have fixed layouts: one byte order
//! for numbers (the network's), addresses as 16 bytes of `sockaddr`, whose family some
//! hosts write in their own order. Linux has no such helper.

use super::text::{is_unspecified, mapped};
use super::{Ends, Expectation, Kind, Side};
use crate::decode::Address;
use crate::track::key::proto::{TCP, UDP};

const LOOK_UP: u8 = 1;
const ANNOUNCE: u8 = 3;
const SUCCESS: u8 = 0;
const NTALK_VERSION: u8 = 1;
/// `AF_INET`.
const INET: u8 = 2;

/// Where the fields of both protocols lie.
struct Layout {
    /// Of type and, in answers, the answer behind it.
    kind: usize,
    request_len: usize,
    /// Of the caller's address, in requests.
    request_address: usize,
    response_len: usize,
    response_address: usize,
}

/// type, names of 9 bytes each, one of padding, two numbers, terminal of 16, two addresses.
const TALK: Layout = Layout {
    kind: 0,
    request_len: 76,
    request_address: 44,
    response_len: 24,
    response_address: 8,
};

/// version, type, answer, padding, number, two addresses, process, names of 12, terminal of 16.
const NTALK: Layout = Layout {
    kind: 1,
    request_len: 84,
    request_address: 8,
    response_len: 24,
    response_address: 8,
};

/// Adds what a datagram announces.
pub(super) fn datagram(
    is_new: bool,
    side: Side,
    ends: &Ends,
    payload: &[u8],
    found: &mut Vec<Expectation>,
) {
    if is_new && payload.first() != Some(&NTALK_VERSION) {
        return;
    }
    let layout = if is_new { &NTALK } else { &TALK };
    let kind = payload.get(layout.kind).copied();
    match side {
        Side::Orig if payload.len() >= layout.request_len && kind == Some(ANNOUNCE) => {
            found.push(Expectation {
                proto: UDP,
                src: Some(ends.dst),
                sport: None,
                dst: ends.src,
                dport: ends.dport,
                kind: Kind::TalkLookup,
                third_party: false,
            });
            found.extend(conversation(ends, payload, layout.request_address));
        }
        Side::Resp
            if payload.len() >= layout.response_len
                && kind == Some(LOOK_UP)
                && payload.get(layout.kind + 1) == Some(&SUCCESS) =>
        {
            found.extend(conversation(ends, payload, layout.response_address));
        }
        _ => {}
    }
}

fn conversation(ends: &Ends, payload: &[u8], at: usize) -> Option<Expectation> {
    let (dst, dport) = socket(payload.get(at..)?.first_chunk::<8>()?)?;
    Some(Expectation {
        proto: TCP,
        src: Some(ends.dst),
        sport: None,
        dst,
        dport,
        kind: Kind::TalkData,
        third_party: dst != ends.src,
    })
}

/// Family, port, IPv4 address.
fn socket(bytes: &[u8; 8]) -> Option<(Address, u16)> {
    let [f0, f1, p0, p1, a, b, c, d] = *bytes;
    let (address, port) = (mapped([a, b, c, d]), u16::from_be_bytes([p0, p1]));
    let is_inet = [f0, f1] == [0, INET] || [f0, f1] == [INET, 0];
    (is_inet && port != 0 && !is_unspecified(&address)).then_some((address, port))
}

#[cfg(test)]
mod tests {
    use super::super::text::ends;
    use super::*;

    const CALLER: [u8; 4] = [10, 0, 0, 1];
    const CALLEE: [u8; 4] = [10, 0, 0, 2];

    fn socket_bytes(port: u16) -> Vec<u8> {
        [&[0, 2][..], &port.to_be_bytes(), &CALLER, &[0; 8]].concat()
    }

    fn ntalk_request(kind: u8) -> Vec<u8> {
        let names = [
            &b"amy\0\0\0\0\0\0\0\0\0"[..],
            b"bob\0\0\0\0\0\0\0\0\0",
            &[0; 16],
        ]
        .concat();
        let head = [1, kind, 0, 0, 0, 0, 0, 7];
        let sockets = [socket_bytes(2000), socket_bytes(3000)].concat();
        [&head[..], &sockets, &[0, 0, 1, 2], &names].concat()
    }

    fn read(is_new: bool, side: Side, ends: &Ends, payload: &[u8]) -> Vec<Expectation> {
        let mut found = Vec::new();
        datagram(is_new, side, ends, payload, &mut found);
        found
    }

    #[test]
    fn an_announcement_is_followed_by_a_question_and_a_conversation() {
        let ends = ends(UDP, CALLER, 3000, CALLEE, 518);
        let found = read(true, Side::Orig, &ends, &ntalk_request(ANNOUNCE));
        let kinds: Vec<_> = found
            .iter()
            .map(|it| (it.kind, it.proto, it.dport))
            .collect();
        assert_eq!(
            kinds,
            [(Kind::TalkLookup, UDP, 518), (Kind::TalkData, TCP, 2000)]
        );
        assert!(found.iter().all(|it| it.src == Some(mapped(CALLEE))));
        assert!(
            found
                .iter()
                .all(|it| it.dst == mapped(CALLER) && !it.third_party)
        );
        assert_eq!(read(true, Side::Orig, &ends, &ntalk_request(LOOK_UP)), []);
        assert_eq!(
            read(true, Side::Orig, &ends, &ntalk_request(ANNOUNCE)[..83]),
            []
        );
    }

    #[test]
    fn a_successful_answer_says_where_the_caller_waits() {
        let ends = ends(UDP, CALLER, 518, CALLEE, 3001);
        let answer = |answer: u8| {
            let head = [1, LOOK_UP, answer, 0, 0, 0, 0, 7];
            [&head[..], &socket_bytes(2000)].concat()
        };
        let found = read(true, Side::Resp, &ends, &answer(SUCCESS));
        assert_eq!(
            (found.len(), found[0].kind, found[0].dport),
            (1, Kind::TalkData, 2000)
        );
        assert_eq!(read(true, Side::Resp, &ends, &answer(1)), []);
    }

    #[test]
    fn the_old_layout() {
        let ends = ends(UDP, CALLER, 3000, CALLEE, 517);
        let mut request = vec![ANNOUNCE];
        request.extend([0; 43]);
        request.extend([socket_bytes(2000), socket_bytes(3000)].concat());
        assert_eq!(request.len(), TALK.request_len);
        let found = read(false, Side::Orig, &ends, &request);
        assert_eq!((found[0].dport, found[1].dport), (517, 2000));
    }
}
