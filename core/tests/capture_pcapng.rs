//! The pcapng format: blocks, options, sections, and damage.

mod builder;

use builder::{Order, block, drain, interface, open, option, packet, pcapng, read, section};
use wiretell_core::capture::{DamageKind, Format};

const ORDERS: [Order; 2] = [Order::Little, Order::Big];

#[test]
fn both_byte_orders_give_the_same_frames() {
    let (little, damage) = read(pcapng(Order::Little, 5));
    assert_eq!(damage, []);
    assert_eq!(little.len(), 5);
    assert_eq!(little[4].time_ns, 1_700_000_004_000_000_000);
    assert_eq!(read(pcapng(Order::Big, 5)).0, little);
}

#[test]
fn sections_of_either_order_number_their_interfaces_anew() {
    let mut bytes = Vec::new();
    for order in ORDERS {
        bytes.extend(section(order, &[]));
        bytes.extend(interface(order, 1, 0, &[]));
        bytes.extend(interface(order, 113, 0, &option(order, 9, &[9])));
        bytes.extend(packet(order, 1, 42, b"frame", &[]));
    }
    let mut reader = open(bytes).unwrap();
    let frames = drain(&mut reader);
    let seen: Vec<_> = frames
        .iter()
        .map(|f| (f.interface, f.link_type, f.time_ns))
        .collect();
    assert_eq!(seen, [(1, 113, 42), (3, 113, 42)]);
    assert_eq!(reader.files()[0].format, Format::Pcapng);
    assert_eq!(reader.files()[0].link_types, [1, 113]);
    assert_eq!(reader.damage(), []);
}

#[test]
fn simple_packets_have_the_first_interface_and_the_time_before_them() {
    for order in ORDERS {
        let mut bytes = [section(order, &[]), interface(order, 101, 6, &[])].concat();
        bytes.extend(packet(order, 0, 7, b"first", &[]));
        bytes.extend(block(order, 3, &[&order.u32(10)[..], b"abcdef"].concat()));
        let (frames, damage) = read(bytes);
        assert_eq!(damage, []);
        assert_eq!(frames[1].data, b"abcdef");
        assert_eq!((frames[1].wire_len, frames[1].link_type), (10, 101));
        assert_eq!(frames[1].time_ns, frames[0].time_ns);
    }
}

#[test]
fn the_obsolete_packet_block_is_read() {
    for order in ORDERS {
        let mut bytes = [section(order, &[]), interface(order, 1, 0, &[])].concat();
        let mut body = [order.u16(0), order.u16(3)].concat();
        for word in [0, 5_000_000, 4, 60] {
            body.extend(order.u32(word));
        }
        bytes.extend(block(order, 2, &[&body[..], b"abcd"].concat()));
        let mut reader = open(bytes).unwrap();
        let frames = drain(&mut reader);
        assert_eq!((frames[0].time_ns, frames[0].wire_len), (5_000_000_000, 60));
        assert_eq!(reader.files()[0].interfaces[0].dropped, Some(3));
    }
}

#[test]
fn names_statistics_and_comments_are_told() {
    for order in ORDERS {
        let about = [
            option(order, 1, b"a comment"),
            option(order, 1, b"another"),
            option(order, 2, b"a machine"),
            option(order, 3, b"a system"),
            option(order, 4, b"a program"),
            option(order, 0, b""),
        ];
        let names = [option(order, 2, b"eth0"), option(order, 3, b"uplink")].concat();
        let mut bytes = [
            section(order, &about.concat()),
            interface(order, 1, 96, &names),
        ]
        .concat();
        let comment_and_drops = [option(order, 1, b"seen"), option(order, 4, &order.u64(2))];
        bytes.extend(packet(order, 0, 1, b"abc", &comment_and_drops.concat()));
        let mut reader = open(bytes.clone()).unwrap();
        assert_eq!(drain(&mut reader)[0].data, b"abc");
        assert_eq!(reader.files()[0].interfaces[0].dropped, Some(2));

        let statistics = [
            order.u32(0).to_vec(),
            vec![0; 8],
            option(order, 4, &order.u64(1000)),
            option(order, 5, &order.u64(20)),
            option(order, 7, &order.u64(1)),
        ];
        bytes.extend(block(order, 5, &statistics.concat()));
        let mut reader = open(bytes).unwrap();
        drain(&mut reader);
        let info = &reader.files()[0];
        assert_eq!(info.comments, ["a comment", "another"]);
        assert_eq!(info.hardware.as_deref(), Some("a machine"));
        assert_eq!(info.os.as_deref(), Some("a system"));
        assert_eq!(info.application.as_deref(), Some("a program"));
        let interface = &info.interfaces[0];
        assert_eq!(interface.name.as_deref(), Some("eth0"));
        assert_eq!(interface.description.as_deref(), Some("uplink"));
        assert_eq!((interface.snaplen, interface.tsresol), (96, 6));
        assert_eq!(
            (interface.received, interface.dropped),
            (Some(1000), Some(21))
        );
    }
}

#[test]
fn blocks_without_packets_are_passed_over() {
    for order in ORDERS {
        let mut bytes = [section(order, &[]), interface(order, 1, 0, &[])].concat();
        for kind in [4, 9, 10, 0x0bad, 0x4000_0bad, 0x7777_7777, 0x8000_0001] {
            bytes.extend(block(order, kind, &[0xa5; 40]));
            bytes.extend(packet(order, 0, kind.into(), b"frame", &[]));
        }
        let (frames, damage) = read(bytes);
        assert_eq!((frames.len(), damage.len()), (7, 0));
    }
}

#[test]
fn a_packet_of_an_unknown_interface_is_named_and_dropped() {
    let order = Order::Little;
    let mut bytes = pcapng(order, 2);
    let at = bytes.len() as u64;
    bytes.extend(packet(order, 5, 0, b"lost", &[]));
    for _ in 0..2 {
        bytes.extend(packet(order, 0, 1_800_000_000_000_000, b"kept", &[]));
    }
    let (frames, damage) = read(bytes);
    assert_eq!(frames.len(), 4);
    assert_eq!(damage, [(2, at, DamageKind::UnknownInterface)]);
}

#[test]
fn every_cut_keeps_the_whole_packets() {
    let whole = pcapng(Order::Big, 3);
    let n_packet_bytes = [52, 56, 56];
    let first = whole.len() - n_packet_bytes.iter().sum::<usize>();
    for len in first..whole.len() {
        let mut end = first;
        let ends = n_packet_bytes.map(|n| {
            end += n;
            end
        });
        let n_frames = ends.iter().filter(|&&end| end <= len).count();
        let (frames, damage) = read(whole[..len].to_vec());
        assert_eq!(frames.len(), n_frames, "cut at {len}");
        let kinds: Vec<_> = damage.iter().map(|d| d.2).collect();
        let is_clean = len == first || ends.contains(&len);
        let expected = if is_clean {
            vec![]
        } else {
            vec![DamageKind::Cut]
        };
        assert_eq!(kinds, expected, "cut at {len}");
    }
}

#[test]
fn after_a_corrupt_length_the_next_block_is_found() {
    for order in ORDERS {
        for length in [0_u32, 4, 13, 64, 0x00ff_fff0, 0xffff_fffc] {
            let mut bytes = pcapng(order, 6);
            let second = pcapng(order, 1).len();
            bytes[second + 4..second + 8].copy_from_slice(&order.u32(length));
            let (frames, damage) = read(bytes);
            assert_eq!(frames.len(), 5, "length {length}");
            assert_eq!(damage, [(1, second as u64, DamageKind::Corrupt)]);
        }
    }
}

#[test]
fn a_wrong_length_at_the_end_of_a_block_does_not_lose_it() {
    let mut bytes = pcapng(Order::Little, 4);
    let end = pcapng(Order::Little, 2).len();
    bytes[end - 4..end].copy_from_slice(&[9, 9, 9, 9]);
    let (frames, damage) = read(bytes);
    assert_eq!(frames.len(), 4);
    assert_eq!(damage.len(), 1);
}

#[test]
fn a_packet_longer_than_its_block_is_dropped() {
    let order = Order::Little;
    let mut bytes = pcapng(order, 3);
    let second = pcapng(order, 1).len();
    bytes[second + 20..second + 24].copy_from_slice(&order.u32(1000));
    let (frames, damage) = read(bytes);
    assert_eq!(frames.len(), 2);
    assert_eq!(damage, [(1, second as u64, DamageKind::Corrupt)]);
}
