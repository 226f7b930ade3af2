//! The classic BPF virtual machine (McCanne and Jacobson, USENIX Winter 1993).
//!
//! A program is checked once when it is loaded: it only jumps forward and ends in
//! a return, so it always halts, and no instruction can fail but by rejecting.

use std::fmt;

/// Bytes of one instruction: code, jump if true, jump if false, constant.
const INSTRUCTION_BYTES: usize = 8;
/// Most instructions of a program.
const MAX_INSTRUCTIONS: usize = 65_536;
/// Words of scratch memory.
const N_WORDS: usize = 16;

/// Why a program is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramError {
    /// Index of the instruction, or how many there are where that is what is wrong.
    pub instruction: usize,
    /// What is wrong with it.
    pub message: &'static str,
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BPF instruction {}: {}", self.instruction, self.message)
    }
}

impl std::error::Error for ProgramError {}

/// A checked filter program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program(Vec<Instruction>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instruction {
    LoadWord {
        offset: u32,
        indexed: bool,
    },
    LoadHalf {
        offset: u32,
        indexed: bool,
    },
    LoadByte {
        offset: u32,
        indexed: bool,
    },
    LoadConstant(u32),
    LoadMemory(usize),
    LoadLength,
    IndexConstant(u32),
    IndexMemory(usize),
    IndexLength,
    /// X becomes four times the low half of a byte: the length of an IPv4 header.
    IndexHeaderLength(u32),
    Store(usize),
    StoreIndex(usize),
    Compute(Operation, Operand),
    Negate,
    Jump(usize),
    Branch {
        test: Test,
        operand: Operand,
        if_true: usize,
        if_false: usize,
    },
    Return(u32),
    ReturnAccumulator,
    CopyToIndex,
    CopyFromIndex,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operand {
    Constant(u32),
    Index,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Or,
    And,
    Xor,
    ShiftLeft,
    ShiftRight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Equal,
    Greater,
    GreaterOrEqual,
    AnyBit,
}

impl Program {
    /// Checks and decodes `bytes`: eight per instruction (code as u16, two jump offsets
    /// as u8, constant as u32; little-endian).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProgramError> {
        let (raw, rest) = bytes.as_chunks::<INSTRUCTION_BYTES>();
        let fail = |instruction, message| {
            Err(ProgramError {
                instruction,
                message,
            })
        };
        if raw.is_empty() || !rest.is_empty() || raw.len() > MAX_INSTRUCTIONS {
            return fail(raw.len(), "the program is empty, cut or too long");
        }
        let mut instructions = Vec::with_capacity(raw.len());
        for (at, word) in raw.iter().enumerate() {
            match Instruction::decode(*word, at, raw.len()) {
                Ok(instruction) => instructions.push(instruction),
                Err(message) => return fail(at, message),
            }
        }
        match instructions.last() {
            Some(Instruction::Return(_) | Instruction::ReturnAccumulator) => Ok(Self(instructions)),
            _ => fail(raw.len() - 1, "the last instruction does not return"),
        }
    }

    /// Whether the program accepts a frame: `data` as captured, `wire_len` as its length.
    /// A load past the captured bytes, or a division by zero, rejects.
    pub fn matches(&self, data: &[u8], wire_len: u32) -> bool {
        self.run(data, wire_len).is_some_and(|verdict| verdict != 0)
    }

    /// The value returned; None where the program was ended by a bad load or division.
    #[inline]
    fn run(&self, data: &[u8], wire_len: u32) -> Option<u32> {
        let mut memory = [0_u32; N_WORDS];
        let (mut a, mut x) = (0_u32, 0_u32);
        let mut at = 0;
        loop {
            let instruction = *self.0.get(at)?;
            at += 1;
            match instruction {
                Instruction::LoadWord { offset, indexed } => {
                    a = u32::from_be_bytes(load(data, offset, indexed, x)?);
                }
                Instruction::LoadHalf { offset, indexed } => {
                    a = u16::from_be_bytes(load(data, offset, indexed, x)?).into();
                }
                Instruction::LoadByte { offset, indexed } => {
                    a = u8::from_be_bytes(load(data, offset, indexed, x)?).into();
                }
                Instruction::LoadConstant(value) => a = value,
                Instruction::LoadMemory(word) => a = memory[word],
                Instruction::LoadLength => a = wire_len,
                Instruction::IndexConstant(value) => x = value,
                Instruction::IndexMemory(word) => x = memory[word],
                Instruction::IndexLength => x = wire_len,
                Instruction::IndexHeaderLength(offset) => {
                    let [byte] = load(data, offset, false, x)?;
                    x = 4 * u32::from(byte & 0x0f);
                }
                Instruction::Store(word) => memory[word] = a,
                Instruction::StoreIndex(word) => memory[word] = x,
                Instruction::Compute(operation, operand) => {
                    a = operation.apply(a, operand.value(x))?;
                }
                Instruction::Negate => a = a.wrapping_neg(),
                Instruction::Jump(target) => at = target,
                Instruction::Branch {
                    test,
                    operand,
                    if_true,
                    if_false,
                } => {
                    at = if test.holds(a, operand.value(x)) {
                        if_true
                    } else {
                        if_false
                    };
                }
                Instruction::Return(value) => return Some(value),
                Instruction::ReturnAccumulator => return Some(a),
                Instruction::CopyToIndex => x = a,
                Instruction::CopyFromIndex => a = x,
            }
        }
    }
}

/// Bytes of the frame at an offset, or at that offset from X.
#[inline]
fn load<const N: usize>(data: &[u8], offset: u32, indexed: bool, x: u32) -> Option<[u8; N]> {
    let start = if indexed {
        offset.checked_add(x)?
    } else {
        offset
    };
    data.get(start as usize..)?.first_chunk().copied()
}

impl Operand {
    #[inline]
    fn value(self, x: u32) -> u32 {
        match self {
            Self::Constant(value) => value,
            Self::Index => x,
        }
    }
}

impl Operation {
    /// None for a division by zero. Shifts by 32 and more leave nothing.
    #[inline]
    fn apply(self, a: u32, b: u32) -> Option<u32> {
        Some(match self {
            Self::Add => a.wrapping_add(b),
            Self::Subtract => a.wrapping_sub(b),
            Self::Multiply => a.wrapping_mul(b),
            Self::Divide => a.checked_div(b)?,
            Self::Remainder => a.checked_rem(b)?,
            Self::Or => a | b,
            Self::And => a & b,
            Self::Xor => a ^ b,
            Self::ShiftLeft => a.checked_shl(b).unwrap_or(0),
            Self::ShiftRight => a.checked_shr(b).unwrap_or(0),
        })
    }
}

impl Test {
    #[inline]
    fn holds(self, a: u32, b: u32) -> bool {
        match self {
            Self::Equal => a == b,
            Self::Greater => a > b,
            Self::GreaterOrEqual => a >= b,
            Self::AnyBit => a & b != 0,
        }
    }
}

impl Instruction {
    /// The instruction at index `at` of a program of `n_instructions`.
    fn decode(
        raw: [u8; INSTRUCTION_BYTES],
        at: usize,
        n_instructions: usize,
    ) -> Result<Self, &'static str> {
        let [code_low, code_high, jump_true, jump_false, k0, k1, k2, k3] = raw;
        let code = u16::from_le_bytes([code_low, code_high]);
        let k = u32::from_le_bytes([k0, k1, k2, k3]);
        let target = |distance: usize| {
            let target = at + 1 + distance;
            if target < n_instructions {
                Ok(target)
            } else {
                Err("it jumps past the end")
            }
        };
        let word = || match k as usize {
            word if word < N_WORDS => Ok(word),
            _ => Err("there is no such memory word"),
        };
        // The source bit of computations and branches: a constant, or X.
        let operand = if code & 0x08 == 0 {
            Operand::Constant(k)
        } else {
            Operand::Index
        };
        let compute = |operation| Ok(Self::Compute(operation, operand));
        let branch = |test| {
            Ok(Self::Branch {
                test,
                operand,
                if_true: target(jump_true.into())?,
                if_false: target(jump_false.into())?,
            })
        };
        match code {
            0x20 => Ok(Self::LoadWord {
                offset: k,
                indexed: false,
            }),
            0x28 => Ok(Self::LoadHalf {
                offset: k,
                indexed: false,
            }),
            0x30 => Ok(Self::LoadByte {
                offset: k,
                indexed: false,
            }),
            0x40 => Ok(Self::LoadWord {
                offset: k,
                indexed: true,
            }),
            0x48 => Ok(Self::LoadHalf {
                offset: k,
                indexed: true,
            }),
            0x50 => Ok(Self::LoadByte {
                offset: k,
                indexed: true,
            }),
            0x00 => Ok(Self::LoadConstant(k)),
            0x60 => Ok(Self::LoadMemory(word()?)),
            0x80 => Ok(Self::LoadLength),
            0x01 => Ok(Self::IndexConstant(k)),
            0x61 => Ok(Self::IndexMemory(word()?)),
            0x81 => Ok(Self::IndexLength),
            0xb1 => Ok(Self::IndexHeaderLength(k)),
            0x02 => Ok(Self::Store(word()?)),
            0x03 => Ok(Self::StoreIndex(word()?)),
            0x04 | 0x0c => compute(Operation::Add),
            0x14 | 0x1c => compute(Operation::Subtract),
            0x24 | 0x2c => compute(Operation::Multiply),
            0x34 | 0x94 if k == 0 => Err("it divides by zero"),
            0x34 | 0x3c => compute(Operation::Divide),
            0x94 | 0x9c => compute(Operation::Remainder),
            0x44 | 0x4c => compute(Operation::Or),
            0x54 | 0x5c => compute(Operation::And),
            0xa4 | 0xac => compute(Operation::Xor),
            0x64 | 0x6c => compute(Operation::ShiftLeft),
            0x74 | 0x7c => compute(Operation::ShiftRight),
            0x84 => Ok(Self::Negate),
            0x05 => Ok(Self::Jump(target(k as usize)?)),
            0x15 | 0x1d => branch(Test::Equal),
            0x25 | 0x2d => branch(Test::Greater),
            0x35 | 0x3d => branch(Test::GreaterOrEqual),
            0x45 | 0x4d => branch(Test::AnyBit),
            0x06 => Ok(Self::Return(k)),
            0x16 => Ok(Self::ReturnAccumulator),
            0x07 => Ok(Self::CopyToIndex),
            0x87 => Ok(Self::CopyFromIndex),
            _ => Err("there is no such instruction"),
        }
    }
}
