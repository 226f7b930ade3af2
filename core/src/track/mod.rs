//! Packets -> flows: one pass, bounded memory.
