//! H.245 (ITU-T), the control channel of a call: where its media and data channels go.
//!
//! Described are OpenLogicalChannel and its acknowledgement. In the first the description of
//! the media lies before the address, so what it can be is described too, but for MPEG and
//! generic codecs inside the root: with those only the acknowledgement is found.

use super::per::Type::{
    Bool, Choice as C, FixedOctets, For, Ipv4Port, Ipv6Port, Many, Null, Number, Octets, Oid,
    Sequence as S, Text, Undescribed,
};
use super::per::{Choice, Sequence, Type, Use};
use super::q931::announced;
use super::{Ends, Expectation};

const TPKT_HEADER: usize = 4;

/// Adds what a TPKT packet of the control connection announces.
pub(super) fn packet(ends: &Ends, packet: &[u8], found: &mut Vec<Expectation>) {
    if let Some(message) = packet.get(TPKT_HEADER..) {
        announced(ends, message, &CONTROL_MESSAGE, found);
    }
}

/// MultimediaSystemControlMessage.
pub(super) static CONTROL_MESSAGE: Type = C(&Choice {
    is_extensible: true,
    of: &[C(&REQUEST), C(&RESPONSE), Undescribed, Undescribed],
    more: &[],
});

static REQUEST: Choice = Choice {
    is_extensible: true,
    of: &[
        Undescribed,
        Undescribed,
        Undescribed,
        S(&OPEN),
        Undescribed,
        Undescribed,
        Undescribed,
        Undescribed,
        Undescribed,
        Undescribed,
        Undescribed,
    ],
    more: &[],
};

static RESPONSE: Choice = Choice {
    is_extensible: true,
    of: &[
        Undescribed,
        Undescribed,
        Undescribed,
        Undescribed,
        Undescribed,
        S(&OPEN_ACK),
        Undescribed,
        Undescribed,
        Undescribed,
        Undescribed,
        Undescribed,
        Undescribed,
        Undescribed,
        Undescribed,
        Undescribed,
        Undescribed,
        Undescribed,
        Undescribed,
        Undescribed,
    ],
    more: &[],
};

pub(super) static OPEN_LOGICAL_CHANNEL: Type = S(&OPEN);

/// 1 to 65,535.
const CHANNEL_NUMBER: Type = Number(65_535);

static OPEN: Sequence = Sequence {
    is_extensible: true,
    fields: &[
        (false, CHANNEL_NUMBER),
        (
            false,
            S(&Sequence {
                // forwardLogicalChannelParameters
                is_extensible: true,
                fields: &[
                    (true, Number(65_536)), // portNumber
                    (false, C(&DATA)),
                    (
                        false,
                        C(&Choice {
                            is_extensible: true,
                            of: &[Undescribed, Undescribed, Undescribed],
                            more: &[S(&CHANNEL), Null],
                        }),
                    ),
                ],
                more: &[],
            }),
        ),
        (
            true,
            S(&Sequence {
                // reverseLogicalChannelParameters
                is_extensible: true,
                fields: &[
                    (false, C(&DATA)),
                    (
                        true,
                        C(&Choice {
                            is_extensible: true,
                            of: &[Undescribed, Undescribed],
                            more: &[S(&CHANNEL)],
                        }),
                    ),
                ],
                more: &[],
            }),
        ),
    ],
    more: &[S(&SEPARATE_STACK)],
};

static OPEN_ACK: Sequence = Sequence {
    is_extensible: true,
    fields: &[
        (false, CHANNEL_NUMBER),
        (
            true,
            S(&Sequence {
                // reverseLogicalChannelParameters
                is_extensible: true,
                fields: &[
                    (false, CHANNEL_NUMBER),
                    (true, Number(65_536)), // portNumber
                    (
                        true,
                        C(&Choice {
                            is_extensible: true,
                            of: &[Undescribed],
                            more: &[S(&CHANNEL)],
                        }),
                    ),
                ],
                more: &[],
            }),
        ),
    ],
    more: &[
        S(&SEPARATE_STACK),
        C(&Choice {
            // forwardMultiplexAckParameters
            is_extensible: true,
            of: &[S(&CHANNEL_ACK)],
            more: &[],
        }),
    ],
};

/// H2250LogicalChannelParameters; what follows the addresses is not needed.
static CHANNEL: Sequence = Sequence {
    is_extensible: true,
    fields: &[
        (true, Many(&NON_STANDARD)),
        (false, Number(256)),                        // sessionID
        (true, Number(255)),                         // associatedSessionID
        (true, For(Use::Media, &TRANSPORT_ADDRESS)), // mediaChannel
        (true, Bool),                                // mediaGuaranteedDelivery
        (true, For(Use::Media, &TRANSPORT_ADDRESS)), // mediaControlChannel
        (true, Undescribed),                         // mediaControlGuaranteedDelivery
        (true, Undescribed),                         // silenceSuppression
        (true, Undescribed),                         // destination
        (true, Undescribed),                         // dynamicRTPPayloadType
        (true, Undescribed),                         // mediaPacketization
    ],
    more: &[],
};

/// H2250LogicalChannelAckParameters.
static CHANNEL_ACK: Sequence = Sequence {
    is_extensible: true,
    fields: &[
        (true, Many(&NON_STANDARD)),
        (true, Number(255)), // sessionID
        (true, For(Use::Media, &TRANSPORT_ADDRESS)),
        (true, For(Use::Media, &TRANSPORT_ADDRESS)),
        (true, Undescribed), // dynamicRTPPayloadType
    ],
    more: &[],
};

/// NetworkAccessParameters: where T.120 connects to.
static SEPARATE_STACK: Sequence = Sequence {
    is_extensible: true,
    fields: &[
        (
            true,
            C(&Choice {
                // distribution
                is_extensible: true,
                of: &[Null, Null],
                more: &[],
            }),
        ),
        (
            false,
            C(&Choice {
                // networkAddress
                is_extensible: true,
                of: &[
                    Undescribed,
                    Text(1, 128, 4), // e164Address
                    For(Use::Data, &TRANSPORT_ADDRESS),
                ],
                more: &[],
            }),
        ),
        (false, Bool),       // associateConference
        (true, Undescribed), // externalReference
    ],
    more: &[],
};

static TRANSPORT_ADDRESS: Type = C(&Choice {
    is_extensible: true,
    of: &[
        C(&Choice {
            // unicastAddress
            is_extensible: true,
            of: &[
                S(&Sequence {
                    is_extensible: true,
                    fields: &[(false, Ipv4Port)],
                    more: &[],
                }),
                S(&Sequence {
                    // iPXAddress
                    is_extensible: true,
                    fields: &[
                        (false, FixedOctets(6)),
                        (false, FixedOctets(4)),
                        (false, FixedOctets(2)),
                    ],
                    more: &[],
                }),
                S(&Sequence {
                    is_extensible: true,
                    fields: &[(false, Ipv6Port)],
                    more: &[],
                }),
                FixedOctets(16), // netBios
                Undescribed,     // iPSourceRouteAddress
            ],
            more: &[],
        }),
        Undescribed, // multicastAddress
    ],
    more: &[],
});

const NON_STANDARD: Type = S(&Sequence {
    is_extensible: false,
    fields: &[
        (
            false,
            C(&Choice {
                is_extensible: false,
                of: &[
                    Oid,
                    S(&Sequence {
                        is_extensible: false,
                        fields: &[
                            (false, Number(256)),
                            (false, Number(256)),
                            (false, Number(65_536)),
                        ],
                        more: &[],
                    }),
                ],
                more: &[],
            }),
        ),
        (false, Octets),
    ],
    more: &[],
});

/// DataType.
static DATA: Choice = Choice {
    is_extensible: true,
    of: &[
        NON_STANDARD,
        Null,
        C(&VIDEO),
        C(&AUDIO),
        S(&APPLICATION),
        Undescribed, // encryptionData
    ],
    more: &[],
};

static AUDIO: Choice = Choice {
    is_extensible: true,
    of: &[
        NON_STANDARD,
        Number(256), // g711Alaw64k
        Number(256),
        Number(256), // g711Ulaw64k
        Number(256),
        Number(256), // g722
        Number(256),
        Number(256),
        S(&Sequence {
            // g7231
            is_extensible: false,
            fields: &[(false, Number(256)), (false, Bool)],
            more: &[],
        }),
        Number(256), // g728
        Number(256), // g729
        Number(256), // g729AnnexA
        Undescribed, // is11172AudioCapability
        Undescribed, // is13818AudioCapability
    ],
    more: &[],
};

static VIDEO: Choice = Choice {
    is_extensible: true,
    of: &[
        NON_STANDARD,
        S(&Sequence {
            // h261VideoCapability
            is_extensible: true,
            fields: &[
                (true, Number(4)),
                (true, Number(4)),
                (false, Bool),
                (false, Number(19_200)),
                (false, Bool),
            ],
            more: &[],
        }),
        Undescribed, // h262VideoCapability
        S(&Sequence {
            // h263VideoCapability
            is_extensible: true,
            fields: &[
                (true, Number(32)), // sqcifMPI to cif16MPI
                (true, Number(32)),
                (true, Number(32)),
                (true, Number(32)),
                (true, Number(32)),
                (false, Number(192_400)), // maxBitRate
                (false, Bool),
                (false, Bool),
                (false, Bool),
                (false, Bool),
                (false, Bool),
                (true, Number(524_288)), // hrd-B
                (true, Number(65_536)),  // bppMaxKb
            ],
            more: &[],
        }),
        Undescribed, // is11172VideoCapability
    ],
    more: &[],
};

/// DataApplicationCapability.
static APPLICATION: Sequence = Sequence {
    is_extensible: true,
    fields: &[
        (
            false,
            C(&Choice {
                is_extensible: true,
                of: &[
                    NON_STANDARD,
                    C(&DATA_PROTOCOL), // t120
                    C(&DATA_PROTOCOL),
                    C(&DATA_PROTOCOL),
                    Undescribed, // t84
                    C(&DATA_PROTOCOL),
                    C(&DATA_PROTOCOL),
                    Undescribed, // nlpid
                    Null,
                    C(&DATA_PROTOCOL),
                ],
                more: &[],
            }),
        ),
        (false, Number(1 << 32)), // maxBitRate
    ],
    more: &[],
};

static DATA_PROTOCOL: Choice = Choice {
    is_extensible: true,
    of: &[NON_STANDARD, Null, Null, Null, Null, Null, Null],
    more: &[],
};

#[cfg(test)]
mod tests {
    //! The messages were encoded field by field for these tests; tshark reads them as said here.

    use super::super::text::{ends, mapped};
    use super::super::{Helper, Kind, Side, State};
    use crate::track::key::proto::TCP;

    /// G.711, media control at port 5021.
    const OPEN_AUDIO: &[u8] = &[
        0x03, 0x00, 0x00, 0x06, 0x0c, 0x60, 0x13, 0x80, 0x0b, 0x05, 0x00, 0x01, 0x00, 0x0a, 0x00,
        0x00, 0x01, 0x13, 0x9d, 0x80,
    ];

    /// H.263 with options and rates of many bits; media at 5022, control at 5023.
    const OPEN_VIDEO: &[u8] = &[
        0x03, 0x00, 0x00, 0x06, 0x08, 0xcc, 0xc2, 0x24, 0x0e, 0xff, 0x0a, 0x03, 0xe8, 0x00, 0x40,
        0x80, 0x12, 0x15, 0x00, 0x02, 0x00, 0x0a, 0x00, 0x00, 0x01, 0x13, 0x9e, 0x00, 0x0a, 0x00,
        0x00, 0x01, 0x13, 0x9f, 0x80,
    ];

    /// Media at 5024, control at 5025.
    const ACK: &[u8] = &[
        0x22, 0xc0, 0x00, 0x06, 0x02, 0x80, 0x10, 0x1c, 0x00, 0x00, 0x0a, 0x00, 0x00, 0x01, 0x13,
        0xa0, 0x00, 0x0a, 0x00, 0x00, 0x01, 0x13, 0xa1,
    ];

    /// T.120 at 5026, in a separate stack.
    const OPEN_T120: &[u8] = &[
        0x03, 0x80, 0x00, 0x08, 0x10, 0x13, 0x40, 0x18, 0x38, 0x81, 0x01, 0x00, 0x01, 0x09, 0x42,
        0x00, 0x0a, 0x00, 0x00, 0x01, 0x13, 0xa2, 0x00,
    ];

    fn read(message: &[u8]) -> Vec<(Kind, u16)> {
        let ends = ends(TCP, [10, 0, 0, 1], 40_001, [10, 0, 0, 2], 5001);
        let mut packet = vec![3, 0, 0, message.len() as u8 + 4];
        packet.extend(message);
        let found = State::new(Helper::H245, TCP).parse(Side::Orig, &ends, &packet);
        assert!(
            found
                .iter()
                .all(|it| it.dst == mapped([10, 0, 0, 1]) && !it.third_party)
        );
        found.iter().map(|it| (it.kind, it.dport)).collect()
    }

    #[test]
    fn channels() {
        for (message, port) in [(OPEN_AUDIO, 5020), (OPEN_VIDEO, 5022), (ACK, 5024)] {
            assert_eq!(read(message), [(Kind::Rtp, port), (Kind::Rtcp, port + 1)]);
        }
        assert_eq!(read(OPEN_T120), [(Kind::T120, 5026)]);
    }

    #[test]
    fn other_messages_announce_nothing() {
        // terminalCapabilitySet begins so: request, index 2.
        assert_eq!(read(&[0x02, 0x70, 0x01, 0x06, 0, 8, 0x81, 0x75, 0, 1]), []);
        assert_eq!(read(&[]), []);
    }
}
