//! Session descriptions (SDP, RFC 8866): where media streams go.
//!
//! The address of a stream is its own `c=` line's, else the session's. As for Linux RTP is
//! on the even port and RTCP on the next, whatever `a=rtcp` (RFC 3605) and `a=rtcp-mux`
//! (RFC 5761) say; of several ports (`49170/2`) the first pair counts, and port 0 (refused)
//! and ports below 1024 announce nothing. Audio, video and image (T.38) are streams of UDP;
//! what runs on TCP (RFC 4145) connects by itself.

use super::text::{address, behind, port, until};
use super::{Ends, Expectation, expect_media};
use crate::decode::Address;

const MEDIA: [&[u8]; 3] = [b"audio ", b"video ", b"image "];
const FIRST_FREE_PORT: u16 = 1024;

/// Adds what a description announces; it begins with `v=`.
pub(super) fn session(ends: &Ends, body: &[u8], found: &mut Vec<Expectation>) {
    if !body.starts_with(b"v=") {
        return;
    }
    let mut session_address = None;
    let mut stream: Option<(u16, Option<Address>)> = None;
    let mut in_media = false;
    let mut put = |stream: Option<(u16, Option<Address>)>, session_address: Option<Address>| {
        if let Some((port, own_address)) = stream
            && let Some(address) = own_address.or(session_address)
        {
            expect_media(ends, address, port, found);
        }
    };
    for line in body
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii_end)
    {
        if let Some(media) = line.strip_prefix(b"m=") {
            put(stream.take(), session_address);
            in_media = true;
            stream = media_port(media).map(|port| (port, None));
        } else if let Some(connection) = line.strip_prefix(b"c=") {
            match &mut stream {
                Some((_, own)) => *own = own.or(connection_address(connection)),
                None if !in_media => session_address = connection_address(connection),
                None => {}
            }
        }
    }
    put(stream, session_address);
}

/// `audio 49170/2 RTP/AVP 0`
fn media_port(media: &[u8]) -> Option<u16> {
    let rest = MEDIA.iter().find_map(|name| behind(media, name))?;
    let (port, rest) = port(rest)?;
    let (_, protocol) = until(rest, b' ')?;
    let is_tcp = behind(protocol, b"TCP").is_some();
    (port >= FIRST_FREE_PORT && !is_tcp).then_some(port)
}

/// `IN IP4 224.2.36.42/127`
fn connection_address(connection: &[u8]) -> Option<Address> {
    let rest = behind(connection, b"IN IP4 ").or_else(|| behind(connection, b"IN IP6 "))?;
    address(
        until(rest, b'/')
            .map_or(rest, |(host, _)| host)
            .trim_ascii(),
    )
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::text::{ends, mapped};
    use super::*;
    use crate::track::key::proto::UDP;

    fn read(body: &str) -> Vec<(u8, u16, bool)> {
        let mut found = Vec::new();
        let ends = ends(UDP, [10, 47, 16, 5], 5060, [10, 0, 0, 2], 5060);
        session(&ends, body.as_bytes(), &mut found);
        let rtp = found.iter().filter(|it| it.kind == Kind::Rtp);
        rtp.map(|it| (it.dst[15], it.dport, it.third_party))
            .collect()
    }

    #[test]
    fn streams_of_a_session() {
        // After RFC 4566, 5.
        let text = "v=0\r\no=jdoe 2890844526 2890842807 IN IP4 10.47.16.5\r\ns=A seminar\r\n\
            c=IN IP4 10.47.16.5/127\r\nt=0 0\r\na=recvonly\r\n\
            m=audio 49170 RTP/AVP 0\r\nm=video 51372 RTP/AVP 99\r\n\
            c=IN IP4 10.47.16.7\r\na=rtpmap:99 h263-1998/90000\r\n\
            m=application 32416 udp wb\r\nc=IN IP4 10.47.16.9\r\nm=image 49180 udptl t38\r\n";
        assert_eq!(
            read(text),
            [(5, 49170, false), (7, 51372, true), (5, 49180, false)]
        );
    }

    #[test]
    fn the_session_address_may_follow_no_stream() {
        assert_eq!(
            read("v=0\nm=audio 4000 RTP/AVP 0\nc=IN IP4 10.47.16.5\n"),
            [(5, 4000, false)]
        );
        assert_eq!(read("v=0\nm=audio 4000 RTP/AVP 0\n"), []);
    }

    #[test]
    fn refused_held_and_reserved() {
        for media in [
            "m=audio 0 RTP/AVP 0",
            "m=audio 80 RTP/AVP 0",
            "m=audio 4000 TCP/RTP/AVP 0",
        ] {
            assert_eq!(read(&format!("v=0\nc=IN IP4 10.47.16.5\n{media}\n")), []);
        }
        assert_eq!(read("v=0\nc=IN IP4 0.0.0.0\nm=audio 4000 RTP/AVP 0\n"), []);
        assert_eq!(read("c=IN IP4 10.47.16.5\nm=audio 4000 RTP/AVP 0\n"), []);
    }

    #[test]
    fn odd_ports_belong_to_the_even_one_below() {
        assert_eq!(
            read("v=0\nc=IN IP4 10.47.16.5\nm=audio 4001 RTP/AVP 0\n"),
            [(5, 4000, false)]
        );
    }

    #[test]
    fn mapped_addresses_are_equal() {
        let mut found = Vec::new();
        let ends = ends(UDP, [10, 47, 16, 5], 5060, [10, 0, 0, 2], 5060);
        session(
            &ends,
            b"v=0\nc=IN IP6 ::ffff:10.47.16.5\nm=audio 4000 RTP/AVP 0\n",
            &mut found,
        );
        assert_eq!(found[0].dst, mapped([10, 47, 16, 5]));
    }
}
