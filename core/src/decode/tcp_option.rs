//! TCP options: RFC 9293 (MSS), 7323 (window scale, timestamps), 2018 (SACK), 7413 (fast open),
//! 8684 (multipath).

use super::TcpOptions;

/// Option kinds, as IANA numbers them.
mod kind {
    pub const END: u8 = 0;
    pub const NOP: u8 = 1;
    pub const MSS: u8 = 2;
    pub const WINDOW_SCALE: u8 = 3;
    pub const SACK_PERMITTED: u8 = 4;
    pub const SACK: u8 = 5;
    pub const TIMESTAMPS: u8 = 8;
    pub const MULTIPATH: u8 = 30;
    pub const FAST_OPEN: u8 = 34;
    pub const EXPERIMENT: u8 = 254;
}

/// Experiment identifier of fast open before it had a kind, RFC 7413 section 4.1.1.
const FAST_OPEN_EXPERIMENT: [u8; 2] = [0xf9, 0x89];

/// Parses the captured part `area` of an option area of `options_len` bytes into `options`,
/// which is fresh. Options that the capture cut are left out without a complaint.
#[inline]
pub(super) fn parse(area: &[u8], options_len: usize, options: &mut TcpOptions) {
    // What nearly every segment of a connection with timestamps carries.
    if let &[1, 1, 8, 10, a, b, c, d, e, f, g, h] = area {
        options.kinds[..3].copy_from_slice(&[kind::NOP, kind::NOP, kind::TIMESTAMPS]);
        options.n_kinds = 3;
        let (tsval, tsecr) = (
            u32::from_be_bytes([a, b, c, d]),
            u32::from_be_bytes([e, f, g, h]),
        );
        options.timestamps = Some((tsval, tsecr));
    } else {
        parse_any(area, options_len, options);
    }
}

fn parse_any(area: &[u8], options_len: usize, options: &mut TcpOptions) {
    let mut at = 0;
    while let Some(&kind) = area.get(at) {
        let Some(slot) = options.kinds.get_mut(usize::from(options.n_kinds)) else {
            return;
        };
        *slot = kind;
        options.n_kinds += 1;
        at += 1;
        match kind {
            kind::END => {
                let padding = &area[at..];
                options.eol_pad = (options_len - at) as u8;
                options.eol_nonzero = padding.iter().any(|&byte| byte != 0);
                return;
            }
            kind::NOP => continue,
            _ => {}
        }
        let Some(&length) = area.get(at) else {
            // The length is missing: cut by the capture, or by the area itself.
            options.bad = at >= options_len;
            options.n_kinds -= u8::from(!options.bad);
            return;
        };
        let end = at - 1 + usize::from(length);
        if length < 2 || end > options_len {
            options.bad = true;
            return;
        }
        let Some(value) = area.get(at + 1..end) else {
            options.n_kinds -= 1;
            return;
        };
        keep(kind, value, options);
        at = end;
    }
}

/// Keeps the value of one option; a later one of the same kind wins, as it does in a stack.
fn keep(kind: u8, value: &[u8], options: &mut TcpOptions) {
    match (kind, value) {
        (kind::MSS, &[a, b]) => options.mss = Some(u16::from_be_bytes([a, b])),
        (kind::WINDOW_SCALE, &[shift]) => options.wscale = Some(shift),
        (kind::SACK_PERMITTED, []) => options.sack_ok = true,
        (kind::TIMESTAMPS, &[a, b, c, d, e, f, g, h]) => {
            let (tsval, tsecr) = ([a, b, c, d], [e, f, g, h]);
            options.timestamps = Some((u32::from_be_bytes(tsval), u32::from_be_bytes(tsecr)));
        }
        (kind::SACK, edges) if !edges.is_empty() && edges.len() % 8 == 0 => {
            // 38 bytes hold four blocks at most.
            options.n_sack = 0;
            for (block, edge) in options.sack.iter_mut().zip(edges.chunks_exact(8)) {
                let (left, right) = edge.split_at(4);
                *block = (number(left), number(right));
                options.n_sack += 1;
            }
        }
        (kind::FAST_OPEN, cookie) => options.tfo = Some(cookie.len() as u8),
        (kind::EXPERIMENT, [a, b, cookie @ ..]) if [*a, *b] == FAST_OPEN_EXPERIMENT => {
            options.tfo = Some(cookie.len() as u8);
        }
        (kind::MULTIPATH, &[first, ..]) => options.mptcp = Some(first >> 4),
        (
            kind::MSS
            | kind::WINDOW_SCALE
            | kind::SACK_PERMITTED
            | kind::TIMESTAMPS
            | kind::SACK
            | kind::MULTIPATH,
            _,
        ) => options.bad = true,
        _ => {}
    }
}

/// Big-endian number of at most four bytes.
fn number(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0, |sum, &byte| sum << 8 | u32::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(area: &[u8]) -> TcpOptions {
        let mut options = TcpOptions::default();
        parse(area, area.len(), &mut options);
        options
    }

    fn kinds(options: &TcpOptions) -> &[u8] {
        &options.kinds[..usize::from(options.n_kinds)]
    }

    #[test]
    fn a_linux_syn() {
        let area = [
            2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7,
        ];
        let options = options(&area);
        assert_eq!(kinds(&options), [2, 4, 8, 1, 3]);
        assert_eq!((options.mss, options.wscale), (Some(1460), Some(7)));
        assert!(options.sack_ok && !options.bad);
        assert_eq!(options.timestamps, Some((9, 0)));
    }

    #[test]
    fn the_fast_path_equals_the_slow_one() {
        let area = [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8];
        let mut slow = TcpOptions::default();
        parse_any(&area, area.len(), &mut slow);
        assert_eq!(options(&area), slow);
    }

    #[test]
    fn sack_blocks() {
        let mut area = vec![1, 1, 5, 18];
        area.extend([0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 6]);
        let options = options(&area);
        assert_eq!(
            options.sack[..usize::from(options.n_sack)],
            [(1, 2), (5, 6)]
        );
    }

    #[test]
    fn end_and_padding() {
        let options = options(&[2, 4, 2, 0, 0, 0, 7, 0]);
        assert_eq!(kinds(&options), [2, 0]);
        assert_eq!((options.eol_pad, options.eol_nonzero), (3, true));
    }

    #[test]
    fn fast_open_in_both_forms_and_multipath() {
        assert_eq!(options(&[34, 2, 1, 1]).tfo, Some(0));
        assert_eq!(options(&[34, 6, 1, 2, 3, 4, 1, 1]).tfo, Some(4));
        assert_eq!(options(&[254, 8, 0xf9, 0x89, 1, 2, 3, 4]).tfo, Some(4));
        assert_eq!(options(&[254, 4, 0x12, 0x34]).tfo, None);
        assert_eq!(options(&[30, 4, 0x20, 0]).mptcp, Some(2));
    }

    #[test]
    fn unknown_kinds_keep_their_place() {
        let options = options(&[76, 4, 9, 9, 2, 4, 5, 0xb4]);
        assert_eq!((kinds(&options), options.mss), (&[76u8, 2][..], Some(1460)));
    }

    #[test]
    fn malformed_areas_keep_what_came_before() {
        for tail in [[3, 1, 0, 0], [3, 9, 0, 0], [3, 2, 1, 1], [1, 1, 1, 3]] {
            let area = [&[2, 4, 5, 0xb4][..], &tail].concat();
            let options = options(&area);
            assert!(options.bad, "{tail:?}");
            assert_eq!((options.mss, options.wscale), (Some(1460), None));
        }
    }

    #[test]
    fn a_capture_that_ends_inside_an_option_is_not_malformed() {
        let area = [1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0];
        for captured in 0..area.len() {
            let mut options = TcpOptions::default();
            parse(&area[..captured], area.len(), &mut options);
            assert!(!options.bad && options.timestamps.is_none(), "{captured}");
            assert_eq!(usize::from(options.n_kinds), captured.min(2));
        }
    }

    #[test]
    fn forty_single_bytes_all_fit() {
        assert_eq!(options(&[1; 40]).n_kinds, 40);
    }
}
