//! SIP (RFC 3261): media that offers and answers describe, calls to registered addresses.
//!
//! A session description counts in INVITE, UPDATE, PRACK (RFC 3262) and ACK, and in
//! provisional and successful answers to the first three. A REGISTER makes expect calls from
//! the registrar to its Contact, unless it expires at once; Linux waits for the registrar's
//! consent. Over TCP a message ends where its Content-Length says (RFC 3261, 18.3), over UDP
//! with the datagram. Header lines that are folded are read up to the fold.

use super::messages::Extent;
use super::text::{address, behind, find, is_unspecified, number, port};
use super::{Ends, Expectation, Kind, sdp};
use crate::decode::Address;
use crate::track::key::proto::{TCP, UDP};

const VERSION: &[u8] = b"SIP/2.0";
const END_OF_HEADERS: &[u8] = b"\r\n\r\n";
const DEFAULT_PORT: u16 = 5060;
const WITH_OFFER: [&[u8]; 4] = [b"INVITE", b"UPDATE", b"PRACK", b"ACK"];
const WITH_ANSWER: [&[u8]; 3] = [b"INVITE", b"UPDATE", b"PRACK"];

/// How far a message in a stream reaches.
pub(super) fn extent(bytes: &[u8]) -> Extent {
    // Empty lines between messages keep the connection open (RFC 5626, 3.5.1).
    match bytes {
        [b'\r', b'\n', ..] => return Extent::Whole(2),
        [b'\r'] | [] => return Extent::Unknown,
        [first, ..] if !first.is_ascii_uppercase() => return Extent::Alien,
        _ => {}
    }
    let first_line = bytes.split(|byte| *byte == b'\n').next().unwrap_or(bytes);
    if first_line.len() < bytes.len() && find(first_line, VERSION).is_none() {
        return Extent::Alien;
    }
    let Some(at) = find(bytes, END_OF_HEADERS) else {
        return Extent::Unknown;
    };
    let n_headers = at + END_OF_HEADERS.len();
    let body_len = header(&bytes[..n_headers], b"Content-Length", b"l")
        .and_then(number)
        .map_or(0, |(n, _)| n as usize);
    Extent::Whole(n_headers.saturating_add(body_len))
}

/// Adds what a message announces.
pub(super) fn message(ends: &Ends, message: &[u8], found: &mut Vec<Expectation>) {
    let (headers, body) = match find(message, END_OF_HEADERS) {
        Some(at) => (&message[..at], &message[at + END_OF_HEADERS.len()..]),
        None => (message, &[][..]),
    };
    let first_line = headers.split(|byte| *byte == b'\n').next().unwrap_or(&[]);
    if find(first_line, VERSION).is_none() {
        return;
    }
    let Some(method) = header(headers, b"CSeq", b"CSeq").and_then(|value| {
        let (_, rest) = number(value)?;
        Some(rest.trim_ascii())
    }) else {
        return;
    };
    let has_session = match behind(first_line, b"SIP/2.0 ") {
        Some(status) => {
            let is_agreeing = number(status).is_some_and(|(it, _)| (100..300).contains(&it));
            is_agreeing && WITH_ANSWER.contains(&method)
        }
        None => WITH_OFFER.contains(&method),
    };
    if has_session {
        sdp::session(ends, body, found);
    } else if method == b"REGISTER" && behind(first_line, b"REGISTER ").is_some() {
        found.extend(registration(ends, headers));
    }
}

/// A registered address, where calls will come to.
fn registration(ends: &Ends, headers: &[u8]) -> Option<Expectation> {
    let contact = header(headers, b"Contact", b"m")?;
    let at = find(contact, b"sip:")?;
    let (uri, rest) = match find(&contact[at..], b">") {
        Some(end) => (&contact[at + 4..at + end], &contact[at + end..]),
        None => (&contact[at + 4..], &contact[at..]),
    };
    let expires = parameter(rest, b"expires").or_else(|| header(headers, b"Expires", b"Expires"));
    if expires.and_then(number).is_some_and(|(n, _)| n == 0) {
        return None;
    }
    let (dst, dport) = host_port(uri)?;
    let proto = match parameter(uri, b"transport") {
        Some(name) if name.eq_ignore_ascii_case(b"tcp") => TCP,
        Some(name) if name.eq_ignore_ascii_case(b"udp") => UDP,
        Some(_) => return None,
        None => ends.proto,
    };
    (!is_unspecified(&dst)).then_some(Expectation {
        proto,
        src: Some(ends.dst),
        sport: None,
        dst,
        dport,
        kind: Kind::SipSignalling,
        third_party: dst != ends.src,
    })
}

/// `user@host:port`; a name instead of an address cannot be followed.
fn host_port(uri: &[u8]) -> Option<(Address, u16)> {
    let at = uri.iter().position(|byte| *byte == b'@');
    let place = &uri[at.map_or(0, |at| at + 1)..];
    let (host, rest) = match place.strip_prefix(b"[") {
        Some(bracketed) => {
            let end = find(bracketed, b"]")?;
            (&bracketed[..end], &bracketed[end + 1..])
        }
        None => {
            let is_host = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'.';
            place.split_at(place.iter().take_while(is_host).count())
        }
    };
    let dport = match rest.strip_prefix(b":") {
        Some(written) => port(written)?.0,
        None => DEFAULT_PORT,
    };
    Some((address(host)?, dport))
}

/// The value of `;name=value`.
fn parameter<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut parts = text.split(|byte| matches!(byte, b';' | b',' | b'>'));
    let value = parts.find_map(|part| behind(part.trim_ascii(), name)?.strip_prefix(b"="))?;
    Some(value.trim_ascii())
}

/// The value of the first header of a name or its compact form (RFC 3261, 7.3.3).
fn header<'a>(headers: &'a [u8], name: &[u8], compact: &[u8]) -> Option<&'a [u8]> {
    headers
        .split(|byte| *byte == b'\n')
        .skip(1)
        .find_map(|line| {
            let rest = behind(line, name).or_else(|| behind(line, compact))?;
            let value = rest.trim_ascii_start().strip_prefix(b":")?;
            Some(value.trim_ascii())
        })
}

#[cfg(test)]
mod tests {
    use super::super::text::{ends, mapped};
    use super::super::{Helper, Side, State};
    use super::*;

    const SDP: &str = "v=0\r\no=alice 2890844526 2890844526 IN IP4 192.0.2.1\r\ns=-\r\n\
        c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

    fn caller(proto: u8) -> Ends {
        ends(proto, [192, 0, 2, 1], 5060, [192, 0, 2, 9], 5060)
    }

    fn invite() -> String {
        format!(
            "INVITE sip:bob@biloxi.example.com SIP/2.0\r\n\
             Via: SIP/2.0/TCP client.atlanta.example.com:5060;branch=z9hG4bK74bf9\r\n\
             CSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{SDP}",
            SDP.len()
        )
    }

    fn read(ends: &Ends, text: &str) -> Vec<Expectation> {
        let mut found = Vec::new();
        message(ends, text.as_bytes(), &mut found);
        found
    }

    #[test]
    fn an_offer_announces_rtp_and_rtcp() {
        let found = read(&caller(UDP), &invite());
        let ports: Vec<_> = found.iter().map(|it| (it.kind, it.dport)).collect();
        assert_eq!(ports, [(Kind::Rtp, 49170), (Kind::Rtcp, 49171)]);
        assert!(
            found
                .iter()
                .all(|it| it.dst == mapped([192, 0, 2, 1]) && it.proto == UDP)
        );
        assert!(
            found
                .iter()
                .all(|it| it.src == Some(mapped([192, 0, 2, 9])))
        );
    }

    #[test]
    fn answers_count_where_they_agree() {
        let answer = |status: &str, method: &str| {
            read(
                &caller(UDP),
                &format!("SIP/2.0 {status}\r\nCSeq: 1 {method}\r\n\r\n{SDP}"),
            )
            .len()
        };
        assert_eq!(answer("200 OK", "INVITE"), 2);
        assert_eq!(answer("183 Session Progress", "INVITE"), 2);
        assert_eq!(answer("488 Not Acceptable Here", "INVITE"), 0);
        assert_eq!(answer("200 OK", "OPTIONS"), 0);
    }

    #[test]
    fn a_stream_cuts_messages_anywhere() {
        let stream = format!("\r\n\r\n{}{}", invite(), invite().replace("49170", "49172"));
        for cut in 0..stream.len() {
            let mut state = State::new(Helper::Sip, TCP);
            let (first, second) = stream.as_bytes().split_at(cut);
            let mut found = state.parse(Side::Orig, &caller(TCP), first);
            found.extend(state.parse(Side::Orig, &caller(TCP), second));
            let ports: Vec<_> = found.iter().map(|it| it.dport).collect();
            assert_eq!(ports, [49170, 49171, 49172, 49173], "cut at {cut}");
            assert_eq!((state.n_waiting_bytes(), state.n_dropped()), (0, 0));
        }
    }

    #[test]
    fn a_registration_is_called_at_its_contact() {
        let register = |rest: &str| {
            let text =
                format!("REGISTER sip:ss2.example.com SIP/2.0\r\nCSeq: 1 REGISTER\r\n{rest}");
            let found = read(&caller(UDP), &text);
            found
                .first()
                .map(|it| (it.proto, it.dst[15], it.dport, it.third_party))
        };
        for (rest, wanted) in [
            (
                "Contact: <sip:bob@192.0.2.1>\r\n\r\n",
                Some((UDP, 1, 5060, false)),
            ),
            (
                "m: sip:bob@192.0.2.1:5070\r\n\r\n",
                Some((UDP, 1, 5070, false)),
            ),
            (
                "Contact: <sip:b@192.0.2.1:5070;transport=tcp>;expires=60\r\n\r\n",
                Some((TCP, 1, 5070, false)),
            ),
            (
                "Contact: <sip:bob@[2001:db8::9]:5062>\r\n\r\n",
                Some((UDP, 9, 5062, true)),
            ),
            ("Contact: <sip:bob@192.0.2.1>;expires=0\r\n\r\n", None),
            ("Contact: <sip:bob@192.0.2.1>\r\nExpires: 0\r\n\r\n", None),
            ("Contact: <sip:bob@192.0.2.1;transport=tls>\r\n\r\n", None),
            ("Contact: *\r\n\r\n", None),
            ("Contact: <sip:bob@client.example.com>\r\n\r\n", None),
        ] {
            assert_eq!(register(rest), wanted, "{rest}");
        }
    }

    #[test]
    fn what_is_no_message() {
        assert_eq!(extent(b"\x16\x03\x01"), Extent::Alien);
        assert_eq!(extent(b"GET / HTTP/1.1\r\n"), Extent::Alien);
        assert_eq!(extent(b"INVITE sip:"), Extent::Unknown);
        let huge = b"ACK a SIP/2.0\r\nl: 4294967295\r\n\r\n";
        assert_eq!(extent(huge), Extent::Whole(huge.len() + u32::MAX as usize));
        assert_eq!(read(&caller(UDP), "INVITE x SIP/2.0\r\n\r\n"), []);
    }
}
