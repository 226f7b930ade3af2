//! The types of H.225.0 (ITU-T, call signalling) up to the last address that announces.
//!
//! Described are the bodies of Setup, Call Proceeding, Connect, Alerting, Facility and Progress,
//! with every field before the H.245 address and the fast start; the rest of the user
//! information as far as tunnelled H.245.

use super::h245::{CONTROL_MESSAGE, OPEN_LOGICAL_CHANNEL};
use super::per::Type::{
    Bool, Choice as C, FixedOctets, For, Holding, Ipv4Port, Ipv6Port, Many, Null, Number, Octets,
    Oid, Sequence as S, Text, Undescribed,
};
use super::per::{Choice, Sequence, Type, Use};

/// H323-UserInformation.
pub(super) static USER_INFORMATION: Type = S(&Sequence {
    is_extensible: true,
    fields: &[(false, S(&UU_PDU)), (true, Undescribed)],
    more: &[],
});

static UU_PDU: Sequence = Sequence {
    is_extensible: true,
    fields: &[(false, C(&MESSAGE_BODY)), (true, S(&NON_STANDARD))],
    more: &[
        Undescribed,                      // h4501SupplementaryService
        Bool,                             // h245Tunneling
        Many(&Holding(&CONTROL_MESSAGE)), // h245Control
    ],
};

static MESSAGE_BODY: Choice = Choice {
    is_extensible: true,
    of: &[
        S(&SETUP_BODY),
        S(&PROCEEDING_BODY),
        S(&CONNECT_BODY),
        S(&PROCEEDING_BODY), // Alerting begins as Call Proceeding does.
        Undescribed,         // information
        Undescribed,         // releaseComplete
        S(&FACILITY_BODY),
    ],
    more: &[S(&PROGRESS_BODY), Null],
};

const H245_ADDRESS: Type = For(Use::H245, &TRANSPORT_ADDRESS);
const FAST_START: Type = Many(&Holding(&OPEN_LOGICAL_CHANNEL));
const CONFERENCE_ID: Type = FixedOctets(16);

static SETUP_BODY: Sequence = Sequence {
    is_extensible: true,
    fields: &[
        (false, Oid), // protocolIdentifier
        (true, H245_ADDRESS),
        (true, Many(&ALIAS)), // sourceAddress
        (false, S(&ENDPOINT)),
        (true, Many(&ALIAS)),          // destinationAddress
        (true, TRANSPORT_ADDRESS),     // destCallSignalAddress
        (true, Many(&ALIAS)),          // destExtraCallInfo
        (true, Many(&Number(65_536))), // destExtraCRV
        (false, Bool),                 // activeMC
        (false, CONFERENCE_ID),
        (
            false,
            C(&Choice {
                // conferenceGoal
                is_extensible: true,
                of: &[Null, Null, Null],
                more: &[Null, Null],
            }),
        ),
        (true, S(&Q_SERIES)), // callServices
        (
            false,
            C(&Choice {
                // callType
                is_extensible: true,
                of: &[Null, Null, Null, Null],
                more: &[],
            }),
        ),
    ],
    more: &[
        TRANSPORT_ADDRESS, // sourceCallSignalAddress
        ALIAS,             // remoteExtensionAddress
        Undescribed,       // callIdentifier
        Undescribed,       // h245SecurityCapability
        Undescribed,       // tokens
        Undescribed,       // cryptoTokens
        FAST_START,
    ],
};

/// Of the bodies that say so in this order: what lies between call identifier and fast start.
const AFTER_CALL: [Type; 5] = [
    Undescribed, // callIdentifier
    Undescribed, // h245SecurityMode
    Undescribed, // tokens
    Undescribed, // cryptoTokens
    FAST_START,
];

static PROCEEDING_BODY: Sequence = Sequence {
    is_extensible: true,
    fields: &[(false, Oid), (false, S(&ENDPOINT)), (true, H245_ADDRESS)],
    more: &AFTER_CALL,
};

static CONNECT_BODY: Sequence = Sequence {
    is_extensible: true,
    fields: &[
        (false, Oid),
        (true, H245_ADDRESS),
        (false, S(&ENDPOINT)),
        (false, CONFERENCE_ID),
    ],
    more: &AFTER_CALL,
};

static FACILITY_BODY: Sequence = Sequence {
    is_extensible: true,
    fields: &[
        (false, Oid),
        (true, TRANSPORT_ADDRESS), // alternativeAddress
        (true, Many(&ALIAS)),      // alternativeAliasAddress
        (true, CONFERENCE_ID),
        (
            false,
            C(&Choice {
                // reason
                is_extensible: true,
                of: &[Null, Null, Null, Null],
                more: &[],
            }),
        ),
    ],
    more: &[
        Undescribed,  // callIdentifier
        Undescribed,  // destExtraCallInfo
        ALIAS,        // remoteExtensionAddress
        Undescribed,  // tokens
        Undescribed,  // cryptoTokens
        Undescribed,  // conferences
        H245_ADDRESS, // h245Address
        FAST_START,
    ],
};

static PROGRESS_BODY: Sequence = Sequence {
    is_extensible: true,
    fields: &[
        (false, Oid),
        (false, S(&ENDPOINT)),
        (true, H245_ADDRESS),
        (
            false,
            S(&Sequence {
                // callIdentifier
                is_extensible: true,
                fields: &[(false, CONFERENCE_ID)],
                more: &[],
            }),
        ),
        (true, Undescribed), // h245SecurityMode
        (true, Undescribed), // tokens
        (true, Undescribed), // cryptoTokens
        (true, FAST_START),
    ],
    more: &[],
};

const TRANSPORT_ADDRESS: Type = C(&Choice {
    is_extensible: true,
    of: &[
        Ipv4Port,
        S(&Sequence {
            // ipSourceRoute
            is_extensible: true,
            fields: &[
                (false, Ipv4Port),
                (false, Many(&FixedOctets(4))),
                (
                    false,
                    C(&Choice {
                        is_extensible: true,
                        of: &[Null, Null],
                        more: &[],
                    }),
                ),
            ],
            more: &[],
        }),
        S(&Sequence {
            // ipxAddress
            is_extensible: false,
            fields: &[
                (false, FixedOctets(6)),
                (false, FixedOctets(4)),
                (false, FixedOctets(2)),
            ],
            more: &[],
        }),
        S(&Sequence {
            // ip6Address
            is_extensible: true,
            fields: &[(false, Ipv6Port)],
            more: &[],
        }),
        FixedOctets(16), // netBios
        Text(1, 20, 8),  // nsap
        S(&NON_STANDARD),
    ],
    more: &[],
});

const ALIAS: Type = C(&Choice {
    is_extensible: true,
    of: &[
        Text(1, 128, 4),  // dialedDigits: thirteen characters
        Text(1, 256, 16), // h323-ID
    ],
    more: &[],
});

static ENDPOINT: Sequence = Sequence {
    is_extensible: true,
    fields: &[
        (true, S(&NON_STANDARD)),
        (true, S(&VENDOR)),
        (true, S(&NON_STANDARD_ONLY)), // gatekeeper
        (
            true,
            S(&Sequence {
                // gateway
                is_extensible: true,
                fields: &[(true, Many(&PROTOCOL)), (true, S(&NON_STANDARD))],
                more: &[],
            }),
        ),
        (true, S(&NON_STANDARD_ONLY)), // mcu
        (true, S(&NON_STANDARD_ONLY)), // terminal
        (false, Bool),                 // mc
        (false, Bool),                 // undefinedNode
    ],
    more: &[],
};

static VENDOR: Sequence = Sequence {
    is_extensible: true,
    fields: &[
        (false, S(&H221)),
        (true, Text(1, 256, 8)), // productId
        (true, Text(1, 256, 8)), // versionId
    ],
    more: &[],
};

static H221: Sequence = Sequence {
    is_extensible: true,
    fields: &[
        (false, Number(256)),
        (false, Number(256)),
        (false, Number(65_536)),
    ],
    more: &[],
};

static NON_STANDARD: Sequence = Sequence {
    is_extensible: false,
    fields: &[
        (
            false,
            C(&Choice {
                is_extensible: true,
                of: &[Oid, S(&H221)],
                more: &[],
            }),
        ),
        (false, Octets),
    ],
    more: &[],
};

static NON_STANDARD_ONLY: Sequence = Sequence {
    is_extensible: true,
    fields: &[(true, S(&NON_STANDARD))],
    more: &[],
};

/// SupportedProtocols: all but the first are capabilities whose substance are extensions.
static PROTOCOL: Type = C(&Choice {
    is_extensible: true,
    of: &[
        S(&NON_STANDARD),
        S(&NON_STANDARD_ONLY),
        S(&NON_STANDARD_ONLY),
        S(&NON_STANDARD_ONLY),
        S(&NON_STANDARD_ONLY),
        S(&NON_STANDARD_ONLY),
        S(&NON_STANDARD_ONLY),
        S(&NON_STANDARD_ONLY),
        S(&NON_STANDARD_ONLY),
    ],
    more: &[],
});

static Q_SERIES: Sequence = Sequence {
    is_extensible: true,
    fields: &[
        (false, Bool),
        (false, Bool),
        (false, Bool),
        (false, Bool),
        (false, Bool),
        (false, Bool),
        (false, Bool),
        (
            false,
            S(&Sequence {
                // q954Info
                is_extensible: true,
                fields: &[(false, Bool), (false, Bool)],
                more: &[],
            }),
        ),
    ],
    more: &[],
};

#[cfg(test)]
pub(super) mod tests {
    //! The messages were encoded field by field for these tests; tshark reads them as said here.

    use super::super::per::{Found, addresses};
    use super::super::text::mapped;
    use super::*;

    /// With every field before the fast start that calls have; H.245 at port 5001, media at 5002.
    pub(in super::super) const SETUP: &[u8] = &[
        0x20, 0xf8, 0x06, 0x00, 0x08, 0x91, 0x4a, 0x00, 0x04, 0x00, 0x0a, 0x00, 0x00, 0x01, 0x13,
        0x89, 0x02, 0x40, 0x02, 0x00, 0x61, 0x00, 0x6d, 0x00, 0x79, 0x01, 0x00, 0x45, 0x62, 0xac,
        0xb5, 0x00, 0x53, 0x4c, 0x03, 0x74, 0x65, 0x73, 0x74, 0x02, 0x31, 0x2e, 0x30, 0x40, 0x01,
        0x38, 0x00, 0x01, 0x40, 0x02, 0x00, 0x62, 0x00, 0x6f, 0x00, 0x62, 0x00, 0x0a, 0x00, 0x00,
        0x02, 0x06, 0xb8, 0x00, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a,
        0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x00, 0x35, 0x10, 0x07, 0x00, 0x0a, 0x00, 0x00, 0x01, 0x9c,
        0x40, 0x11, 0x00, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b,
        0x0c, 0x0d, 0x0e, 0x0f, 0x20, 0x01, 0x1e, 0x40, 0x00, 0x00, 0x06, 0x04, 0x01, 0x00, 0x4c,
        0x60, 0x13, 0x80, 0x12, 0x15, 0x00, 0x01, 0x00, 0x0a, 0x00, 0x00, 0x01, 0x13, 0x8a, 0x00,
        0x0a, 0x00, 0x00, 0x01, 0x13, 0x8b, 0x80, 0x02, 0x80, 0x01, 0x80,
    ];

    /// H.245 at port 5010.
    pub(in super::super) const CONNECT: &[u8] = &[
        0x02, 0x40, 0x06, 0x00, 0x08, 0x91, 0x4a, 0x00, 0x04, 0x00, 0x0a, 0x00, 0x00, 0x01, 0x13,
        0x92, 0x22, 0xc0, 0xb5, 0x00, 0x53, 0x4c, 0x03, 0x74, 0x65, 0x73, 0x74, 0x02, 0x31, 0x2e,
        0x30, 0x00, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c,
        0x0d, 0x0e, 0x0f,
    ];

    /// Its H.245 address is an extension: 2001:db8::7, port 5011.
    const FACILITY: &[u8] = &[
        0x06, 0x80, 0x06, 0x00, 0x08, 0x91, 0x4a, 0x00, 0x04, 0x61, 0xa0, 0x80, 0x11, 0x00, 0x00,
        0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
        0x13, 0x30, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x07, 0x13, 0x93,
    ];

    /// No body; tunnelled H.245: an acknowledgement with media at port 5030.
    const TUNNELLED: &[u8] = &[
        0x28, 0x10, 0x01, 0x00, 0x04, 0xc0, 0x01, 0x80, 0x19, 0x01, 0x17, 0x22, 0xc0, 0x00, 0x06,
        0x02, 0x80, 0x10, 0x1c, 0x00, 0x00, 0x0a, 0x00, 0x00, 0x01, 0x13, 0xa6, 0x00, 0x0a, 0x00,
        0x00, 0x01, 0x13, 0xa7,
    ];

    fn read(message: &[u8]) -> Vec<(Use, u16)> {
        let found = addresses(message, &USER_INFORMATION);
        found.iter().map(|it| (it.used, it.port)).collect()
    }

    #[test]
    fn bodies() {
        assert_eq!(
            read(SETUP),
            [(Use::H245, 5001), (Use::Media, 5002), (Use::Media, 5003)]
        );
        assert_eq!(read(CONNECT), [(Use::H245, 5010)]);
        assert_eq!(read(TUNNELLED), [(Use::Media, 5030), (Use::Media, 5031)]);
        let found = addresses(FACILITY, &USER_INFORMATION);
        let mut address = [0; 16];
        address[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        address[15] = 7;
        let wanted = Found {
            used: Use::H245,
            address,
            port: 5011,
        };
        assert_eq!(found, [wanted]);
    }

    #[test]
    fn a_message_cut_short_keeps_what_lay_before() {
        for n in 0..SETUP.len() {
            let found = addresses(&SETUP[..n], &USER_INFORMATION);
            assert_eq!(found.is_empty(), n < 16, "{n} bytes");
            assert!(found.iter().all(|it| it.address == mapped([10, 0, 0, 1])));
        }
    }
}
