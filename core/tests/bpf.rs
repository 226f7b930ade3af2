//! The BPF virtual machine: meaning of every instruction, refusal of bad programs.

use proptest::prelude::*;
use wiretell_core::capture::bpf::Program;

type Raw = (u16, u8, u8, u32);

fn bytes(program: &[Raw]) -> Vec<u8> {
    let word =
        |&(code, jt, jf, k): &Raw| [&code.to_le_bytes()[..], &[jt, jf], &k.to_le_bytes()].concat();
    program.iter().flat_map(word).collect()
}

const RET_A: Raw = (0x16, 0, 0, 0);
const FRAME: &[u8] = &[0x45, 0x01, 0x80, 0xff, 0x00, 0x00, 0x12, 0x34];

/// Runs `program`, then compares A with `expected`.
fn leaves(program: &[Raw], expected: u32) -> bool {
    let compare = [(0x15, 0, 1, expected), (0x06, 0, 0, 1), (0x06, 0, 0, 0)];
    let program = Program::from_bytes(&bytes(&[program, &compare].concat())).unwrap();
    program.matches(FRAME, 1500)
}

#[test]
fn loads_read_big_endian_at_an_offset_or_at_x() {
    assert!(leaves(&[(0x20, 0, 0, 0)], 0x4501_80ff));
    assert!(leaves(&[(0x28, 0, 0, 6)], 0x1234));
    assert!(leaves(&[(0x30, 0, 0, 3)], 0xff));
    assert!(leaves(&[(0x01, 0, 0, 4), (0x40, 0, 0, 0)], 0x1234));
    assert!(leaves(&[(0x01, 0, 0, 4), (0x48, 0, 0, 2)], 0x1234));
    assert!(leaves(&[(0x01, 0, 0, 4), (0x50, 0, 0, 3)], 0x34));
    assert!(leaves(&[(0xb1, 0, 0, 0), (0x87, 0, 0, 0)], 20));
    assert!(leaves(&[(0x80, 0, 0, 0)], 1500));
    assert!(leaves(&[(0x81, 0, 0, 0), (0x87, 0, 0, 0)], 1500));
}

#[test]
fn memory_keeps_both_registers() {
    let store_a = [
        (0x00, 0, 0, 7),
        (0x02, 0, 0, 15),
        (0x00, 0, 0, 0),
        (0x60, 0, 0, 15),
    ];
    assert!(leaves(&store_a, 7));
    let store_x = [
        (0x01, 0, 0, 8),
        (0x03, 0, 0, 0),
        (0x61, 0, 0, 0),
        (0x87, 0, 0, 0),
    ];
    assert!(leaves(&store_x, 8));
    assert!(leaves(&[(0x60, 0, 0, 3)], 0));
}

#[test]
fn computations_wrap_and_take_a_constant_or_x() {
    let results = [
        (0x04, 7, 3, 10),
        (0x04, u32::MAX, 2, 1),
        (0x14, 3, 7, 0xffff_fffc),
        (0x24, 0x8000_0001, 2, 2),
        (0x34, 7, 2, 3),
        (0x94, 7, 4, 3),
        (0x44, 5, 2, 7),
        (0x54, 7, 10, 2),
        (0xa4, 7, 10, 13),
        (0x64, 1, 31, 0x8000_0000),
        (0x64, 1, 32, 0),
        (0x74, 0x8000_0000, 31, 1),
        (0x74, 1, 40, 0),
    ];
    for (code, a, operand, expected) in results {
        assert!(
            leaves(&[(0x00, 0, 0, a), (code, 0, 0, operand)], expected),
            "{code:#x}"
        );
        let by_x = [
            (0x00, 0, 0, a),
            (0x01, 0, 0, operand),
            (code | 0x08, 0, 0, 0),
        ];
        assert!(leaves(&by_x, expected), "{code:#x} with X");
    }
    assert!(leaves(&[(0x00, 0, 0, 1), (0x84, 0, 0, 0)], u32::MAX));
    assert!(leaves(
        &[
            (0x00, 0, 0, 9),
            (0x07, 0, 0, 0),
            (0x00, 0, 0, 0),
            (0x87, 0, 0, 0)
        ],
        9
    ));
}

#[test]
fn branches_compare_without_sign() {
    let cases = [
        (0x15, 5, 5, true),
        (0x15, 5, 6, false),
        (0x25, u32::MAX, 1, true),
        (0x25, 5, 5, false),
        (0x35, 5, 5, true),
        (0x35, 4, 5, false),
        (0x45, 6, 2, true),
        (0x45, 4, 2, false),
    ];
    for (code, a, operand, expected) in cases {
        for (code, k) in [(code, operand), (code | 0x08, 0)] {
            let program = bytes(&[
                (0x00, 0, 0, a),
                (0x01, 0, 0, operand),
                (code, 1, 0, k),
                (0x06, 0, 0, 0),
                (0x06, 0, 0, 1),
            ]);
            let program = Program::from_bytes(&program).unwrap();
            assert_eq!(
                program.matches(FRAME, 8),
                expected,
                "{code:#x} {a} {operand}"
            );
        }
    }
    assert!(leaves(
        &[(0x05, 0, 0, 1), (0x06, 0, 0, 0), (0x00, 0, 0, 3)],
        3
    ));
}

#[test]
fn bad_loads_and_divisions_reject() {
    let accept = (0x06, 0, 0, 1);
    let bad: [&[Raw]; 9] = [
        &[(0x20, 0, 0, 5)],
        &[(0x28, 0, 0, 7)],
        &[(0x30, 0, 0, 8)],
        &[(0x30, 0, 0, u32::MAX)],
        &[(0x01, 0, 0, u32::MAX), (0x50, 0, 0, 1)],
        &[(0x01, 0, 0, 8), (0x50, 0, 0, 0)],
        &[(0xb1, 0, 0, 8)],
        &[(0x01, 0, 0, 0), (0x3c, 0, 0, 0)],
        &[(0x01, 0, 0, 0), (0x9c, 0, 0, 0)],
    ];
    for program in bad {
        let program = Program::from_bytes(&bytes(&[program, &[accept]].concat())).unwrap();
        assert!(!program.matches(FRAME, 1500));
    }
}

#[test]
fn programs_that_could_fail_are_refused() {
    let refused: [(&[Raw], usize); 10] = [
        (&[], 0),
        (&[(0x00, 0, 0, 1)], 0),
        (&[(0x05, 0, 0, 1), RET_A], 0),
        (&[(0x05, 0, 0, u32::MAX), RET_A], 0),
        (&[(0x15, 0, 1, 0), RET_A], 0),
        (&[(0x15, 1, 0, 0), RET_A], 0),
        (&[(0x34, 0, 0, 0), RET_A], 0),
        (&[RET_A, (0x94, 0, 0, 0), RET_A], 1),
        (&[(0x60, 0, 0, 16), RET_A], 0),
        (&[(0xffff, 0, 0, 0), RET_A], 0),
    ];
    for (program, instruction) in refused {
        let error = Program::from_bytes(&bytes(program)).unwrap_err();
        assert_eq!(error.instruction, instruction, "{program:?}");
    }
    assert!(Program::from_bytes(&[0x06, 0, 0]).is_err());
}

proptest! {
    #[test]
    fn any_accepted_program_halts_on_any_frame(
        codes in prop::collection::vec(
            (
                prop::sample::select(vec![
                    0x20_u16, 0x28, 0x30, 0x40, 0x48, 0x50, 0x00, 0x60, 0x80, 0x01, 0x61, 0x81,
                    0xb1, 0x02, 0x03, 0x04, 0x0c, 0x3c, 0x9c, 0x64, 0x6c, 0x84, 0x05, 0x15, 0x1d,
                    0x25, 0x35, 0x45, 0x06, 0x16, 0x07, 0x87,
                ]),
                0..6_u8,
                0..6_u8,
                prop_oneof![0..20_u32, any::<u32>()],
            ),
            0..40,
        ),
        frame in prop::collection::vec(any::<u8>(), 0..64),
        wire_len: u32,
    ) {
        let program = bytes(&[&codes[..], &[RET_A]].concat());
        if let Ok(program) = Program::from_bytes(&program) {
            let verdict = program.matches(&frame, wire_len);
            prop_assert_eq!(verdict, program.matches(&frame, wire_len));
        }
    }

    #[test]
    fn any_bytes_are_a_program_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(program) = Program::from_bytes(&bytes) {
            program.matches(FRAME, 1500);
        }
    }
}
